// Threads of the simd device: at any number of them the same bits, also for products of few rows and whose
// sizes change from one to the next, so that no thread is a job behind or ahead of the others.
// What becomes of them when one dies or the device is closed: simd-lost.test.ts.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Device } from '../src/device.ts'
import { recurrent, type RecurrentState } from '../src/nn/recurrent.ts'
import { unroll } from '../src/nn/unroll.ts'
import { mul } from '../src/ops/elementwise.ts'
import { affine, matmul } from '../src/ops/matmul.ts'
import { transpose } from '../src/ops/move.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Scope, unowned } from '../src/scope.ts'
import { simd } from '../src/simd/open.ts'
import { Tape } from '../src/tape.ts'
import { leaves, mapTree, type Tensor, tensor } from '../src/tensor.ts'
import { energy, fusedRows } from './every-cell.ts'

const test = suite('simd threads')

const [alone, ...others] = await Promise.all([1, 2, 3, 7].map((threads) => simd({ threads })))

const normal = (device: Device, seed: number, ...shape: number[]): Tensor =>
  tensor(random(seed).normal(shape.reduce((a, b) => a * b, 1)), { shape, device })

/** What fn gives on one thread and on more must be the same bits. */
async function same(what: string, fn: (device: Device) => readonly Tensor[]): Promise<void> {
  const on = async (device: Device) => {
    using _ = new Scope()
    return await Promise.all(fn(device).map((x) => x.read()))
  }
  const wanted = await on(alone)
  for (const device of others) {
    const found = await on(device)
    found.forEach((list, k) => assert.ok(
      list.every((value, i) => Object.is(value, wanted[k][i])), `${what}, ${device.threads} threads: ${k}`))
  }
}

const SIZES = [
  [64, 64, 512], [64, 128, 512], [800, 64, 512], [16, 128, 512], [7, 300, 129], [512, 800, 64],
  [1, 513, 1001], [2, 301, 999], [3, 5000, 43], [1, 5000, 37], [3, 301, 999],
]

test('products of changing sizes, transposed or not, and with a bias', async () => {
  for (const [M, K, N] of SIZES) {
    await same(`[${M}, ${K}] [${K}, ${N}]`, (device) => {
      const [a, b] = [normal(device, M, M, K), normal(device, N, K, N)]
      const byColumns = normal(device, N, N, K)
      return [
        matmul(a, b), matmul(a, transpose(byColumns)), affine(a, byColumns, normal(device, 1, N)),
        matmul(transpose(normal(device, M, K, M)), b),
      ]
    })
  }
})

test('layers with lengths, both directions, a first state, a projection; their gradients', async () => {
  const kinds = [['RNN', 5], ['GRU', 11], ['LSTM', 2], ['LSTM', 33]] as const
  for (const [kind, B] of kinds) {
    const projection = B === 33 ? 19 : undefined
    await same(`${kind}, ${B} sequences`, (device) => {
      using tape = new Tape()
      const net = recurrent({
        kind, inputs: 13, hidden: 65, bidirectional: true, layers: 2, device, rng: random(1),
        ...(projection && { projection }),
      })
      const x = normal(device, 2, 9, B, 13)
      const lengths = Array.from({ length: B }, (_, b) => 1 + (b * 4) % 9)
      const h = normal(device, 3, 4, B, projection ?? 65)
      const state = { h, ...(kind === 'LSTM' && { c: normal(device, 4, 4, B, 65) }) } as RecurrentState
      const { outputs } = net(x, { state, lengths })
      const grads = tape.gradients(sum(mul(outputs, outputs)), [x, h, ...Object.values(net.parameters)])
      return unowned(() => [outputs, ...grads].map((each) => mul(each, 1)))
    })
  }
})

test('every fused cell with lengths and a first state, in reverse, and all its gradients', async () => {
  const [T, B, D, H] = [7, 11, 5, 67]
  for (const { cell, variant, make } of fusedRows) {
    await same(`${cell}, ${variant}`, (device) => {
      using tape = new Tape()
      const made = make({ inputs: D, hidden: H, device, rng: random(1) })
      const xs = normal(device, 2, T, B, D)
      const state = mapTree(made.initial(B), ({ shape }) => normal(device, 3, ...shape))
      const lengths = Array.from({ length: B }, (_, b) => 1 + (b * 4) % T)
      const run = unroll(made, xs, state, { direction: 'reverse', lengths })
      const grads = tape.gradients(energy({ ...run }), leaves([made.parameters, xs, state]))
      return unowned(() => [run.outputs, ...leaves(run.state), ...grads].map((each) => mul(each, 1)))
    })
  }
})

test('what threads and multiplyAdd cannot be', async () => {
  const told = async (options: object) => simd(options).then(String, (error: Error) => error.message)
  for (const [threads, shown] of [[0, '0'], [-1, '-1'], [1.5, '1.5'], [NaN, 'NaN'], ['2', '"2"']] as const) {
    assert.is(await told({ threads }), `simd: threads is ${shown}; it must be a whole number of 1 or more`)
  }
  assert.is(await told({ thread: 2 }), 'simd: there is no option thread; did you mean threads?')
  assert.is(await told({ threads: 1e9 }), 'simd: threads is 1000000000; 64 is the most')
  assert.is(await told({ multiplyAdd: 'no' }), 'simd: multiplyAdd is "no"; it must be true or false')
})

test.after(() => [alone, ...others].forEach((device) => device.close()))

test.run()

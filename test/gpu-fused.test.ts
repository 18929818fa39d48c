// The fused recurrence in WGSL against its CPU twin in float32, values and every gradient.
//
// Tolerance: both sum products of K <= 300 terms in float32, one in another order: K eps = 2e-5 of the sum of
// magnitudes at worst, sqrt(K) eps = 1e-6 as a rule; tanh and exp are within 1e-6. Over the steps errors fade
// as gradients do, at these weights. 1e-5 of a tensor's largest value it is.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { composed } from '../src/context.ts'
import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import type { GpuDevice } from '../src/gpu/device.ts'
import { inNarrowGrids } from '../src/gpu/recorder.ts'
import type { Named } from '../src/nn/cell.ts'
import { lstm } from '../src/nn/lstm.ts'
import { recurrent } from '../src/nn/recurrent.ts'
import { bidirectional } from '../src/nn/sequence-layers.ts'
import { unroll, type UnrollOptions } from '../src/nn/unroll.ts'
import { mul } from '../src/ops/elementwise.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { untracked } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { dispose, full, leaves, type Tensor, tensor, type Tree } from '../src/tensor.ts'
import { gpu } from './devices.ts'
import { energy, fusedRowsOn, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('gpu: fused recurrence')
const TOLERANCE = 1e-5
const cells = fusedRowsOn(gpu)
const single = cpu()

function normal(device: Device, seed: number, ...shape: number[]): Tensor {
  return tensor(random(seed).normal(shape.reduce((n, size) => n * size, 1)), { shape, device })
}

async function agree(on: (device: Device) => Promise<number[][]>, what: string): Promise<void> {
  const [found, right] = [await on(gpu), await on(single)]
  assert.is(found.length, right.length)
  found.forEach((list, k) => {
    const d = difference(list, right[k])
    assert.ok(d < TOLERANCE, `${what}: number ${k} differs by ${d}`)
  })
}

/** Values of f and gradients of all that is in wrt. */
async function both(f: () => Tree, wrt: Tree, loss: (tree: Tree) => Tensor = energy): Promise<number[][]> {
  const tape = new Tape()
  const result = f()
  assert.ok(tape.records.some(({ op }) => op === 'recurrence'))
  const found = tape.keep([result, tape.gradients(loss(result), leaves(wrt))])
  tape.close()
  const list = await values(found)
  leaves(found).forEach((x) => x.dispose())
  return list
}

function run(device: Device, make: typeof cells[number]['make'], [T, B, D, H]: readonly number[],
  options: UnrollOptions, withState: boolean) {
  const cell = make({ inputs: D, hidden: H, device, rng: random(1) })
  const xs = normal(device, 2, T, B, D)
  const zero = cell.initial(B)
  const state: Named | undefined = withState
    ? { ...zero, ...Object.fromEntries(Object.entries(zero).map(([name, x], k) =>
      [name, normal(device, 3 + k, ...x.shape)])) } : undefined
  const wrt = [cell.parameters, xs, ...(state ? [state] : [])]
  return both(() => ({ ...unroll(cell, xs, state, options) }), wrt)
}

/** Lengths from 1 to T that differ. */
const lengthsOf = (T: number, B: number) => Array.from({ length: B }, (_, b) => 1 + (b * 7 + T - 1) % T)

for (const { cell, variant, make } of cells) {
  test(`${cell}, ${variant}: small and odd sizes`, async () => {
    for (const size of [[5, 3, 2, 4], [1, 1, 1, 3], [3, 1, 3, 5], [4, 9, 3, 33]] as const) {
      for (const direction of ['forward', 'reverse'] as const) {
        for (const lengths of [undefined, lengthsOf(size[0], size[1])]) {
          await agree((device) => run(device, make, size, { direction, lengths }, lengths === undefined),
            `${size}, ${direction}, ${lengths ? 'lengths' : 'all'}`)
        }
      }
    }
  })
}

const basic = cells.filter(({ variant }) => ['tanh', 'plain', 'projection'].includes(variant))
for (const { cell, variant, make } of basic) {
  test(`${cell}, ${variant}: sizes across the edges of workgroups`, async () => {
    const sizes = [[3, 4, 5, 63], [3, 5, 5, 64], [3, 17, 5, 65], [2, 2, 3, 128], [2, 3, 3, 257]] as const
    for (const size of sizes) {
      const lengths = lengthsOf(size[0], size[1])
      await agree((device) => run(device, make, size, { lengths }, true), `${size}`)
      await agree((device) => run(device, make, size, {}, false), `${size}`)
    }
  })
}

for (const kind of ['RNN', 'LSTM', 'GRU'] as const) {
  test(`recurrent(${kind}): two layers, both directions; a loss of outputs or last state`, async () => {
    for (const part of ['outputs', 'state'] as const) {
      await agree((device) => {
        const sizes = { inputs: 3, hidden: 6, layers: 2, bidirectional: true }
        const net = recurrent({ kind, ...sizes, device, rng: random(1) })
        const xs = normal(device, 2, 7, 4, 3)
        return both(() => net(xs, { lengths: [7, 1, 3, 5] })[part], [net.parameters, xs])
      }, part)
    }
  })
}

test('more sequences than a grid has workgroups along one axis', async () => {
  const B = 1000 // 8 a workgroup at most
  await inNarrowGrids(7, async () => {
    for (const { cell, variant, make } of cells) {
      const made = make({ inputs: 1, hidden: 3, device: gpu, rng: random(1) })
      using tape = new Tape()
      const xs = full([2, B, 1], 0.5, gpu)
      const { outputs } = unroll(made, xs)
      const [dxs] = tape.gradients(energy(outputs), [xs])
      for (const x of [outputs, dxs]) {
        const list = await x.read()
        const width = x.shape[2]
        const first = (i: number) => i - i % (B * width) + i % width // the same of its step's sequence 0
        assert.ok(list.some((v) => v !== 0), `${cell}, ${variant}`)
        assert.ok(list.every((v, i) => v === list[first(i)]), `${cell}, ${variant}: all sequences are alike`)
      }
    }
  })
})

test('what it is given may be 100 times too large', async () => {
  for (const { cell, make } of cells) {
    await agree((device) => {
      const made = make({ inputs: 3, hidden: 5, device, rng: random(1) })
      const xs = tensor(random(2).normal(4 * 3 * 3).map((v) => 100 * v), { shape: [4, 3, 3], device })
      return both(() => unroll(made, xs).outputs, made.parameters)
    }, cell)
  }
})

test('with no tape, the same outputs; nothing is left behind', async () => {
  const { make } = cells.find(({ variant }) => variant === 'projection')!
  const cell = make({ inputs: 3, hidden: 6, device: gpu, rng: random(1) })
  const xs = normal(gpu, 2, 5, 3, 3)
  dispose(untracked(() => unroll(cell, xs).outputs)) // makes the packed copy that is kept
  const before = gpu.memory().buffers
  for (const lengths of [undefined, [2, 5, 1]]) {
    const tape = new Tape()
    const taped = tape.keep({ ...unroll(cell, xs, undefined, { lengths }) })
    const byStep = tape.keep(composed(() => ({ ...unroll(cell, xs, undefined, { lengths }) })))
    tape.close()
    const plain = untracked(() => ({ ...unroll(cell, xs, undefined, { lengths }) }))
    const [a, b, c] = [await values(taped), await values(plain), await values(byStep)]
    assert.equal(a, b)
    a.forEach((list, k) => assert.ok(difference(list, c[k]) < TOLERANCE))
    for (const tree of [taped, byStep, plain]) leaves(tree).forEach((x) => x.dispose())
  }
  assert.ok(gpu.memory().buffers <= before, 'nothing left (what earlier tests left may go meanwhile)')
})

/** Dispatches of a layer forward, and back to x and every parameter, for T steps. */
function dispatchesOf(
  T: number, { parameters, outputs: width }: { parameters: Named, outputs: number },
  run: (xs: Tensor) => Tensor,
): { forward: number, backward: number } {
  const [B, D] = [4, 5]
  const xs = normal(gpu, 2, T, B, D)
  const dy = normal(gpu, 3, T, B, width)
  const count = () => (gpu as GpuDevice).recorder.dispatches
  const tape = new Tape()
  const started = count()
  const outputs = run(xs)
  const forward = count() - started
  const loss = sum(mul(outputs, dy))
  const before = count()
  tape.gradients(loss, [...Object.values(parameters), xs])
  const ofLoss = 3 // the 1 that it begins with, that 1 for every output, times dy
  const backward = count() - before - ofLoss
  tape.close()
  return { forward, backward }
}

test('dispatches: a step is one, and few besides', () => {
  const T = 12
  const cell = lstm({ inputs: 5, hidden: 72, device: gpu, rng: random(1) })
  const state = cell.initial(4)
  const { forward, backward } = dispatchesOf(T, cell, (xs) => unroll(cell, xs, state).outputs)
  assert.ok(forward + backward <= 2 * T + 12, `${forward} forward, ${backward} backward`)
})

test('dispatches: a step of both directions is one too', () => {
  const cell = (seed: number) => lstm({ inputs: 5, hidden: 72, device: gpu, rng: random(seed) })
  const net = bidirectional(cell(1), cell(2))
  const state = net.initial(4)
  const [few, many] = [4, 12].map((T) => {
    const { forward, backward } = dispatchesOf(T, net, (xs) => net(xs, { state }).outputs)
    return forward + backward
  })
  assert.is(many - few, 2 * (12 - 4))
  // twice 8 for whole sequences; 4 put the outputs side by side and their gradients apart; 1 adds up d(x)
  assert.ok(few <= 2 * 4 + 2 * 8 + 4 + 1, `${few} dispatches`)
})

test.run()

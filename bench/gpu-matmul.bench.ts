// Matrix products on a gpu, in the shapes of training: what is chosen, its time, and how it compares with one
// thread for each element (naive) and one for each 4 x 4 block (plain: matmul_block.wgsl).
//
// Each product is checked against the cpu, then timed: many dispatches in one submission, the three kernels
// by turns; medians over rounds, of times and of ratios within a round. --adapter names an adapter; otherwise
// hardware comes before software.

import { cpu } from '../src/cpu/device.ts'
import type { View } from '../src/device.ts'
import { chooseGemm, showChoice, traitsOf, type Wish } from '../src/gpu/gemm-choice.ts'
import { type Factor, multiply } from '../src/gpu/matmul.ts'
import { openGpu } from '../src/gpu/open.ts'
import { random } from '../src/random.ts'
import { median, options, printTable, relativeError, verify } from './harness.ts'

interface Product {
  name: string
  M: number
  N: number
  K: number
  transposeA?: boolean
  transposeB?: boolean
}

const ROUNDS = 7
/** Products in one submission, so that its own cost vanishes: about this many operations. */
const OPERATIONS = 3e8

const products: readonly Product[] = [
  { name: '512^3', M: 512, N: 512, K: 512 },
  { name: '512^3, A transposed', M: 512, N: 512, K: 512, transposeA: true },
  { name: '512^3, B transposed', M: 512, N: 512, K: 512, transposeB: true },
  { name: '512^3, both transposed', M: 512, N: 512, K: 512, transposeA: true, transposeB: true },
  { name: '256^3', M: 256, N: 256, K: 256 },
  { name: 'inputs: x W^T, T B = 1024', M: 1024, N: 512, K: 64, transposeB: true },
  { name: 'inputs: x W^T, T B = 2048', M: 2048, N: 1024, K: 128, transposeB: true },
  { name: 'dW = dgates^T x, T B = 1024', M: 512, N: 64, K: 1024, transposeA: true },
  { name: 'dW = dgates^T h, T B = 2048', M: 512, N: 128, K: 2048, transposeA: true },
  { name: 'logits: h W^T, V = 89', M: 1024, N: 89, K: 128, transposeB: true },
  { name: 'step, B = 1: h W^T', M: 1, N: 512, K: 128, transposeB: true },
  { name: 'step, B = 1: h R', M: 1, N: 512, K: 128 },
  { name: 'step, B = 16: h R', M: 16, N: 512, K: 128 },
  { name: 'step, B = 32: h R', M: 32, N: 512, K: 128 },
  { name: 'step, B = 64: h R', M: 64, N: 512, K: 128 },
]

const named = options.adapter ?? process.env.UNROLLED_ADAPTER
const device = await openGpu(named ? { adapter: named } : {})
const traits = traitsOf(device)
const judge = cpu()
const wishes: readonly Wish[] = [{}, { kernel: 'block', slices: 1 }, { kernel: 'naive' }]
/** The ladder: each rung reads less for each product than the one before. */
const rungs: readonly Wish[] = [
  { kernel: 'naive' }, { kernel: 'block' }, { kernel: 'tiled', side: 64 }, { kernel: 'tiled', side: 128 },
  ...(traits.eightLanes ? [{ kernel: 'lanes', side: 8 }, { kernel: 'lanes', side: 32 }] as const : []),
]

/** A way to enqueue the product once; its result stays in `c`. */
async function prepare({ M, N, K, transposeA = false, transposeB = false }: Product) {
  const rng = random(1)
  const factor = (rows: number, columns: number, transpose: boolean) => {
    const values = Float32Array.from(rng.normal(rows * columns))
    const shape = [rows, columns]
    const view: View = { memory: device.upload(values, 'float32'), offset: 0, shape }
    const twin: View = { memory: judge.upload(values, 'float32'), offset: 0, shape }
    const operand: Factor = { buffer: device.floats('matmul', view), view, transpose }
    return { operand, twin }
  }
  const a = transposeA ? factor(K, M, true) : factor(M, K, false)
  const b = transposeB ? factor(N, K, true) : factor(K, N, false)
  const right = judge.matmul(a.twin, b.twin, transposeA, transposeB)
  const memory = device.fill(M * N, 0)
  const c: View = { memory, offset: 0, shape: [M * N] }
  return {
    right: await judge.read({ ...c, memory: right }),
    run: (wish: Wish) =>
      multiply(device, a.operand, b.operand, { buffer: device.floats('matmul', c), offset: 0 }, {}, wish),
    read: () => device.read(c),
    wait: () => device.read({ ...c, shape: [1] }),
    free: () => [a.operand.view, b.operand.view, c].forEach((view) => device.free(view.memory)),
  }
}

/** Seconds for one product by each kernel, round after round. */
async function measure(product: Product, wishes: readonly Wish[]): Promise<number[][]> {
  const { right, run, read, wait, free } = await prepare(product)
  const times: number[][] = wishes.map(() => [])
  const { M, N, K } = product
  const count = Math.max(1, Math.min(200, Math.round(OPERATIONS / (2 * M * N * K))))
  for (const wish of wishes) {
    run(wish)
    verify(`${product.name} ${wish.kernel ?? ''}`, relativeError(await read(), right) < 1e-5)
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, wish] of wishes.entries()) {
      const start = performance.now()
      for (let n = 0; n < count; n++) run(wish)
      await wait()
      times[i].push((performance.now() - start) / 1000 / count)
    }
  }
  free()
  return times
}

const rows: string[][] = []
const choices: string[][] = []
for (const product of products) {
  const times = await measure(product, wishes)
  const [chosen, plain, naive] = times.map(median)
  const ratio = (other: number) => median(times[other].map((t, round) => t / times[0][round])).toFixed(2)
  const { M, N, K, transposeA = false, transposeB = false } = product
  const operations = 2 * M * N * K
  rows.push([
    product.name, `${M} x ${N} x ${K}`, (1e3 * chosen).toFixed(3), (operations / chosen / 1e9).toFixed(1),
    (1e3 * plain).toFixed(3), (1e3 * naive).toFixed(3), ratio(1), ratio(2),
  ])
  choices.push([product.name, showChoice(chooseGemm({ M, N, K, count: 1, transposeA, transposeB }, traits))])
}

const ladder = await measure(products[0], rungs)
const { adapter } = device
console.log(`${adapter.name} (${adapter.kind}), ${adapter.driver}; Node ${process.versions.node}\n`)
printTable('Products, float32: ms each, encoding included',
  ['', 'M x N x K', 'ms', 'GFLOP/s', 'plain ms', 'naive ms', 'plain / ours', 'naive / ours'], rows)
printTable('What was chosen', ['', 'kernel'], choices)
printTable('The ladder, 512^3', ['', 'ms', 'naive / this'], rungs.map(({ kernel = '', side = '' }, i) => [
  `${kernel} ${side}`.trim(), (1e3 * median(ladder[i])).toFixed(1),
  median(ladder[i].map((t, round) => ladder[0][round] / t)).toFixed(1),
]))
device.close()

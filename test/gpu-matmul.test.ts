// Products on the gpu against the cpu in float64: what is chosen, and every kernel whether chosen or not.
//
// Tolerance: each of K steps rounds by at most 2^-24 times the sum of |a b|, which is at most
// sqrt(K sum of (a b)^2); roundings of random sign add up as sqrt(K). Allowed: 4 (sqrt(K) + 1) of them.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpu } from '../src/cpu/device.ts'
import { composed } from '../src/context.ts'
import type { Device, View } from '../src/device.ts'
import type { GpuDevice } from '../src/gpu/device.ts'
import { chooseGemm, type GemmKernel, showChoice, traitsOf, type Wish } from '../src/gpu/gemm-choice.ts'
import type { Form } from '../src/gpu/gemm-parts.ts'
import { type Factor, kernelFor, multiply } from '../src/gpu/matmul.ts'
import { openGpu } from '../src/gpu/open.ts'
import { inNarrowGrids } from '../src/gpu/recorder.ts'
import { affine } from '../src/ops/matmul.ts'
import { slice } from '../src/ops/move.ts'
import { random } from '../src/random.ts'
import { sizeOf } from '../src/shape.ts'
import { Tape } from '../src/tape.ts'
import { tensor } from '../src/tensor.ts'
import { gpu as opened } from './devices.ts'
import { energy, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('products on the gpu')
const gpu = opened as GpuDevice
const rng = random(11)
const judge = cpu({ precision: 'float64' })
const both = [false, true]

interface Case {
  M: number
  N: number
  K: number
  transposeA?: boolean
  transposeB?: boolean
  /** elements before each operand */
  offset?: number
  batchA?: number[]
  batchB?: number[]
  size?: number
}

interface Operand {
  values: Float32Array
  shape: number[]
  offset: number
}

const draw = (count: number, size = 1): Float32Array => Float32Array.from(rng.normal(count, 0, size))

function operands(given: Case): [Operand, Operand] {
  const { M, N, K, transposeA, transposeB, offset = 0, batchA = [], batchB = [], size } = given
  const operand = (batch: number[], rows: number, columns: number): Operand => {
    const shape = [...batch, rows, columns]
    return { values: draw(offset + sizeOf(shape), size), shape, offset }
  }
  return [
    transposeA ? operand(batchA, K, M) : operand(batchA, M, K),
    transposeB ? operand(batchB, N, K) : operand(batchB, K, N),
  ]
}

const viewOn = (device: Device, { values, shape, offset }: Operand): View =>
  ({ memory: device.upload(values, device.dtype), offset, shape })

const whole = (memory: View['memory'], length: number): View => ({ memory, offset: 0, shape: [length] })

/** op(A) op(B); or the product of their squares, from which the tolerance comes. */
async function productOn(device: Device, given: Case, [a, b]: [Operand, Operand], square = false) {
  const views = [a, b].map((x) => viewOn(device, square ? { ...x, values: x.values.map((v) => v * v) } : x))
  const memory = device.matmul(views[0], views[1], given.transposeA ?? false, given.transposeB ?? false)
  const result = await device.read(whole(memory, memory.length))
  for (const each of [...views.map((view) => view.memory), memory]) device.free(each)
  return result
}

async function sameProduct(what: string, given: Case): Promise<void> {
  const pair = operands(given)
  const found = await productOn(gpu, given, pair)
  await judged(what, given, pair, found)
}

async function judged(
  what: string, given: Case, pair: [Operand, Operand], found: ArrayLike<number>,
  before: (i: number) => number = () => 0,
): Promise<void> {
  const wanted = await productOn(judge, given, pair)
  const squares = await productOn(judge, given, pair, true)
  assert.is(found.length, wanted.length, what)
  const digits = 4 * (Math.sqrt(given.K) + 1) * 2 ** -24
  for (let i = 0; i < wanted.length; i++) {
    const right = wanted[i] + before(i)
    const allowed = digits * (Math.sqrt(given.K * squares[i]) + Math.abs(before(i)))
    if (!(Math.abs(found[i] - right) <= allowed)) {
      assert.unreachable(`${what}: element ${i} is ${found[i]}, not ${right} +- ${allowed}`)
    }
  }
}

test('shapes around the edges of tiles, all transposes', async () => {
  const sizes = [[1, 1, 1], [63, 65, 64], [64, 64, 16], [257, 33, 65], [2, 129, 40], [9, 100, 257]]
  for (const [M, N, K] of sizes) {
    for (const transposeA of both) for (const transposeB of both) {
      await sameProduct(`${M} ${N} ${K} ${transposeA} ${transposeB}`, { M, N, K, transposeA, transposeB })
    }
  }
})

test('views at any offset, and numbers of size 100', async () => {
  for (const offset of [1, 2, 3, 4, 7]) await sameProduct(`offset ${offset}`, { M: 40, N: 48, K: 32, offset })
  await sameProduct('size 100', { M: 65, N: 33, K: 129, size: 100 })
})

test('random shapes', async () => {
  for (let i = 0; i < 12; i++) {
    const [M, N, K] = Array.from(rng.uniform(3), (u) => 1 + Math.floor(u * 90))
    const [A, B] = Array.from(rng.uniform(2), (u) => u < 0.5)
    await sameProduct(`${M} ${N} ${K} ${A} ${B}`, { M, N, K, transposeA: A, transposeB: B })
  }
})

test('batches broadcast', async () => {
  const batches = [[[3], [3]], [[3], []], [[], [3]], [[2, 1], [3]], [[1], [4]], [[2, 3], [2, 1]]]
  for (const [batchA, batchB] of batches) {
    for (const transposeA of both) {
      await sameProduct(`${batchA} x ${batchB}`, { M: 17, N: 36, K: 40, transposeA, batchA, batchB })
    }
  }
})

test('empty: nothing to compute, or sums over nothing, which are zero', async () => {
  for (const [M, N, K] of [[0, 5, 3], [5, 0, 3], [0, 0, 0], [3, 4, 0], [40, 40, 0]]) {
    await sameProduct(`${M} ${N} ${K}`, { M, N, K })
  }
  await sameProduct('no matrices', { M: 2, N: 3, K: 4, batchA: [0], batchB: [1] })
})

test('more workgroups, and more matrices, than a grid is wide', async () => {
  await inNarrowGrids(5, async () => {
    await sameProduct('rows', { M: 6000, N: 1, K: 2 })
    await sameProduct('matrices', { M: 2, N: 2, K: 3, batchA: [700], batchB: [700] })
  })
  // and once as wide as grids are
  const y = await gpu.read(whole(gpu.fill(65_535 * 64 + 300, 3), 65_535 * 64 + 300))
  assert.ok(y.every((v) => v === 3))
})

const lanes: Wish[] = [
  { kernel: 'lanes' }, { kernel: 'lanes', slices: 3 }, { kernel: 'lanes', side: 8 },
  { kernel: 'lanes', side: 16 }, { kernel: 'lanes', side: 32 },
]
const wishes: Wish[] = [
  { kernel: 'naive' }, { kernel: 'block' }, { kernel: 'block', slices: 3 }, { kernel: 'skinny' },
  { kernel: 'tiled', side: 64 }, { kernel: 'tiled', side: 64, slices: 2 }, { kernel: 'tiled', side: 128 },
  ...(traitsOf(gpu).eightLanes ? lanes : []),
]

/** The product by one kernel, into a piece of a buffer that holds numbers already. */
async function forced(wish: Wish, given: Case, more: boolean): Promise<void> {
  const pair = operands(given)
  const factor = (operand: Operand, transpose = false): Factor => {
    const view = viewOn(gpu, operand)
    return { buffer: gpu.floats('test', view), view, transpose }
  }
  const [a, b] = [factor(pair[0], given.transposeA), factor(pair[1], given.transposeB)]
  const there = draw(given.M * given.N + 3)
  const row = draw(given.N)
  const place = (values: Float32Array) => gpu.upload(values, 'float32')
  const [c, bias] = [place(there), place(row)]
  const at = (memory: typeof c, offset: number) => ({ buffer: gpu.floats('test', whole(memory, 1)), offset })
  const offset = given.offset ? 3 : 0
  multiply(gpu, a, b, at(c, offset), more ? { bias: at(bias, 0), add: true } : {}, wish)
  const found = await gpu.read({ memory: c, offset, shape: [given.M * given.N] })
  await judged(`${JSON.stringify(wish)} ${JSON.stringify(given)}`, given, pair, found,
    (i) => (more ? there[offset + i] + row[i % given.N] : 0))
  for (const each of [a.view.memory, b.view.memory, c, bias]) gpu.free(each)
}

for (const wish of wishes) {
  test(`forced: ${Object.values(wish).join(' ')}`, async () => {
    for (const transpose of both) {
      const transposes = { transposeA: transpose, transposeB: transpose }
      await inNarrowGrids(3, () => forced(wish, { M: 132, N: 136, K: 52, ...transposes }, false))
      await forced(wish, { M: 5, N: 67, K: 37, offset: 1, ...transposes }, wish.kernel !== 'naive')
      const oneOfThem = { transposeA: transpose, transposeB: !transpose }
      await forced(wish, { M: 68, N: 72, K: 52, ...oneOfThem }, false)
    }
  })
}

test('affine is one product; its value and gradients are those of a product and a sum', async () => {
  const normal = (seed: number, ...shape: number[]) =>
    tensor(random(seed).normal(sizeOf(shape)), { shape, device: gpu })
  const shapes = [
    [[5], 3], [[1, 64], 63], [[2, 7], 9], [[3, 21, 64], 65], [[257, 33], 64], [[6, 300], 4],
  ] as const
  for (const [shape, outputs] of shapes) {
    const inputs = shape.at(-1)!
    const [x, weight] = [normal(1, ...shape), normal(2, outputs, inputs)]
    const bias = slice(normal(3, outputs + 1), 0, 1) // begins inside its memory
    const run = async (oneOp: boolean) => {
      using tape = new Tape()
      const { dispatches } = gpu.recorder
      const y = oneOp ? affine(x, weight, bias) : composed(() => affine(x, weight, bias))
      if (oneOp) assert.is(gpu.recorder.dispatches - dispatches, 1, `[${shape}]`)
      assert.is(tape.records.some(({ op }) => op === 'affine'), oneOp)
      return values(y, tape.gradients(energy(y), [x, weight, bias]))
    }
    const [found, wanted] = [await run(true), await run(false)]
    found.forEach((list, k) => {
      const d = difference(list, wanted[k])
      assert.ok(d < 1e-5, `[${shape}] to ${outputs}: number ${k} differs by ${d}`)
    })
  }
})

test('the same numbers give the same bits, in slices too', async () => {
  const given = { M: 24, N: 40, K: 1000 }
  const pair = operands(given)
  const [first, second] = [await productOn(gpu, given, pair), await productOn(gpu, given, pair)]
  assert.equal(first, second)
})

test('a product does not overwrite its factor', () => {
  const view = viewOn(gpu, { values: draw(4), shape: [2, 2], offset: 0 })
  const factor = { buffer: gpu.floats('test', view), view, transpose: false }
  assert.throws(() => multiply(gpu, factor, factor, { buffer: factor.buffer, offset: 0 }), /of its own/)
  gpu.free(view.memory)
})

test('the choice follows shape and adapter, and can be printed', () => {
  const product = (M: number, N: number, K: number) =>
    ({ M, N, K, count: 1, transposeA: false, transposeB: false })
  const hardware = { software: false, eightLanes: false }
  const software = { software: true, eightLanes: true }
  const shown = (M: number, N: number, K: number, traits = hardware) =>
    showChoice(chooseGemm(product(M, N, K), traits))
  assert.is(shown(4096, 4096, 512), 'tiled 128 x 128, 256 threads, grid 1024 x 1')
  assert.is(shown(2048, 512, 64), 'tiled 64 x 64, 128 threads, grid 256 x 1')
  assert.is(shown(128, 512, 2048), 'tiled 64 x 64, 128 threads, grid 256 x 1, K in 16 slices of 128')
  assert.is(shown(1, 512, 128), 'skinny 1 x 64, 256 threads, grid 8 x 1')
  assert.is(shown(512, 512, 512, software), 'lanes 32 x 32, 8 threads, grid 256 x 1')
  assert.is(shown(3, 4, 5, software), 'naive, 64 threads, grid 1 x 1')
})

/** Every way in which operands can lie. */
function forms(): Form[] {
  const layouts = both.flatMap((alongK) => both.map((vectors) => ({ alongK, vectors })))
  const rest = both.flatMap((vectorsC) => both.flatMap((ragged) =>
    [[false, false], [true, false], [false, true], [true, true]].map(([bias, add]) =>
      ({ vectorsC, ragged, bias, add }))))
  return layouts.flatMap((A) => layouts.flatMap((B) => rest.map((more) => ({ A, B, ...more }))))
}

test('every variant of every kernel compiles', async () => {
  const device = await openGpu({ kind: 'null' })
  const made: [GemmKernel, number, number][] = [
    ['block', 32, 64], ['lanes', 8, 8], ['lanes', 16, 8], ['lanes', 32, 8], ['tiled', 64, 128],
    ['tiled', 128, 256], ['skinny', 4, 256],
  ]
  assert.is(forms().length, 256)
  for (const form of forms()) {
    for (const [kernel, rows, threads] of made) {
      const launch = kernelFor({ kernel, rows, threads }, form)
      device.kernels.get(launch.kernel, launch.variant ?? '', launch.blanks ?? (() => ({})))
    }
  }
  await device.troubles.check(0, device.troubles.serial)
  device.close()
})

test.run()

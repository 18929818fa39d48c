// The gpu device primitive by primitive, against the cpu in float32, at sizes that cross the edges of
// workgroups and grids, with large and tiny values, empty and size-1 axes.
//
// Tolerances are per kernel, in units of 2^-24 (half a last digit) of the result's size: what moves or
// compares is exact; + - x are correctly rounded; division may be off by 2.5 digits, sqrt by as much; our
// exp and what is made of it by 4; log by 2^-21 absolutely in [0.5, 2] (WGSL, "accuracy of expressions"). A
// sum of n numbers is off by at most n times that of the sum of their sizes, whatever the order.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpu } from '../src/cpu/device.ts'
import type { BinaryOp, Device, DType, UnaryOp, View } from '../src/device.ts'
import { random } from '../src/random.ts'
import { sizeOf } from '../src/shape.ts'
import { gpu } from './devices.ts'

const test = suite('the gpu device')
const reference = cpu()
const rng = random(7)
const DIGIT = 2 ** -24

const normal = (count: number, size = 1): Float32Array => Float32Array.from(rng.normal(count, 0, size))

type Make = (values: ArrayLike<number>, shape: readonly number[], dtype?: DType) => View
type Run = (device: Device, view: Make) => { memory: View['memory'], length: number }

/** The same on both devices; each element within `allowed` of the cpu's, infinities and NaN alike. */
async function same(what: string, run: Run, allowed: (y: number, i: number) => number): Promise<void> {
  const results = await Promise.all([reference, gpu].map(async (device) => {
    const made: View['memory'][] = []
    const { memory, length } = run(device, (values, shape, dtype = 'float32') => {
      const memory = device.upload(values, dtype)
      made.push(memory)
      return { memory, offset: 0, shape }
    })
    const values = await device.read({ memory, offset: 0, shape: [length] })
    for (const each of new Set([...made, memory])) device.free(each)
    return values
  }))
  const [wanted, found] = results
  assert.is(found.length, wanted.length, what)
  const at = wanted.findIndex((y, i) =>
    !Object.is(y, found[i]) && !(y === found[i]) && !(Math.abs(y - found[i]) <= allowed(y, i)))
  if (at >= 0) assert.unreachable(`${what}: element ${at} is ${found[at]}, on the cpu ${wanted[at]}`)
}

const exact = () => 0
const digits = (count: number) => (y: number) => count * DIGIT * Math.abs(y)

const SIZES = [0, 1, 63, 64, 65, 257]

const unary: [UnaryOp, (y: number) => number, ((x: number) => number)?][] = [
  ['neg', exact], ['abs', exact], ['sign', exact], ['relu', exact], ['isFinite', exact],
  ['square', digits(2)], ['sqrt', digits(5), Math.abs],
  ['exp', digits(4), (x) => Math.min(x, 85)], ['expm1', digits(8), (x) => Math.min(x, 85)],
  ['log', (y) => 2 ** -20 + 6 * DIGIT * Math.abs(y), Math.abs], ['log1p', digits(16), Math.abs],
  ['tanh', digits(10)], ['sigmoid', digits(10)], ['softplus', digits(16)],
]

test('unary', async () => {
  for (const [op, allowed, into = (x: number) => x] of unary) {
    for (const n of SIZES) {
      for (const size of [1e-4, 0.3, 2, 100]) {
        const x = normal(n, size).map(into)
        // subnormals, the result's or half the result's on the way, are 0 to a driver that flushes them
        const floor = (y: number) => allowed(y) + 2 ** -125
        await same(`${op} of ${n} about ${size}`, (device, view) =>
          ({ memory: device.unary(op, view(x, [n])), length: n }), floor)
      }
    }
  }
})

test('values at the limits', async () => {
  const x = [0, -0, 1, -1, 100, -100, 1000, -1000, 1e-30, 1e30, Infinity, -Infinity, NaN]
  for (const op of ['abs', 'isFinite', 'tanh', 'sigmoid', 'relu', 'exp', 'softplus'] as const) {
    await same(op, (device, view) =>
      ({ memory: device.unary(op, view(x, [x.length])), length: x.length }),
    (y) => 1e-6 * Math.abs(y) + 1e-37)
  }
  for (const op of ['maximum', 'minimum', 'add'] as const) {
    const y = [...x].reverse()
    await same(op, (device, view) => ({
      memory: device.binary(op, view(x, [x.length]), view(y, [x.length]), [x.length]), length: x.length,
    }), exact)
  }
  await same('log of 0', (device, view) =>
    ({ memory: device.unary('log', view([0, 1], [2])), length: 2 }), exact)
})

const binary: [BinaryOp, (y: number) => number][] = [
  ['add', exact], ['sub', exact], ['mul', exact], ['div', digits(6)], ['maximum', exact], ['minimum', exact],
  ['equal', exact], ['greater', exact],
]
const pairs: [readonly number[], readonly number[], readonly number[]][] = [
  [[257], [257], [257]], [[5, 7, 3], [5, 1, 3], [5, 7, 3]], [[7, 1], [5, 1, 3], [5, 7, 3]],
  [[2, 3, 4, 5], [3, 1, 5], [2, 3, 4, 5]], [[2, 1, 4, 1], [1, 3, 1, 5], [2, 3, 4, 5]], [[1], [65], [65]],
  [[], [4, 16], [4, 16]], [[0, 3], [3], [0, 3]], [[1, 1], [1], [1, 1]],
]

test('binary, broadcast', async () => {
  for (const [op, allowed] of binary) {
    for (const [a, b, shape] of pairs) {
      const [A, B] = [normal(sizeOf(a)), normal(sizeOf(b))]
      if (op === 'equal') A.fill(0.5, 0, 3)
      if (op === 'equal') B.fill(0.5, 0, 3)
      await same(`${op} ${a} with ${b}`, (device, view) =>
        ({ memory: device.binary(op, view(A, a), view(B, b), shape), length: sizeOf(shape) }), allowed)
    }
    const A = normal(65)
    await same(`${op} with a number`, (device, view) =>
      ({ memory: device.binary(op, view(A, [65]), 0.7, [65]), length: 65 }), allowed)
    await same(`a number ${op}`, (device, view) =>
      ({ memory: device.binary(op, -1.3, view(A, [65]), [65]), length: 65 }), allowed)
  }
})

test('powers', async () => {
  const bases = [0, 0.5, 1, 2, -2, -0.5, 3.7, 1e-3, 10]
  for (const exponent of [0, 1, 2, 3, -1, -2, 0.5, 2.5]) {
    await same(`^ ${exponent}`, (device, view) => ({
      memory: device.binary('pow', view(bases, [bases.length]), exponent, [bases.length]),
      length: bases.length,
    }), (y) => 1e-5 * Math.abs(y))
  }
})

test('where', async () => {
  const condition = normal(105).map((x) => Number(x > 0))
  const [a, b] = [normal(15), normal(7)]
  await same('where', (device, view) => ({
    memory: device.select(view(condition, [5, 7, 3]), view(a, [5, 1, 3]), view(b, [7, 1]), [5, 7, 3]),
    length: 105,
  }), exact)
  await same('where, numbers', (device, view) =>
    ({ memory: device.select(view(condition, [105]), 2, -3, [105]), length: 105 }), exact)
})

test('sums and maxima', async () => {
  const shapes = [
    [5, 7, 3], [1, 1], [257], [4, 0], [0], [2, 3, 4, 5], [65, 300], [300, 65], [9000], [3, 20_000],
  ]
  for (const shape of shapes) {
    const x = normal(sizeOf(shape))
    const sizes = x.map(Math.abs)
    const axes = shape.map((_, axis) => axis)
    const lists = shape.length === 4 ? [[0], [1], [2], [3], [0, 2], [1, 3], [0, 3], [1, 2], [0, 1, 2, 3]]
      : [[], axes, ...axes.map((axis) => [axis]), ...(shape.length > 2 ? [[0, 2], [0, 1], [1, 2]] : [])]
    for (const list of lists) {
      const length = sizeOf(shape.filter((_, axis) => !list.includes(axis)))
      const count = Math.max(1, x.length / Math.max(1, length))
      const all = { memory: reference.upload(sizes, 'float32'), offset: 0, shape }
      const bounds = await reference.read({
        memory: reference.reduce('sum', all, list), offset: 0, shape: [length],
      })
      await same(`sum of ${shape} over ${list}`, (device, view) =>
        ({ memory: device.reduce('sum', view(x, shape), list), length }),
      (_, i) => count * DIGIT * bounds[i])
      if (x.length === 0) continue
      await same(`max of ${shape} over ${list}`, (device, view) =>
        ({ memory: device.reduce('max', view(x, shape), list), length }), exact)
    }
  }
})

test('moving is exact', async () => {
  const x = normal(120)
  const [shape, strides] = [[2, 3, 4, 5], [60, 20, 5, 1]]
  await same('transpose', (device, view) =>
    ({ memory: device.window(view(x, shape), 0, [1, 5, 20, 60], [5, 4, 3, 2]), length: 120 }), exact)
  await same('flip', (device, view) =>
    ({ memory: device.window(view(x, shape), 119, strides.map((s) => -s), shape), length: 120 }), exact)
  await same('slice', (device, view) =>
    ({ memory: device.window(view(x, shape), 26, strides, [1, 2, 2, 3]), length: 12 }), exact)
  await same('repeat', (device, view) =>
    ({ memory: device.window(view(x, [120]), 3, [0, 1], [70, 100]), length: 7000 }), exact)
  await same('pad', (device, view) =>
    ({ memory: device.place(view(x, [10, 12]), 15, [14, 1], [12, 14]), length: 168 }), exact)
  await same('concat', (device, view) => ({
    memory: device.concat([view(x, [4, 10, 3]), view(x.slice(0, 24), [4, 2, 3])], 1), length: 144,
  }), exact)
  await same('concat of rows', (device, view) =>
    ({ memory: device.concat([view(x, [40, 3]), view(x.slice(0, 3), [1, 3])], 0), length: 123 }), exact)
  await same('concat of indices', (device, view) => ({
    memory: device.concat([view([1, 2, 3, 4], [2, 2], 'int32'), view([5, 6], [2, 1], 'int32')], 1), length: 6,
  }), exact)
  await same('window of indices', (device, view) =>
    ({ memory: device.window(view([1, 2, 3, 4, 5, 6], [2, 3], 'int32'), 0, [1, 3], [3, 2]), length: 6 }),
  exact)
  await same('reverseTime', (device, view) => ({
    memory: device.reverseTime(view(x, [6, 5, 4]), view([6, 1, 0, 3, 5], [5], 'int32')), length: 120,
  }), exact)
})

test('rows by index', async () => {
  const [V, D, N] = [19, 5, 257]
  const table = normal(V * D)
  const index = Int32Array.from(rng.uniform(N, 0, V))
  const rows = normal(N * D)
  await same('gather', (device, view) =>
    ({ memory: device.gatherRows(view(table, [V, D]), view(index, [N], 'int32')), length: N * D }), exact)
  // added up in the same order as on the cpu, which rounds after each addition as well
  await same('scatterAdd', (device, view) => ({
    memory: device.scatterAddRows(view(rows, [N, D]), view(index, [N], 'int32'), V + 2), length: (V + 2) * D,
  }), exact)
  for (const ignore of [undefined, -1, 3]) {
    await same(`oneHot, ${ignore} ignored`, (device, view) => ({
      memory: device.oneHot(view([0, 3, 18, ignore ?? 1], [4], 'int32'), V, ignore, 'oneHot'), length: 4 * V,
    }), exact)
  }
})

test('random numbers are the same bits, also where the counter carries', async () => {
  for (const counter of [0, 1, 3, 2 ** 32 - 100, 2 ** 40 + 1]) {
    await same(`from ${counter}`, (device) =>
      ({ memory: device.uniform(257, [123, 456], counter), length: 257 }), exact)
  }
})

test('a grid of more than 65,535 workgroups', async () => {
  const n = 64 * 65_535 + 100
  await same('fill and add', (device) => {
    const memory = device.fill(n, 1.5)
    const view = { memory, offset: 0, shape: [n] }
    const sum = device.binary('add', view, 1, [n])
    device.free(memory)
    return { memory: sum, length: n }
  }, exact)
})

test('views at any offset; in place', async () => {
  const x = normal(100)
  await same('accumulate', (device, view) => {
    const { memory } = view(x, [100])
    const other = view(x, [100])
    device.accumulate({ memory, offset: 3, shape: [40] }, { ...other, offset: 59, shape: [40] })
    device.accumulate({ memory, offset: 0, shape: [10] }, { memory, offset: 90, shape: [10] })
    device.copyInto({ memory, offset: 50, shape: [10] }, { memory, offset: 20, shape: [10] })
    return { memory, length: 100 }
  }, exact)
  await same('indices', (device, view) => {
    const index = view([1, 2, 3], [3], 'int32')
    const first = device.gatherRows(view(x, [20, 5]), index)
    device.copyInto({ ...index, offset: 1, shape: [1] }, view([7], [1], 'int32'))
    device.free(first)
    return { memory: device.gatherRows(view(x, [20, 5]), index), length: 15 }
  }, exact)
})

test('a step that is repeated makes no new buffers and no new bind groups', async () => {
  const x = normal(64)
  const step = () => {
    const memory = gpu.upload(x, 'float32')
    const view = { memory, offset: 0, shape: [64] }
    const parts = [gpu.unary('tanh', view), gpu.unary('exp', view), gpu.binary('add', view, 1, [64])]
    const sum = gpu.reduce('sum', { memory: parts[0], offset: 0, shape: [64] }, [0])
    for (const each of [...parts, memory]) gpu.free(each)
    return sum
  }
  const measure = async () => {
    const sum = step()
    await gpu.read({ memory: sum, offset: 0, shape: [1] })
    gpu.free(sum)
    return { ...gpu.memory(), groups: gpu.recorder.bindGroups }
  }
  for (let warm = 0; warm < 3; warm++) await measure()
  const before = await measure()
  for (let i = 0; i < 20; i++) await measure()
  const after = await measure()
  assert.equal({ ...after, peak: 0 }, { ...before, peak: 0 })
})

test('what is recorded goes out as one submission', async () => {
  const before = gpu.recorder.submissions
  let y = gpu.fill(65, 1)
  for (let i = 0; i < 300; i++) {
    const next = gpu.binary('add', { memory: y, offset: 0, shape: [65] }, 1, [65])
    gpu.free(y)
    y = next
  }
  const values = await gpu.read({ memory: y, offset: 0, shape: [65] })
  assert.equal([...new Set(values)], [301])
  assert.is(gpu.recorder.submissions - before, 1)
  gpu.free(y)
})

test.run()

// The matrix product of the cpu device against the plain triple loop, bit for bit: edges of tiles and blocks,
// transposes, batches, views. Its gradients are checked with those of all ops in ops.test.ts.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { cpu } from '../src/cpu/device.ts'
import type { Device, FloatType, NumberArray, View } from '../src/device.ts'
import { random } from '../src/random.ts'
import { broadcastShapes, broadcastStrides, type Shape, sizeOf } from '../src/shape.ts'

const test = suite('matmul')
const devices: Record<FloatType, Device> = { float32: cpu(), float64: cpu({ precision: 'float64' }) }
const precisions = ['float32', 'float64'] as const
const flags = [[false, false], [false, true], [true, false], [true, true]] as const
const rng = random(7)

/** Normal numbers of this shape, with others before and after them in the same memory. */
function view(device: Device, shape: Shape, before = 0, after = 0): View {
  const memory = device.upload(rng.normal(before + sizeOf(shape) + after), device.dtype)
  return { memory, offset: before, shape }
}

function constant(device: Device, shape: Shape, value: number): View {
  return { memory: device.fill(sizeOf(shape), value), offset: 0, shape }
}

/** The triple loop over one pair of matrices, summed in float64 in the order of k. */
function tripleLoop(
  a: NumberArray, b: NumberArray, transposeA: boolean, transposeB: boolean, M: number, N: number, K: number,
): number[] {
  const c: number[] = []
  for (let i = 0; i < M; i++) {
    for (let j = 0; j < N; j++) {
      let sum = 0
      for (let k = 0; k < K; k++) {
        sum += a[transposeA ? k * M + i : i * K + k] * b[transposeB ? j * K + k : k * N + j]
      }
      c.push(sum)
    }
  }
  return c
}

/** [batchA..., M, K] times [batchB..., K, N] by the device and by the triple loop: equal in every bit. */
async function compare(
  device: Device, [M, N, K]: readonly number[], [transposeA, transposeB]: readonly [boolean, boolean],
  batchA: Shape = [], batchB: Shape = [], padding = 0,
): Promise<void> {
  const a = view(device, [...batchA, ...(transposeA ? [K, M] : [M, K])], padding, padding)
  const b = view(device, [...batchB, ...(transposeB ? [N, K] : [K, N])], 2 * padding, padding)
  const batch = broadcastShapes('matmul', batchA, batchB)
  const memory = device.matmul(a, b, transposeA, transposeB)
  const c = await device.read({ memory, offset: 0, shape: [...batch, M, N] })
  const A = await device.read(a)
  const B = await device.read(b)
  const wanted: number[] = []
  for (const [ia, ib] of pairs(batch, broadcastStrides(batchA, batch), broadcastStrides(batchB, batch))) {
    const oneA = A.subarray(ia * M * K, (ia + 1) * M * K)
    const oneB = B.subarray(ib * K * N, (ib + 1) * K * N)
    for (const sum of tripleLoop(oneA, oneB, transposeA, transposeB, M, N, K)) wanted.push(sum)
  }
  const name = `M ${M}, N ${N}, K ${K}, ${transposeA ? 'A^T' : 'A'} ${transposeB ? 'B^T' : 'B'}`
  assert.is(memory.length, wanted.length, name)
  const rounded = device.dtype === 'float32' ? Float32Array.from(wanted) : Float64Array.from(wanted)
  const wrong = c.findIndex((v, i) => !Object.is(v, rounded[i]))
  assert.is(wrong, -1, `${name}: element ${wrong} is ${c[wrong]}, not ${rounded[wrong]}`)
  for (const used of [a.memory, b.memory, memory]) device.free(used)
}

/** Which matrix of A and which of B belong to each matrix of the batch. */
function pairs(batch: Shape, stridesA: readonly number[], stridesB: readonly number[]): [number, number][] {
  let found: [number, number][] = [[0, 0]]
  batch.forEach((n, axis) => {
    found = found.flatMap(([a, b]) =>
      Array.from({ length: n }, (_, i): [number, number] => [a + i * stridesA[axis], b + i * stridesB[axis]]))
  })
  return found
}

for (const precision of precisions) {
  const device = devices[precision]

  test(`${precision}: small sizes in every mixture, all transposes`, async () => {
    const sizes = [1, 2, 3, 4, 5, 7, 8, 9]
    for (const M of sizes) {
      for (const N of sizes) {
        for (const K of [1, 3, 4, 9]) for (const flag of flags) await compare(device, [M, N, K], flag)
      }
    }
  })

  test(`${precision}: odd sizes`, async () => {
    const sizes = [[17, 33, 65], [33, 65, 17], [65, 17, 33], [65, 65, 65], [1, 89, 65], [3, 33, 65]]
    for (const size of sizes) for (const flag of flags) await compare(device, size, flag)
  })

  test(`${precision}: across the edges of blocks, 256 rows, 512 columns, 256 steps of k`, async () => {
    const sizes = [[257, 5, 9], [255, 513, 3], [6, 1030, 7], [5, 6, 257], [7, 9, 1025], [261, 517, 259]]
    for (const size of sizes) for (const flag of flags) await compare(device, size, flag)
  })

  test(`${precision}: batches, broadcast on either side`, async () => {
    for (const flag of flags) {
      await compare(device, [5, 7, 3], flag, [4], [4])
      await compare(device, [5, 7, 3], flag, [4], [])
      await compare(device, [5, 7, 3], flag, [], [4])
      await compare(device, [2, 3, 9], flag, [3, 1], [1, 2])
      await compare(device, [5, 3, 4], flag, [1, 2], [3, 2])
      await compare(device, [5, 3, 4], flag, [0], [1])
    }
  })

  test(`${precision}: views that start inside a memory`, async () => {
    for (const size of [[9, 7, 5], [1, 7, 5], [2, 3, 4]]) {
      for (const flag of flags) await compare(device, size, flag, [2], [], 13)
    }
  })

  test(`${precision}: an empty sum is 0, and empty results are empty`, async () => {
    for (const M of [1, 3, 4, 9]) {
      for (const N of [1, 5]) {
        for (const flag of flags) {
          const nan = device.fill(M * N, NaN) // what the pool hands out again must not shine through
          device.free(nan)
          await compare(device, [M, N, 0], flag)
        }
      }
    }
    for (const flag of flags) {
      await compare(device, [0, 5, 3], flag)
      await compare(device, [5, 0, 3], flag)
      await compare(device, [2, 0, 3], flag)
    }
  })

  test(`${precision}: NaN and infinity reach exactly the elements they belong to`, async () => {
    const a = view(device, [5, 6])
    const b = view(device, [6, 7])
    const put = (x: View, at: number, value: number) =>
      device.copyInto({ memory: x.memory, offset: at, shape: [1] }, constant(device, [1], value))
    put(a, 3 * 6 + 2, NaN) // row 3 of the product
    put(b, 1 * 7 + 6, Infinity) // column 6
    const c = await device.read({ memory: device.matmul(a, b, false, false), offset: 0, shape: [5, 7] })
    c.forEach((v, i) => {
      if (Math.floor(i / 7) === 3) assert.ok(Number.isNaN(v), `element ${i}`)
      else assert.is(Math.abs(v) === Infinity, i % 7 === 6, `element ${i}`)
    })
  })

  test(`${precision}: the same bits whatever ran before`, async () => {
    const a = view(device, [21, 300])
    const b = view(device, [300, 19])
    const shape = [21, 19]
    const product = () => device.read({ memory: device.matmul(a, b, false, false), offset: 0, shape })
    const before = await product()
    device.matmul(constant(device, [600, 600], NaN), view(device, [600, 600]), true, true)
    assert.equal(await product(), before)
  })
}

test('the rows of a product do not depend on how many there are', async () => {
  const device = devices.float64
  const a = view(device, [9, 300])
  const b = view(device, [89, 300])
  const all = await device.read({ memory: device.matmul(a, b, false, true), offset: 0, shape: [9, 89] })
  for (let i = 0; i < 9; i++) {
    const row = { memory: a.memory, offset: i * 300, shape: [1, 300] }
    const one = await device.read({ memory: device.matmul(row, b, false, true), offset: 0, shape: [1, 89] })
    assert.equal(one, all.slice(i * 89, (i + 1) * 89))
  }
})

test.run()

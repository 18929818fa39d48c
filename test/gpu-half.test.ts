// Weights in float16 on the gpu: their bits, and products with them. Read natively where the adapter has
// shader-f16 (UNROLLED_ADAPTER=llvmpipe), and unpacked everywhere.
//
// Rounding w to 11 digits changes it by at most 2^-11 |w|, and below 2^-14 by at most 2^-25. Nothing else
// changes: against float32 with weights rounded on the host, float32's own tolerances remain
// (gpu-matmul, gpu-fused). Against weights that are not rounded, a sum over k of a_k w_k moves by at most
// 2^-11 sum |a_k w_k| + 2^-25 sum |a_k|; what that does to a whole sequence is the matter of gpu-half-nets.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import type { GpuDevice } from '../src/gpu/device.ts'
import { type GemmKernel, traitsOf } from '../src/gpu/gemm-choice.ts'
import { multiply } from '../src/gpu/matmul.ts'
import { openGpu } from '../src/gpu/open.ts'
import { narrowF16, widenF16 } from '../src/half.ts'
import { matmul } from '../src/ops/matmul.ts'
import { random } from '../src/random.ts'
import { parameter, Scope, unowned, untracked } from '../src/scope.ts'
import { dispose, type Tensor, tensor } from '../src/tensor.ts'
import { testAdapter } from './gpu-adapter.ts'
import { difference } from './golden-numbers.ts'

const test = suite('gpu: weights in float16')
const judge = cpu({ precision: 'float64' })
const open = (native: boolean) => openGpu({ ...testAdapter, weights: 'float16' }, { native })
const unpacked = await open(false)
const hasNative = unpacked.gpu.features.has('shader-f16')
const devices = [unpacked, ...(hasNative ? [await open(true)] : [])]
if (!hasNative) console.log(`${unpacked.name} has no shader-f16: float16 is only unpacked here`)

const rounded = (list: ArrayLike<number>) => widenF16(narrowF16(Float32Array.from(list)))
const make = (device: Device, list: ArrayLike<number>, ...shape: number[]) =>
  parameter(() => tensor(list, { shape, device }))

/** Every number that a half holds, those in the middle between two, just beside it, and others. */
function telling(): Float32Array {
  const halves = widenF16(Uint16Array.from({ length: 0x7c00 }, (_, bits) => bits))
  const middles = halves.slice(1).map((x, i) => (x + halves[i]) / 2)
  const beside = [...middles].flatMap((x) => [x * (1 + 2 ** -23), x * (1 - 2 ** -23)])
  const others = Array.from(random(1).normal(999), (x, i) => x * 2 ** (i % 40 - 30))
  const positive = [...halves, ...middles, ...beside, ...others, 65519, 1e-30, 2 ** -25, 2 ** -26]
  return Float32Array.from([...positive, ...positive.map((x) => -x)])
}

for (const device of devices) {
  const kind = String(device.halves)

  test(`${kind}: numbers are rounded as on the host, bit for bit, and read as such`, async () => {
    const w = telling()
    const x = make(device, w, 1, w.length)
    const size = { K: 1, N: Math.ceil(w.length / 4), strides: [w.length, 4, 1] as const }
    const columns = { parts: 4, perColumn: 4, perPart: 1, units: w.length }
    const packing = { w: x, ...size, columns }
    const packed = device.take(device.packer.sizeOf(packing))
    device.packer.pack(packing, packed.buffer!)
    const bits = await device.read({ memory: packed, offset: 0, shape: [packed.length] })
    const found = new Uint16Array(bits.buffer, 0, w.length)
    const right = narrowF16(w)
    const wrong = w.findIndex((_, i) => found[i] !== right[i])
    assert.is(wrong, -1, `${w[wrong]}: ${found[wrong]}, not ${right[wrong]}`)
    // 1 w = w. WGSL lets a driver read 0 for less than 2^-14.
    const one = make(device, [1], 1, 1)
    const y = untracked(() => matmul(one, x))
    const read = await y.read()
    const back = widenF16(right)
    back.forEach((v, i) => {
      if (read[i] !== v && !(read[i] === 0 && Math.abs(v) < 2 ** -14)) assert.is(read[i], v)
    })
    const flushed = back.filter((v, i) => v !== 0 && read[i] === 0).length
    assert.ok(flushed === 0 || flushed === back.filter((v) => v !== 0 && Math.abs(v) < 2 ** -14).length,
      'all of those are kept, or none')
    device.free(packed)
    dispose([x, one, y])
  })

  test(`${kind}: products of few rows, against rounded weights and against others`, async () => {
    const sizes = [[1, 1, 1], [1, 63, 65], [2, 64, 64], [4, 257, 33], [5, 30, 257], [32, 65, 7]]
    for (const [M, N, K] of sizes) {
      for (const transposeB of [false, true]) {
        const [a, w] = [random(1).normal(M * K), random(2).normal(K * N)]
        await near(device, { a, w, M, N, K, transposeB }, async () => {
          const [A, B] = [make(device, a, M, K), make(device, w, ...(transposeB ? [N, K] : [K, N]))]
          const y = untracked(() => matmul(A, B, { transposeB }))
          const list = await y.read()
          dispose([A, B, y])
          return list
        })
      }
    }
  })

  const kernels: GemmKernel[] = ['skinny', 'block']
  if (traitsOf(device).eightLanes) kernels.push('lanes')
  for (const kernel of kernels) {
    test(`${kind}: forced, ${kernel}`, async () => {
      for (const [M, N, K] of [[1, 72, 36], [3, 67, 37], [9, 66, 40]]) {
        for (const transposeB of [false, true]) {
          const [a, w] = [random(3).normal(M * K), random(4).normal(K * N)]
          await near(device, { a, w, M, N, K, transposeB }, async () => {
            const [A, B] = [make(device, a, M, K), make(device, w, ...(transposeB ? [N, K] : [K, N]))]
            const c = device.take(M * N)
            const factor = (view: Tensor, transpose: boolean) =>
              ({ buffer: device.floats('test', view), view, transpose })
            multiply(device, factor(A, false), factor(B, transposeB), { buffer: c.buffer!, offset: 0 }, {},
              { kernel })
            const list = await device.read({ memory: c, offset: 0, shape: [M * N] })
            device.free(c)
            dispose([A, B])
            return list
          })
        }
      }
    })
  }

  test(`${kind}: more rows, and what is no parameter, are read as float32`, async () => {
    const [M, N, K] = [33, 20, 30]
    const w = random(2).normal(K * N)
    const [A, B] = [make(device, random(1).normal(M * K), M, K), make(device, w, K, N)]
    using scope = new Scope()
    const many = await matmul(A, B).read()
    const row = tensor(random(1).normal(M * K).slice(0, K), { shape: [1, K], device })
    const owned = await matmul(row, tensor(w, { shape: [K, N], device })).read()
    const state = unowned(() => tensor(w, { shape: [K, N], device }))
    const unmarked = await matmul(row, state).read()
    const right = await matmul(make(judge, random(1).normal(M * K), M, K), make(judge, w, K, N)).read()
    assert.ok(difference(many, right) < 1e-6)
    assert.ok(difference(owned, right.slice(0, N)) < 1e-6)
    assert.equal(unmarked, owned)
    dispose([A, B, state])
    scope.close()
  })
}

interface Given {
  a: Float64Array
  w: Float64Array
  M: number
  N: number
  K: number
  transposeB: boolean
}

/** Both bounds of the head of this page. */
async function near(
  device: GpuDevice, { a, w, M, N, K, transposeB }: Given, on: () => Promise<ArrayLike<number>>,
): Promise<void> {
  const found = await on()
  const a32 = Float32Array.from(a)
  const w32 = Float32Array.from(w)
  const half = rounded(w32)
  for (let i = 0; i < M * N; i++) {
    const [m, n] = [Math.floor(i / N), i % N]
    let [plain, right, size, left, squares] = [0, 0, 0, 0, 0]
    for (let k = 0; k < K; k++) {
      const at = transposeB ? n * K + k : k * N + n
      const x = a32[m * K + k]
      plain += x * w32[at]
      right += x * half[at]
      size += Math.abs(x * w32[at])
      left += Math.abs(x)
      squares += (x * half[at]) ** 2
    }
    const float32 = 4 * (Math.sqrt(K) + 1) * 2 ** -24 * Math.sqrt(K * squares)
    const what = `${device.halves} ${M} ${N} ${K} ${transposeB}: element ${i} is ${found[i]}`
    assert.ok(Math.abs(found[i] - right) <= float32, `${what}, not ${right}`)
    assert.ok(Math.abs(found[i] - plain) <= 2 ** -11 * size + 2 ** -25 * left + float32,
      `${what}, too far from ${plain}`)
  }
}

test('what float16 does not hold is told when something is read, in one line', async () => {
  for (const value of [65520, -1e6, NaN, Infinity]) {
    for (const native of hasNative ? [true, false] : [false]) {
      const device = await open(native)
      const [a, w] = [make(device, [1, 2], 1, 2), make(device, [65519, 1, value, 2], 2, 2)]
      untracked(() => matmul(a, w)).dispose()
      let message = ''
      await a.read().catch((error: Error) => { message = error.message })
      assert.is(message, `${device.name}: a weight of shape [2, 2] holds NaN or a number beyond 65504, ` +
        "which float16 does not hold; open the gpu with weights: 'float32'")
      device.close()
    }
  }
})

test('a copy is kept until its matrix is written to, and given back with it', async () => {
  const device = devices[0]
  const [a, w] = [make(device, [1, 2], 1, 2), make(device, [3, 4, 5, 6], 2, 2)]
  const before = device.memory().buffers
  const product = async () => {
    const started = device.recorder.dispatches
    const y = untracked(() => matmul(a, w))
    const dispatches = device.recorder.dispatches - started
    const list = await y.read()
    y.dispose()
    return { list: Array.from(list), dispatches }
  }
  assert.equal(await product(), { list: [13, 16], dispatches: 2 })
  assert.equal(await product(), { list: [13, 16], dispatches: 1 })
  const other = make(device, [1, 1, 1, 2 ** -12 + 1], 2, 2)
  w.assign(other)
  other.dispose()
  assert.equal((await product()).list, [3, 3])
  assert.is(device.memory().buffers, before + 1)
  dispose([a, w])
  assert.is(device.memory().buffers, before - 2)
})

test('an option that is neither is refused', async () => {
  let message = ''
  const weights = 'half' as string as 'float16'
  await openGpu({ ...testAdapter, weights }).catch((error: Error) => { message = error.message })
  assert.is(message, "gpu: weights is \"half\"; it must be 'float32' or 'float16'")
  const slip = { ...testAdapter, weight: 'float16' }
  await openGpu(slip).catch((error: Error) => { message = error.message })
  assert.is(message, 'gpu: there is no option weight; did you mean weights?')
})

test.run()

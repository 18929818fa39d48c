// Matrix products in the shapes of training: GFLOP/s (2 M N K / time) on one core, and the triple loop's.
//
// float32 is timed before anything has run in float64, and again afterwards: V8 compiles a loop for the array
// types that it has met, and the two precisions must not slow each other down (src/cpu/instance.ts).

import { cpu } from '../src/cpu/device.ts'
import type { Device, View } from '../src/device.ts'
import { random } from '../src/random.ts'
import { printMachine, printTable, secondsPerCall, verify } from './harness.ts'
import { type Product, tripleLoop } from './triple-loop.ts'

// An LSTM with B = 32, T = 64, D = 64, H = 128 and V = 89, unless the name says otherwise.
const products: readonly Product[] = [
  { name: '256^3', M: 256, N: 256, K: 256 },
  { name: '512^3', M: 512, N: 512, K: 512 },
  { name: 'one step: h W^T', M: 32, N: 512, K: 128, transposeB: true },
  { name: 'one step: dh = dgates W', M: 32, N: 128, K: 512 },
  { name: 'one step: dW = dgates^T h', M: 512, N: 128, K: 32, transposeA: true },
  { name: 'all steps: x W^T', M: 2048, N: 512, K: 64, transposeB: true },
  { name: 'all steps: dW = dgates^T x', M: 512, N: 64, K: 2048, transposeA: true },
  { name: 'all steps: logits', M: 2048, N: 89, K: 128, transposeB: true },
  { name: 'sampling: h W^T', M: 1, N: 512, K: 128, transposeB: true },
  { name: 'sampling: logits', M: 1, N: 89, K: 128, transposeB: true },
  { name: 'B = 1: dh = dgates W', M: 1, N: 128, K: 512 },
]

function operands(device: Device, { M, N, K, transposeA, transposeB }: Product): [View, View] {
  const rng = random(1)
  const matrix = (rows: number, columns: number): View =>
    ({ memory: device.upload(rng.normal(rows * columns), device.dtype), offset: 0, shape: [rows, columns] })
  return [transposeA ? matrix(K, M) : matrix(M, K), transposeB ? matrix(N, K) : matrix(K, N)]
}

function gigaflops({ M, N, K }: Product, seconds: number): number {
  return (2 * M * N * K) / seconds / 1e9
}

function speed(device: Device, product: Product): number {
  const [a, b] = operands(device, product)
  const { transposeA = false, transposeB = false } = product
  const seconds = secondsPerCall(() => device.free(device.matmul(a, b, transposeA, transposeB)))
  for (const { memory } of [a, b]) device.free(memory)
  return gigaflops(product, seconds)
}

/** Checks that the device's product is the triple loop's, bit for bit; returns the speed of the loop. */
async function checkAndTimeLoop(device: Device, product: Product): Promise<number> {
  const { name, M, N, transposeA = false, transposeB = false } = product
  const [a, b] = operands(device, product)
  const memory = device.matmul(a, b, transposeA, transposeB)
  const found = await device.read({ memory, offset: 0, shape: [M, N] })
  const [A, B] = [await device.read(a) as Float32Array, await device.read(b) as Float32Array]
  const right = new Float32Array(M * N)
  tripleLoop(right, A, B, product)
  verify(name, right.every((value, i) => value === found[i]))
  const seconds = secondsPerCall(() => tripleLoop(right, A, B, product))
  for (const used of [a.memory, b.memory, memory]) device.free(used)
  return gigaflops(product, seconds)
}

printMachine()
const float32 = cpu()
const loop: number[] = []
for (const product of products) loop.push(await checkAndTimeLoop(float32, product))
const before = products.map((product) => speed(float32, product))
const double = products.map((product) => speed(cpu({ precision: 'float64' }), product))
const after = products.map((product) => speed(float32, product))

printTable(
  'Matrix products on one core, GFLOP/s; every float32 result equals the triple loop bit for bit',
  ['', 'M x N x K', 'float32', 'float64', 'float32 after it', 'triple loop', 'ratio'],
  products.map(({ name, M, N, K }, i) => [
    name, `${M} x ${N} x ${K}`, ...[before[i], double[i], after[i], loop[i]].map((v) => v.toFixed(2)),
    (before[i] / loop[i]).toFixed(1),
  ]),
)

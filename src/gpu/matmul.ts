// Matrix products on the gpu: which kernel for which shape. Next: kernels/matmul_naive.wgsl, the reference.

import type { Memory, View } from '../device.ts'
import { broadcastShapes, broadcastStrides, sizeOf } from '../shape.ts'
import type { GpuDevice } from './device.ts'
import type { Buffer } from './memory.ts'

/** A factor: its buffer, the view on it, whether its matrices are transposed. */
export interface Factor {
  readonly buffer: Buffer
  readonly view: View
  readonly transpose: boolean
}

/** C = op(A) op(B) for the last two axes; leading axes broadcast. */
export function matmul(device: GpuDevice, a: Factor, b: Factor): Memory {
  const [M, K] = lastTwo(a)
  const [, N] = lastTwo(b)
  const [leadA, leadB] = [a.view.shape.slice(0, -2), b.view.shape.slice(0, -2)]
  const batch = broadcastShapes('matmul', leadA, leadB)
  const count = sizeOf(batch)
  const c = device.take(count * M * N)
  // strides of the (at most two) leading axes, in elements
  const strides = (lead: readonly number[], size: number) =>
    [0, 0, ...broadcastStrides(lead, batch).map((n) => n * size)].slice(-2)
  device.launch({
    kernel: 'matmulNaive',
    buffers: [a.buffer, b.buffer, c.buffer!],
    values: [
      M, N, K, a.view.offset, b.view.offset, ...steps(a), ...steps(b), batch.at(-1) ?? 1,
      ...strides(leadA, M * K), ...strides(leadB, K * N),
    ],
    grid: { x: Math.ceil(N / 8), y: Math.ceil(M / 8), z: count },
  })
  return c
}

/** [rows, columns], after the transpose. */
function lastTwo({ view, transpose }: Factor): [number, number] {
  const [rows, columns] = view.shape.slice(-2) as [number, number]
  return transpose ? [columns, rows] : [rows, columns]
}

/** How far one row, and one column, is from the next. */
function steps({ view, transpose }: Factor): [number, number] {
  const width = view.shape.at(-1)!
  return transpose ? [1, width] : [width, 1]
}

// Sums and maxima on the gpu: which kernel, and into how many pieces a long reduction is cut.
//
//   many outputs        one thread each: neighbours read neighbours           kernels/reduce.wgsl
//   few, long ones      64 threads each, folded in halves                     kernels/reduce_rows.wgsl
//   very few, very long pieces first, then the pieces' results: two dispatches
//
// Next: matmul.ts.

import type { Memory, View } from '../device.ts'
import { sizeOf, stridesOf } from '../shape.ts'
import type { GpuDevice } from './device.ts'
import { traitsOf } from './gemm-choice.ts'
import type { Buffer, GpuMemory } from './memory.ts'
import { gridFor } from './recorder.ts'
import { mergeAxes } from './strides.ts'

/** Outputs from which one thread each fills a device; in software, where barriers are dear, that is soon. */
const ENOUGH = { hardware: 4096, software: 64 }
const MOST_RESULTS = 4096 // of the pieces of a very long reduction
const SHORT = 32 // elements that one thread adds up in no time
const PIECE = 4096 // elements of a very long reduction

/** One reduction: y[o, chunk] over the elements of a chunk. */
interface Plan {
  readonly outputs: number
  readonly count: number
  readonly offset: number
  /** size of the inner kept axis, strides of outer and inner */
  readonly kept: readonly [number, number, number]
  readonly reduced: readonly [number, number, number]
}

export function reduce(
  device: GpuDevice, op: 'sum' | 'max', x: View, axes: readonly number[],
): Memory {
  const X = device.floats(op, x)
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis))
  const strides = stridesOf(x.shape)
  const pick = (list: readonly number[], of: readonly number[]) => of.map((axis) => list[axis])
  const outputs = sizeOf(pick(x.shape, kept))
  const count = sizeOf(pick(x.shape, axes))
  const plan: Plan = {
    outputs, count, offset: x.offset,
    kept: twoAxes(pick(x.shape, kept), pick(strides, kept)),
    reduced: twoAxes(pick(x.shape, axes), pick(strides, axes)),
  }
  const chunks = outputs < MOST_RESULTS ? Math.min(MOST_RESULTS, Math.ceil(count / PIECE)) : 1
  const first = run(device, op, X, plan, Math.max(1, chunks))
  if (chunks <= 1) return first
  const y = run(device, op, first.buffer!, {
    outputs, count: chunks, offset: 0, kept: [outputs, 0, chunks], reduced: [chunks, 0, 1],
  }, 1)
  device.free(first)
  return y
}

function run(device: GpuDevice, op: 'sum' | 'max', X: Buffer, plan: Plan, chunks: number): GpuMemory {
  const { outputs, count, offset, kept, reduced } = plan
  const results = outputs * chunks
  const y = device.take(results)
  const piece = Math.ceil(count / chunks)
  const { software } = traitsOf(device)
  const together = results < (software ? ENOUGH.software : ENOUGH.hardware) && piece > SHORT
  const oneAxis = reduced[0] >= count
  device.launch({
    kernel: together ? 'reduceRows' : 'reduce', variant: `${op}${oneAxis ? '' : ' over two axes'}`,
    blanks: () => ({
      place: oneAxis ? 'r * params.r1' : 'r / params.rn * params.r0 + r % params.rn * params.r1',
      ...(op === 'sum' ? { first: '0.0', step: 'total + v' }
        : { first: 'bitcast<f32>(0xff800000u | (params.piece & 0u))', step: 'maximum(total, v)' }),
    }),
    buffers: [X, y.buffer!],
    values: [outputs, chunks, count, piece, offset, ...kept, ...reduced],
    grid: gridFor(results, together ? 1 : 64),
  })
  return y
}

/** Axes merged into two at most, as [size of the inner, stride of the outer, stride of the inner]. */
function twoAxes(shape: readonly number[], strides: readonly number[]): readonly [number, number, number] {
  if (sizeOf(shape) === 0) return [1, 0, 0]
  const { sizes, strides: [merged] } = mergeAxes(shape, [strides])
  const [inner, outer] = [sizes.at(-1) ?? 1, merged.at(-2) ?? 0]
  return [inner, outer, merged.at(-1) ?? 0]
}

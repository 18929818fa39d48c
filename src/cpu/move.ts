// Moving, reducing and indexing on the cpu device: strided windows, sums and maxima over axes, rows by index.
//
// window and place are each other's adjoint: one reads a strided region of x, the other writes x into one of
// a zero tensor. Sums are taken in float64 and rounded once.
// Next: device.ts, which gives these loops their memory.

import { UnrolledError } from '../check.ts'
import type { FloatArray, NumberArray } from '../device.ts'
import { type Shape, sizeOf, stridesOf } from '../shape.ts'
import { eachRun } from './elementwise.ts'

/** y[i...] = x[start + sum i_k strides_k] */
export function window(
  y: NumberArray, x: NumberArray, start: number, strides: readonly number[], shape: Shape,
): void {
  eachRun(shape, [strides], (iy, [offset], [step], n) => readRun(y, iy, x, start + offset!, step!, n))
}

/** y[start + sum i_k strides_k] = x[i...]; the rest of y is left as it is */
export function place(
  y: NumberArray, x: NumberArray, ix: number, start: number, strides: readonly number[], shape: Shape,
): void {
  eachRun(shape, [strides], (i, [offset], [step], n) => writeRun(y, start + offset!, step!, x, ix + i, n))
}

function readRun(y: NumberArray, iy: number, x: NumberArray, ix: number, step: number, n: number): void {
  for (let i = 0; i < n; i++) y[iy + i] = x[ix + i * step]
}

function writeRun(y: NumberArray, iy: number, step: number, x: NumberArray, ix: number, n: number): void {
  for (let i = 0; i < n; i++) y[iy + i * step] = x[ix + i]
}

/**
 * y = sum or max of x over the axes. Every element of x is visited once, in memory order; an element of y is
 * the running result of those that fall on it: y's strides are 0 along the reduced axes.
 */
export function reduce(
  op: 'sum' | 'max', y: FloatArray, x: FloatArray, ix: number, shape: Shape, axes: readonly number[],
): void {
  const kept = shape.map((n, axis) => (axes.includes(axis) ? 1 : n))
  const own = stridesOf(kept)
  const strides = shape.map((_, axis) => (axes.includes(axis) ? 0 : own[axis]))
  const totals = new Float64Array(sizeOf(kept)).fill(op === 'sum' ? 0 : -Infinity)
  const run = op === 'sum' ? sumRun : maxRun
  eachRun(shape, [strides], (i, [offset], [step], n) => run(totals, offset!, step!, x, ix + i, n))
  y.set(totals)
}

function sumRun(y: Float64Array, iy: number, step: number, x: FloatArray, ix: number, n: number): void {
  if (step === 0) {
    let sum = y[iy]
    for (let i = 0; i < n; i++) sum += x[ix + i]
    y[iy] = sum
  } else {
    for (let i = 0; i < n; i++) y[iy + i * step] = y[iy + i * step] + x[ix + i]
  }
}

function maxRun(y: Float64Array, iy: number, step: number, x: FloatArray, ix: number, n: number): void {
  // Math.max passes NaN on
  for (let i = 0; i < n; i++) y[iy + i * step] = Math.max(y[iy + i * step], x[ix + i])
}

/** y[t, b] = x[lengths_b - 1 - t, b] inside the sequence, x[t, b] past its end; x is [T, B, rest] */
export function reverseTime(
  y: FloatArray, x: FloatArray, ix: number, lengths: NumberArray, il: number,
  T: number, B: number, rest: number,
): void {
  for (let b = 0; b < B; b++) {
    const length = checkLength(lengths[il + b], b, T)
    for (let t = 0; t < T; t++) {
      const from = ix + ((t < length ? length - 1 - t : t) * B + b) * rest
      y.set(x.subarray(from, from + rest), (t * B + b) * rest)
    }
  }
}

/** y[n] = table[index_n]; table is [V, D], y [N, D] */
export function gatherRows(
  y: FloatArray, table: FloatArray, it: number, index: NumberArray, ii: number,
  N: number, V: number, D: number,
): void {
  for (let n = 0; n < N; n++) {
    const v = checkIndex('gather', index[ii + n], n, V)
    for (let d = 0; d < D; d++) y[n * D + d] = table[it + v * D + d]
  }
}

/** y[index_n] += rows[n]; y is [V, D], zero before */
export function scatterAddRows(
  y: FloatArray, rows: FloatArray, ir: number, index: NumberArray, ii: number,
  N: number, V: number, D: number,
): void {
  for (let n = 0; n < N; n++) {
    const v = checkIndex('scatterAdd', index[ii + n], n, V)
    for (let d = 0; d < D; d++) y[v * D + d] = y[v * D + d] + rows[ir + n * D + d]
  }
}

/** y[n, index_n] = 1, y zero before; a row whose index is `ignore` stays zero */
export function oneHot(
  y: FloatArray, index: NumberArray, ii: number, N: number, V: number, ignore: number | undefined,
  op: string,
): void {
  for (let n = 0; n < N; n++) {
    const v = index[ii + n]
    if (v !== ignore) y[n * V + checkIndex(op, v, n, V)] = 1
  }
}

export function checkIndex(op: string, v: number, n: number, V: number): number {
  if (v >= 0 && v < V) return v
  throw new UnrolledError(`${op}: index ${v} at position ${n} is out of range; it must be 0 to ${V - 1}`)
}

export function checkLength(length: number, b: number, T: number): number {
  if (length >= 0 && length <= T) return length
  throw new UnrolledError(
    `reverseTime: length ${length} at position ${b} is out of range; it must be 0 to ${T}`)
}

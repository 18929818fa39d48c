// Indices of the gpu device, on the host: checked as the cpu checks them, moved, and sorted for scatter-add.
// CPU twins: ../cpu/move.ts. Next: device.ts.

import { UnrolledError } from '../check.ts'
import type { View } from '../device.ts'
import { type Shape, sizeOf } from '../shape.ts'

/** @throws UnrolledError for the first of N indices that is not in 0 .. V - 1, nor the one to ignore */
export function checkRows(
  op: string, index: Int32Array, start: number, N: number, V: number, ignore?: number,
): void {
  for (let n = 0; n < N; n++) {
    const v = index[start + n]
    if ((v >= 0 && v < V) || v === ignore) continue
    throw new UnrolledError(`${op}: index ${v} at position ${n} is out of range; it must be 0 to ${V - 1}`)
  }
}

/** @throws UnrolledError for a length that is not in 0 .. T */
export function checkLengths(lengths: Int32Array, start: number, T: number, B: number): void {
  for (let b = 0; b < B; b++) {
    const length = lengths[start + b]
    if (length >= 0 && length <= T) continue
    throw new UnrolledError(
      `reverseTime: length ${length} at position ${b} is out of range; it must be 0 to ${T}`)
  }
}

/**
 * The numbers 0 .. N - 1 sorted by their index, equal ones in order (a counting sort), and after them where
 * each index begins: [N + V + 1].
 */
export function rowsByIndex(
  index: Int32Array, start: number, N: number, V: number,
): Int32Array<ArrayBuffer> {
  const out = new Int32Array(N + V + 1)
  const starts = out.subarray(N)
  for (let n = 0; n < N; n++) starts[index[start + n] + 1]++
  for (let v = 0; v < V; v++) starts[v + 1] += starts[v]
  const next = starts.slice()
  for (let n = 0; n < N; n++) out[next[index[start + n]]++] = n
  return out
}

/** y[i...] = x[start + sum i_k strides_k] */
export function windowOfIndices(
  x: Int32Array, start: number, strides: readonly number[], shape: Shape,
): Int32Array {
  const y = new Int32Array(sizeOf(shape))
  for (let i = 0; i < y.length; i++) {
    let rest = i
    let from = start
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += (rest % shape[axis]) * strides[axis]
      rest = Math.floor(rest / shape[axis])
    }
    y[i] = x[from]
  }
  return y
}

/** The parts one after another along the axis; hosts[k] holds the numbers of parts[k]. */
export function concatIndices(
  parts: readonly View[], hosts: readonly Int32Array[], axis: number,
): Int32Array {
  const pieces = parts.map((part) => sizeOf(part.shape.slice(axis))) // what lies together
  const row = pieces.reduce((sum, piece) => sum + piece, 0)
  const all = new Int32Array(row * sizeOf(parts[0].shape.slice(0, axis)))
  let start = 0
  parts.forEach(({ offset }, p) => {
    const piece = pieces[p]
    for (let at = start, k = offset; at < all.length && piece > 0; at += row, k += piece) {
      all.set(hosts[p].subarray(k, k + piece), at)
    }
    start += piece
  })
  return all
}

// Cross-entropy from logits, row by row. With m the largest x of a row and sum = sum over v of e^(x_v - m):
//
//   loss = log(sum) - (x_target - m)          dx_v = (e^(x_v - m) / sum - onehot_v) dloss
//
// Its definition is the composed form, ops/loss.ts. Where m is infinite, 0 stands for it, as there.
// Kernel twins: kernels/cross_entropy.wgsl, kernels/cross_entropy_gradient.wgsl. Next: device.ts.

import type { FloatArray, NumberArray } from '../device.ts'
import { checkIndex } from './move.ts'

export interface Rows {
  readonly N: number
  readonly V: number
  readonly x: FloatArray
  readonly ix: number
  readonly targets: NumberArray
  readonly it: number
  readonly ignore: number
}

/** How many targets are not to be ignored; the others must be classes. */
export function countTargets(targets: NumberArray, it: number, N: number, V: number, ignore: number): number {
  let count = 0
  for (let n = 0; n < N; n++) {
    const v = targets[it + n]
    if (v === ignore) continue
    checkIndex('crossEntropy', v, n, V)
    count++
  }
  return count
}

/** losses [N]; sums [N, 2] are m and sum of each row */
export function crossEntropyForward(rows: Rows, losses: FloatArray, sums: FloatArray): void {
  const { N, V, x, ix, targets, it, ignore } = rows
  for (let n = 0; n < N; n++) {
    const start = ix + n * V
    let m = -Infinity
    for (let v = 0; v < V; v++) m = Math.max(m, x[start + v])
    if (!(Math.abs(m) < Infinity)) m = 0
    let sum = 0
    for (let v = 0; v < V; v++) sum += Math.exp(x[start + v] - m)
    sums[2 * n] = m
    sums[2 * n + 1] = sum
    const target = targets[it + n]
    losses[n] = target === ignore ? 0 : Math.log(sum) - (x[start + target] - m)
  }
}

/** dx [N, V] for factor dy, which goes on by `step` from row to row: 1, or 0 for one number for all rows */
export function crossEntropyBackward(
  rows: Rows, factor: number, sums: FloatArray, dy: FloatArray, iy: number, step: number, dx: FloatArray,
): void {
  const { N, V, x, ix, targets, it, ignore } = rows
  for (let n = 0; n < N; n++) {
    const target = targets[it + n]
    const d = target === ignore ? 0 : factor * dy[iy + n * step]
    const m = sums[2 * n]
    const share = d / sums[2 * n + 1]
    const end = (n + 1) * V
    for (let i = n * V; i < end; i++) dx[i] = Math.exp(x[ix + i] - m) * share
    if (target !== ignore) dx[n * V + target] = dx[n * V + target] - d
  }
}

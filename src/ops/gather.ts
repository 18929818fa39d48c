// Rows by index: an embedding is a gather, its gradient a scatter-add (rows that are used twice get the sum),
// and the other way round. oneHot turns an index into a row that is 1 in one place. Indices are int32 and
// have no gradient, on purpose. Next: nn/linear.ts for the embedding; loss.ts for oneHot.

import { check, checkCount, show } from '../check.ts'
import { record } from '../tape.ts'
import { commonDevice, type Tensor } from '../tensor.ts'
import { checkIndices } from './elementwise.ts'
import { reshape } from './move.ts'

/**
 * y[..., :] = table[index[...], :]: table [V, D], index of any shape, y [...index, D].
 * This is what an embedding does.
 * @throws UnrolledError if an index is not in 0..V-1
 */
export function gather(table: Tensor, index: Tensor): Tensor {
  checkIndices('gather', index)
  const device = commonDevice('gather', [table, index])
  check(table.rank === 2, () => `gather: the table is ${show(table.shape)}; it must be [V, D]`)
  const [V, D] = table.shape as [number, number]
  const memory = device.gatherRows(table, index)
  return record('gather', [table, index], { memory, shape: [...index.shape, D] }, (dy) => [
    () => scatterAdd(reshape(dy, [index.size, D]), reshape(index, [index.size]), V),
    null,
  ])
}

/** y[v, :] = the sum of rows[n, :] over the n with index[n] = v: rows [N, D], index [N], y [count, D]. */
export function scatterAdd(rows: Tensor, index: Tensor, count: number): Tensor {
  checkIndices('scatterAdd', index)
  const device = commonDevice('scatterAdd', [rows, index])
  checkCount('scatterAdd: the number of rows', count)
  check(rows.rank === 2 && index.rank === 1 && rows.shape[0] === index.shape[0], () =>
    `scatterAdd: rows is ${show(rows.shape)}, index is ${show(index.shape)}; needed are [N, D] and [N]`)
  const memory = device.scatterAddRows(rows, index, count)
  return record('scatterAdd', [rows, index], { memory, shape: [count, rows.shape[1]] }, (dy) => [
    () => gather(dy, index),
    null,
  ])
}

/**
 * y[..., v] = 1 where v = index[...], else 0; rows whose index is `ignore` are all zeros.
 * @param op the name in errors, for an op that is made of this one
 * @throws UnrolledError if an index is neither in 0..count-1 nor `ignore`
 */
export function oneHot(index: Tensor, count: number, ignore?: number, op = 'oneHot'): Tensor {
  checkIndices(op, index)
  checkCount(`${op}: the number of classes`, count)
  const memory = index.device.oneHot(index, count, ignore, op)
  return record('oneHot', [index], { memory, shape: [...index.shape, count] }, () => [null])
}

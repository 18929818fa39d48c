// Reductions over axes: sum, mean, max, logsumexp. A repeated value's gradient is a sum; a summed value's
// gradient is repeated. `axes` may be one axis, several, or nothing for all; negative axes count from the
// end; `keep` leaves them as size 1. Next: softmax.ts, which shares logsumexp's care.

import { check, show } from '../check.ts'
import {
  broadcastAxes, broadcastShapes, checkValues, normalizeAxes, reducedShape, sameShape, type Shape,
} from '../shape.ts'
import { record } from '../tape.ts'
import { checkFloats, type Tensor } from '../tensor.ts'
import { add, detach, div, equal, exp, isFinite, log, mul, sub, where } from './elementwise.ts'
import { broadcastTo, reshape } from './move.ts'

export type Axes = number | readonly number[]

/** The sum of x over the axes. */
export function sum(x: Tensor, axes?: Axes, keep = false): Tensor {
  checkFloats('sum', x)
  const list = normalizeAxes('sum', axes, x.shape)
  const result = { memory: x.device.reduce('sum', x, list), shape: reducedShape(x.shape, list, keep) }
  const kept = reducedShape(x.shape, list, true)
  return record('sum', [x], result, (dy) => [() => broadcastTo(reshape(dy, kept), x.shape)])
}

/** The mean of x over the axes. */
export function mean(x: Tensor, axes?: Axes, keep = false): Tensor {
  checkFloats('mean', x)
  const list = normalizeAxes('mean', axes, x.shape)
  const count = list.reduce((n, axis) => n * x.shape[axis], 1)
  check(count > 0, () => `mean: x is ${show(x.shape)}; the mean of no values does not exist`)
  return mul(sum(x, list, keep), 1 / count)
}

/** The largest value over the axes; values that tie for it share its gradient equally. */
export function max(x: Tensor, axes?: Axes, keep = false): Tensor {
  checkFloats('max', x)
  const list = normalizeAxes('max', axes, x.shape)
  checkValues('max', x.shape, list)
  const result = { memory: x.device.reduce('max', x, list), shape: reducedShape(x.shape, list, keep) }
  const kept = reducedShape(x.shape, list, true)
  return record('max', [x], result, (dy, y) => [() => {
    const ties = equal(x, reshape(y, kept))
    return mul(div(ties, sum(ties, list, true)), reshape(dy, kept))
  }])
}

/**
 * m, the largest x over the axes (kept as size 1), for what is computed from x - m, so that nothing
 * overflows. It is a constant of the calculation: no result depends on it, so no gradient flows through it.
 * Where the largest x is infinite, m is 0: then x - m is never infinity - infinity.
 */
export function largest(x: Tensor, axes: Axes): Tensor {
  const found = detach(max(x, axes, true))
  return where(isFinite(found), found, 0)
}

/** log(sum(e^x)) over the axes, computed as m + log(sum(e^(x - m))); no finite x at all gives -infinity. */
export function logsumexp(x: Tensor, axes?: Axes, keep = false): Tensor {
  checkFloats('logsumexp', x)
  const list = normalizeAxes('logsumexp', axes, x.shape)
  checkValues('logsumexp', x.shape, list)
  const m = largest(x, list)
  const y = add(log(sum(exp(sub(x, m)), list, true)), m)
  return keep ? y : reshape(y, reducedShape(x.shape, list, false))
}

/** Sums x down to a shape that broadcasts to x's: the gradient of broadcasting. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  checkFloats('sumTo', x)
  if (sameShape(x.shape, shape)) return x
  check(sameShape(broadcastShapes('sumTo', shape, x.shape), x.shape), () =>
    `sumTo: ${show(shape)} does not broadcast to ${show(x.shape)}; sizes, from the right, must be equal or 1`)
  return reshape(sum(x, broadcastAxes(shape, x.shape)), shape)
}

// softmax and its logarithm, over one axis (the last, unless told). logSoftmax(x) = x - logsumexp(x) never
// overflows and never takes the log of zero; softmax(x) = e^(logSoftmax(x)). Next: loss.ts, built on them.

import { checkValues, normalizeAxis } from '../shape.ts'
import { checkFloats, type Tensor } from '../tensor.ts'
import { exp, sub } from './elementwise.ts'
import { logsumexp } from './reduce.ts'

/** log of the softmax: x - logsumexp(x) along the axis. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return sub(x, logsumexp(x, checkedAxis('logSoftmax', x, axis), true))
}

/** e^x / sum(e^x) along the axis: positive numbers that add up to 1. */
export function softmax(x: Tensor, axis = -1): Tensor {
  return exp(logSoftmax(x, checkedAxis('softmax', x, axis)))
}

function checkedAxis(op: string, x: Tensor, axis: number): number {
  checkFloats(op, x)
  const along = normalizeAxis(op, axis, x.shape)
  checkValues(op, x.shape, [along])
  return along
}

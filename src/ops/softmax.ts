// softmax and its logarithm, over one axis (the last, by default). Both start from s = x - m with m the
// largest x, so that nothing overflows, and m is never added back, so that large logits keep their digits:
//
//   logSoftmax(x) = s - log(sum(e^s))        softmax(x) = e^s / sum(e^s)
//
// Next: loss.ts, built on them.

import { checkValues, normalizeAxis } from '../shape.ts'
import { checkFloats, type Tensor } from '../tensor.ts'
import { div, exp, log, sub } from './elementwise.ts'
import { largest, sum } from './reduce.ts'

/** log of the softmax: x - logsumexp(x) along the axis. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const along = checkedAxis('logSoftmax', x, axis)
  const s = sub(x, largest(x, along))
  return sub(s, log(sum(exp(s), along, true)))
}

/** e^x / sum(e^x) along the axis: positive numbers that add up to 1. */
export function softmax(x: Tensor, axis = -1): Tensor {
  const along = checkedAxis('softmax', x, axis)
  const e = exp(sub(x, largest(x, along)))
  return div(e, sum(e, along, true))
}

function checkedAxis(op: string, x: Tensor, axis: number): number {
  checkFloats(op, x)
  const along = normalizeAxis(op, axis, x.shape)
  checkValues(op, x.shape, [along])
  return along
}

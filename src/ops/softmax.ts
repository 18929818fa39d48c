// softmax and its logarithm, over one axis (the last, by default). Both start from s = x - m with m the
// largest x, so that nothing overflows, and m is never added back, so that large logits keep their digits:
//
//   logSoftmax(x) = s - log(sum(e^s))        softmax(x) = e^s / sum(e^s)
//
// Along the last axis they are one op where the device has it; composed is their definition.
// Next: loss.ts, built on them.

import { TapeError } from '../check.ts'
import { adopt, isRecording, mayFuse } from '../context.ts'
import type { RowOps } from '../device.ts'
import { checkValues, normalizeAxis } from '../shape.ts'
import { record } from '../tape.ts'
import { checkFloats, Tensor } from '../tensor.ts'
import { div, exp, log, sub } from './elementwise.ts'
import { largest, sum } from './reduce.ts'

/** log of the softmax: x - logsumexp(x) along the axis. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const along = checkedAxis('logSoftmax', x, axis)
  const ops = rowOps(x, along)
  if (ops) return fused('logSoftmax', ops, x)
  const s = sub(x, largest(x, along))
  return sub(s, log(sum(exp(s), along, true)))
}

/** e^x / sum(e^x) along the axis: positive numbers that add up to 1. */
export function softmax(x: Tensor, axis = -1): Tensor {
  const along = checkedAxis('softmax', x, axis)
  const ops = rowOps(x, along)
  if (ops) return fused('softmax', ops, x)
  const e = exp(sub(x, largest(x, along)))
  return div(e, sum(e, along, true))
}

function rowOps(x: Tensor, along: number): RowOps | undefined {
  return along === x.rank - 1 && x.size > 0 && mayFuse() ? x.device.rows : undefined
}

/** As one op. Gradients: softmax y (dy - sum(dy y)), its logarithm dy - e^y sum(dy). */
function fused(op: 'softmax' | 'logSoftmax', ops: RowOps, x: Tensor): Tensor {
  const { shape } = x
  const D = shape.at(-1)!
  const log = op === 'logSoftmax'
  const rows = ({ memory, offset, size }: Tensor) => ({ memory, offset, shape: [size / D, D] })
  return record(op, [x], { memory: ops.softmax(rows(x), log), shape }, (dy, y) => [() => {
    if (isRecording()) throw new TapeError(`${op}: as one op it has no second derivative; use composed`)
    const memory = ops.softmaxGradient(y.memory, rows(dy), log)
    adopt(memory)
    return new Tensor(memory, 0, shape)
  }])
}

function checkedAxis(op: string, x: Tensor, axis: number): number {
  checkFloats(op, x)
  const along = normalizeAxis(op, axis, x.shape)
  checkValues(op, x.shape, [along])
  return along
}

// Losses, from logits where there is a choice: only then are they stable. Each is PyTorch's of the same name.
//
//   crossEntropy          -sum_v onehot(target)_v logSoftmax(x)_v         (nats)
//   binaryCrossEntropy    t softplus(-x) + (1 - t) softplus(x)            (nats), = softplus(x) - x t
//   mse (x - t)^2,  l1 |x - t|,  huber: d^2/2 for |d| <= delta, else delta (|d| - delta/2)
//
// Cross-entropy without weights is one op where the device has it (../cpu/loss.ts); composed, below, is its
// definition. Next: nn/cell.ts.

import { check, show, TapeError, UnrolledError } from '../check.ts'
import { adopt, isRecording, mayFuse } from '../context.ts'
import type { LossOps } from '../device.ts'
import { sameShape } from '../shape.ts'
import { record } from '../tape.ts'
import { checkFloats, commonDevice, Tensor } from '../tensor.ts'
import {
  abs, add, checkIndices, div, minimum, mul, neg, softplus, square, sub, where,
} from './elementwise.ts'
import { oneHot } from './gather.ts'
import { mean, sum } from './reduce.ts'
import { logSoftmax } from './softmax.ts'

export type Reduction = 'mean' | 'sum' | 'none'

export interface CrossEntropyOptions {
  /** targets with this value count for nothing; PyTorch's default is -100 */
  ignoreIndex?: number
  /** a weight for each class, [V]; the mean is then divided by the weights of the targets that count */
  weight?: Tensor
  reduction?: Reduction
}

/**
 * The cross-entropy in nats of logits [..., V] against targets [...] (int32).
 * @throws UnrolledError if a target is neither in 0..V-1 nor the ignored index
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { ignoreIndex = -100, weight, reduction = 'mean' } = options
  checkIndices('crossEntropy', targets)
  checkFloats('crossEntropy', ...(weight ? [logits, weight] : [logits]))
  const { loss: ops } = commonDevice('crossEntropy', [logits, targets])
  check(logits.rank >= 1 && sameShape(logits.shape.slice(0, -1), targets.shape), () =>
    `crossEntropy: logits is ${show(logits.shape)}, targets is ${show(targets.shape)}; ` +
    'needed are [..., V] and [...]')
  const V = logits.shape.at(-1)!
  check(weight === undefined || sameShape(weight.shape, [V]), () =>
    `crossEntropy: weight is ${show(weight!.shape)}; it must be [${V}], one for each class`)
  if (ops && !weight && mayFuse() && logits.size > 0) {
    const count = ops.countTargets(targets, V, ignoreIndex)
    checkReduction('crossEntropy', reduction)
    if (count > 0) return fusedCrossEntropy(ops, logits, targets, ignoreIndex, { reduction, count })
  }
  const hot = oneHot(targets, V, ignoreIndex, 'crossEntropy') // [..., V], zeros where ignored
  const weighted = weight ? mul(hot, weight) : hot
  // Chosen by where, not by a product: a class that a mask made impossible (logit -infinity) would be
  // 0 x infinity.
  const chosen = where(hot, logSoftmax(logits), 0)
  const losses = neg(sum(weight ? mul(chosen, weight) : chosen, -1)) // [...]
  if (reduction !== 'mean') return reduce('crossEntropy', losses, reduction)
  return div(sum(losses), sum(weighted))
}

/** The same as one op, its gradient (softmax - onehot) dy; count is how many targets are not ignored. */
function fusedCrossEntropy(
  ops: LossOps, logits: Tensor, targets: Tensor, ignore: number,
  { reduction, count }: { reduction: Reduction, count: number },
): Tensor {
  const { device, shape } = logits
  const rows = { memory: logits.memory, offset: logits.offset, shape: [targets.size, shape.at(-1)!] }
  const factor = reduction === 'mean' ? 1 / count : 1
  const { losses, sums } = ops.crossEntropyForward(rows, targets, ignore)
  if (isRecording()) adopt(sums)
  else device.free(sums)
  const total = () => {
    try {
      return ops.total(losses, factor)
    } finally {
      device.free(losses)
    }
  }
  const result = reduction === 'none' ? { memory: losses, shape: targets.shape }
    : { memory: total(), shape: [] }
  return record('crossEntropy', [logits, targets], result, (dy) => [() => {
    if (isRecording()) {
      throw new TapeError('crossEntropy: as one op it has no second derivative; composed(() => ...) has')
    }
    const memory = ops.crossEntropyBackward(rows, targets, ignore, factor, sums, dy)
    adopt(memory)
    return new Tensor(memory, 0, shape)
  }, null])
}

/** The cross-entropy in nats of logits against probabilities of the same shape, for yes-or-no outputs. */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor, reduction: Reduction = 'mean'): Tensor {
  checkSame('binaryCrossEntropy', logits, targets)
  // Nothing large is subtracted, so that a loss near zero, and its gradient, keep their digits.
  const yes = mul(targets, softplus(neg(logits)))
  const no = mul(sub(1, targets), softplus(logits))
  return reduce('binaryCrossEntropy', add(yes, no), reduction)
}

/** The squared error (x - t)^2. */
export function mse(x: Tensor, target: Tensor, reduction: Reduction = 'mean'): Tensor {
  checkSame('mse', x, target)
  return reduce('mse', square(sub(x, target)), reduction)
}

/** The absolute error |x - t|. */
export function l1(x: Tensor, target: Tensor, reduction: Reduction = 'mean'): Tensor {
  checkSame('l1', x, target)
  return reduce('l1', abs(sub(x, target)), reduction)
}

/** Squared near the target, absolute beyond delta (Huber 1964): m (|d| - m / 2) with m = min(|d|, delta). */
export function huber(
  x: Tensor, target: Tensor, options: { delta?: number, reduction?: Reduction } = {},
): Tensor {
  const { delta = 1, reduction = 'mean' } = options
  checkSame('huber', x, target)
  if (!(delta > 0)) throw new UnrolledError(`huber: delta is ${delta}; it must be a positive number`)
  const distance = abs(sub(x, target))
  const near = minimum(distance, delta)
  return reduce('huber', mul(near, sub(distance, mul(near, 0.5))), reduction)
}

function checkReduction(op: string, reduction: Reduction): void {
  if (['mean', 'sum', 'none'].includes(reduction)) return
  throw new UnrolledError(`${op}: reduction is ${String(reduction)}; it must be mean, sum or none`)
}

function reduce(op: string, losses: Tensor, reduction: Reduction): Tensor {
  checkReduction(op, reduction)
  if (reduction === 'mean') {
    check(losses.size > 0, () => `${op}: x is ${show(losses.shape)}; the mean of no values does not exist`)
    return mean(losses)
  }
  return reduction === 'sum' ? sum(losses) : losses
}

function checkSame(op: string, x: Tensor, target: Tensor): void {
  checkFloats(op, x, target)
  check(sameShape(x.shape, target.shape), () =>
    `${op}: shapes differ; x is ${show(x.shape)}, target is ${show(target.shape)}; they must be equal`)
}

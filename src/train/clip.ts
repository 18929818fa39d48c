// Gradient clipping: a bound on how far one update can go when gradients explode.
//
// A gradient that reaches back through T steps is a product of T Jacobians and can grow exponentially with T.
// Clipping keeps its direction and bounds its length (Pascanu, Mikolov, Bengio 2013, Algorithm 1):
//
//   norm = sqrt(sum of g^2),   scale = min(1, max / (norm + 1e-6)),   g <- scale g
//
// Nothing is read back: norm, clipped or not, finite or not are device scalars. A device may do it for all
// gradients at once (../device.ts, FlatOps). Next: optimizers.ts.

import { NonFiniteError, UnrolledError } from '../check.ts'
import { adopt, hasOwner, mayFuse, recordingTo } from '../context.ts'
import type { FlatOps } from '../device.ts'
import { abs, add, div, greater, isFinite, maximum, minimum, mul, sqrt, square } from '../ops/elementwise.ts'
import { sum } from '../ops/reduce.ts'
import { untracked } from '../scope.ts'
import { type GradientMap } from '../tape.ts'
import { checkFloats, checkTensor, Tensor } from '../tensor.ts'

/** Clipped gradients under the names they came with, and device scalars about those before clipping. */
export interface Clipped {
  readonly grads: GradientMap
  /** sqrt of the sum of squares over all gradients, before clipping */
  readonly norm: Tensor
  /** 1 if anything was changed, else 0 */
  readonly clipped: Tensor
  /** 1 if the norm is finite, else 0: what `applyIf` of an optimiser's update takes, to skip a broken step */
  readonly finite: Tensor
}

/**
 * All gradients scaled together so that their common norm is at most `max`. Equal to torch's clip_grad_norm_.
 * Results belong to the open tape or scope, with none open to the caller; gradients are read, never written.
 * A `max` of Infinity measures only; gradients stay as they are unless their norm is not finite.
 * @throws UnrolledError for a `max` that is not above 0, or no gradients at all
 */
export function clipByGlobalNorm(grads: ReadonlyMap<string, Tensor>, max: number): Clipped {
  checkBound('clipByGlobalNorm', grads, max)
  const flat = flatOps([...grads.values()])
  if (flat) return clipTogether(flat, grads, max)
  const { list, ...scalars } = untracked(() => {
    const norm = globalNorm([...grads.values()])
    const scale = scaleOf(norm, max)
    const list = [...grads.values()].map((g) => mul(g, scale))
    return { list, norm, clipped: greater(1, scale), finite: isFinite(norm) }
  })
  return { grads: named(grads, list), ...scalars }
}

/**
 * What does it for all at once, if there is such a thing. Its results are views of one memory, which only a
 * tape or scope gives back once.
 */
function flatOps(list: readonly Tensor[]): FlatOps | undefined {
  const flat = list[0].device.flat
  const total = list.reduce((sum, g) => sum + g.size, 0)
  return flat && total > 0 && flat.fits(total) && hasOwner() && recordingTo([], mayFuse) ? flat : undefined
}

function clipTogether(flat: FlatOps, grads: ReadonlyMap<string, Tensor>, max: number): Clipped {
  checkFloats('clipByGlobalNorm', ...grads.values())
  const { gradients, scalars } = flat.clip([...grads.values()], max)
  adopt(gradients)
  adopt(scalars)
  let end = 0
  const list = [...grads.values()].map((g) => {
    end += g.size
    return new Tensor(gradients, end - g.size, g.shape)
  })
  const [norm, clipped, finite] = [0, 1, 2].map((k) => new Tensor(scalars, k, []))
  return { grads: named(grads, list), norm, clipped, finite }
}

/**
 * Each gradient scaled by itself so that its own norm is at most `max`: torch's clip_grad_norm_, one
 * parameter at a time. `norms` holds the norm of each before clipping; `clipped` is 1 if any was clipped.
 * @throws UnrolledError for a `max` that is not above 0, or no gradients at all
 */
export function clipByNorm(
  grads: ReadonlyMap<string, Tensor>, max: number,
): Clipped & { readonly norms: GradientMap } {
  checkBound('clipByNorm', grads, max)
  const { list, norms, ...scalars } = untracked(() => {
    const norms = [...grads.values()].map((g) => globalNorm([g]))
    const scales = norms.map((norm) => scaleOf(norm, max))
    const list = [...grads.values()].map((g, i) => mul(g, scales[i]))
    const norm = globalNorm(norms)
    return { list, norms, norm, clipped: greater(1, scales.reduce(minimum)), finite: isFinite(norm) }
  })
  return { grads: named(grads, list), norms: named(grads, norms), ...scalars }
}

/**
 * Each single value kept between -max and max. Equal to torch.nn.utils.clip_grad_value_. A NaN stays a NaN.
 * @throws UnrolledError for a `max` that is not above 0, or no gradients at all
 */
export function clipByValue(grads: ReadonlyMap<string, Tensor>, max: number): Clipped {
  checkBound('clipByValue', grads, max)
  const { list, ...scalars } = untracked(() => {
    const list = [...grads.values()].map((g) => minimum(maximum(g, -max), max))
    const outside = [...grads.values()].map((g) => sum(greater(abs(g), max))).reduce(add) // how many values
    const norm = globalNorm([...grads.values()])
    return { list, norm, clipped: greater(outside, 0), finite: isFinite(norm) }
  })
  return { grads: named(grads, list), ...scalars }
}

/**
 * Waits for a norm and refuses one that is not finite: for those who would rather stop than skip the step.
 * @param what what it is, to begin the message with: "the gradient norm of step 12"
 * @throws NonFiniteError with the value and what can be done
 */
export async function requireFinite(norm: Tensor, what: string): Promise<void> {
  checkTensor('requireFinite', norm)
  checkNorm(await norm.item(), what)
}

/** The same for a norm that was read already. */
export function checkNorm(norm: number, what: string): void {
  if (Number.isFinite(norm)) return
  throw new NonFiniteError(
    `${what} is ${norm}; lower the learning rate or clip the gradients; ` +
    'new Tape({ watch: true }) and its check() name the op and step where it began')
}

/** The square root of the sum of squares over all tensors, a scalar. */
function globalNorm(list: readonly Tensor[]): Tensor {
  return sqrt(list.map((g) => sum(square(g))).reduce(add))
}

/** min(1, max / (norm + 1e-6)); the small number keeps a norm of zero apart */
function scaleOf(norm: Tensor, max: number): Tensor {
  return minimum(div(max, add(norm, 1e-6)), 1)
}

function named(grads: ReadonlyMap<string, Tensor>, list: readonly Tensor[]): GradientMap {
  return new Map([...grads.keys()].map((name, i) => [name, list[i]]))
}

function checkBound(op: string, grads: ReadonlyMap<string, Tensor>, max: number): void {
  if (!(max > 0)) throw new UnrolledError(`${op}: max is ${max}; it must be a number above 0`)
  if (grads.size === 0) throw new UnrolledError(`${op}: the map of gradients is empty; it needs at least one`)
}

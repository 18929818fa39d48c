// Dropout (Srivastava et al. 2014): each value is zeroed with probability p and the others grow by the factor
// 1 / (1 - p), so that the expectation stays. The numbers come from the generator that is passed in: with the
// same seed and position, the same mask. Leaving dropout out (evaluation) is not calling it.
// Next: ../random.ts for the generator; nn/recurrent.ts for its place between layers.

import { check, checkThat, show } from '../check.ts'
import { mayFuse } from '../context.ts'
import type { Random } from '../random.ts'
import { record } from '../tape.ts'
import { checkFloats, ones, type Tensor } from '../tensor.ts'
import { greater, mul } from './elementwise.ts'

/** Zeros with probability p, the rest scaled by 1 / (1 - p). */
export function dropout(x: Tensor, p: number, rng: Random): Tensor {
  checkFloats('dropout', x)
  checkThat(p >= 0 && p < 1, () => `dropout: p is ${p}; it must lie in [0, 1)`)
  checkThat(p === 0 || typeof rng?.take === 'function', () =>
    'dropout: it needs a generator; pass random(seed), or the generator that made the weights')
  if (p === 0) return x
  const [limit, factor] = [p - 2 ** -25, 1 / (1 - p)] // u is a multiple of 2^-24
  if (x.device.dropout && mayFuse()) return masked(x, limit, factor, rng.key, rng.take(x.size))
  return mul(x, mul(greater(uniformLike(x, rng), limit), factor))
}

/**
 * Dropout of a sequence x [T, ...] with one mask for all steps, called locked or variational dropout: Gal and
 * Ghahramani 2016, section 4.
 */
export function lockedDropout(x: Tensor, p: number, rng: Random): Tensor {
  checkFloats('lockedDropout', x)
  check(x.rank >= 2, () => `lockedDropout: x is ${show(x.shape)}; its first axis must be time, [T, B, ...]`)
  return mul(x, dropout(ones(x.shape.slice(1), x.device), p, rng))
}

/** Dropout as one op, which keeps no mask: for the gradient, dy is masked by the same numbers. */
function masked(
  x: Tensor, limit: number, factor: number, key: readonly [number, number], counter: number,
): Tensor {
  const memory = x.device.dropout!(x, limit, factor, key, counter)
  return record('dropout', [x], { memory, shape: x.shape }, (dy) =>
    [() => masked(dy, limit, factor, key, counter)])
}

/** A tensor of x's shape with uniform numbers in [0, 1); no gradient, on purpose. */
function uniformLike(x: Tensor, rng: Random): Tensor {
  const memory = x.device.uniform(x.size, rng.key, rng.take(x.size))
  return record('uniform', [x], { memory, shape: x.shape }, () => [null])
}

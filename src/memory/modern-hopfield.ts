// The modern Hopfield net (Ramsauer et al. 2020, "Hopfield networks is all you need"): continuous patterns,
// exponentially many of them, and recall in one step. The columns of X are the patterns, xi is the state:
//
//   E = -lse(beta, X^T xi) + 1/2 xi^T xi + 1/beta log N + 1/2 M^2     eq. 2; M: the longest pattern's length
//   xi <- X softmax(beta X^T xi)                                      eq. 3: E never rises
//
// One step from each of several states is attention: softmax(beta Q K^T) K with queries Q and keys K, and
// with beta = 1 / sqrt(d) that of a Transformer (eq. 10). Read next: hopfield.ts, ../ops/softmax.ts.

import { checkCount, checkThat } from '../check.ts'
import { checkOptionNames } from '../suggest.ts'

export interface ModernHopfieldOptions {
  /** X: N patterns of d finite numbers each */
  readonly patterns: readonly ArrayLike<number>[]
  /** the higher, the fewer patterns are mixed; 1 / sqrt(d) by default, as in attention */
  readonly beta?: number
}

export interface ModernHopfield {
  /** d */
  readonly size: number
  readonly beta: number
  /** E of a state, [d]: from (M - |xi|)^2 / 2 to (M + |xi|)^2 / 2, so never below 0 */
  energy(state: ArrayLike<number>): number
  /** softmax(beta X^T xi), [N]: how much each pattern has to do with the state */
  weights(state: ArrayLike<number>): Float64Array
  /** The state, [d], after so many steps of eq. 3; 1 by default. */
  recall(state: ArrayLike<number>, steps?: number): Float64Array
}

/**
 * A net that has stored the patterns (Ramsauer et al. 2020, eq. 2 and 3).
 * @throws UnrolledError when the patterns do not fit, or beta is not positive
 */
export function modernHopfield(options: ModernHopfieldOptions): ModernHopfield {
  checkOptionNames('modernHopfield', options, ['patterns', 'beta'])
  const { patterns } = options
  checkThat(patterns?.length > 0, () => 'modernHopfield: there is no pattern; store at least one')
  const stored = patterns.map((pattern) => Float64Array.from(pattern))
  const size = stored[0].length
  const beta = options.beta ?? 1 / Math.sqrt(size)
  checkThat(beta > 0 && beta < Infinity, () =>
    `modernHopfield: beta is ${beta}; it must be a positive number`)
  stored.forEach((pattern, k) => checkVector(`modernHopfield: pattern ${k}`, pattern, size))
  const longest = Math.max(...stored.map((pattern) => dot(pattern, pattern))) // M^2

  const weights = (state: ArrayLike<number>): Float64Array => {
    checkVector('weights: the state', state, size)
    const scores = Float64Array.from(stored, (pattern) => beta * dot(pattern, state))
    const top = Math.max(...scores)
    const powers = scores.map((score) => Math.exp(score - top)) // never overflows
    const total = powers.reduce((sum, power) => sum + power, 0)
    return powers.map((power) => power / total)
  }
  const step = (state: ArrayLike<number>): Float64Array => {
    const mixed = new Float64Array(size)
    weights(state).forEach((weight, k) => {
      for (let i = 0; i < size; i++) mixed[i] += weight * stored[k][i]
    })
    return mixed
  }
  return {
    size, beta, weights,
    energy(state) {
      checkVector('energy: the state', state, size)
      const scores = stored.map((pattern) => beta * dot(pattern, state))
      const top = Math.max(...scores)
      const lse = (top + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - top), 0))) / beta
      return -lse + dot(state, state) / 2 + Math.log(stored.length) / beta + longest / 2
    },
    recall(state, steps = 1) {
      checkCount('recall: steps', steps)
      checkVector('recall: the state', state, size)
      let xi = step(state)
      for (let k = 1; k < steps; k++) xi = step(xi)
      return xi
    },
  }
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

function checkVector(what: string, values: ArrayLike<number>, size: number): void {
  checkThat(size > 0 && values?.length === size, () =>
    `${what} has ${values?.length ?? 'no'} numbers; it must have ${Math.max(size, 1)}`)
  for (let i = 0; i < size; i++) {
    checkThat(Number.isFinite(values[i]), () => `${what}: number ${i} is ${values[i]}; it must be finite`)
  }
}

// A readout that learns while the net runs: recursive least squares (Jaeger 2003, "Adaptive nonlinear system
// identification with echo state networks", section 4). P is the inverse of ridge I + sum x x^T:
//
//   k = P x / (forgetting + x^T P x),  W += k (y - x^T W)^T,  P = (P - k x^T P) / forgetting
//
// With forgetting 1 it is, after each step, the ridge regression on all steps so far. Steps of gradient
// descent (LMS) would take far longer: a reservoir's states differ in size by many powers of ten.
// Read next: echo-state.ts; least-squares.ts, for all steps at once.

import { checkParts, checkThat } from '../check.ts'
import { checkOptionNames } from '../suggest.ts'
import { type EchoState, inverse } from './echo-state.ts'

export interface RecursiveOptions {
  /** how firmly the weights are held at 0 in the beginning; 1 by default. Far below 1e-8 rounding wins */
  readonly ridge?: number
  /** what each step's error counts after one more step, above 0 to 1; 1 by default: nothing is forgotten */
  readonly forgetting?: number
}

export interface Learner {
  /**
   * One step of the net and one of its readout; what is fed back is the target.
   * @param input u_n, [D]
   * @param target y_n, [O]
   * @returns the output before the readout has learnt from the target, [O]
   */
  learn(input: ArrayLike<number>, target: ArrayLike<number>): Float64Array
}

/**
 * Lets the readout of a net learn from its present state on.
 * @throws UnrolledError for options that do not fit
 */
export function recursiveLeastSquares(net: EchoState, options: RecursiveOptions = {}): Learner {
  checkOptionNames('recursiveLeastSquares', options, ['ridge', 'forgetting'])
  const { ridge = 1, forgetting = 1 } = options
  checkThat(ridge > 0 && ridge < Infinity, () =>
    `recursiveLeastSquares: ridge is ${ridge}; it must be a positive number`)
  checkThat(forgetting > 0 && forgetting <= 1, () =>
    `recursiveLeastSquares: forgetting is ${forgetting}; it must be above 0 and at most 1`)
  checkParts('recursiveLeastSquares: the net', net, ['features', 'outputs', 'readout'],
    'a reservoir, such as echoState() makes')
  const { features: F, outputs: O, readout } = net
  const P = new Float64Array(F * F)
  for (let i = 0; i < F; i++) P[i * F + i] = 1 / ridge
  let fed: Float64Array | undefined
  return {
    learn(input, target) {
      checkThat(target?.length === O, () =>
        `learn: the target has ${target?.length ?? 'no'} numbers; it must have ${O}`)
      const x = net.step(input, fed)
      const y = net.read(x)
      fed = Float64Array.from(target)
      const k = gains(P, x, forgetting)
      for (let o = 0; o < O; o++) {
        let error = inverse(net, fed[o])
        for (let i = 0; i < F; i++) error -= x[i] * readout[i * O + o]
        for (let i = 0; i < F; i++) readout[i * O + o] += k[i] * error
      }
      return y
    },
  }
}

/** k; and P for the next step. */
function gains(P: Float64Array, x: Float64Array, forgetting: number): Float64Array {
  const F = x.length
  const Px = new Float64Array(F)
  let total = forgetting
  for (let i = 0; i < F; i++) {
    for (let j = 0; j < F; j++) Px[i] += P[i * F + j] * x[j]
    total += x[i] * Px[i]
  }
  for (let i = 0; i < F; i++) {
    for (let j = 0; j <= i; j++) { // both halves from one number, so that P stays symmetric
      const value = (P[i * F + j] - Px[i] * Px[j] / total) / forgetting
      P[i * F + j] = value
      P[j * F + i] = value
    }
  }
  return Px.map((value) => value / total)
}

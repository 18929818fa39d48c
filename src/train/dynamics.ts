// Small nets in plain numbers, each with the two Jacobians of its step, for real-time recurrent learning.
//
//   a = W_ih x + b_ih + W_hh h + b_hh      the sums [R]
//   s_t = F(a, s_{t-1})                    the state, whose first H numbers are h
//
// With F_a = dF/da and F_s = dF/ds, both written down by hand:
//   ds_t/ds_{t-1} = F_a W_hh (for the columns of h) + F_s          ds_t/dW_rj = F_a[., r] (x or h)_j
// Next: rtrl.ts.

import { checkCount, UnrolledError } from '../check.ts'
import { checkOptionNames } from '../suggest.ts'

export type Numbers = readonly number[] | Float64Array

/** A net for rtrl; any cell whose Jacobians can be written down. Matrices lie row by row. */
export interface Dynamics {
  /** D, O, S, W; y is the first O numbers of the state */
  readonly inputs: number
  readonly outputs: number
  readonly states: number
  readonly weights: number
  /** s_t [S], ds_t/ds_{t-1} [S, S], ds_t/dw with s_{t-1} held [S, W]; new arrays each time */
  step(w: Numbers, x: Numbers, state: Numbers): {
    state: Float64Array, byState: Float64Array, byWeights: Float64Array
  }
}

export interface DynamicsOptions {
  /** D */
  inputs: number
  /** H */
  hidden: number
  /** bias_ih and bias_hh; true by default */
  bias?: boolean
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

/**
 * An Elman cell, with weights in the order of elman's parameters: weight_ih [H, D], weight_hh [H, H],
 * bias_ih, bias_hh. With a loss on some of its units it is Williams and Zipser's fully recurrent net.
 */
export function elmanDynamics(
  options: DynamicsOptions & { nonlinearity?: 'tanh' | 'sigmoid' | 'logistic' },
): Dynamics {
  checkOptionNames('elmanDynamics', options, ['inputs', 'hidden', 'bias', 'nonlinearity'])
  const { hidden: H, nonlinearity = 'tanh' } = options
  if (!['tanh', 'sigmoid', 'logistic'].includes(nonlinearity)) {
    throw new UnrolledError(`elmanDynamics: nonlinearity is ${nonlinearity}; it must be tanh or logistic`)
  }
  const isTanh = nonlinearity === 'tanh'
  return fromSums('elmanDynamics', options, 1, 1, (sums, _, next, bySums) => {
    for (let k = 0; k < H; k++) {
      const y = isTanh ? Math.tanh(sums[k]) : logistic(sums[k])
      next[k] = y
      bySums[k * H + k] = isTanh ? 1 - y * y : y * (1 - y)
    }
  })
}

/** An LSTM cell, weights in the order of lstm's parameters, rows i f g o: weight_ih, weight_hh, biases. */
export function lstmDynamics(options: DynamicsOptions): Dynamics {
  checkOptionNames('lstmDynamics', options, ['inputs', 'hidden', 'bias'])
  const H = options.hidden
  const [R, S] = [4 * H, 2 * H]
  return fromSums('lstmDynamics', options, 4, 2, (sums, state, next, bySums, byState) => {
    for (let k = 0; k < H; k++) {
      const [i, f, g, o] = [0, 1, 2, 3].map((gate) =>
        (gate === 2 ? Math.tanh : logistic)(sums[gate * H + k]))
      const before = state[H + k]
      const c = f * before + i * g
      const shown = Math.tanh(c)
      next[k] = o * shown
      next[H + k] = c
      const slopes = [g * i * (1 - i), before * f * (1 - f), i * (1 - g * g)] // of c by the sums of i, f, g
      const through = o * (1 - shown * shown) // of h by c
      slopes.forEach((slope, gate) => {
        bySums[(H + k) * R + gate * H + k] = slope
        bySums[k * R + gate * H + k] = through * slope
      })
      bySums[k * R + 3 * H + k] = shown * o * (1 - o)
      byState[(H + k) * S + H + k] = f // of c by the c before
      byState[k * S + H + k] = through * f
    }
  })
}

/** F: fills s_t [S], F_a [S, R] and F_s [S, S], which come as zeros. */
type Units = (
  sums: Float64Array, state: Numbers, next: Float64Array, bySums: Float64Array, byState: Float64Array,
) => void

/** A net of affine sums: `gates` of them for each unit, `parts` numbers of state for each unit. */
function fromSums(
  name: string, options: DynamicsOptions, gates: number, parts: number, units: Units,
): Dynamics {
  const { inputs: D, hidden: H, bias = true } = options
  checkCount(`${name}: inputs`, D)
  checkCount(`${name}: hidden`, H)
  const [R, S, biases] = [gates * H, parts * H, bias ? 2 : 0]
  const W = R * (D + H + biases)
  const [hh, b] = [R * D, R * (D + H)] // where weight_hh and the biases begin

  return {
    inputs: D,
    outputs: H,
    states: S,
    weights: W,
    step(w, x, state) {
      const sums = new Float64Array(R)
      for (let r = 0; r < R; r++) {
        for (let j = 0; j < D; j++) sums[r] += w[r * D + j] * x[j]
        for (let j = 0; j < H; j++) sums[r] += w[hh + r * H + j] * state[j]
        for (let k = 0; k < biases; k++) sums[r] += w[b + k * R + r]
      }
      const next = new Float64Array(S)
      const bySums = new Float64Array(S * R)
      const byState = new Float64Array(S * S)
      const byWeights = new Float64Array(S * W)
      units(sums, state, next, bySums, byState)
      for (let s = 0; s < S; s++) {
        for (let r = 0; r < R; r++) {
          const slope = bySums[s * R + r]
          if (slope === 0) continue
          for (let j = 0; j < H; j++) byState[s * S + j] += slope * w[hh + r * H + j]
          const own = byWeights.subarray(s * W, (s + 1) * W)
          for (let j = 0; j < D; j++) own[r * D + j] = slope * x[j]
          for (let j = 0; j < H; j++) own[hh + r * H + j] = slope * state[j]
          for (let k = 0; k < biases; k++) own[b + k * R + r] = slope
        }
      }
      return { state: next, byState, byWeights }
    },
  }
}

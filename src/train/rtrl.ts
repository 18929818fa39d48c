// Real-time recurrent learning: the gradient travels forward with the state; nothing is ever run backward.
//
//   P_t = J_t P_{t-1} + D_t          P_t = ds_t/dw [S, W], beginning with zeros
//   dL/dw = sum over t of (dL_t/dy_t) P_t[outputs]
//
// J_t = ds_t/ds_{t-1} [S, S] and D_t [S, W], the part of ds_t/dw with s_{t-1} held, are the net's own
// (dynamics.ts). Williams and Zipser 1989, "A learning algorithm for continually running fully recurrent
// neural networks". A step costs S^2 W, about H^4, but memory does not grow with T. In plain float64, without
// a tensor or a tape: a judge for small nets that owes them nothing. Next: bptt.ts, the other way.

import { check, checkParts, checkThat, describe } from '../check.ts'
import { checkOptionNames } from '../suggest.ts'
import type { Dynamics, Numbers } from './dynamics.ts'

const shapeOf = (what: string, list: Numbers, length: number): void =>
  check(list?.length === length, () =>
    `rtrl: ${what} has ${list?.length ?? 'no'} numbers; it must have ${length}`)

/**
 * A net that runs for ever and has a gradient at every step. Weights may be changed in place between steps,
 * as Williams and Zipser do; if they change slowly, P_t is nearly what it would be had they always been so.
 */
export class Rtrl {
  /** W numbers, yours to change */
  readonly weights: Float64Array
  /** s_t */
  state: Float64Array
  private readonly net: Dynamics
  /** P_t [S, W] */
  private slopes: Float64Array

  /** @param state s_0; zeros unless given. @throws ShapeError for lists that do not fit the net */
  constructor(net: Dynamics, weights: Numbers, state: Numbers = new Float64Array(net?.states ?? 0)) {
    checkParts('rtrl: the net', net, ['states', 'weights', 'step'], 'dynamics, such as elmanDynamics() makes')
    shapeOf('weights', weights, net.weights)
    shapeOf('state', state, net.states)
    this.net = net
    this.weights = Float64Array.from(weights)
    this.state = Float64Array.from(state)
    this.slopes = new Float64Array(net.states * net.weights)
  }

  /** One step: x [D] -> y [O], the first numbers of the state. */
  step(x: Numbers): Float64Array {
    const { states: S, weights: W, inputs: D, outputs: O } = this.net
    shapeOf('x', x, D)
    const { state, byState, byWeights } = this.net.step(this.weights, x, this.state)
    const next = byWeights // D_t, to which J_t P_{t-1} is added
    for (let i = 0; i < S; i++) {
      for (let j = 0; j < S; j++) {
        const slope = byState[i * S + j]
        if (slope === 0) continue
        for (let p = 0; p < W; p++) next[i * W + p] += slope * this.slopes[j * W + p]
      }
    }
    this.slopes = next
    this.state = state
    return state.slice(0, O)
  }

  /** dL_t/dw [W] of the loss of the step just made, from dL_t/dy_t [O]. */
  gradient(dy: Numbers): Float64Array {
    const { weights: W, outputs: O } = this.net
    shapeOf('dy', dy, O)
    const total = new Float64Array(W)
    for (let k = 0; k < O; k++) {
      for (let p = 0; p < W; p++) total[p] += dy[k] * this.slopes[k * W + p]
    }
    return total
  }
}

export interface RtrlOptions {
  /** W numbers, in the order of the net's parameters */
  weights: Numbers
  /** x_1 .. x_T, [D] each */
  xs: readonly Numbers[]
  /** dL_t/dy_t [O] from y_t; t counts from 0 */
  dLoss: (y: Float64Array, t: number) => Numbers
  /** s_0; zeros unless given */
  state?: Numbers
}

/** The whole gradient of a sequence's loss, weights held: what full backpropagation through time gives. */
export function rtrl(
  net: Dynamics, options: RtrlOptions,
): { gradient: Float64Array, outputs: Float64Array[], state: Float64Array } {
  checkOptionNames('rtrl', options, ['weights', 'xs', 'dLoss', 'state'])
  const { weights, xs, dLoss, state } = options
  checkThat(xs?.length > 0, () => 'rtrl: xs is empty; it needs one step or more')
  checkThat(typeof dLoss === 'function', () =>
    `rtrl: dLoss is ${describe(dLoss)}; it must be a function from y_t and t to dL_t/dy_t`)
  const run = new Rtrl(net, weights, state)
  const gradient = new Float64Array(net.weights)
  const outputs = xs.map((x, t) => {
    const y = run.step(x)
    run.gradient(dLoss(y, t)).forEach((value, p) => { gradient[p] += value })
    return y
  })
  return { gradient, outputs, state: run.state }
}

// NARMA-10 (Atiya and Parlos 2000): a series that depends on ten of its own past values and on products of
// its input; the usual test of what a reservoir computes beyond remembering.
//
//   y_{t+1} = 0.3 y_t + 0.05 y_t (y_t + ... + y_{t-9}) + 1.5 u_{t-9} u_t + 0.1,  u uniform in 0 .. 0.5
//
// The rival is a linear regression on the last inputs: it remembers all and multiplies nothing. Now and then
// an input makes y grow without bound: it is drawn again. Read next: ../reservoir/echo-state.ts.

import type { Chart } from '../inspect/chart.ts'
import { type Random, random } from '../random.ts'
import { echoState } from '../reservoir/echo-state.ts'
import { leastSquares } from '../reservoir/least-squares.ts'
import { type Experiment, SEEDS } from './experiment.ts'

const UNITS = 100
const TAPS = 20 // inputs that the linear rival sees; more do not help it
const [WARMUP, LEARNT, TESTED] = [200, 2000, 2000]
const LENGTH = WARMUP + LEARNT + TESTED

export const narma10: Experiment = {
  name: 'narma10',
  shows: 'a reservoir computes what no linear filter of its input can',
  rule: 'NMSE of 100 units < 0.16, the best of a linear shift register in the literature, and < the one here',
  source: 'Atiya and Parlos 2000; Vinckier et al. 2015',
  seeds: SEEDS,
  async run({ seed, tell }) {
    const rng = random(seed)
    const { u, y, drawn } = series(rng)
    if (drawn > 1) await tell(`${drawn - 1} diverging input drawn again`)
    const split = WARMUP + LEARNT
    const net = echoState({
      inputs: 1, units: UNITS, outputs: 1, rng, spectralRadius: 0.9, inputScaling: 0.1, biasScaling: 0.5,
    })
    net.fit(u.subarray(0, split), y.subarray(0, split), { warmup: WARMUP, ridge: 1e-8 })
    const wanted = y.subarray(split)
    const reservoir = net.run(u.subarray(split))
    const register = shiftRegister(u, y, split)
    const measures = { nmse: nmse(reservoir, wanted), shiftRegister: nmse(register, wanted) }
    return {
      measures,
      passed: {
        'NMSE < 0.16': measures.nmse < 0.16,
        'NMSE < that of the shift register': measures.nmse < measures.shiftRegister,
      },
      picture: chart(wanted, reservoir, register, measures),
    }
  },
}

/** u_t and what is to be given at t: y_{t+1}. */
function series(rng: Random): { u: Float64Array, y: Float64Array, drawn: number } {
  for (let drawn = 1; ; drawn++) {
    const u = rng.uniform(LENGTH, 0, 0.5)
    const y = new Float64Array(LENGTH + 1)
    for (let t = 9; t < LENGTH; t++) {
      const recent = y.subarray(t - 9, t + 1).reduce((sum, value) => sum + value, 0)
      y[t + 1] = 0.3 * y[t] + 0.05 * y[t] * recent + 1.5 * u[t - 9] * u[t] + 0.1
    }
    if (y.every((value) => value < 10)) return { u, y: y.subarray(1), drawn } // NaN is not below 10 either
  }
}

/** Linear regression on 1 and the last inputs; what it gives from `split` on. */
function shiftRegister(u: Float64Array, y: Float64Array, split: number): Float64Array {
  const features = TAPS + 1
  const rows = (from: number, to: number): Float64Array => {
    const X = new Float64Array((to - from) * features).fill(1)
    for (let t = from; t < to; t++) for (let k = 0; k < TAPS; k++) X[(t - from) * features + k] = u[t - k]
    return X
  }
  const weights = leastSquares(rows(WARMUP, split), y.slice(WARMUP, split), { features, outputs: 1 })
  const X = rows(split, LENGTH)
  return Float64Array.from({ length: LENGTH - split }, (_, t) =>
    weights.reduce((sum, weight, k) => sum + weight * X[t * features + k], 0))
}

/** Mean squared error in units of the variance of what was wanted. */
function nmse(found: Float64Array, wanted: Float64Array): number {
  const mean = wanted.reduce((sum, y) => sum + y, 0) / wanted.length
  let [error, spread] = [0, 0]
  for (let t = 0; t < wanted.length; t++) {
    error += (found[t] - wanted[t]) ** 2
    spread += (wanted[t] - mean) ** 2
  }
  return error / spread
}

function chart(
  wanted: Float64Array, reservoir: Float64Array, register: Float64Array,
  measures: { nmse: number, shiftRegister: number },
): Chart {
  const points = (ys: Float64Array) => Array.from(ys.subarray(0, 100), (y, t) => [t, y] as const)
  const panel = (found: Float64Array, label: string, x: string | null) => ({
    height: 210, x: { label: x }, y: { label: 'y' },
    curves: [
      { points: points(wanted), ink: 'grey', width: 3, label: 'wanted' },
      { points: points(found), ink: 'blue', label },
    ],
  } as const)
  return {
    title: 'NARMA-10: a reservoir of 100 units, and a linear filter of the same input',
    look: 'Above the reservoir, below the shift register: grey what was wanted, blue what came.',
    caption: `NMSE ${measures.nmse.toFixed(3)} with the reservoir, ${measures.shiftRegister.toFixed(3)} ` +
      `with a linear regression on the last ${TAPS} inputs.`,
    panels: [panel(reservoir, 'reservoir', null), panel(register, 'register', 'steps')],
  }
}

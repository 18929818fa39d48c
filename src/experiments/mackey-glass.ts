// Jaeger 2001, section 3.5: an echo state network learns to go on with a chaotic series, by a linear
// regression alone. The series (Mackey and Glass 1977, delay 17; every tenth is kept, as tanh(y - 1)):
//
//   y_{n+1} = y_n + 0.1 (0.2 y_{n-170} / (1 + y_{n-170}^10) - 0.1 y_n)
//
// The net is fed with its own output; 3,000 steps are read, the first 1,000 not learnt from. NRMSE84 is the
// error 84 free steps after 1,000 that are read, over 50 places, in units of the series' own deviation.

import type { Chart } from '../inspect/chart.ts'
import { type Random, random } from '../random.ts'
import { echoState, type EchoState } from '../reservoir/echo-state.ts'
import { randomMatrix, sparse, spectralRadius } from '../reservoir/matrices.ts'
import { type Experiment, SEEDS } from './experiment.ts'

const LENGTH = 3000
const WARMUP = 1000
const AHEAD = 84
const PLACES = 50
const FREE = 1500 // steps of the free run that is drawn
const RIDGE = 1e-14 // on the squares of 2,000 steps: as little as float64 bears
const INPUT = 0.2 // constant: it only breaks the symmetry of tanh

export const mackeyGlass: Experiment = {
  name: 'mackey-glass',
  shows: 'a chaotic series is learnt by linear regression and gone on with for 84 steps',
  rule: 'NRMSE84 < 5e-3 with 400 units, < 1e-3 with 1,000',
  source: 'Jaeger 2001, section 3.5; Jaeger and Haas 2004',
  seeds: SEEDS,
  async run({ seed, tell }) {
    const small = await oneNet(400, seed)
    await tell(`400 units: NRMSE84 ${small.errors[AHEAD - 1].toExponential(1)}`)
    const large = await oneNet(1000, seed)
    await tell(`1000 units: NRMSE84 ${large.errors[AHEAD - 1].toExponential(1)}`)
    const measures = { nrmse400: small.errors[AHEAD - 1], nrmse1000: large.errors[AHEAD - 1] }
    return {
      measures,
      passed: {
        'NRMSE84 < 5e-3 with 400 units': measures.nrmse400 < 5e-3,
        'NRMSE84 < 1e-3 with 1,000 units': measures.nrmse1000 < 1e-3,
      },
      picture: chart(small, large),
    }

    async function oneNet(units: number, seed: number): Promise<Found> {
      const rng = random(seed)
      const learnt = series(LENGTH, rng)
      const net = draw(units, rng)
      await tell(null)
      net.fit(constant(LENGTH), learnt.map(squash), { warmup: WARMUP, ridge: RIDGE })
      await tell(null)
      return test(net, series(WARMUP + PLACES * AHEAD + FREE, rng))
    }
  },
}

const squash = (y: number): number => Math.tanh(y - 1)
const unsquash = (y: number): number => Math.atanh(y) + 1
const constant = (steps: number): Float64Array => new Float64Array(steps).fill(INPUT)

/** The series from a random past, without its first 1,000 steps. */
function series(steps: number, rng: Random): Float64Array {
  const delay = 170
  const forgotten = 1000
  const y = new Float64Array(delay + 1 + 10 * (steps + forgotten))
  y.set(rng.uniform(delay + 1, 1.1, 1.3))
  for (let n = delay; n < y.length - 1; n++) {
    y[n + 1] = y[n] + 0.1 * (0.2 * y[n - delay] / (1 + y[n - delay] ** 10) - 0.1 * y[n])
  }
  return Float64Array.from({ length: steps }, (_, k) => y[delay + 10 * (k + forgotten)])
}

/** Jaeger's net: eq. 21 with C = 0.44, a = 0.9, delta = 1; five weights to a unit, all of one size. */
function draw(units: number, rng: Random): EchoState {
  const signs = (n: number) => rng.uniform(n).map((u) => u < 0.5 ? -1 : 1)
  const full = randomMatrix(units, units, { density: 5 / units, rng, draw: signs })
  const radius = spectralRadius(sparse(units, units, full))
  const weights = {
    recurrent: full.map((weight) => weight * 0.79 / radius),
    input: rng.uniform(units).map((u) => u < 0.5 ? 0 : u < 0.75 ? 0.14 : -0.14),
    feedback: rng.uniform(units, -0.56, 0.56),
  }
  return echoState({
    inputs: 1, units, outputs: 1, rng, leak: 0.44 * 0.9, gain: 0.44, outputActivation: 'tanh', weights,
  })
}

interface Found {
  /** NRMSE after 1, 2, ... 84 free steps */
  readonly errors: readonly number[]
  /** after the last place: the series, and what the net makes of it */
  readonly truth: Float64Array
  readonly free: Float64Array
}

function test(net: EchoState, truth: Float64Array): Found {
  const mean = truth.reduce((sum, y) => sum + y, 0) / truth.length
  const variance = truth.reduce((sum, y) => sum + (y - mean) ** 2, 0) / truth.length
  const goOn = (from: number, steps: number): Float64Array => {
    net.reset()
    const teacher = truth.subarray(from, from + WARMUP).map(squash)
    return net.run(constant(WARMUP + steps), { warmup: WARMUP, teacher }).map(unsquash)
  }
  const squares = new Float64Array(AHEAD)
  for (let place = 0; place < PLACES; place++) {
    const from = place * AHEAD
    const wanted = truth.subarray(from + WARMUP)
    goOn(from, AHEAD).forEach((y, k) => { squares[k] += (y - wanted[k]) ** 2 })
  }
  const last = PLACES * AHEAD
  return {
    errors: Array.from(squares, (sum) => Math.sqrt(sum / PLACES / variance)),
    truth: truth.subarray(last + WARMUP), free: goOn(last, FREE),
  }
}

function chart(small: Found, large: Found): Chart {
  const points = (ys: ArrayLike<number>) => Array.from(ys, (y, k) => [k + 1, y] as const)
  const tell = ({ errors }: Found) => errors[AHEAD - 1].toExponential(1)
  return {
    title: 'An echo state network goes on with the Mackey-Glass series',
    look: 'Above: the series, and what 1,000 units make of it until chaos parts them. Below: the error.',
    caption: `NRMSE after ${AHEAD} free steps: ${tell(small)} with 400 units, ${tell(large)} with 1,000.`,
    panels: [
      {
        height: 220, x: { label: 'free steps', domain: [0, FREE] }, y: { label: 'y' },
        curves: [
          { points: points(large.truth), ink: 'grey', width: 3, label: 'series' },
          { points: points(large.free), ink: 'blue', width: 1.5, label: 'net' },
        ],
      },
      {
        x: { label: 'free steps', domain: [0, AHEAD] }, y: { label: 'NRMSE over 50 places', log: true },
        curves: [
          { points: points(small.errors), ink: 'orange', label: '400 units' },
          { points: points(large.errors), ink: 'blue', label: '1,000 units' },
        ],
      },
    ],
  }
}

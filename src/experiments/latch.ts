// Bengio, Simard and Frasconi 1994: to hold a bit against noise, and why holding it makes it hard to learn.
//
//   a_t = w h_{t-1} + u_t + b,   h_t = tanh(a_t);    |M'| = |dh_t/dh_{t-1}| = |w| (1 - h_t^2)
//
// One unit learns to keep the sign that its first three inputs carry, against noise in all the others; on
// short sequences first, and from w = 1, since long ones, or a w below 0, teach it nothing. It finds w > 1:
// two attractors, around each a basin in which |M'| < 1, so that noise dies out. So does then the derivative
// of the last state by the first, the product of all M': a unit that holds cannot be taught when to hold.

import type { Device } from '../device.ts'
import type { Chart, Point } from '../inspect/chart.ts'
import { elman, type ElmanState } from '../nn/elman.ts'
import { parameters } from '../nn/linear.ts'
import { unroll } from '../nn/unroll.ts'
import { mse } from '../ops/loss.ts'
import { slice } from '../ops/move.ts'
import { type Random, random } from '../random.ts'
import { untracked } from '../scope.ts'
import { type Tensor, tensor } from '../tensor.ts'
import type { Net } from '../train/bptt.ts'
import { adam } from '../train/optimizers.ts'
import { type Experiment, median, SEEDS } from './experiment.ts'
import { rowsOf, teachSequences } from './teach.ts'

const [SHORTEST, LONGEST, HELD] = [4, 20, 100] // steps: taught at first, at last too, asked for
const SIGNAL = 3 // of these carry the bit, as 1 or -1
const NOISE = 0.2 // standard deviation of all others
const UPDATES = 1000
const TESTED = 1000 // sequences that it has not read

export const latch: Experiment = {
  name: 'latch',
  shows: 'a unit that holds a bit against noise forgets, in its gradient, where the bit came from',
  rule: 'at T = 100 the bit is kept, with |M\'| < 1, >= 99 % of the time; |dh_T/dh_1| < 1e-6 there',
  source: 'Bengio, Simard and Frasconi 1994, sections III and IV',
  seeds: SEEDS,
  async run({ seed, device, tell }) {
    const { net, weight, initial } = await taught(seed, device, tell)
    const rng = random(seed + 1000)
    const { xs, bits } = task(rng, HELD, TESTED, device)
    const states = await rowsOf(() => net.run(xs, initial(TESTED)).outputs) // [T B][1]
    const slopes = states.map(([h]) => Math.abs(weight) * (1 - h * h)) // |M'|
    const later = states.map((_, i) => i).filter((i) => i >= SIGNAL * TESTED)
    const kept = later.filter((i) => Math.sign(states[i][0]) === bits[i % TESTED] && slopes[i] < 1)
    const share = kept.length / later.length
    const products = bits.map((_, sequence) => slopes.filter((_, i) => i % TESTED === sequence)
      .slice(1).reduce((product, slope) => product * slope, 1)) // |dh_T/dh_1|
    const derivative = median(products)
    return {
      measures: { kept: share, derivative, largest: Math.max(...products), w: weight },
      passed: {
        'kept, with |M\'| < 1, >= 99 % of the time': share >= 0.99,
        '|dh_T/dh_1| < 1e-6': derivative < 1e-6,
      },
      picture: chart(states, slopes, { share, derivative, weight }),
    }
  },
}

/** Sequences [T, B, 1] and the bit, -1 or 1, that each of them begins with. */
function task(rng: Random, T: number, B: number, device: Device): { xs: Tensor, bits: number[] } {
  const bits = Array.from(rng.uniform(B), (u) => (u < 0.5 ? -1 : 1))
  const noise = rng.normal(T * B, 0, NOISE)
  const values = noise.map((u, i) => (i < SIGNAL * B ? bits[i % B] : u))
  return { xs: tensor(values, { shape: [T, B, 1], device }), bits }
}

/** The unit, when it has learned. */
async function taught(seed: number, device: Device, tell: (line: string) => Promise<void>) {
  const rng = random(seed)
  const cell = elman({ inputs: 1, hidden: 1, device, rng })
  untracked(() => cell.parameters.weight_hh.assign(tensor([[1]], { device })))
  const net: Net<ElmanState> = {
    parameters: parameters({ cell }),
    run: (xs, state) => unroll(cell, xs, state),
    loss: (said, bits) => mse(slice(said, 0, -1), bits), // of the last state alone
  }
  const B = 32
  const initial = (batch: number): ElmanState => cell.initial(batch)
  await teachSequences({
    net, optimizer: adam({ learningRate: 0.02 }), clip: 1, initial: initial(B), updates: UPDATES,
    lesson(k) {
      const longest = SHORTEST + Math.ceil((LONGEST - SHORTEST) * (k + 1) / UPDATES)
      const T = SHORTEST + rng.integer(longest - SHORTEST + 1)
      const { xs, bits } = task(rng, T, B, device)
      return { xs, targets: tensor(bits.map((bit) => 0.9 * bit), { shape: [1, B, 1], device }) }
    },
    watch: (k, loss) => tell(`update ${k}: squared error ${loss.toFixed(4)}`),
  })
  const weight = await cell.parameters.weight_hh.item()
  return { net, weight, initial }
}

function chart(
  states: readonly (readonly number[])[], slopes: readonly number[],
  { share, derivative, weight }: { share: number, derivative: number, weight: number },
): Chart {
  const of = (sequence: number): Point[] =>
    Array.from({ length: HELD }, (_, t): Point => [t, states[t * TESTED + sequence][0]])
  const falling = (sequence: number): Point[] => {
    let product = 1
    return Array.from({ length: HELD }, (_, k): Point => {
      const t = HELD - 1 - k
      const point: Point = [t, product]
      product *= slopes[t * TESTED + sequence]
      return point
    })
  }
  const shown = [0, 1, 2, 3, 4, 5]
  return {
    title: 'A bit that is held against noise, and the gradient that is lost by holding it',
    look: 'Above: the state of six sequences. Below: how much the last state depends on each earlier one.',
    caption: `With w = ${weight.toFixed(2)} the bit is kept ${(100 * share).toFixed(2)} % of the time over ` +
      `${HELD} steps; the median of |dh_T/dh_1| is ${derivative.toExponential(1)}.`,
    panels: [
      {
        x: { label: 'step' }, y: { label: 'state', domain: [-1.1, 1.1] },
        curves: shown.map((k) => ({ points: of(k), width: 1, ink: 'blue' })),
      },
      {
        x: { label: 'step' }, y: { label: '|dh_T/dh_t|', log: true },
        curves: shown.map((k) => ({ points: falling(k), width: 1, ink: 'orange' })),
      },
    ],
  }
}

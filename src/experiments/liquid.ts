// Maass, Natschlaeger and Markram 2002: what a column of spiking neurons still knows of its past. A spike
// train has four segments of 250 ms; each is one of two templates (Poisson, 20 spikes a second), every spike
// moved by 4 ms or so. Four linear readouts look at the state at its end, and say which templates there were.
//
// The last segment is still in the spikes, the one before in what synapses remember: those that do not tire
// lose it, at as many spikes. It lies in small differences, so readouts are plain least squares, as the
// paper's linear regression; a ridge of 1 hides most of it. Luck with templates counts for much, so all are
// means of several liquids, with the same templates for each variant. Read next: ../reservoir/liquid.ts.

import type { Chart } from '../inspect/chart.ts'
import { type Random, random } from '../random.ts'
import { leastSquares } from '../reservoir/least-squares.ts'
import { liquid as makeLiquid } from '../reservoir/liquid.ts'
import type { ColumnOptions } from '../reservoir/liquid-column.ts'
import { type Experiment, SEEDS } from './experiment.ts'

const SEGMENTS = 4
const LENGTH = 250 // ms
const JITTER = 4 // ms
const [LEARNT, TESTED] = [1000, 300]
const DRAWS = 4 // liquids, each with templates of its own
const TINY = 1e-8 // a ridge for neurons that never spiked, whose states are all 0

const VARIANTS: readonly (Partial<ColumnOptions> & { readonly label: string })[] = [
  { label: "Maass's numbers" },
  { label: 'weights x 2.5', weightScale: 2.5 },
  { label: 'lambda 3', lambda: 3 },
  { label: 'static synapses', dynamic: false, weightScale: 0.25 },
]

export const liquid: Experiment = {
  name: 'liquid',
  shows: 'a column of spiking neurons holds its last input, and in its synapses much of the one before',
  rule: 'last segment > 95 %, the one before > 75 %; shuffled labels 40 to 60 %',
  source: 'Maass, Natschlaeger and Markram 2002',
  seeds: SEEDS,
  async run({ seed, tell }) {
    const found: Recall[] = []
    for (const { label, ...options } of VARIANTS) {
      const draws: Recall[] = []
      while (draws.length < DRAWS) {
        draws.push(await recall(options, random(DRAWS * seed + draws.length), tell))
      }
      const mean = meanOf(draws)
      found.push(mean)
      const said = percent(mean.right)
      await tell(`${label}: ${said} of the segments, first to last; ${mean.rate.toFixed(1)} spikes a second`)
    }
    const [paper, , , still] = found
    await tell(`${VARIANTS[0].label}, readouts with a ridge of 1: ${percent(paper.blunt)}`)
    const [, , before, last] = paper.right
    const { control: shuffled } = paper
    return {
      measures: { last, before, beforeStatic: still.right[2], beforeBlunt: paper.blunt[2], shuffled },
      passed: {
        'last segment > 95 %': last > 0.95,
        'the one before > 75 %': before > 0.75,
        'shuffled labels 40 to 60 %': shuffled >= 0.4 && shuffled <= 0.6,
      },
      picture: chart([...found.map(({ right }) => right), paper.blunt]),
    }
  },
}

interface Recall {
  /** share of each segment's templates that the readouts tell right, first to last */
  readonly right: readonly number[]
  /** the same, by readouts with a ridge of 1 */
  readonly blunt: readonly number[]
  /** the last segment's, where all labels were shuffled */
  readonly control: number
  /** spikes of a neuron in a second */
  readonly rate: number
}

function meanOf(draws: readonly Recall[]): Recall {
  const mean = (of: (draw: Recall) => number) => draws.reduce((sum, draw) => sum + of(draw), 0) / DRAWS
  const segments = Array.from({ length: SEGMENTS }, (_, s) => s)
  return {
    right: segments.map((s) => mean(({ right }) => right[s])),
    blunt: segments.map((s) => mean(({ blunt }) => blunt[s])),
    control: mean(({ control }) => control),
    rate: mean(({ rate }) => rate),
  }
}

const percent = (shares: readonly number[]): string =>
  shares.map((share) => `${(100 * share).toFixed(0)} %`).join(', ')

/** Runs a liquid on many spike trains, trains readouts on some, and tests them on the others. */
async function recall(
  options: Partial<ColumnOptions>, rng: Random, tell: (line: string | null) => Promise<void>,
): Promise<Recall> {
  const templates = Array.from({ length: SEGMENTS }, (_, s) => [template(s, rng), template(s, rng)])
  const net = makeLiquid({ rng, ...options })
  const trials = LEARNT + TESTED
  const F = net.size + 1 // and 1
  const X = new Float64Array(trials * F).fill(1)
  const Y = new Float64Array(trials * SEGMENTS)
  let spikes = 0
  for (let k = 0; k < trials; k++) {
    const chosen = templates.map(() => rng.integer(2))
    const exact = chosen.flatMap((which, s) => templates[s][which])
    const train = exact.map((time) => time + rng.normal(1, 0, JITTER)[0])
    const run = net.run({ inputs: [train], duration: SEGMENTS * LENGTH, rng })
    X.set(run.states, k * F)
    Y.set(chosen.map((which) => 2 * which - 1), k * SEGMENTS)
    spikes += run.spikes.reduce((sum, times) => sum + times.length, 0)
    if (k % 100 === 0) await tell(null)
  }
  const shuffled = new Float64Array(Y.length)
  rng.permutation(trials).forEach((from, k) =>
    shuffled.set(Y.subarray(from * SEGMENTS, (from + 1) * SEGMENTS), k * SEGMENTS))
  return {
    right: readOut(X, Y, F, TINY), blunt: readOut(X, Y, F, 1), rate: spikes / net.size / trials,
    control: readOut(X, shuffled, F, TINY)[SEGMENTS - 1],
  }
}

/** Poisson spike times within a segment, in ms. */
function template(segment: number, rng: Random): number[] {
  const times: number[] = []
  for (let time = 0; ;) {
    time -= 50 * Math.log(1 - rng.uniform(1)[0]) // 50 ms between two, in the mean
    if (time >= LENGTH) return times.map((at) => segment * LENGTH + at)
    times.push(time)
  }
}

/** Trains a readout for each segment on the first trials; the share that it tells right in the others. */
function readOut(X: Float64Array, Y: Float64Array, F: number, ridge: number): number[] {
  const [states, labels] = [X.slice(0, LEARNT * F), Y.slice(0, LEARNT * SEGMENTS)]
  const weights = leastSquares(states, labels, { features: F, outputs: SEGMENTS, ridge })
  return Array.from({ length: SEGMENTS }, (_, s) => {
    let right = 0
    for (let k = LEARNT; k < LEARNT + TESTED; k++) {
      let y = 0
      for (let f = 0; f < F; f++) y += X[k * F + f] * weights[f * SEGMENTS + s]
      if (y * Y[k * SEGMENTS + s] > 0) right++
    }
    return right / TESTED
  })
}

const LABELS = [...VARIANTS.map(({ label }) => label), 'readouts with ridge 1']
const INKS = ['ink', 'blue', 'purple', 'orange', 'green'] as const

function chart(shares: readonly (readonly number[])[]): Chart {
  return {
    title: 'What a liquid of 135 spiking neurons knows of the last second',
    look: `Share of the templates told right; means of ${DRAWS} liquids with templates of their own.`,
    caption: `Told right, first segment to last: ${LABELS.map((label, k) =>
      `${label} ${percent(shares[k])}`).join('; ')}. Static synapses: weights x 0.25, for as many spikes.`,
    panels: [[0, 1, 2], [0, 3, 4]].map((which, panel) => ({
      height: 240,
      x: { label: panel === 0 ? null : 'segment of 250 ms (the state is read after the last)',
        ticks: [1, 2, 3, 4] },
      y: { label: 'told right (%)', domain: [40, 102] as const, ticks: [50, 60, 70, 80, 90, 100] },
      limits: [{ y: 50, label: 'guessing' }, { y: 75, label: 'aim, segment 3' }],
      curves: which.map((k) => ({
        label: LABELS[k], width: k === 0 ? 3.5 : 2, ink: INKS[k],
        points: shares[k].map((share, s) => [s + 1, 100 * share] as const),
      })),
    })),
  }
}

// Maass, Natschlaeger and Markram 2002: what a column of spiking neurons still knows of its past. A spike
// train has four segments of 250 ms; each is one of two templates (Poisson, 20 spikes a second), every spike
// moved by 4 ms or so. Four linear readouts look at the state at its end, and say which templates there were.
//
// The last segment is still in the spikes; the one before only in what synapses remember (facilitation lasts
// 1.2 s, depression 1.1 s) and in what still goes round. With the paper's weights that is little, and luck
// with the templates counts for more; each parameter's effect is measured. Read next: ../reservoir/liquid.ts.

import type { Chart } from '../inspect/chart.ts'
import { type Random, random } from '../random.ts'
import { leastSquares } from '../reservoir/least-squares.ts'
import { liquid as makeLiquid } from '../reservoir/liquid.ts'
import type { ColumnOptions } from '../reservoir/liquid-column.ts'
import { type Experiment, SEEDS } from './experiment.ts'

const SEGMENTS = 4
const LENGTH = 250 // ms
const JITTER = 4 // ms
const [LEARNT, TESTED] = [800, 300]
const DRAWS = 3 // liquids, with templates of their own, that what the rule asks for is the mean of
const RIDGE = 1

// The rule is about the first two; the others, one liquid each, show what each parameter does.
const VARIANTS: readonly (Partial<ColumnOptions> & { readonly label: string })[] = [
  { label: "Maass's numbers" },
  { label: 'both', weightScale: 2.5, inputShare: 1 },
  { label: 'weights x 2.5', weightScale: 2.5 },
  { label: 'input to all', inputShare: 1 },
  { label: 'weights x 0.5', weightScale: 0.5 },
  { label: 'lambda 3', lambda: 3 },
  { label: 'static synapses', dynamic: false },
]

export const liquid: Experiment = {
  name: 'liquid',
  shows: 'a column of spiking neurons holds its last input, and in its synapses some of the one before',
  rule: 'weights x 2.5, input to all: last segment > 95 %, the one before > 60 %; shuffled 40 to 60 %',
  source: 'Maass, Natschlaeger and Markram 2002',
  seeds: SEEDS,
  async run({ seed, tell }) {
    const found: Recall[][] = [] // of each variant, its draws
    for (const [k, { label, ...options }] of VARIANTS.entries()) {
      const draws: Recall[] = []
      while (draws.length < (k < 2 ? DRAWS : 1)) {
        draws.push(await recall(options, random(DRAWS * seed + draws.length), tell))
      }
      found.push(draws)
      const said = [0, 1, 2, 3].map((s) => `${(100 * mean(draws, ({ right }) => right[s])).toFixed(0)} %`)
      const rate = mean(draws, (draw) => draw.rate).toFixed(0)
      await tell(`${label}: ${said.join(', ')} of the segments, first to last; ${rate} spikes a second`)
    }
    const [paper, both] = found
    const [before, last] = [2, 3].map((s) => mean(paper, ({ right }) => right[s]))
    const [beforeBoth, lastBoth] = [2, 3].map((s) => mean(both, ({ right }) => right[s]))
    const shuffled = mean(paper, ({ control }) => control)
    const measures = { last, before, lastBoth, beforeBoth, shuffled }
    return {
      measures,
      passed: {
        'last segment > 95 %': lastBoth > 0.95,
        'the one before > 60 %': beforeBoth > 0.6,
        'shuffled labels 40 to 60 %': shuffled >= 0.4 && shuffled <= 0.6,
      },
      picture: chart(found.map(([{ right }]) => right)),
    }
  },
}

interface Recall {
  /** share of each segment's templates that the readouts tell right, first to last */
  readonly right: readonly number[]
  /** the last segment's, where all labels were shuffled */
  readonly control: number
  /** spikes of a neuron in a second */
  readonly rate: number
}

const mean = (draws: readonly Recall[], of: (draw: Recall) => number): number =>
  draws.reduce((sum, draw) => sum + of(draw), 0) / draws.length

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
  const [right, control] = [readOut(X, Y, F), readOut(X, shuffled, F)[SEGMENTS - 1]]
  return { right, control, rate: spikes / net.size / trials }
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
function readOut(X: Float64Array, Y: Float64Array, F: number): number[] {
  const [states, labels] = [X.slice(0, LEARNT * F), Y.slice(0, LEARNT * SEGMENTS)]
  const weights = leastSquares(states, labels, { features: F, outputs: SEGMENTS, ridge: RIDGE })
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

function chart(shares: readonly (readonly number[])[]): Chart {
  const say = (k: number) => `${VARIANTS[k].label} ${shares[k].map((share) => share.toFixed(2)).join(', ')}`
  return {
    title: 'What a liquid of 135 spiking neurons knows of the last second',
    look: `Share of the templates told right. ${VARIANTS[1].label}: weights x 2.5 and input to all neurons.`,
    caption: `Share told right, first segment to last: ${VARIANTS.map((_, k) => say(k)).join('; ')}.`,
    panels: [0, 1].map((which) => ({
      height: 240,
      x: { label: which === 0 ? null : 'segment (the state is read after the last)', ticks: [1, 2, 3, 4] },
      y: { label: 'told right (%)', domain: [40, 102] as const },
      limits: [{ y: 50, label: 'guessing' }, { y: 75, label: 'aim, segment 3' }],
      curves: (which === 0 ? [0, 1, 2, 3] : [0, 4, 5, 6]).map((k) => ({
        label: VARIANTS[k].label, width: k === 0 ? 3.5 : 2,
        points: shares[k].map((share, s) => [s + 1, 100 * share] as const), ink: INKS[k],
      })),
    })),
  }
}

const INKS = ['ink', 'purple', 'blue', 'green', 'grey', 'orange', 'blue'] as const

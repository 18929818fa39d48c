// Hopfield 1982: how many random patterns can be stored before they destroy each other, and letters that are
// restored from noise. N = 1,000 units of -1 and 1, asked one at a time, started at a stored pattern.
//
// Below 0.138 N patterns the net stays near where it was put; above, it falls far away, all at once (Amit,
// Gutfreund and Sompolinsky 1985). Read next: ../memory/hopfield.ts.

import type { Cells, Chart, Word } from '../inspect/chart.ts'
import { hopfield, overlap } from '../memory/hopfield.ts'
import { type Random, random } from '../random.ts'
import type { Experiment } from './experiment.ts'

const N = 1000
const LOADS = [0.04, 0.06, 0.08, 0.1, 0.12, 0.13, 0.14, 0.15, 0.16, 0.18, 0.2] // patterns per unit
const RECALLED = 100 // patterns per load at most, which the mean is taken over
const NOISE = 0.25 // share of a letter's units that are turned over

export const hopfieldRecall: Experiment = {
  name: 'hopfield-recall',
  shows: 'stored patterns stay stable up to 0.138 N of them, then are lost; letters come back from noise',
  rule: 'overlap > 0.98 at 0.12 N patterns, < 0.7 at 0.18 N; energy never rises; every letter restored',
  source: 'Hopfield 1982; Amit, Gutfreund and Sompolinsky 1985',
  seeds: [1],
  async run({ seed, tell }) {
    const rng = random(seed)
    const curve: [number, number][] = []
    let largestRise = -Infinity
    for (const load of LOADS) {
      const { mean, rise } = meanOverlap(load, rng)
      curve.push([load, mean])
      largestRise = Math.max(largestRise, rise)
      await tell(`${Math.round(load * N)} patterns of ${N} units: mean overlap ${mean.toFixed(3)}`)
    }
    const letters = restoreLetters(rng)
    largestRise = Math.max(largestRise, letters.rise)
    const at = (load: number): number => curve.find(([x]) => x === load)?.[1] ?? NaN
    const measures = {
      overlap012: at(0.12), overlap018: at(0.18), largestRise, restored: letters.restored,
    }
    return {
      measures,
      passed: {
        'overlap > 0.98 at 0.12 N': measures.overlap012 > 0.98,
        'overlap < 0.7 at 0.18 N': measures.overlap018 < 0.7,
        'energy never rises': largestRise <= 0,
        'every letter restored': letters.restored === LETTERS.length,
      },
      picture: chart(curve, letters),
    }
  },
}

/** The overlap of stored patterns with the states that recall, started at them, ends in. */
function meanOverlap(load: number, rng: Random): { mean: number, rise: number } {
  const patterns = Array.from({ length: Math.round(load * N) }, () => signs(rng, N))
  const net = hopfield({ patterns, units: 'plus-minus' })
  const chosen = patterns.slice(0, RECALLED)
  let sum = 0
  let rise = -Infinity
  for (const pattern of chosen) {
    const { state, highestRise } = recall(net, pattern, rng)
    sum += overlap(state, pattern)
    rise = Math.max(rise, highestRise)
  }
  return { mean: sum / chosen.length, rise }
}

const signs = (rng: Random, count: number): Float64Array => rng.uniform(count).map((u) => u < 0.5 ? -1 : 1)

/** Settles, and watches the energy: the largest change from one state to the next. */
function recall(net: ReturnType<typeof hopfield>, from: Float64Array, rng: Random) {
  let [last, highestRise] = [Infinity, -Infinity]
  const watch = (energy: number): void => {
    if (last < Infinity) highestRise = Math.max(highestRise, energy - last)
    last = energy
  }
  const { state } = net.settle(from, { order: 'asynchronous', rng, watch })
  return { state, highestRise }
}

// Five by seven dots each, chosen to be as unlike each other as letters can be.
const LETTERS = [
  ['J', '..### ...#. ...#. ...#. ...#. #..#. .##..'],
  ['R', '####. #...# #...# ####. #.#.. #..#. #...#'],
  ['S', '.#### #.... #.... .###. ....# ....# ####.'],
  ['T', '##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..'],
  ['U', '#...# #...# #...# #...# #...# #...# .###.'],
  ['X', '#...# #...# .#.#. ..#.. .#.#. #...# #...#'],
] as const
const DOT = 3 // each dot of a letter is 3 by 3 units
const [WIDTH, HEIGHT] = [5 * DOT, 7 * DOT]

interface Letters {
  /** for each letter: as stored, as shown to the net, as it came back */
  readonly pictures: readonly (readonly [Float64Array, Float64Array, Float64Array])[]
  readonly restored: number
  readonly rise: number
}

/** Stores the letters, turns over a share of each one's units, and lets it fall back. */
function restoreLetters(rng: Random): Letters {
  const stored = LETTERS.map(([, dots]) => {
    const rows = dots.split(' ')
    return Float64Array.from({ length: WIDTH * HEIGHT }, (_, k) =>
      rows[Math.floor(k / WIDTH / DOT)][Math.floor(k % WIDTH / DOT)] === '#' ? 1 : -1)
  })
  const net = hopfield({ patterns: stored, units: 'plus-minus' })
  let rise = -Infinity
  const pictures = stored.map((letter) => {
    const noise = rng.uniform(letter.length)
    const shown = letter.map((value, i) => noise[i] < NOISE ? -value : value)
    const { state, highestRise } = recall(net, shown, rng)
    rise = Math.max(rise, highestRise)
    return [letter, shown, state] as const
  })
  const restored = pictures.filter(([letter, , state]) => overlap(letter, state) === 1).length
  return { pictures, restored, rise }
}

function chart(curve: readonly [number, number][], { pictures, restored }: Letters): Chart {
  const said = curve.filter(([load]) => [0.12, 0.14, 0.18].includes(load))
    .map(([load, mean]) => `${mean.toFixed(3)} at ${load} N`).join(', ')
  return {
    title: 'Recall from a Hopfield net: letters from noise, and how much it can hold',
    look: 'Above: stored, shown, restored. Below: how alike a stored pattern and what is recalled of it are.',
    caption: `${restored} of ${pictures.length} letters came back whole after ${100 * NOISE} % of their ` +
      `units had been turned over. With random patterns the mean overlap was ${said}.`,
    panels: [
      {
        height: 360, x: { label: null, domain: [-26, 131] }, y: { label: null, domain: [3 * 24, 0] },
        cells: pictures.flatMap((three, k) => three.map((state, row) => bitmap(state, 18 * k, 24 * row))),
        words: ['stored', 'shown', 'restored'].map((text, row): Word =>
          ({ at: [-2, 24 * row + HEIGHT / 2], text, side: 'left', ink: 'grey' })),
      },
      {
        x: { label: 'patterns stored, per unit (N = 1,000)' },
        y: { label: 'mean overlap', domain: [0, 1.05] },
        curves: [
          { points: [[0.138, 0], [0.138, 1.05]], ink: 'grey', dashed: true, width: 1 },
          { points: curve, ink: 'blue' },
        ],
        dots: [{ points: curve, ink: 'blue' }],
        words: [{ at: [0.138, 0.12], text: 'theory: 0.138', side: 'left', ink: 'grey' }],
      },
    ],
  }
}

/** A letter with its upper left corner at (left, top); y grows downward. */
function bitmap(state: Float64Array, left: number, top: number): Cells {
  const rows = Array.from({ length: HEIGHT }, (_, y) =>
    Array.from(state.subarray(y * WIDTH, (y + 1) * WIDTH), (value) => value > 0 ? 1 : 0.1))
  return {
    columns: Array.from({ length: WIDTH + 1 }, (_, x) => left + x),
    rows: Array.from({ length: HEIGHT + 1 }, (_, y) => top + y),
    values: rows,
  }
}

// Pascanu, Mikolov and Bengio 2013, section 2.3: the wall. One unit, with no input, for 50 steps:
//
//   x_t = w sigmoid(x_{t-1}) + b,   x_0 = 0.5,   E(w, b) = (sigmoid(x_50) - 0.7)^2
//
// Where the unit passes from one attractor to another, E rises like a wall, and there its gradient is
// thousands of times what it is beside it. One step along it throws away all that descent has reached; with
// its norm clipped it does not. All in float64, through the tape. Read next: ../train/clip.ts.

import { cpu } from '../cpu/device.ts'
import type { Chart, Point } from '../inspect/chart.ts'
import { add, mul, sigmoid, square, sub } from '../ops/elementwise.ts'
import { Tape } from '../tape.ts'
import { full, type Tensor, tensor } from '../tensor.ts'
import { clipByGlobalNorm } from '../train/clip.ts'
import { Scope } from '../scope.ts'
import type { Experiment } from './experiment.ts'

const STEPS = 50
const STEEPEST = [4.69, -2.42] as const // of the 301 x 301 points of w in [4, 7], b in [-4, -1]
const START = [5, -2.2] as const
const [RATE, CLIP, UPDATES] = [0.05, 1, 200]

export const explodingWall: Experiment = {
  name: 'exploding-wall',
  shows: 'where a unit passes between two attractors the gradient explodes; clipped, descent survives it',
  rule: 'error 0.212757, gradient (-231.12, -374.37) at (4.69, -2.42); clipped descent gets below 0.01',
  source: 'Pascanu, Mikolov and Bengio 2013, section 2.3 and algorithm 1',
  seeds: [1],
  async run({ tell }) {
    const { error, gradient: [gradW, gradB] } = await at(STEEPEST)
    await tell(`at w = ${STEEPEST[0]}, b = ${STEEPEST[1]}: error ${error}, gradient (${gradW}, ${gradB})`)
    const free = await descend(Infinity)
    const clipped = await descend(CLIP)
    const measures = {
      error, gradW, gradB, longestStep: free.longest, lowest: free.lowest, clippedStep: clipped.longest,
      clippedLowest: clipped.lowest,
    }
    return {
      measures,
      passed: {
        'error 0.212757': Math.abs(error - 0.212757) < 1e-6,
        'gradient (-231.12, -374.37)': Math.hypot(gradW + 231.12, gradB + 374.37) < 0.01,
        'a step > 0.5 without clipping': free.longest > 0.5,
        'none > 0.05 with it': clipped.longest <= 0.05 + 1e-12,
        'later > 0.05 without clipping': free.lowest > 0.05,
        'later < 0.01 with it': clipped.lowest < 0.01,
      },
      picture: await chart(free, clipped),
    }
  },
}

/** E for each pair of two lists of the same length. */
function errors(w: Tensor, b: Tensor): Tensor {
  let x = full(w.shape, 0.5, w.device)
  for (let t = 0; t < STEPS; t++) x = add(mul(w, sigmoid(x)), b)
  return square(sub(sigmoid(x), 0.7))
}

/** E and its gradient at a point, and the step that descent takes there. */
async function at([w0, b0]: Point, clip = Infinity) {
  using tape = new Tape()
  const device = cpu({ precision: 'float64' })
  const point = { w: tensor([w0], { device }), b: tensor([b0], { device }) }
  const loss = errors(point.w, point.b)
  const grads = tape.gradients(loss, new Map(Object.entries(point)))
  const { grads: bounded } = clipByGlobalNorm(grads, clip)
  const numbers = [loss, grads.get('w')!, grads.get('b')!, bounded.get('w')!, bounded.get('b')!]
  const [error, gradW, gradB, w, b] = await Promise.all(numbers.map((x) => x.item()))
  return { error, gradient: [gradW, gradB] as const, step: [-RATE * w, -RATE * b] as const }
}

interface Descent {
  readonly path: readonly Point[]
  readonly longest: number
  /** the lowest error of the second half of the way */
  readonly lowest: number
}

async function descend(clip: number): Promise<Descent> {
  const path: Point[] = [START]
  let [longest, lowest] = [0, Infinity]
  for (let k = 0; k < UPDATES; k++) {
    const [w, b] = path[k]
    const { error, step: [dw, db] } = await at([w, b], clip)
    if (k >= UPDATES / 2) lowest = Math.min(lowest, error)
    longest = Math.max(longest, Math.hypot(dw, db))
    path.push([w + dw, b + db])
  }
  return { path, longest, lowest }
}

const GRID = 80 // cells along each side of the picture
const SIDES = { w: [4, 6], b: [-3, -1] } as const

/** E on a grid: a list for each row, from the lowest b. */
async function surface(): Promise<number[][]> {
  const middle = ([from, to]: Point, k: number): number => from + (to - from) * (k + 0.5) / GRID
  const cells = Array.from({ length: GRID ** 2 }, (_, i) => [i % GRID, Math.floor(i / GRID)])
  using scope = new Scope()
  const device = cpu({ precision: 'float64' })
  const w = tensor(cells.map(([column]) => middle(SIDES.w, column)), { device })
  const b = tensor(cells.map(([, row]) => middle(SIDES.b, row)), { device })
  const found = scope.keep(errors(w, b))
  const values = Array.from(await found.read())
  found.dispose()
  return Array.from({ length: GRID }, (_, row) => values.slice(row * GRID, (row + 1) * GRID))
}

async function chart(free: Descent, clipped: Descent): Promise<Chart> {
  const values = await surface()
  const edges = ([from, to]: Point): number[] =>
    Array.from({ length: GRID + 1 }, (_, k) => from + (to - from) * k / GRID)
  return {
    title: 'The wall: the error of one unit after 50 steps, and two descents that meet it',
    look: 'Bright: large error. Both begin at the dot; orange takes whole steps, blue clips the gradient.',
    caption: `Unclipped, the longest of ${UPDATES} steps goes ${free.longest.toFixed(2)} far, and the ` +
      `error does not fall below ${free.lowest.toFixed(3)} again; clipped at norm ${CLIP} none is longer ` +
      `than ${clipped.longest.toFixed(2)}, and it falls to ${clipped.lowest.toFixed(4)}.`,
    panels: [{
      height: 460,
      x: { label: 'w', domain: SIDES.w }, y: { label: 'b', domain: SIDES.b },
      cells: [{
        columns: edges(SIDES.w), rows: edges(SIDES.b), values,
        shades: { from: 0, to: Math.max(...values.flat()) },
      }],
      curves: [
        { points: free.path, ink: 'orange', label: 'unclipped' },
        { points: clipped.path, ink: 'blue', label: 'clipped' },
      ],
      dots: [{ points: [START], ink: 'ink' }],
    }],
  }
}

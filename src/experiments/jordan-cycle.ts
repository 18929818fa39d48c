// Jordan 1986: sequences as attractors. A plan, held constant, tells one net which of its sequences to
// produce; a teacher feeds the right outputs to the state units, somewhat wrong, so that the net learns to
// come back. Left to itself it runs through four corners of a square for ever, and from wherever it starts,
// or is pushed, it returns to that cycle.
//
//   round:   1 2 3 4 1 2 3 4 ...      back:   1 4 3 2 ...      across:   1 3 1 3 ...
// Read next: ../nn/jordan.ts.

import type { Device } from '../device.ts'
import type { Chart, Point } from '../inspect/chart.ts'
import { freeRunning, jordan, type JordanCell, type JordanState, teacherForced } from '../nn/jordan.ts'
import { parameters } from '../nn/linear.ts'
import { add } from '../ops/elementwise.ts'
import { mse } from '../ops/loss.ts'
import { concat } from '../ops/move.ts'
import { type Random, random } from '../random.ts'
import { dispose, type Tensor, tensor } from '../tensor.ts'
import type { Net } from '../train/bptt.ts'
import { adam } from '../train/optimizers.ts'
import { type Experiment, SEEDS } from './experiment.ts'
import { rowsOf, teachSequences } from './teach.ts'

const CORNERS: readonly Point[] = [[0.25, 0.25], [0.25, 0.75], [0.75, 0.75], [0.75, 0.25]]
/** The corners that each plan goes through, again and again. */
const PLANS: readonly (readonly number[])[] = [[0, 1, 2, 3], [0, 3, 2, 1], [0, 2, 0, 2]]
const LOOP = 4 // steps
const LOOPS = 50
const [T, COPIES, NOISE] = [24, 8, 0.05] // of a lesson: steps, of each plan, error of what is fed
const PUSH = 0.2
const STARTS = 10 // of each plan, anywhere

export const jordanCycle: Experiment = {
  name: 'jordan-cycle',
  shows: 'one net, several plans: each plan is a limit cycle that the net falls back to',
  rule: 'distance to the cycle < 0.05 after 50 loops, and again after a push of 0.2; plans without error',
  source: 'Jordan 1986, "Attractor dynamics and parallelism in a connectionist sequential machine"',
  seeds: SEEDS,
  async run({ seed, device, tell }) {
    const rng = random(seed)
    const cell = await taught(rng, device, tell)
    const fromRest = await run(cell, plansOf(1, device), device, [])
    const errors = countErrors(fromRest.map((points) => points.slice(LOOP))) // found by then
    const plans = plansOf(STARTS, device)
    const starts = rng.uniform(PLANS.length * STARTS * 2, 0, 2) // s lies in 0 .. 1 / (1 - mu)
    const free = await run(cell, plans, device, starts)
    const distance = distanceOf(free, free[0].length - LOOP)
    const pushed = await run(cell, plans, device, starts, true)
    const atPush = distanceOf(pushed, LOOP * LOOPS)
    const afterPush = distanceOf(pushed, pushed[0].length - LOOP)
    return {
      measures: { distance, atPush, afterPush, errors },
      passed: {
        'after 50 free loops < 0.05': distance < 0.05,
        'after a push < 0.05 again': afterPush < 0.05 && afterPush < atPush,
        'each plan without error': errors === 0,
      },
      picture: chart(free, pushed, { distance, atPush, afterPush }),
    }
  },
}

/** Each plan as often as asked: [plans * copies, plans], a 1 for the plan. */
function plansOf(copies: number, device: Device): Tensor {
  const rows = PLANS.flatMap((_, plan) => Array.from({ length: copies }, () =>
    PLANS.map((_, k) => Number(k === plan))))
  return tensor(rows.flat(), { shape: [rows.length, PLANS.length], device })
}

/** The corner of a plan at a step. */
const cornerAt = (plan: number, t: number): Point => CORNERS[PLANS[plan][t % LOOP]]

/** A net that was taught all plans: each begins at its first corner, from a state of rest. */
async function taught(
  rng: Random, device: Device, tell: (line: string) => Promise<void>,
): Promise<JordanCell> {
  const cell = jordan({ inputs: PLANS.length, hidden: 20, outputs: 2, decay: 0.5, device, rng })
  const B = PLANS.length * COPIES
  const plans = plansOf(COPIES, device)
  const rows = Array.from({ length: T }, (_, t) => Array.from({ length: B }, (_, b) =>
    cornerAt(Math.floor(b / COPIES), t))).flat(2)
  const targets = tensor(rows, { shape: [T, B, 2], device })
  const net: Net<JordanState> = {
    parameters: parameters({ cell }),
    run: (fed, state) => teacherForced(cell, plans, fed, state),
    loss: (said, right) => mse(said, right),
  }
  const updates = 2000
  await teachSequences({
    net, optimizer: adam({ learningRate: 0.02 }), clip: 1, initial: cell.initial(B), updates,
    lesson() {
      const noise = tensor(rng.normal(T * B * 2, 0, NOISE), { shape: [T, B, 2], device })
      return { xs: add(targets, noise), targets }
    },
    watch: (k, loss) => tell(`update ${k} of ${updates}: squared error ${loss.toFixed(5)}`),
  })
  dispose([plans, targets])
  return cell
}

/** Free loops from given states; pushed, every state unit is then moved by PUSH and as many loops follow. */
async function run(
  cell: JordanCell, plans: Tensor, device: Device, starts: ArrayLike<number>, push = false,
): Promise<Point[][]> {
  const B = plans.shape[0]
  const s = starts.length > 0 ? tensor(starts, { shape: [B, 2], device }) : cell.initial(B).s
  const steps = LOOP * LOOPS
  const rows = await rowsOf(() => {
    const first = freeRunning(cell, plans, steps, { s })
    if (!push) return first.outputs
    const moved = freeRunning(cell, plans, steps, { s: add(first.state.s, PUSH) })
    return concat([first.outputs, moved.outputs])
  })
  return Array.from({ length: B }, (_, b) =>
    rows.filter((_, i) => i % B === b).map(([x, y]): Point => [x, y]))
}

/** The mean distance from the corners in the loop that begins at a step, at the phase that fits best. */
function distanceOf(runs: readonly (readonly Point[])[], from: number): number {
  const each = runs.map((points, b) => {
    const plan = Math.floor(b * PLANS.length / runs.length)
    const phases = Array.from({ length: LOOP }, (_, phase) => {
      const distances = points.slice(from, from + LOOP).map(([x, y], t) => {
        const [cx, cy] = cornerAt(plan, t + phase)
        return Math.hypot(x - cx, y - cy)
      })
      return distances.reduce((sum, d) => sum + d, 0) / LOOP
    })
    return Math.min(...phases)
  })
  return each.reduce((sum, d) => sum + d, 0) / each.length
}

/** At how many steps the nearest corner is not the one that, in the plan, comes after the one before. */
function countErrors(runs: readonly (readonly Point[])[]): number {
  const nearest = ([x, y]: Point): number => {
    const distances = CORNERS.map(([cx, cy]) => Math.hypot(x - cx, y - cy))
    return distances.indexOf(Math.min(...distances))
  }
  return runs.map((points, plan) => points.slice(1).filter((point, t) => {
    const place = PLANS[plan].indexOf(nearest(points[t]))
    return place < 0 || nearest(point) !== PLANS[plan][(place + 1) % LOOP]
  }).length).reduce((sum, wrong) => sum + wrong, 0)
}

function chart(
  free: readonly (readonly Point[])[], pushed: readonly (readonly Point[])[],
  { distance, atPush, afterPush }: { distance: number, atPush: number, afterPush: number },
): Chart {
  const shown = [0, 1, 2, 3] // of the first plan
  const since = LOOP * LOOPS
  const course = Array.from({ length: 12 }, (_, k): Point => [k, distanceOf(pushed, since - 8 + 2 * k)])
  return {
    title: 'A limit cycle that was learned: from anywhere the net falls into its four corners',
    look: 'Above: outputs of one plan, free, from four states; dots: what was taught. Below: around a push.',
    caption: `After ${LOOPS} free loops the mean distance to the cycle is ${distance.toFixed(3)}; a push ` +
      `of ${PUSH} makes it ${atPush.toFixed(3)}, and ${LOOPS} loops later it is ${afterPush.toFixed(3)}.`,
    panels: [
      {
        height: 400,
        x: { label: 'first output', domain: [0, 1] }, y: { label: 'second output', domain: [0, 1] },
        curves: shown.map((b) => ({ points: free[b].slice(0, 24), width: 1 })),
        dots: [{ points: CORNERS, ink: 'ink', radius: 5 }],
      },
      {
        x: { label: 'steps, from eight before the push' }, y: { label: 'distance to the cycle' },
        curves: [{ points: course.map(([k, d]) => [2 * k, d] as const), ink: 'blue' }],
      },
    ],
  }
}

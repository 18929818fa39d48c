// The adding problem: of 100 random numbers two are marked, one in each half; what is their sum?
//
//   x_t = (u_t, m_t),  u uniform in 0 .. 1,  m_t = 1 at the two marks, else 0;      y = u_i + u_j
//
// Who always answers 1 has a mean squared error of 1/6 = 0.167. Hochreiter and Schmidhuber posed it (1997,
// experiment 4); numbers and marks are here as Arjovsky, Shah and Bengio put them (2016, section 5.2). LSTM
// and GRU hold a number for 90 steps; a tanh net of as many weights, for as long, learns next to nothing.
// Read next: answer-net.ts; temporal-order.ts shows what becomes of the gradient on the way.

import type { Device } from '../device.ts'
import type { Chart, Point } from '../inspect/chart.ts'
import type { Cell, CellOptions } from '../nn/cell.ts'
import { elman } from '../nn/elman.ts'
import { gru } from '../nn/gru.ts'
import { lstm } from '../nn/lstm.ts'
import { mse } from '../ops/loss.ts'
import { type Random, random } from '../random.ts'
import { tensor } from '../tensor.ts'
import { adam } from '../train/optimizers.ts'
import { type AnswerNet, answerNet } from './answer-net.ts'
import { type Context, type Experiment, SEEDS } from './experiment.ts'
import { type Lesson, teachSequences } from './teach.ts'

const [T, B] = [100, 32]
const UPDATES = 1500
const TESTED = 500 // sequences that it has not read

interface Learner {
  readonly name: string
  readonly learningRate: number
  cell(common: Pick<CellOptions, 'inputs' | 'device' | 'rng'>): Cell
}

/** Each has about 1,200 weights, and the rate that suits it. */
const LEARNERS: readonly Learner[] = [
  {
    name: 'LSTM', learningRate: 0.02,
    cell: (common) => lstm({ ...common, hidden: 16, gateBias: { forget: 3 } }),
  },
  { name: 'GRU', learningRate: 0.01, cell: (common) => gru({ ...common, hidden: 19 }) },
  { name: 'tanh RNN', learningRate: 0.001, cell: (common) => elman({ ...common, hidden: 33 }) },
]

export const adding: Experiment = {
  name: 'adding',
  shows: 'gated nets add two numbers that lie up to 100 steps back; a tanh net does not',
  rule: 'T = 100: mean squared error of LSTM and GRU < 0.01; that of a tanh RNN stays > 0.14',
  source: 'Hochreiter and Schmidhuber 1997, experiment 4; Arjovsky et al. 2016',
  seeds: SEEDS,
  async run(context) {
    const curves: Point[][] = []
    for (const learner of LEARNERS) curves.push(await errorsOf(learner, context))
    const [lstm, gru] = curves.map((points) => points[points.length - 1][1])
    const rnnLowest = Math.min(...curves[2].map(([, error]) => error))
    return {
      measures: { lstm, gru, rnnLowest },
      passed: { 'LSTM < 0.01': lstm < 0.01, 'GRU < 0.01': gru < 0.01, 'RNN stays > 0.14': rnnLowest > 0.14 },
      picture: chart(curves, { lstm, gru, rnnLowest }),
    }
  },
}

/** Teaches one net: its error on new sequences, by update. */
async function errorsOf(learner: Learner, { seed, device, tell }: Context): Promise<Point[]> {
  const rng = random(seed)
  const net = answerNet(learner.cell({ inputs: 2, device, rng }), 1, mse, { device, rng })
  const points: Point[] = []
  await teachSequences({
    net, optimizer: adam({ learningRate: learner.learningRate }), clip: 1, initial: net.initial(B),
    updates: UPDATES,
    lesson: () => task(rng, B, device),
    async watch(k) {
      const error = await errorOf(net, task(random(seed + 1000), TESTED, device))
      points.push([k, error])
      await tell(`${learner.name}: update ${k} of ${UPDATES}: mean squared error ${error.toFixed(4)}`)
    },
  })
  return points
}

/** Sequences [T, batch, 2] and their sums [batch, 1]. */
function task(rng: Random, batch: number, device: Device): Lesson {
  const numbers = rng.uniform(T * batch)
  const xs = new Float64Array(T * batch * 2)
  const sums = new Float64Array(batch)
  numbers.forEach((u, i) => { xs[2 * i] = u })
  for (let b = 0; b < batch; b++) {
    for (const t of [rng.integer(T / 2), T / 2 + rng.integer(T / 2)]) {
      xs[2 * (t * batch + b) + 1] = 1
      sums[b] += numbers[t * batch + b]
    }
  }
  return {
    xs: tensor(xs, { shape: [T, batch, 2], device }), targets: tensor(sums, { shape: [batch, 1], device }),
  }
}

async function errorOf(net: AnswerNet, { xs, targets }: Lesson): Promise<number> {
  const right = await targets.read()
  const said = await net.answers(xs)
  xs.dispose()
  targets.dispose()
  return said.reduce((sum, [y], b) => sum + (y - right[b]) ** 2, 0) / said.length
}

function chart(
  curves: readonly (readonly Point[])[], { lstm, gru, rnnLowest }: Record<string, number>,
): Chart {
  return {
    title: 'Two marked numbers among 100, to be added',
    look: 'The error on new sequences while learning; a net that always answers 1 has 0.167.',
    caption: `After ${UPDATES} updates the mean squared error is ${lstm.toFixed(4)} with the LSTM and ` +
      `${gru.toFixed(4)} with the GRU; the tanh net never comes below ${rnnLowest.toFixed(3)}.`,
    panels: [{
      x: { label: 'updates' }, y: { label: 'mean squared error', log: true },
      limits: [{ y: 1 / 6, label: 'always 1' }],
      curves: curves.map((points, k) => ({ points, label: LEARNERS[k].name })),
    }],
  }
}

// Temporal order (Hochreiter and Schmidhuber 1997, experiment 6a): two symbols out of X and Y, at steps 10 to
// 20 and 50 to 60, among noise of a, b, c, d; after 100 to 110 steps a B asks which came, in which order.
//
// Four answers; a guess is right in 25 %. What decides is whether the gradient reaches the symbols before
// anything has been learned: dL/dc_t passes through c_t = f c_{t-1} + i g, and so falls as the product of the
// forget gates: 1 in 1997, where there are none, sigmoid(3)^85 = 0.016 with a forget bias of 3,
// sigmoid(1)^85 = 3e-12 with 1; what comes by way of h is added to it. The nets with forget gates differ in
// that number alone. Read next: answer-net.ts; ../inspect/flow.ts, which measures the gradient.

import { composed } from '../context.ts'
import type { Device } from '../device.ts'
import { gradientFlow } from '../inspect/flow.ts'
import type { Chart, Point } from '../inspect/chart.ts'
import type { Cell, CellOptions } from '../nn/cell.ts'
import { lstm } from '../nn/lstm.ts'
import { lstm1997 } from '../nn/lstm-1997.ts'
import { oneHot } from '../ops/gather.ts'
import { crossEntropy } from '../ops/loss.ts'
import { type Random, random } from '../random.ts'
import { Tape } from '../tape.ts'
import { dispose, tensor } from '../tensor.ts'
import { adam } from '../train/optimizers.ts'
import { type AnswerNet, answerNet } from './answer-net.ts'
import { type Context, type Experiment, SEEDS } from './experiment.ts'
import { type Lesson, teachSequences } from './teach.ts'

const SYMBOLS = 'XYabcdEB' // E begins, B asks
const [SHORTEST, LONGEST] = [100, 110]
const B = 32
const UPDATES = 1500
const TESTED = 512 // sequences that it has not read
const LAG = 85 // steps from the first symbol to the question

interface Learner {
  readonly name: string
  readonly learningRate: number
  cell(common: Pick<CellOptions, 'inputs' | 'device' | 'rng'>): Cell
}

const withForgetBias = (forget: number): Learner => ({
  name: `LSTM, forget bias ${forget}`, learningRate: 0.01,
  cell: (common) => lstm({ ...common, hidden: 16, gateBias: { forget } }),
})

const LEARNERS: readonly Learner[] = [
  {
    name: 'LSTM 1997', // the paper's net: two blocks of two cells, the second one joining in later
    learningRate: 0.02,
    cell: (common) => lstm1997({
      ...common, hidden: 4, blockSize: 2, gateFeedback: true, cellBias: false, truncated: true,
      gateBias: { input: [-2, -4] },
    }),
  },
  withForgetBias(3),
  withForgetBias(1),
]

interface Learned {
  readonly accuracy: number
  /** how many updates it took; all of them if it did not come so far */
  readonly updates: number
  /** of new sequences the right share, by update */
  readonly curve: readonly Point[]
  /** |dL/dc_t| by lag, before anything was learned, in units of that at lag 0 */
  readonly flow: readonly Point[]
}

export const temporalOrder: Experiment = {
  name: 'temporal-order',
  shows: 'an LSTM learns what came first, 90 steps ago, if its gates let the gradient through from the start',
  rule: 'LSTM 1997 and LSTM with forget bias 3 > 99 %, |dL/dc| after 85 steps > 0.01; bias 1 < 50 %, < 1e-4',
  source: 'Hochreiter and Schmidhuber 1997, experiment 6a; Jozefowicz et al. 2015',
  seeds: SEEDS,
  async run(context) {
    const all: Learned[] = []
    for (const learner of LEARNERS) all.push(await taught(learner, context))
    const [lstm1997, bias3, bias1] = all.map(({ accuracy }) => accuracy)
    const [flow1997, flow3, flow1] = all.map(({ flow }) => flow[LAG][1])
    const bias1Highest = Math.max(...all[2].curve.map(([, share]) => share))
    return {
      measures: { lstm1997, bias3, bias1, bias1Highest, flow1997, flow3, flow1 },
      passed: {
        'LSTM 1997 > 99 %': lstm1997 > 0.99,
        'forget bias 3 > 99 %': bias3 > 0.99,
        'forget bias 1 stays < 50 %': bias1Highest < 0.5,
        'their gradient over 85 steps > 0.01 of that over none': Math.min(flow1997, flow3) > 0.01,
        'with forget bias 1 it is < 1e-4': flow1 < 1e-4,
      },
      picture: chart(all),
    }
  },
}

/** Teaches one net until it knows, or the updates are used up. */
async function taught(
  { name, learningRate, cell }: Learner, { seed, device, tell }: Context,
): Promise<Learned> {
  const rng = random(seed)
  const net = answerNet(cell({ inputs: SYMBOLS.length, device, rng }), 4, crossEntropy, { device, rng })
  const flow = await flowBy(net, task(random(seed + 2000), B, device))
  const curve: Point[] = []
  await teachSequences({
    net, optimizer: adam({ learningRate }), clip: 1, initial: net.initial(B), updates: UPDATES,
    lesson: () => task(rng, B, device),
    async watch(k, loss) {
      const share = await accuracyOf(net, task(random(seed + 1000), TESTED, device))
      curve.push([k, share])
      await tell(`${name}: update ${k} of ${UPDATES}: ${(100 * share).toFixed(1)} % right`)
      return loss < 0.01 && share === 1
    },
  })
  const [updates, accuracy] = curve[curve.length - 1]
  return { accuracy, updates, curve, flow }
}

/** Sequences [T, batch, 8], all of one length, and which of the four orders each has [batch]. */
function task(rng: Random, batch: number, device: Device): Lesson {
  const T = SHORTEST + rng.integer(LONGEST - SHORTEST + 1)
  const symbols = Int32Array.from(rng.uniform(T * batch), (u) => SYMBOLS.indexOf('a') + Math.floor(4 * u))
  const orders = new Int32Array(batch)
  for (let b = 0; b < batch; b++) {
    const put = (t: number, symbol: number): void => { symbols[t * batch + b] = symbol }
    const [first, second] = [rng.integer(2), rng.integer(2)] // X or Y
    put(0, SYMBOLS.indexOf('E'))
    put(10 + rng.integer(11), first)
    put(50 + rng.integer(11), second)
    put(T - 1, SYMBOLS.indexOf('B'))
    orders[b] = 2 * first + second
  }
  const ids = tensor(symbols, { shape: [T, batch], dtype: 'int32', device })
  const targets = tensor(orders, { dtype: 'int32', device })
  return { xs: oneHot(ids, SYMBOLS.length), targets }
}

async function accuracyOf(net: AnswerNet, { xs, targets }: Lesson): Promise<number> {
  const right = await targets.read()
  const said = await net.answers(xs)
  dispose([xs, targets])
  const hits = said.filter((row, b) => row.indexOf(Math.max(...row)) === right[b])
  return hits.length / said.length
}

/** How much the loss depends on each earlier c_t: |dL/dc_t| by lag, in units of that at the last step. */
async function flowBy(net: AnswerNet, { xs, targets }: Lesson): Promise<Point[]> {
  const tape = new Tape()
  const { outputs } = composed(() => net.run(xs, net.initial(B))) // step by step: each c_t has its record
  const { states } = await gradientFlow(tape, net.loss(outputs, targets))
  tape.close()
  dispose([xs, targets])
  const norms = states.filter(({ name }) => name === 'c').map(({ norm }) => norm).reverse()
  return norms.map((norm, lag) => [lag, norm / norms[0]])
}

function chart(all: readonly Learned[]): Chart {
  const said = all.map(({ accuracy, updates }, k) =>
    `${LEARNERS[k].name}: ${(100 * accuracy).toFixed(1)} % after ${updates} updates`).join('; ')
  return {
    title: 'Which symbols came, in which order, 40 and 90 steps ago',
    look: 'Above: what is right, while learning. Below: the gradient that reaches back, before learning.',
    caption: `${said}. Over ${LAG} steps the gradient of the cell state falls by factors of ` +
      `${all.map(({ flow }) => flow[LAG][1].toExponential(1)).join(', ')}.`,
    panels: [
      {
        x: { label: 'updates' }, y: { label: 'right', domain: [0, 1.05] },
        limits: [{ y: 0.25, label: 'guessing' }],
        curves: all.map(({ curve }, k) => ({ points: curve, label: LEARNERS[k].name })),
      },
      {
        x: { label: 'lag: steps back from the question' }, y: { label: '|dL/dc| before learning', log: true },
        curves: all.map(({ flow }, k) => ({ points: flow, label: LEARNERS[k].name })),
      },
    ],
  }
}

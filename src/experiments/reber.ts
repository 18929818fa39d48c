// The embedded Reber grammar (Hochreiter and Schmidhuber 1997, experiment 1): strings are read symbol by
// symbol, and after each one the net says what may come next. Most of that lies in the last two symbols; but
// the last T or P repeats the second symbol, which came 6 or more steps before.
//
// A string is right if at each step every symbol that may follow has a higher score than every one that may
// not. LSTM 1997, LSTM and GRU get 256 unseen strings right; Elman's net, whose gradient goes one step back,
// learns all but the repeated symbol. With the gradient through all steps, which was not to be had then, it
// learns that too, told here as well. Read next: reber-grammar.ts; continual-reber.ts: strings without end.

import type { Device } from '../device.ts'
import type { Chart, Point } from '../inspect/chart.ts'
import type { Cell, CellOptions } from '../nn/cell.ts'
import { contextAsInput, elman } from '../nn/elman.ts'
import { gru } from '../nn/gru.ts'
import { linear, parameters } from '../nn/linear.ts'
import { lstm } from '../nn/lstm.ts'
import { lstm1997 } from '../nn/lstm-1997.ts'
import { unroll } from '../nn/unroll.ts'
import { oneHot } from '../ops/gather.ts'
import { crossEntropy } from '../ops/loss.ts'
import { type Random, random } from '../random.ts'
import { dispose, tensor, type Tensor, type Tree } from '../tensor.ts'
import type { Net } from '../train/bptt.ts'
import { adam } from '../train/optimizers.ts'
import { type Context, type Experiment, SEEDS } from './experiment.ts'
import { embeddedReber, ranksLegalFirst, type ReberString, SYMBOLS } from './reber-grammar.ts'
import { type Lesson, rowsOf, teachSequences } from './teach.ts'

const B = 64
/** Updates, and the share of the learning rate that they are made with. */
const PHASES = [[1000, 1], [500, 0.1]] as const
const TESTED = 256 // different strings, none of which is learned from
const KEPT_AWAY = 0.1 // of all strings, by a coin for each; they would hardly be new otherwise
const PADDING = -1

interface Learner {
  readonly name: string
  readonly learningRate: number
  cell(common: Pick<CellOptions, 'inputs' | 'device' | 'rng'>): Cell
}

const LEARNERS: readonly Learner[] = [
  {
    name: 'LSTM 1997', learningRate: 0.03,
    cell: (common) => lstm1997({
      ...common, hidden: 16, gateFeedback: true, cellBias: false, truncated: true,
      gateBias: { output: Array.from({ length: 16 }, (_, k) => -1 - k) }, // cells join in one after another
    }),
  },
  {
    name: 'LSTM', learningRate: 0.02,
    cell: (common) => lstm({ ...common, hidden: 24, gateBias: { forget: 1 } }),
  },
  { name: 'GRU', learningRate: 0.01, cell: (common) => gru({ ...common, hidden: 24 }) },
  {
    name: 'Elman', learningRate: 0.02,
    cell: (common) =>
      contextAsInput(elman({ ...common, hidden: 48, nonlinearity: 'logistic', context: 0.5 })),
  },
  { name: 'Elman, all steps', learningRate: 0.01, cell: (common) => elman({ ...common, hidden: 48 }) },
]

export const reber: Experiment = {
  name: 'reber',
  shows: 'gated nets learn a grammar in which the last symbol but one repeats the second',
  rule: 'in 256 unseen strings LSTM 1997, LSTM, GRU rank all legal symbols above the others; Elman does not',
  source: 'Hochreiter and Schmidhuber 1997, experiment 1',
  seeds: SEEDS,
  async run(context) {
    const curves: Point[][] = []
    for (const learner of LEARNERS) curves.push(await rightBy(learner, context))
    const [lstm1997, lstm, gru, elman, elmanAllSteps] = curves.map((points) => points[points.length - 1][1])
    const measures = { lstm1997, lstm, gru, elman, elmanAllSteps }
    return {
      measures,
      passed: {
        'LSTM 1997: 256 of 256': lstm1997 === TESTED,
        'LSTM: 256 of 256': lstm === TESTED,
        'GRU: 256 of 256': gru === TESTED,
        'Elman does not': Math.max(...curves[3].map(([, right]) => right)) < TESTED,
      },
      picture: chart(curves),
    }
  },
}

/** Teaches one net: how many of the unseen strings it gets right, by update. */
async function rightBy(learner: Learner, { seed, device, tell }: Context): Promise<Point[]> {
  const rng = random(seed)
  const strings = language(rng)
  const cell = learner.cell({ inputs: SYMBOLS.length, device, rng })
  const head = linear({ inputs: cell.outputs, outputs: SYMBOLS.length, device, rng })
  const net: Net<Tree> = {
    parameters: parameters({ cell, head }),
    run(xs, first) {
      const { outputs, state } = unroll(cell, xs, first)
      return { outputs: head(outputs), state }
    },
    loss: (scores, next) => crossEntropy(scores, next, { ignoreIndex: PADDING }),
  }
  const points: Point[] = []
  for (const [updates, share] of PHASES) {
    const before = points.length === 0 ? 0 : points[points.length - 1][0]
    await teachSequences({
      net, optimizer: adam({ learningRate: learner.learningRate * share }), clip: 1,
      initial: cell.initial(B), updates,
      lesson: () => lesson(Array.from({ length: B }, strings.toLearn), device),
      async watch(k) {
        const read = (xs: Tensor): Tensor => net.run(xs, cell.initial(TESTED)).outputs
        const right = await countRight(read, strings.unseen, device)
        points.push([before + k, right])
        await tell(`${learner.name}: update ${before + k}: ${right} of ${TESTED} unseen strings right`)
      },
    })
  }
  return points
}

/** The language, parted in two: strings to learn from, and different ones that are kept away. */
function language(rng: Random): { toLearn: () => ReberString, unseen: ReberString[] } {
  const kept = new Map<string, boolean>()
  const drawn = (wanted: boolean): ReberString => {
    for (;;) {
      const string = embeddedReber(rng)
      if (!kept.has(string.symbols)) kept.set(string.symbols, rng.uniform(1)[0] < KEPT_AWAY)
      if (kept.get(string.symbols) === wanted) return string
    }
  }
  const unseen = new Map<string, ReberString>()
  while (unseen.size < TESTED) {
    const string = drawn(true)
    unseen.set(string.symbols, string)
  }
  return { toLearn: () => drawn(false), unseen: [...unseen.values()] }
}

/** Strings side by side: symbols [T, B, 7], the next ones [T, B]; behind a string's end nothing counts. */
function lesson(strings: readonly ReberString[], device: Device): Lesson {
  const T = Math.max(...strings.map(({ symbols }) => symbols.length)) - 1
  const at = (shift: number) => Array.from({ length: T }, (_, t) =>
    strings.map(({ symbols }) => t + 1 < symbols.length ? SYMBOLS.indexOf(symbols[t + shift]) : PADDING))
  const ids = tensor(at(0), { dtype: 'int32', device })
  return { xs: oneHot(ids, SYMBOLS.length, PADDING), targets: tensor(at(1), { dtype: 'int32', device }) }
}

async function countRight(
  read: (xs: Tensor) => Tensor, strings: readonly ReberString[], device: Device,
): Promise<number> {
  const { xs, targets } = lesson(strings, device)
  const scores = await rowsOf(() => read(xs))
  dispose([xs, targets])
  return strings.filter(({ symbols, legal }, b) => legal.slice(0, symbols.length - 1)
    .every((next, t) => ranksLegalFirst(scores[t * strings.length + b], next))).length
}

function chart(curves: readonly (readonly Point[])[]): Chart {
  const said = curves.map((points, k) => `${LEARNERS[k].name} ${points[points.length - 1][1]}`).join(', ')
  return {
    title: 'The embedded Reber grammar',
    look: 'How many of 256 unseen strings are predicted without a mistake, while learning.',
    caption: `At the end, of ${TESTED} unseen strings: ${said}.`,
    panels: [{
      x: { label: 'updates' }, y: { label: 'strings', domain: [0, 270] },
      curves: curves.map((points, k) => ({ points, label: LEARNERS[k].name })),
    }],
  }
}

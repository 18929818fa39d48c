// Gers, Schmidhuber and Cummins 2000: strings of the embedded Reber grammar in an endless stream; nothing
// says where one ends. The LSTM of 1997 can only add to its state s, which nobody resets: the longer it
// reads, the larger |s|, until h(s) saturates and what it had learned is lost. A forget gate learns to reset.
//
// LSTM 1997 is taught string by string, each from s = 0; the nets with forget gates on pieces of a stream,
// three or four strings long. Then all read on and on. What is asked is the last T or P of each string, which
// repeats its second symbol. Read next: reber-grammar.ts; ../nn/lstm-2000.ts.

import type { Device } from '../device.ts'
import type { Chart, Point } from '../inspect/chart.ts'
import type { Cell, CellOptions } from '../nn/cell.ts'
import { linear, parameters } from '../nn/linear.ts'
import { lstm1997 } from '../nn/lstm-1997.ts'
import { lstm2000 } from '../nn/lstm-2000.ts'
import { lstm, type LstmState } from '../nn/lstm.ts'
import { unroll } from '../nn/unroll.ts'
import { oneHot } from '../ops/gather.ts'
import { crossEntropy } from '../ops/loss.ts'
import { type Random, random } from '../random.ts'
import { unowned } from '../scope.ts'
import { dispose, type Tensor, tensor } from '../tensor.ts'
import type { Net } from '../train/bptt.ts'
import { adam } from '../train/optimizers.ts'
import { type Context, type Experiment, SEEDS } from './experiment.ts'
import { embeddedReber, ranksLegalFirst, SYMBOLS } from './reber-grammar.ts'
import { type Lesson, teachSequences } from './teach.ts'

const [T, B] = [40, 32]
/** Updates, and the share of the learning rate that they are made with. */
const PHASES = [[600, 1], [150, 0.2]] as const
const STREAMS = 16 // read side by side in the test
const STEPS = 23_000 // symbols of each of them: 2,000 strings
const BUCKET = 500 // symbols: what is told is a mean over so many steps of each stream
const PADDING = -1

interface Learner {
  readonly name: string
  readonly learningRate: number
  /** whether each lesson is one string, or a piece of a stream */
  readonly oneString?: boolean
  cell(common: Pick<CellOptions, 'inputs' | 'device' | 'rng'>): Cell<LstmState>
}

const H = 16
/** Eight blocks of two cells, which join in one after another and forget at first more or less slowly. */
const BLOCKS = { blockSize: 2, truncated: true }
const OUTPUT = [-1, -2, -3, -4, -1, -2, -3, -4]
const FORGET = [0.5, 1, 1.5, 2, 0.5, 1, 1.5, 2]

const LEARNERS: readonly Learner[] = [
  {
    name: 'LSTM 1997', learningRate: 0.03, oneString: true,
    cell: (common) => lstm1997({ ...common, ...BLOCKS, hidden: H, gateBias: { output: OUTPUT } }),
  },
  {
    name: 'LSTM 2000', learningRate: 0.03,
    cell: (common) =>
      lstm2000({ ...common, ...BLOCKS, hidden: H, gateBias: { output: OUTPUT, forget: FORGET } }),
  },
  {
    name: 'LSTM', learningRate: 0.02,
    cell: (common) => lstm({ ...common, hidden: H, gateBias: { forget: 1 } }),
  },
]

/** What a net does along a stream, by bucket. */
interface Course {
  /** the same for the first string of each stream alone */
  readonly first: number
  /** of the symbols asked for, the share that is predicted */
  readonly right: readonly number[]
  /** the mean of |s| over cells and streams at the bucket's end */
  readonly state: readonly number[]
}

export const continualReber: Experiment = {
  name: 'continual-reber',
  shows: 'on an endless stream the state of LSTM 1997 grows until it fails; with forget gates it need not',
  rule: 'LSTM 1997: first string > 90 %, last 500 of 2,000 < 80 % right, |s| grows; forget gates: >= 99 %',
  source: 'Gers, Schmidhuber and Cummins 2000, section 4',
  seeds: SEEDS,
  async run(context) {
    const courses: Course[] = []
    for (const learner of LEARNERS) courses.push(await courseOf(learner, context))
    const [right1997, right2000, rightLstm] = courses.map(({ right }) => lastQuarter(right))
    const [state1997, state2000, stateLstm] = courses.map(({ state }) => lastQuarter(state))
    const [growth1997, growth2000, growthLstm] = courses.map(growth)
    const [{ first: first1997 }] = courses
    return {
      measures: { first1997, right1997, right2000, rightLstm, state1997, state2000, stateLstm },
      passed: {
        'LSTM 1997: first string > 90 %': first1997 > 0.9,
        'LSTM 1997: in the end < 80 %': right1997 < 0.8,
        'LSTM 1997: |s| grows on, > 3 times': growth1997 > 3,
        'LSTM 2000: in the end >= 99 %': right2000 >= 0.99,
        'LSTM: in the end >= 99 %': rightLstm >= 0.99,
        'their |s| does not, < 1.5 times': Math.max(growth2000, growthLstm) < 1.5,
      },
      picture: chart(courses),
    }
  },
}

const mean = (list: readonly number[]): number => list.reduce((sum, x) => sum + x, 0) / list.length
const lastQuarter = (list: readonly number[]): number => mean(list.slice(-Math.floor(list.length / 4)))
/** |s| in the last quarter of the stream, over that in the first. */
const growth = ({ state }: Course): number =>
  lastQuarter(state) / mean(state.slice(0, Math.floor(state.length / 4)))

/** Teaches one net on short pieces, then lets it read long streams. */
async function courseOf(learner: Learner, { seed, device, tell }: Context): Promise<Course> {
  const { name, learningRate, oneString } = learner
  const rng = random(seed)
  const cell = learner.cell({ inputs: SYMBOLS.length, device, rng })
  const head = linear({ inputs: H, outputs: SYMBOLS.length, device, rng })
  const net: Net<LstmState> = {
    parameters: parameters({ cell, head }),
    run(xs, first) {
      const { outputs, state } = unroll(cell, xs, first)
      return { outputs: head(outputs), state }
    },
    loss: (scores, next) => crossEntropy(scores, next, { ignoreIndex: PADDING }),
  }
  const lesson = (): Lesson => {
    const streams = Array.from({ length: B }, () => stream(rng, oneString ? 1 : T + 1))
    const longest = Math.max(...streams.map(({ symbols }) => symbols.length))
    return piece(streams, 0, oneString ? longest : T, device)
  }
  for (const [updates, share] of PHASES) {
    await teachSequences({
      net, optimizer: adam({ learningRate: learningRate * share }), clip: 1, initial: cell.initial(B),
      updates, lesson,
      watch: (k, loss) => tell(`${name}: update ${k} of ${updates}: cross-entropy ${loss.toFixed(3)}`),
    })
  }
  const named = (line: string | null): Promise<void> => tell(line && `${name}: ${line}`)
  return readOn(net, cell.initial(STREAMS), { seed, device, tell: named })
}

interface Stream {
  readonly symbols: string
  /** where the symbol is asked for that repeats the second one of its string */
  readonly asked: readonly number[]
}

/** Strings one after another, so many symbols or more. */
function stream(rng: Random, length: number): Stream {
  let symbols = ''
  const asked: number[] = []
  while (symbols.length < length) {
    symbols += embeddedReber(rng).symbols
    asked.push(symbols.length - 2)
  }
  return { symbols, asked }
}

/** Symbols from..to of streams side by side: [steps, B, 7], and those that follow [steps, B]; or padding. */
function piece(streams: readonly Stream[], from: number, to: number, device: Device): Lesson {
  const at = (shift: number) => Array.from({ length: to - from }, (_, t) =>
    streams.map(({ symbols }) => symbolAt(symbols, from + t + shift)))
  const ids = tensor(at(0), { dtype: 'int32', device })
  return { xs: oneHot(ids, SYMBOLS.length, PADDING), targets: tensor(at(1), { dtype: 'int32', device }) }
}

/** Reads streams to their end, never resetting the state. */
async function readOn(
  net: Net<LstmState>, first: LstmState, { seed, device, tell }: Context,
): Promise<Course> {
  const rng = random(seed + 1000)
  const streams = Array.from({ length: STREAMS }, () => stream(rng, STEPS + 1))
  const [right, sizes]: number[][] = [[], []]
  let state = first
  let firstRight = 0
  for (let from = 0; from < STEPS; from += BUCKET) {
    const [outputs, next] = unowned(() => {
      const result = net.run(piece(streams, from, from + BUCKET, device).xs, state)
      return [result.outputs, result.state] as const
    })
    const scores = await rows(outputs)
    const size = await next.c.read()
    dispose([outputs, state])
    state = next
    const predicted = ({ symbols }: Stream, b: number, place: number): boolean =>
      ranksLegalFirst(scores[(place - 1 - from) * STREAMS + b], symbols[place])
    if (from === 0) firstRight = share(streams.map((one, b) => predicted(one, b, one.asked[0])))
    right.push(share(streams.flatMap((one, b) => one.asked
      .filter((place) => place > from && place <= from + BUCKET).map((place) => predicted(one, b, place)))))
    sizes.push(mean(Array.from(size, Math.abs)))
    await tell((from / BUCKET) % 10 > 0 ? null : `after ${from + BUCKET} symbols ` +
      `${(100 * right[right.length - 1]).toFixed(1)} % right, |s| ${sizes[sizes.length - 1].toFixed(1)}`)
  }
  dispose(state)
  return { first: firstRight, right, state: sizes }
}

const share = (hits: readonly boolean[]): number => hits.filter(Boolean).length / hits.length

/** Its number, or padding behind the end. */
const symbolAt = (symbols: string, place: number): number =>
  place < symbols.length ? SYMBOLS.indexOf(symbols[place]) : PADDING

async function rows(scores: Tensor): Promise<number[][]> {
  const data = Array.from(await scores.read())
  const V = SYMBOLS.length
  return Array.from({ length: data.length / V }, (_, i) => data.slice(i * V, (i + 1) * V))
}

function chart(courses: readonly Course[]): Chart {
  const points = (list: readonly number[]): Point[] => list.map((y, k) => [(k + 1) * BUCKET, y])
  const curves = (of: (course: Course) => readonly number[]) =>
    courses.map((course, k) => ({ points: points(of(course)), label: LEARNERS[k].name }))
  return {
    title: 'Strings of the embedded Reber grammar in an endless stream',
    look: 'Above: how often the symbol is predicted that repeats one long before. Below: the cells\' states.',
    caption: `Over the last quarter: ${courses.map(({ right, state }, k) =>
      `${LEARNERS[k].name} ${(100 * lastQuarter(right)).toFixed(1)} % right, mean |s| ` +
      lastQuarter(state).toFixed(1)).join('; ')}.`,
    panels: [
      {
        x: { label: 'symbols read' }, y: { label: 'right', domain: [0, 1.05] },
        limits: [{ y: 0.5, label: 'guessing' }], curves: curves(({ right }) => right),
      },
      {
        x: { label: 'symbols read' }, y: { label: 'mean |s|', log: true },
        curves: curves(({ state }) => state),
      },
    ],
  }
}

// What a training run told, event by event: the lines of metrics.jsonl, gathered into what can be drawn.
//
//   {"event":"begin", ...settings}   {"event":"step","step":1,"loss":4.4,"gradNorm":0.7, ...}   ...
//
// A run that was stopped and taken up again is one history; what it told twice counts once, as told last. A
// line that is not whole (the disk was full, the plug was pulled) is left out. Read next: draw.ts.

import { median } from './thin.ts'

export interface StepRecord {
  readonly step: number
  /** nats per token */
  readonly loss: number
  /** before clipping */
  readonly gradNorm: number
  readonly clipped: boolean
  readonly learningRate?: number
  readonly tokensPerSecond?: number
}

export interface LossRecord {
  readonly step: number
  /** nats per token */
  readonly loss: number
}

export interface SampleRecord {
  readonly step: number
  readonly text: string
}

/** Norms of the gradient of a window's last loss by time lag: see ../last-loss-flow.ts. */
export interface FlowRecord {
  readonly step: number
  readonly lags: readonly number[]
  /** a row of norms for each layer's h_t */
  readonly layers: readonly (readonly number[])[]
  /** and for each layer's c_t, if it has one */
  readonly cells?: readonly (readonly number[])[]
  /** for each layer, the share of its squashed values that are near an end of their range */
  readonly saturated?: readonly number[]
  /** for each layer, the spectral radius of each square block of its recurrent matrix */
  readonly radii?: readonly (readonly number[])[]
}

export interface History {
  /** what the run began with: settings by name */
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly steps: readonly StepRecord[]
  readonly validations: readonly LossRecord[]
  readonly tests: readonly LossRecord[]
  readonly samples: readonly SampleRecord[]
  readonly flows: readonly FlowRecord[]
  /** the steps after which the run was taken up again */
  readonly resumes: readonly number[]
}

type Event = Readonly<Record<string, unknown>>

const isNumber = (x: unknown): x is number => typeof x === 'number' && Number.isFinite(x)
const isRow = (x: unknown): x is number[] => Array.isArray(x) && x.every(isNumber)
const isRows = (x: unknown): x is number[][] => Array.isArray(x) && x.every(isRow)
const isObject = (x: unknown): x is Event => typeof x === 'object' && x !== null && !Array.isArray(x)

const isLoss = (event: Event) => isNumber(event.step) && isNumber(event.loss)
const isFlow = ({ step, lags, layers, cells, saturated, radii }: Event) =>
  isNumber(step) && isRow(lags) && isRows(layers) &&
  [...layers, ...(isRows(cells) ? cells : [])].every((row) => row.length === lags.length) &&
  (saturated === undefined || isRow(saturated)) && (radii === undefined || isRows(radii))

/** Reads the lines of metrics.jsonl; lines that make no sense are left out. */
export function readHistory(jsonl: string): History {
  const events: Event[] = []
  for (const line of jsonl.split('\n')) {
    try {
      const event: unknown = JSON.parse(line)
      if (isObject(event)) events.push(event)
    } catch {
      // half a line, or none
    }
  }
  return historyOf(events)
}

/** Gathers the events of a run. */
export function historyOf(events: readonly Event[]): History {
  const named = (name: string, fits: (event: Event) => boolean) =>
    events.filter((event) => event.event === name && fits(event))
  const begins = named('begin', () => true)
  const scalar = (x: unknown) => isNumber(x) || typeof x === 'string' || typeof x === 'boolean'
  const settings = Object.fromEntries(Object.entries(begins.at(-1) ?? {})
    .filter(([name, value]) => name !== 'event' && scalar(value)))
  return {
    settings: settings as History['settings'],
    steps: lastOfEach<StepRecord>(named('step', (event) => isLoss(event) && isNumber(event.gradNorm))),
    validations: lastOfEach<LossRecord>(named('validation', isLoss)),
    tests: lastOfEach<LossRecord>(named('test', isLoss)),
    samples: lastOfEach<SampleRecord>(
      named('sample', ({ step, text }) => isNumber(step) && typeof text === 'string')),
    flows: lastOfEach<FlowRecord>(named('flow', isFlow)),
    resumes: named('resume', ({ step }) => isNumber(step)).map(({ step }) => Number(step)),
  }
}

/** In the order of the steps; of several events for one step, the last. */
function lastOfEach<R extends { step: number }>(events: readonly Event[]): R[] {
  const byStep = new Map(events.map((event) => [Number(event.step), event as Event & R]))
  return [...byStep.values()].sort((a, b) => a.step - b.step)
}

/** The training loss at the end, and what it is the middle value of: single steps jump. */
export function endOf(steps: readonly StepRecord[]): { loss: number, over: string } {
  const recent = steps.slice(-Math.min(100, Math.ceil(steps.length / 10)))
  const over = recent.length === 1 ? 'last step' : `middle of the last ${recent.length} steps`
  return { loss: median(recent.map(({ loss }) => loss)), over }
}

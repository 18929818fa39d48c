// What an experiment is: a task, a net, a measure, and the rule that the published result sets; and how runs
// with several seeds are judged. Each experiment is one file in this folder; list.ts names them all.
//
// Where luck matters three seeds run, and each part of the rule must hold for two of them. A part that says
// that something fails ("stays above", "does not") is a part like any other: it too must hold twice.
// Read next: hopfield-recall.ts for one of them; ../cli/experiment.ts, which runs them.

import type { Device } from '../device.ts'
import type { Chart } from '../inspect/chart.ts'

export interface Experiment {
  /** as it is typed: `hopfield-recall` */
  readonly name: string
  /** one line: what is to be seen */
  readonly shows: string
  /** what must be found, in words and numbers: `overlap012 > 0.98, overlap018 < 0.7` */
  readonly rule: string
  /** author, year, section or figure */
  readonly source: string
  /** those that run unless another is asked for: [1] where luck does not matter, else SEEDS */
  readonly seeds: readonly number[]
  run(context: Context): Outcome | Promise<Outcome>
}

/** For an experiment in which luck matters. */
export const SEEDS: readonly number[] = [1, 2, 3]

/** What an experiment is given for one run. */
export interface Context {
  /** of all random numbers of this run */
  readonly seed: number
  /** where nets are trained; what is float64 by nature (reservoirs, memories) does not use it */
  readonly device: Device
  /**
   * Tells a line of progress. Awaited, it also lets what waits have its turn (Ctrl-C, a closed pipe): an
   * experiment that computes for long awaits it every second or so, with null where there is nothing to tell.
   */
  tell(line: string | null): Promise<void>
}

/** What one run has found. */
export interface Outcome {
  /** by name, without spaces; printed in this order */
  readonly measures: Readonly<Record<string, number>>
  /** each part of the rule, in words, and whether it holds */
  readonly passed: Readonly<Record<string, boolean>>
  /** drawn for the first seed */
  readonly picture?: Chart
}

export interface Verdict {
  /** the median over the runs */
  readonly measures: Readonly<Record<string, number>>
  /** the parts of the rule that did not hold for enough runs */
  readonly broken: readonly string[]
  readonly passed: boolean
}

/** Judges the runs of one experiment: each part of its rule must hold for two of three, for one of one. */
export function judge(outcomes: readonly Outcome[]): Verdict {
  const [first] = outcomes
  const enough = Math.ceil(2 * outcomes.length / 3)
  const holds = (part: string): number => outcomes.filter(({ passed }) => passed[part]).length
  const broken = Object.keys(first.passed).filter((part) => holds(part) < enough)
  const measures = Object.fromEntries(Object.keys(first.measures).map((name) =>
    [name, median(outcomes.map((outcome) => outcome.measures[name]))]))
  return { measures, broken, passed: broken.length === 0 }
}

/** The middle value; of an even number, the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : sorted[half - 1] / 2 + sorted[half] / 2
}

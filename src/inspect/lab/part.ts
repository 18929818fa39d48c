// What the laboratory finds is told in parts: each has a table, mostly a chart, its numbers for programs, and
// words about what is not known. Read next: by-lag.ts for one of them; ../../cli/flow.ts, which runs all.

import type { Chart, Ink, Point } from '../chart.ts'

export interface Part {
  /** of its file and of its numbers: `by-lag` */
  readonly name: string
  readonly title: string
  readonly chart?: Chart | undefined
  readonly table: Table
  /** what is not known, or holds only so far, in sentences */
  readonly notes: readonly string[]
  /** all that was measured: what JSON can say */
  readonly numbers: unknown
}

export interface Table {
  readonly head: readonly string[]
  /** null where nothing is known */
  readonly rows: readonly (readonly (string | number | null)[])[]
}

/** A cell of a table in few characters; a dash where nothing is known. */
export function shown(value: string | number | null): string {
  if (value === null) return '-'
  if (typeof value === 'string') return value
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value)
  const size = Math.abs(value)
  return size < 0.01 || size >= 1e4 ? value.toExponential(1) : String(Number(value.toPrecision(3)))
}

/** The table in plain text: the first column to the left, all others to the right. */
export function textTable({ head, rows }: Table): string {
  const lines = [head, ...rows.map((row) => row.map(shown))]
  const widths = head.map((_, k) => Math.max(...lines.map((line) => line[k].length)))
  return lines.map((line) => line.map((cell, k) =>
    k === 0 ? cell.padEnd(widths[k]) : cell.padStart(widths[k])).join('  ').trimEnd()).join('\n')
}

/** The middle value of several; of an even number, the mean of the middle two. */
export function middle(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** Of several lists of one length, the middle value at each place. */
export function middles(lists: readonly (readonly number[])[]): number[] {
  return lists[0].map((_, k) => middle(lists.map((list) => list[k])))
}

const INKS: readonly Ink[] = ['blue', 'orange', 'purple', 'green', 'ink', 'grey']
export const inkOf = (k: number): Ink => INKS[k % INKS.length]

/** Points for a logarithmic axis, which knows no zero. */
export function above0(xs: readonly number[], ys: readonly number[]): Point[] {
  return xs.flatMap((x, k) => (ys[k] > 0 && Number.isFinite(ys[k]) ? [[x, ys[k]] as const] : []))
}

/** Lags for a table: 1, 10, 50 and the last. */
export const fewLags = (last: number): number[] =>
  [...new Set([1, 10, 50, last].filter((lag) => lag <= last))]

/** Lags for a curve: 1, 2, 3, 5, 7, 10, 15, 20, ... and the last. */
export function manyLags(last: number): number[] {
  const lags = [1, 10, 100, 1000, 10_000].flatMap((power) =>
    [1, 1.5, 2, 3, 5, 7].map((factor) => factor * power))
  return [...new Set([...lags.filter((lag) => Number.isInteger(lag) && lag < last), last])]
}

/** The first lag at which the norm is below a thousandth of the largest one before it; null for none. */
export function lagOfThousandth(norms: readonly number[]): number | null {
  let largest = 0
  for (const [lag, norm] of norms.entries()) {
    if (norm < largest / 1000) return lag
    largest = Math.max(largest, norm)
  }
  return null
}

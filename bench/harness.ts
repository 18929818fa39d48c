// What the benchmarks share: a clock, a table, and the machine that the numbers belong to.
//
// A benchmark first checks that results are right, then times; it never fails because something was slow.
// Times are medians: other work on the machine disturbs some samples, and the median leaves those out.
// What is printed is also written down for --json and --svg (run.mjs). Read matmul.bench.ts next.

import Benchmark from 'benchmark'
import { appendFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'

export const { values: options } = parseArgs({
  options: {
    /** part of the name of the gpu adapter to run on; all of them by default */
    adapter: { type: 'string' },
    /** sizes of which one call would take longer than so many seconds are left out */
    patience: { type: 'string', default: '2' },
    /** where run.mjs wants what is printed, as lines of JSON */
    records: { type: 'string' },
  },
})

/** Writes something down for --json and --svg. */
export function record(kind: string, what: object): void {
  if (options.records) appendFileSync(options.records, `${JSON.stringify({ kind, ...what })}\n`)
}

/** The adapter that the next tables are about, with its driver: it stands above them. */
export function tellAdapter(line: string): void {
  console.log(`${line}\n`)
  record('adapter', { line })
}

/** One line about the machine: numbers mean nothing without it. */
export function printMachine(used = 'one used'): void {
  const { arch, platform, versions } = process
  const cores = cpus()
  const line = `${cores[0]?.model.trim() ?? 'unknown processor'}, ${cores.length} cores, ${used}; ` +
    `Node ${versions.node}, V8 ${versions.v8}, ${platform} ${arch}`
  console.log(`${line}\n`)
  record('machine', { line })
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The median time of one call of fn in seconds, from 8 samples or more, each of 10 ms or one call. */
export function secondsPerCall(fn: () => void): number {
  const { error, stats } = new Benchmark(fn, { minSamples: 8, minTime: 0.01, maxTime: 0.25 }).run()
  if (error) throw error
  return median(stats.sample)
}

/** Seconds of one call: by the clock, and of processors, which other programs disturb less. */
export interface Seconds {
  readonly clock: number
  readonly processor: number
}

/** What the processors have worked for this process. */
export function processorSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** Milliseconds to three digits. */
export function ms(seconds: number): string {
  const value = seconds * 1000
  return value < 1000 ? value.toPrecision(3) : value.toFixed(0)
}

/** Calls fn so often; the time of one call. */
export function timed(fn: () => void, calls = 1): Seconds {
  const [clock, processor] = [performance.now(), processorSeconds()]
  for (let k = 0; k < calls; k++) fn()
  return {
    clock: (performance.now() - clock) / 1000 / calls, processor: (processorSeconds() - processor) / calls,
  }
}

/**
 * Medians of functions that take turns, so that whatever else the machine does disturbs all of them: 15 turns
 * of `seconds` each or of one call, fewer where a turn of all takes long.
 */
export function inTurns(fns: readonly (() => void)[], seconds = 0.02): Seconds[] {
  const calls = fns.map((fn) => {
    // until V8 has compiled what it will: of a short call's JavaScript, that takes a thousand calls and more
    const started = performance.now()
    let last = timed(fn)
    for (let k = 0; k < 2000 && performance.now() - started < 2000; k++) last = timed(fn)
    return Math.max(1, Math.round(seconds / last.clock))
  })
  const all = fns.map((): Seconds[] => [])
  const started = performance.now()
  for (let turn = 0; turn < 15 && (turn < 5 || performance.now() - started < 6000); turn++) {
    fns.forEach((fn, i) => {
      rest()
      all[i].push(timed(fn, calls[i]))
    })
  }
  return all.map((list) => ({
    clock: median(list.map(({ clock }) => clock)), processor: median(list.map(({ processor }) => processor)),
  }))
}

/** Some milliseconds of sleep: the threads of the turn before, which look out for work, sleep then too. */
function rest(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3)
}

/** Calls until V8 has compiled what it will: for 0.2 seconds, once at least and 30 times at most. */
export async function warmUp(call: () => Promise<unknown>): Promise<void> {
  const started = performance.now()
  for (let k = 0; k < 30 && (k === 0 || performance.now() - started < 200); k++) await call()
}

/** What `measure` gives, three times or more, until a second has passed or 15 are had. */
export async function samples<S>(measure: () => Promise<S>): Promise<S[]> {
  const all: S[] = []
  const started = performance.now()
  while (all.length < 3 || (all.length < 15 && performance.now() - started < 1000)) all.push(await measure())
  return all
}

/** Stops the benchmark if a result is wrong. */
export function verify(what: string, right: boolean): void {
  if (!right) throw new Error(`${what}: the result is wrong, so its time means nothing`)
}

/** The largest difference as a share of the largest right value. */
export function relativeError(found: ArrayLike<number>, right: ArrayLike<number>): number {
  let difference = 0
  let largest = 0
  for (let i = 0; i < right.length; i++) {
    difference = Math.max(difference, Math.abs(found[i] - right[i]))
    largest = Math.max(largest, Math.abs(right[i]))
  }
  return difference / largest
}

/** Columns under a heading each: the first aligned to the left, the others to the right. */
export function printTable(
  title: string, headings: readonly string[], rows: readonly (readonly string[])[],
): void {
  const widths = headings.map((heading, k) => Math.max(heading.length, ...rows.map((row) => row[k].length)))
  const line = (row: readonly string[]) =>
    row.map((text, k) => (k ? text.padStart(widths[k]) : text.padEnd(widths[k]))).join('   ')
  console.log(`${title}\n`)
  const rule = widths.map((width) => '-'.repeat(width))
  for (const row of [headings, rule, ...rows]) console.log(`  ${line(row)}`)
  console.log('')
  record('table', { title, headings, rows })
}

/** 1536 -> "1.5 KiB" */
export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.abs(n) || 1) / 10)))
  return `${(n / 1024 ** power).toFixed(power && n / 1024 ** power < 100 ? 1 : 0)} ${units[power]}`
}

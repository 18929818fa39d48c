// One piece of work at growing sizes, on the cpu and on a gpu: results compared first, then timed.
//
//   encode     the host records and submits; per call, in a chain of calls
//   GPU        the gpu's own time, by its clock; per call, in a chain of calls in one command buffer
//   end to end one call from its first op until its answer is back on the host
//
// In a chain, as in training, host and gpu work at the same time: a call costs the larger of the first two.
// GFLOP/s and GB/s count the arithmetic of the definition, and each number that must go in or come out, once;
// both by the gpu's own time where it has a clock. Read next: gpu-kernels.bench.ts, gpu-layers.bench.ts.

import type { Device, NumberArray } from '../src/device.ts'
import type { GpuDevice } from '../src/gpu/device.ts'
import type { Tensor } from '../src/tensor.ts'
import { reference } from './gpu-adapter.ts'
import { Clock, type Cost } from './gpu-clock.ts'
import {
  bytes, median, options, printTable, record, relativeError, samples, verify, warmUp,
} from './harness.ts'

export interface Size {
  readonly T: number
  readonly B: number
  readonly D: number
  readonly H: number
}

/** What one call has left behind, until it is closed. */
export interface Work {
  /** compared between the devices */
  readonly results: readonly Tensor[]
  /** read at the end of a call: what a program would wait for */
  readonly answer: Tensor
  close(): void
}

export interface Series {
  readonly name: string
  readonly sizes: readonly Size[]
  /** operations in floating point */
  flops(size: Size): number
  /** numbers that go in or come out */
  numbers(size: Size): number
  /** makes the operands on a device; the function does the work on them */
  prepare(device: Device, size: Size): () => Work
}

/** max |a - b| / max |b| of each result, between two devices that add up in different orders */
const TOLERANCE = 1e-4

interface Row extends Cost {
  readonly size: Size
  /** the median time of a call on the cpu */
  readonly cpu: number
}

export const show = ({ T, B, D, H }: Size): string => `${T}, ${B}, ${D}, ${H}`

/** A call that ends with its answer on the host. */
async function call(run: () => Work): Promise<void> {
  const work = run()
  const reading = work.answer.read()
  work.close()
  await reading
}

/** Medians, piece by piece. */
export function medianCost(all: readonly Cost[]): Cost {
  const of = (pick: (cost: Cost) => number) => median(all.map(pick))
  return {
    encode: of((cost) => cost.encode), total: of((cost) => cost.total),
    gpu: all.every((cost) => cost.gpu !== null) ? of((cost) => cost.gpu ?? 0) : null,
    dispatches: all[0].dispatches, submissions: all[0].submissions,
  }
}

/** Calls on both by turns, so that whatever else the machine does disturbs both; then a chain of calls. */
async function timeBoth(
  device: GpuDevice, clock: Clock, ours: () => Work, right: () => Work,
): Promise<Cost & { cpu: number }> {
  const onCpu = async () => {
    const started = performance.now()
    await call(right)
    return (performance.now() - started) / 1000
  }
  const onGpu = () => clock.measure(() => call(ours))
  await warmUp(onGpu)
  await warmUp(onCpu)
  const turns = await samples(async () => ({ cpu: await onCpu(), gpu: await onGpu() }))
  const single = medianCost(turns.map(({ gpu }) => gpu))
  // So many calls that they take 2 ms together: one alone may be shorter than the clock can tell.
  const length = Math.max(1, Math.min(50, Math.ceil(0.002 / (single.gpu ?? single.total))))
  const chain = medianCost(await samples(() => clock.measure(() => {
    for (let k = 0; k < length; k++) ours().close()
    device.recorder.flush()
    return device.gpu.queue.onSubmittedWorkDone()
  })))
  return {
    ...single, cpu: median(turns.map(({ cpu }) => cpu)), encode: chain.encode / length,
    gpu: chain.gpu === null ? null : chain.gpu / length, dispatches: chain.dispatches / length,
  }
}

async function values(run: () => Work): Promise<NumberArray[]> {
  const work = run()
  const reading = Promise.all(work.results.map((x) => x.read()))
  work.close()
  return reading
}

async function check(series: Series, size: Size, ours: () => Work, right: () => Work): Promise<void> {
  const [found, wanted] = [await values(ours), await values(right)]
  const errors = wanted.map((x, i) => relativeError(found[i], x))
  verify(`${series.name} at (${show(size)}), off by ${Math.max(...errors).toExponential(1)}`,
    errors.every((error) => error < TOLERANCE))
}

/**
 * Whether a size is worth the wait: by the arithmetic for the cpu, of which more takes longer; a gpu may have
 * spent its time on dispatches, which need not become more.
 */
function isTooLong(series: Series, size: Size, last: Row | undefined): boolean {
  if (!last) return false
  const work = (at: Size) => series.flops(at) || series.numbers(at)
  return Math.max(last.cpu * work(size) / work(last.size), last.total) > Number(options.patience)
}

/** Compares, times, prints, and tells from which size on the gpu wins. */
export async function compare(series: Series, device: GpuDevice): Promise<void> {
  const clock = new Clock(device)
  const rows: Row[] = []
  const left: string[] = []
  for (const size of series.sizes) {
    if (isTooLong(series, size, rows.at(-1))) {
      left.push(`(${show(size)})`)
      continue
    }
    const [ours, right] = [series.prepare(device, size), series.prepare(reference, size)]
    await check(series, size, ours, right)
    const row = { size, ...await timeBoth(device, clock, ours, right) }
    rows.push(row)
    const [flops, moved] = [series.flops(size), 4 * series.numbers(size)]
    record('measurement', { series: series.name, adapter: device.adapter.name, flops, bytes: moved, ...row })
  }
  printRows(series, device, rows)
  if (left.length > 0) console.log(`  Left out, one call would take too long: ${left.join(', ')}`)
  printCrossings(series, device, rows)
}

const ms = (seconds: number | null): string => (seconds === null ? '-' : (seconds * 1000).toPrecision(3))

function printRows(series: Series, device: GpuDevice, rows: readonly Row[]): void {
  const rate = (amount: number, seconds: number) => (amount ? (amount / seconds / 1e9).toPrecision(3) : '-')
  printTable(
    `${series.name}; results equal the cpu's. Times in ms: cpu, then ${device.name}`,
    ['T, B, D, H', 'cpu', 'encode', 'GPU', 'end to end', 'cpu / end to end', 'dispatches', 'in + out',
      'GFLOP/s', 'GB/s', "cpu's GFLOP/s"],
    rows.map(({ size, cpu, encode, gpu, total, dispatches }) => [
      show(size), ms(cpu), ms(encode), ms(gpu), ms(total), (cpu / total).toFixed(2), String(dispatches),
      bytes(4 * series.numbers(size)), rate(series.flops(size), gpu ?? total),
      rate(4 * series.numbers(size), gpu ?? total), rate(series.flops(size), cpu),
    ]),
  )
}

function printCrossings(series: Series, device: GpuDevice, rows: readonly Row[]): void {
  const chained = (row: Row) => Math.max(row.encode, row.gpu ?? row.total) / row.cpu
  const found = {
    'with the answer read back': crossing(series, rows, (row) => row.total / row.cpu),
    'in a chain': crossing(series, rows, chained),
  }
  for (const [how, from] of Object.entries(found)) console.log(`  The gpu wins, ${how}: ${from}`)
  console.log('')
  record('crossing', { series: series.name, adapter: device.adapter.name, ...found })
}

/**
 * From which size on the gpu wins, and goes on winning. Between two sizes the logarithm of the ratio is taken
 * to be linear in the logarithm of the work.
 */
function crossing(series: Series, rows: readonly Row[], ratio: (row: Row) => number): string {
  const ratios = rows.map(ratio)
  const first = ratios.findLastIndex((r) => r >= 1) + 1
  if (first === ratios.length) return `never on this machine, up to (${show(rows[rows.length - 1].size)})`
  if (first === 0) return `always, from (${show(rows[0].size)}) on`
  const [before, after] = [rows[first - 1], rows[first]]
  const share = Math.log(ratios[first - 1]) / Math.log(ratios[first - 1] / ratios[first])
  const flops = series.flops(after.size) > 0
  const work = (row: Row) => (flops ? series.flops(row.size) : series.numbers(row.size))
  const amount = work(before) * (work(after) / work(before)) ** share
  return `from about ${rounded(amount / 1e6)} million ${flops ? 'operations' : 'numbers'} on, ` +
    `between (${show(before.size)}) and (${show(after.size)})`
}

/** Two digits that count: 0.049, 3.1, 240 */
const rounded = (x: number): string => String(Number(x.toPrecision(2)))

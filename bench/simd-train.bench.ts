// A training step of the main job on the simd device (LSTM, B 32, T 64, vocabulary 89: window, forward,
// backward, clipping, Adam), and which kernels its time goes to; the cpu device and two threads beside it.
//
// Parts are timed around each job, one thread by the processor, two by the clock; what no job takes is
// JavaScript: ops, tape, loop. Checked: the first losses are the cpu's.
// Read next: ../src/simd/jobs.ts; ../src/train/loop.ts.

import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import { random } from '../src/random.ts'
import { Jobs, Kind } from '../src/simd/jobs.ts'
import { simd } from '../src/simd/open.ts'
import { languageModel } from '../src/train/language-model.ts'
import { train } from '../src/train/loop.ts'
import { adam } from '../src/train/optimizers.ts'
import { constant } from '../src/train/schedule.ts'
import {
  median, ms, options, printMachine, printTable, processorSeconds, record, relativeError, timed, verify,
} from './harness.ts'

const [B, T, V, E] = [32, 64, 89, 64]
const NAMES = new Map<number, string>(Object.entries(Kind).map(([name, kind]) => [kind, name]))

/** Seconds in each kind of job since it was last cleared: of one thread the processor's, else the clock's. */
const spent = new Map<string, number>()
const run = Jobs.prototype.run
Jobs.prototype.run = function (this: Jobs, kind, work, values) {
  const { clock, processor } = timed(() => run.call(this, kind, work, values))
  const name = NAMES.get(kind)!
  spent.set(name, (spent.get(name) ?? 0) + (this.threads === 1 ? processor : clock))
}

interface Steps {
  readonly losses: readonly number[]
  /** seconds by the clock, and of processors */
  readonly clock: number
  readonly processor: number
  /** medians of the seconds in each kind of job */
  readonly parts: ReadonlyMap<string, number>
}

/** A few steps to warm up, then as many as there is patience for. */
async function steps(device: Device, H: number): Promise<Steps> {
  const form = { cell: 'lstm', symbols: V, embed: E, hidden: H, layers: 1, dropout: 0 } as const
  const ids = Int32Array.from(random(6).uniform(B * (4 * T + 1)), (u) => Math.floor(u * V))
  const job = {
    model: languageModel(form, { device, rng: random(5) }), ids, batch: B, window: T, clip: 5,
    optimizer: adam({ learningRate: 0.004 }), schedule: constant(), rng: random(7), stop: { steps: 60 },
  }
  const losses: number[] = []
  const all: { clock: number, processor: number, parts: Map<string, number> }[] = []
  const began = performance.now()
  let [clock, processor] = [began, processorSeconds()]
  spent.clear()
  for await (const { loss } of train(job)) {
    losses.push(loss)
    const [now, used] = [performance.now(), processorSeconds()]
    all.push({ clock: (now - clock) / 1000, processor: used - processor, parts: new Map(spent) })
    if (all.length > 10 && now - began > 4000 * Number(options.patience)) break
    spent.clear()
    ;[clock, processor] = [performance.now(), processorSeconds()]
  }
  const warm = all.slice(Math.min(20, all.length >> 1))
  const parts = [...NAMES.values()].map((name): [string, number] =>
    [name, median(warm.map((step) => step.parts.get(name) ?? 0))])
  return {
    losses, parts: new Map(parts),
    clock: median(warm.map((step) => step.clock)), processor: median(warm.map((step) => step.processor)),
  }
}

function printParts(H: number, ways: readonly Steps[]): void {
  const [one, two] = ways
  const part = (name: string, a: number, b: number) =>
    [name, ms(a), `${(100 * a / one.processor).toFixed(1)} %`, ms(b)]
  const used = [...one.parts].filter(([, seconds]) => seconds > 0).sort(([, a], [, b]) => b - a)
  const inside = ({ parts }: Steps) => [...parts.values()].reduce((a, b) => a + b, 0)
  printTable(
    `Where the time of a step goes, H = ${H}, ms`,
    ['kernel', '1 thread, processor', 'share', '2 threads, clock'],
    [
      ...used.map(([name, seconds]) => part(name, seconds, two.parts.get(name) ?? 0)),
      part('JavaScript between', one.processor - inside(one), two.clock - inside(two)),
      part('all', one.processor, two.clock),
    ],
  )
}

async function compare(H: number): Promise<void> {
  const devices = [await simd({ threads: 1 }), await simd({ threads: 2 })]
  const names = ['simd, 1 thread', 'simd, 2 threads', 'cpu']
  const ways: Steps[] = []
  for (const device of devices) ways.push(await steps(device, H))
  ways.push(await steps(cpu(), H))
  const right = ways[2].losses.slice(0, 5)
  for (const [i, { losses }] of ways.entries()) {
    verify(`${names[i]}, losses`, relativeError(losses.slice(0, 5), right) < 1e-3)
  }
  printTable(
    `A training step, LSTM, B ${B}, T ${T}, H ${H}, vocabulary ${V}; the first losses are equal`,
    ['', 'ms, clock', 'ms, processor', 'tokens/s, clock', 'times the cpu, clock'],
    ways.map(({ clock, processor }, i) => [
      names[i], ms(clock), ms(processor), (B * T / clock).toFixed(0), (ways[2].clock / clock).toFixed(1),
    ]),
  )
  printParts(H, ways)
  ways.forEach(({ clock, processor, parts }, i) =>
    record('rate', {
      name: names[i], step: { B, T, H, V }, clock, processor, parts: Object.fromEntries(parts),
    }))
  for (const device of devices) device.close()
}

printMachine('one used, or two where it says so')
for (const H of [128, 512]) await compare(H)

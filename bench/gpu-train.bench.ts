// A training step of the language model, cpu against gpu: window, forward, backward through time, clipping,
// Adam, and three numbers read back. Checked: the losses of the first steps are the cpu's.
//
// Encode is the time until everything is recorded and submitted; the gpu's own time is that of the whole
// command buffer. Memory is the most that was in use at once. See gpu-clock.ts, gpu-compare.ts.

import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import type { GpuDevice } from '../src/gpu/device.ts'
import type { CellName } from '../src/nn/cells.ts'
import { random } from '../src/random.ts'
import { languageModel } from '../src/train/language-model.ts'
import { Training } from '../src/train/loop.ts'
import { adam } from '../src/train/optimizers.ts'
import { constant } from '../src/train/schedule.ts'
import { openGpus } from './gpu-adapter.ts'
import { Clock, type Cost } from './gpu-clock.ts'
import { medianCost, show, type Size } from './gpu-compare.ts'
import {
  bytes, median, options, printMachine, printTable, record, samples, verify, warmUp,
} from './harness.ts'

const V = 89
const CHECKED = 4 // steps

const sizes: readonly Size[] = [
  { T: 8, B: 2, D: 16, H: 32 }, { T: 32, B: 8, D: 32, H: 64 }, { T: 64, B: 32, D: 64, H: 128 },
  { T: 64, B: 32, D: 128, H: 256 }, { T: 64, B: 32, D: 512, H: 512 }, { T: 128, B: 64, D: 1024, H: 1024 },
]

function training(cell: CellName, { T, B, D, H }: Size, device: Device): Training {
  const form = { cell, symbols: V, embed: D, hidden: H, layers: 1, dropout: 0 }
  const ids = Int32Array.from(random(6).uniform(B * (8 * T + 1)), (u) => Math.floor(u * V))
  return new Training({
    model: languageModel(form, { device, rng: random(5) }), ids, batch: B, window: T, clip: 5,
    optimizer: adam({ learningRate: 0.004 }), schedule: constant(), rng: random(7), stop: { steps: 1e6 },
  })
}

/** Arithmetic of the products: layer and head, forward and twice that backward. */
const flops = ({ T, B, D, H }: Size): number => 3 * 2 * T * B * (4 * H * (D + H) + H * V)

interface Row extends Cost {
  readonly size: Size
  readonly cpu: number
  readonly peak: number
}

async function measure(cell: CellName, size: Size, device: GpuDevice): Promise<Row> {
  const [ours, right] = [training(cell, size, device), training(cell, size, cpu())]
  for (let step = 1; step <= CHECKED; step++) {
    const wanted = (await right.next()).loss
    const { loss } = await ours.next()
    verify(`${cell} at (${show(size)}): the loss of step ${step}, ${loss} for ${wanted}`,
      Math.abs(loss - wanted) < 1e-4 * wanted)
  }
  await warmUp(() => right.next())
  await warmUp(() => ours.next())
  device.resetPeak()
  const clock = new Clock(device)
  const turns = await samples(async () => {
    const started = performance.now()
    await right.next()
    const seconds = (performance.now() - started) / 1000
    return { cpu: seconds, gpu: await clock.measure(() => ours.next()) }
  })
  const { peak } = device.memory()
  ours.dispose()
  right.dispose()
  return { size, cpu: median(turns.map(({ cpu }) => cpu)), peak, ...medianCost(turns.map(({ gpu }) => gpu)) }
}

function print(cell: CellName, device: GpuDevice, rows: readonly Row[]): void {
  const ms = (seconds: number | null) => (seconds === null ? '-' : (seconds * 1000).toPrecision(3))
  printTable(
    `A training step, ${cell}, vocabulary ${V}; the first ${CHECKED} losses equal the cpu's. Times in ms: ` +
      `cpu, then ${device.name}`,
    ['T, B, D, H', 'cpu', 'encode', 'GPU', 'end to end', 'cpu / end to end', 'dispatches', 'submissions',
      'memory', 'GFLOP/s', 'tokens/s'],
    rows.map((row) => [
      show(row.size), ms(row.cpu), ms(row.encode), ms(row.gpu), ms(row.total),
      (row.cpu / row.total).toFixed(2), String(row.dispatches), String(row.submissions), bytes(row.peak),
      (flops(row.size) / (row.gpu ?? row.total) / 1e9).toPrecision(3),
      (row.size.T * row.size.B / row.total).toFixed(0),
    ]),
  )
}

async function series(cell: CellName, device: GpuDevice): Promise<void> {
  const rows: Row[] = []
  for (const size of sizes) {
    const last = rows.at(-1)
    if (last && Math.max(last.cpu * flops(size) / flops(last.size), last.total) > Number(options.patience)) {
      console.log(`  Left out, a step would take too long: (${show(size)}) and above\n`)
      break
    }
    const row = await measure(cell, size, device)
    rows.push(row)
    record('measurement', {
      series: `Training step, ${cell}`, adapter: device.adapter.name, flops: flops(size), ...row,
    })
  }
  print(cell, device, rows)
}

printMachine()
for (const device of await openGpus()) {
  for (const cell of ['lstm', 'gru', 'elman'] as const) await series(cell, device)
  device.close()
}
process.exit()

// Training: what a step costs by cell and size, how cost and memory grow with T, whether memory stays flat.
//
// A step is the whole of it: window, forward, backward through time, clipping, Adam, three scalars read.
// Checked: loss and gradients of float32 against float64, and that 1,000 steps hold no more memory than ten.

import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import type { CellName } from '../src/nn/cells.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { dispose, tensor, type Tensor, type Tree } from '../src/tensor.ts'
import { bptt } from '../src/train/bptt.ts'
import { type LanguageModel, languageModel } from '../src/train/language-model.ts'
import { train } from '../src/train/loop.ts'
import { adam } from '../src/train/optimizers.ts'
import { constant } from '../src/train/schedule.ts'
import { bytes, median, printMachine, printTable, relativeError, verify } from './harness.ts'

const V = 89

interface Size {
  B: number
  T: number
  H: number
  embed: number
}

const CELLS = ['elman', 'jordan', 'lstm', 'gru'] as const

function model(cell: CellName, { H, embed }: Size, device: Device): LanguageModel {
  const form = { cell, symbols: V, embed, hidden: H, layers: 1, dropout: 0 }
  return languageModel(form, { device, rng: random(5) })
}

function symbols(n: number): Int32Array {
  return Int32Array.from(random(6).uniform(n), (u) => Math.floor(u * V))
}

/** A window of random symbols [T, B], its targets, and a zero state. */
function batch(net: LanguageModel, { T, B }: Size): { xs: Tensor, targets: Tensor, state: Tree } {
  const ids = symbols(T * B + B)
  const window = (values: Int32Array) => tensor(values, { shape: [T, B], dtype: 'int32', device: net.device })
  return { xs: window(ids.subarray(0, T * B)), targets: window(ids.subarray(B)), state: net.initial(B) }
}

async function lossAndGradients(cell: CellName, size: Size, device: Device): Promise<ArrayLike<number>[]> {
  const net = model(cell, size, device)
  const { xs, targets, state } = batch(net, size)
  const tape = new Tape()
  try {
    const { loss, grads } = bptt(tape, net, xs, targets, state)
    return await Promise.all([loss, ...grads.values()].map((x) => x.read()))
  } finally {
    tape.close()
  }
}

async function check(cell: CellName): Promise<void> {
  const size = { B: 3, T: 9, H: 17, embed: 5 }
  const found = await lossAndGradients(cell, size, cpu())
  const right = await lossAndGradients(cell, size, cpu({ precision: 'float64' }))
  right.forEach((values, i) => verify(cell, relativeError(found[i], values) < 1e-4))
}

/** Runs the main job's loop; calls `seen` after every step. */
async function trainFor(
  net: LanguageModel, { B, T }: Size, steps: number, seen: (step: number, tokensPerSecond: number) => void,
): Promise<void> {
  const options = {
    model: net, ids: symbols(B * (4 * T + 1)), batch: B, window: T, clip: 5,
    optimizer: adam({ learningRate: 0.004 }), schedule: constant(), rng: random(7), stop: { steps },
  }
  for await (const { step, tokensPerSecond } of train(options)) seen(step, tokensPerSecond)
}

async function speeds(): Promise<void> {
  const sizes: Size[] = [{ B: 16, T: 32, H: 64, embed: 32 }, { B: 32, T: 64, H: 128, embed: 64 }]
  const rows: string[][] = []
  for (const size of sizes) {
    for (const cell of CELLS) {
      const device = cpu()
      const rates: number[] = []
      await trainFor(model(cell, size, device), size, 8, (step, rate) => { if (step > 2) rates.push(rate) })
      const rate = median(rates)
      rows.push([
        cell, `${size.B} x ${size.T}`, String(size.H),
        ((size.B * size.T * 1000) / rate).toFixed(0), rate.toFixed(0), bytes(device.memory().peak),
      ])
    }
  }
  printTable(
    'A training step, vocabulary 89, float32 on one core; loss and gradients checked against float64',
    ['', 'B x T', 'H', 'ms per step', 'tokens/s', 'peak'], rows,
  )
}

/** Forward, then what the tape holds, then backward. */
function oneStep(net: LanguageModel, { xs, targets, state }: ReturnType<typeof batch>) {
  const before = net.device.memory().live
  const started = performance.now()
  const tape = new Tape()
  const loss = net.loss(net.run(xs, state).outputs, targets)
  const stored = net.device.memory().live - before
  tape.gradients(loss, net.parameters)
  tape.close()
  return { seconds: (performance.now() - started) / 1000, stored }
}

function growth(): void {
  const rows: string[][] = []
  for (const T of [64, 128, 256, 512, 1024]) {
    const size = { B: 8, T, H: 64, embed: 32 }
    const net = model('lstm', size, cpu())
    const data = batch(net, size)
    for (let k = 0; k < 2; k++) oneStep(net, data)
    const runs = Array.from({ length: 5 }, () => oneStep(net, data))
    const seconds = median(runs.map((run) => run.seconds))
    const { stored } = runs[0]
    rows.push([
      String(T), (seconds * 1000).toFixed(1), ((seconds * 1e6) / T).toFixed(0), bytes(stored),
      (stored / (T * size.H)).toFixed(0),
    ])
    dispose(data)
  }
  printTable(
    'Growth with T: LSTM, batch 8, hidden 64, forward and backward, no update',
    ['T', 'ms', 'us / T', 'stored for backward', 'bytes / (T H)'], rows,
  )
}

async function flatness(): Promise<void> {
  const device = cpu()
  const size = { B: 4, T: 16, H: 16, embed: 8 }
  const rows: string[][] = []
  const live: number[] = []
  await trainFor(model('lstm', size, device), size, 1000, (step) => {
    if (![10, 100, 250, 500, 750, 1000].includes(step)) return
    globalThis.gc?.()
    const memory = device.memory()
    live.push(memory.live)
    rows.push([
      String(step), bytes(memory.live), String(memory.buffers), bytes(memory.peak), bytes(memory.pooled),
      bytes(process.memoryUsage().heapUsed),
    ])
  })
  printTable(
    'Memory over 1,000 training steps: LSTM, batch 4, T 16, hidden 16',
    ['step', 'live', 'buffers', 'peak', 'in the pool', "JavaScript's heap"], rows,
  )
  verify('memory over 1,000 steps: live bytes', live.every((n) => n === live[0]))
}

printMachine()
for (const cell of CELLS) await check(cell)
await speeds()
growth()
await flatness()

// Unrolled's sides on the cpu: layers, the main job's training step, streaming. cpu.mjs bundles this page.
// The training is src/train/loop.ts, which `unrolled train` runs. Read next: unrolled.ts.

import { cpu } from '../../src/cpu/device.ts'
import type { Device } from '../../src/device.ts'
import { stream as streamOf } from '../../src/nn/stream.ts'
import { random } from '../../src/random.ts'
import { simd } from '../../src/simd/open.ts'
import { dispose, tensor } from '../../src/tensor.ts'
import { type LanguageModel, languageModel } from '../../src/train/language-model.ts'
import { Training } from '../../src/train/loop.ts'
import { adam } from '../../src/train/optimizers.ts'
import { constant } from '../../src/train/schedule.ts'
import { cellOf, type Numbers, type Operands } from './unrolled.ts'

export { operands, ours } from './unrolled.ts'

/** A device by its name; null for the cpu device with more threads than its one. */
export async function open(name: string, threads: number): Promise<Device | null> {
  if (name === 'simd') return simd({ threads })
  return threads === 1 ? cpu() : null
}

/** A product of two matrices [n, n], for the rate that products alone reach. */
export function product(n: number, device: Device) {
  const [a, b] = [1, 2].map((seed) => tensor(random(seed).normal(n * n), { shape: [n, n], device }))
  const call = () => device.free(device.matmul(a, b, false, false))
  return { call, dispose: () => { dispose([a, b]) } }
}

export interface TrainJob {
  readonly T: number
  readonly B: number
  /** the size of a symbol's vector */
  readonly E: number
  readonly H: number
  readonly V: number
  readonly rate: number
  readonly clip: number
  /** how many losses are compared */
  readonly steps: number
}

function newModel({ E, H, V }: TrainJob, device: Device): LanguageModel {
  const form = { cell: 'lstm', symbols: V, embed: E, hidden: H, layers: 1, dropout: 0 } as const
  return languageModel(form, { device, rng: random(5) })
}

/** The weights that training starts from, and the text: random symbols, four windows of each stream. */
export async function trainOperands(job: TrainJob): Promise<{ operands: Operands, ids: Int32Array }> {
  const { T, B, V } = job
  const operands: Record<string, Operands[string]> = {}
  for (const [name, x] of newModel(job, cpu()).parameters) {
    operands[name] = { shape: [...x.shape], values: Float32Array.from(await x.read()) }
  }
  const ids = Int32Array.from(random(6).uniform(B * (4 * T + 1)), (u) => Math.floor(u * V))
  return { operands, ids }
}

/** One step of the main job a call. */
export function train(job: TrainJob & { ids: Int32Array }, device: Device) {
  const { T, B, rate, clip, steps, ids } = job
  const model = newModel(job, device)
  const training = new Training({
    model, ids, batch: B, window: T, clip, optimizer: adam({ learningRate: rate }), schedule: constant(),
    rng: random(7), stop: { steps: Infinity },
  })
  const call = async (): Promise<number> => (await training.next()).loss
  const results = async (): Promise<Numbers> => {
    const losses: number[] = []
    for (let k = 0; k < steps; k++) losses.push(await call())
    return { losses }
  }
  return { call, results, dispose: () => { training.dispose(); dispose(model.parameters) } }
}

export interface StreamJob {
  readonly D: number
  readonly H: number
  /** the number of vectors */
  readonly N: number
  /** the cell's parameters, and x [N, D] */
  readonly operands: Operands
}

/** An LSTM, batch 1, one vector a call: numbers of the host in, the output's numbers out. */
export function stream({ D, H, N, operands }: StreamJob, device: Device) {
  const cell = cellOf('LSTM', { D, H }, operands, device)
  const xs = Array.from({ length: N }, (_, n) => operands.x.values.slice(n * D, (n + 1) * D))
  const reader = streamOf(cell)
  let at = 0
  const call = (): ArrayLike<number> => {
    const y = reader.step(xs[at])
    at = (at + 1) % N
    return y
  }
  const results = async (): Promise<Numbers> => {
    const y = new Float32Array(N * H)
    for (let n = 0; n < N; n++) y.set(call(), n * H)
    return { y }
  }
  return { call, results, dispose: () => { reader.dispose(); dispose(cell.parameters) } }
}

// Elman's net of 1990 as his experiments use it: logistic units throughout, a context that begins at 0.5 and
// is one more input, so that no error goes back through it; squared error. It learns to predict what comes
// next in streams of vectors. Read next: elman-xor.ts, elman-letters.ts, elman-words.ts.

import type { Device } from '../device.ts'
import { contextAsInput, elman, type ElmanState } from '../nn/elman.ts'
import { drawUniform, linear, parameters } from '../nn/linear.ts'
import { unroll } from '../nn/unroll.ts'
import { sigmoid } from '../ops/elementwise.ts'
import { mse } from '../ops/loss.ts'
import { random } from '../random.ts'
import { dispose, type Tensor, tensor } from '../tensor.ts'
import type { Net } from '../train/bptt.ts'
import { adam } from '../train/optimizers.ts'
import { rowsOf, teachStream } from './teach.ts'

export interface ElmanNet extends Net<ElmanState> {
  readonly device: Device
  initial(batch: number): ElmanState
  /** the hidden units over a sequence [T, B, H] */
  hidden(xs: Tensor): Tensor
}

export interface ElmanSizes {
  inputs: number
  hidden: number
  outputs: number
  seed: number
  device: Device
  /** weights start uniform in plus and minus this; by default as their layers draw them */
  init?: number
}

/** inputs -> hidden units, which also see their own last values -> outputs */
export function elmanNet({ inputs, hidden, outputs, seed, device, init }: ElmanSizes): ElmanNet {
  const rng = random(seed)
  const cell = contextAsInput(elman({ inputs, hidden, nonlinearity: 'logistic', context: 0.5, device, rng }))
  const head = linear({ inputs: hidden, outputs, device, rng })
  const all = parameters({ cell, head })
  if (init !== undefined) drawUniform(all, init, rng)
  return {
    device,
    parameters: all,
    initial: (batch) => cell.initial(batch),
    hidden: (xs) => unroll(cell, xs).outputs,
    run(xs, state) {
      const result = unroll(cell, xs, state)
      return { outputs: sigmoid(head(result.outputs)), state: result.state }
    },
    loss: (said, targets) => mse(said, targets),
  }
}

export interface Reading {
  /** streams of vectors, read side by side, again and again; all that goes beyond the shortest is left out */
  readonly streams: readonly (readonly (readonly number[])[])[]
  /** steps between two updates */
  readonly window: number
  readonly updates: number
  readonly learningRate: number
  /** awaited now and then */
  watch(line: string): Promise<void>
}

/** Lets the net read streams and predict, at each step, the vector that comes next. */
export async function readOn(
  net: ElmanNet, { streams, window, updates, learningRate, watch }: Reading,
): Promise<void> {
  const B = streams.length
  const width = streams[0][0].length
  const length = Math.min(...streams.map((stream) => stream.length)) - 1
  const from = (first: number) => tensor(
    Array.from({ length: window }, (_, t) => streams.map((stream) => stream[first + t])).flat(2),
    { shape: [window, B, width], device: net.device })
  const lessons = Array.from({ length: Math.floor(length / window) }, (_, w) =>
    ({ xs: from(w * window), targets: from(w * window + 1) }))
  await teachStream({
    net, optimizer: adam({ learningRate }), initial: net.initial(B), updates,
    lesson: (k) => lessons[k % lessons.length],
    watch: (k, loss) => watch(`update ${k} of ${updates}: squared error ${loss.toFixed(3)}`),
  }, window)
  dispose(lessons.flatMap(({ xs, targets }) => [xs, targets]))
}

/** A sequence of vectors as a batch of one: [T, 1, D]. */
export function oneStream(vectors: readonly (readonly number[])[], device: Device): Tensor {
  return tensor(vectors.flat(), { shape: [vectors.length, 1, vectors[0].length], device })
}

/** The mean squared error of predicting each vector from those before it: number t is vector t + 1's. */
export async function surprises(
  net: ElmanNet, vectors: readonly (readonly number[])[],
): Promise<number[]> {
  const read = oneStream(vectors.slice(0, -1), net.device)
  const said = await rowsOf(() => net.run(read, net.initial(1)).outputs)
  dispose(read)
  return said.map((y, t) => {
    const right = vectors[t + 1]
    return y.reduce((sum, value, k) => sum + (value - right[k]) ** 2, 0) / right.length
  })
}

/** The mean of some of the values. */
export function meanWhere(values: readonly number[], chosen: (t: number) => boolean): number {
  const some = values.filter((_, t) => chosen(t))
  return some.reduce((sum, value) => sum + value, 0) / some.length
}

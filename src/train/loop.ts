// The training loop: a stream of windows, and for each one
//
//   loss and gradients through time  ->  clip by global norm  ->  optimiser step  ->  carry the state on
//
// A step enqueues everything and waits once, at its end, for three numbers in one tensor: loss, gradient
// norm, whether it clipped. A gradient that is not finite never reaches the parameters: the update is skipped
// on the device, and the loop stops with an error. The loop yields events; what to print, save or sample is
// the caller's (cli/train.ts). Next: evaluate.ts.

import { checkCount, UnrolledError } from '../check.ts'
import { Streams } from '../data/streams.ts'
import { stack } from '../ops/move.ts'
import type { Random } from '../random.ts'
import { unowned, untracked } from '../scope.ts'
import { Tape } from '../tape.ts'
import { dispose, tensor, type Tensor, type Tree } from '../tensor.ts'
import { truncatedBptt, type TruncatedBptt } from './bptt.ts'
import { checkNorm, clipByGlobalNorm } from './clip.ts'
import { inUnits } from './evaluate.ts'
import { type SequenceModel, withDropout } from './language-model.ts'
import type { Optimizer } from './rule.ts'
import type { Schedule } from './schedule.ts'

export interface TrainOptions {
  model: SequenceModel
  /** the training text, as symbols */
  ids: Int32Array
  /** B, the number of streams read side by side */
  batch: number
  /** k1: steps between two updates */
  window: number
  /** k2: steps that gradients reach back; the window by default */
  horizon?: number
  /** bound on the global gradient norm; Infinity for none */
  clip: number
  optimizer: Optimizer
  schedule: Schedule
  /** draws dropout masks */
  rng: Random
  /** when to stop: after so many steps, or when so many minutes have passed */
  stop: { steps: number } | { minutes: number }
}

export interface StepEvent {
  readonly event: 'step'
  /** from 1 */
  readonly step: number
  /** nats per token, over this window */
  readonly loss: number
  readonly bitsPerChar: number
  /** before clipping */
  readonly gradNorm: number
  readonly clipped: boolean
  readonly tokensPerSecond: number
  /** the share of the run that is done */
  readonly fraction: number
}

/** Trains, yielding an event per step. Leaves the model updated in place. */
export async function* train(options: TrainOptions): AsyncGenerator<StepEvent> {
  const { model, batch, window, horizon = window, stop } = options
  checkCount('train: window', window)
  const streams = new Streams(options.ids, batch)
  if (!streams.fits(0, window)) {
    throw new UnrolledError(
      `train: each of ${batch} streams holds ${streams.length} symbols; a window of ${window} needs ` +
      `${window + 1}: take a smaller batch or window, or more text`)
  }
  const initial = unowned(() => model.initial(batch))
  const bptt = truncatedBptt(withDropout(model, options.rng), { every: window, horizon, initial })
  const started = performance.now()
  let position = 0
  try {
    for (let step = 1; ; step++) {
      const begun = performance.now()
      if (!streams.fits(position, window)) {
        position = 0
        bptt.reset(initial)
      }
      const result = await trainStep(options, bptt, streams.window(position, window), step)
      position += window
      const now = performance.now()
      const fraction = 'steps' in stop ? step / stop.steps : (now - started) / (stop.minutes * 60_000)
      const tokensPerSecond = (batch * window * 1000) / (now - begun)
      yield { ...result, tokensPerSecond, fraction: Math.min(1, fraction) }
      if (fraction >= 1) return
    }
  } finally {
    bptt.dispose()
    dispose(initial)
  }
}

/** One update from one window. */
async function trainStep(
  options: TrainOptions, bptt: TruncatedBptt<Tree>,
  window: { inputs: Int32Array, targets: Int32Array }, step: number,
) {
  const { model, batch, optimizer, schedule, clip } = options
  const shape = [window.inputs.length / batch, batch]
  const ids = (values: Int32Array) => tensor(values, { shape, device: model.device, dtype: 'int32' })
  const tape = new Tape()
  let told: Tensor // [3]
  try {
    const { loss, grads } = bptt.step(tape, ids(window.inputs), ids(window.targets))
    const { norm, clipped, finite, grads: bounded } = clipByGlobalNorm(grads, clip)
    const learningRate = schedule(step - 1, optimizer.learningRate)
    optimizer.update(model.parameters, bounded, { applyIf: finite, learningRate })
    told = tape.keep(untracked(() => stack([loss, norm, clipped])))
  } finally {
    tape.close()
  }
  const [loss, gradNorm, clipped] = await told.read().finally(() => told.dispose())
  checkNorm(gradNorm, `the gradient norm of step ${step}`)
  return { event: 'step' as const, step, loss, bitsPerChar: inUnits(loss).bitsPerChar, gradNorm,
    clipped: clipped === 1 }
}

// The training loop: a stream of windows, and for each one
//
//   loss and gradients through time  ->  clip by global norm  ->  optimiser step  ->  carry the state on
//
// A step enqueues everything and waits once, at its end, for three numbers in one tensor: loss, gradient
// norm, whether it clipped. A gradient that is not finite never reaches the parameters: the update is skipped
// on the device, and the loop stops with an error. What to print, save or sample is the caller's
// (cli/train.ts). `train` is the whole loop; `Training` the same step by step, with all that a later step
// depends on to be had as plain numbers. Next: training-state.ts, evaluate.ts.

import { checkCount, checkParts, UnrolledError } from '../check.ts'
import { Streams } from '../data/streams.ts'
import { lastLossFlow, type LastLossFlow } from '../inspect/last-loss-flow.ts'
import { isFinite, mul } from '../ops/elementwise.ts'
import { stack } from '../ops/move.ts'
import type { Random } from '../random.ts'
import { unowned, untracked } from '../scope.ts'
import { checkOptionNames } from '../suggest.ts'
import { Tape } from '../tape.ts'
import { dispose, tensor, type Tensor, type Tree } from '../tensor.ts'
import { type Net, truncatedBptt, type TruncatedBptt } from './bptt.ts'
import { checkNorm, clipByGlobalNorm } from './clip.ts'
import { inUnits } from './evaluate.ts'
import { type SequenceModel, withDropout } from './language-model.ts'
import { type ActivationPenalty, activationPenalty } from './penalty.ts'
import type { Optimizer } from './rule.ts'
import type { Schedule } from './schedule.ts'
import { packed, type TrainingState, unpack } from './training-state.ts'

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
  /**
   * differentiate the sum over the window's steps of the mean over streams, as Zaremba et al. 2014 do, not
   * the mean over both: gradients and their norm are `window` times as large, losses still told per token
   */
  sumSteps?: boolean
  /** AR and TAR: a penalty on the last layer's outputs, differentiated with the loss; none by default */
  penalty?: ActivationPenalty
  optimizer: Optimizer
  schedule: Schedule
  /** draws dropout masks */
  rng: Random
  /** when to stop: after so many steps, or when so many minutes have passed */
  stop: { steps: number } | { minutes: number }
}

const OPTIONS = [
  'model', 'ids', 'batch', 'window', 'horizon', 'clip', 'sumSteps', 'penalty', 'optimizer', 'schedule', 'rng',
  'stop',
] as const

export interface StepEvent {
  readonly event: 'step'
  /** from 1 */
  readonly step: number
  /** the pass through the text that this step belongs to, from 1 */
  readonly epoch: number
  /** nats per token, over this window */
  readonly loss: number
  readonly bitsPerChar: number
  readonly perplexity: number
  /** before clipping */
  readonly gradNorm: number
  readonly clipped: boolean
  /** of this step */
  readonly learningRate: number
  readonly tokensPerSecond: number
  /** the share of the run that is done */
  readonly fraction: number
}

/** Trains, yielding an event per step. Leaves the model updated in place. */
export async function* train(options: TrainOptions): AsyncGenerator<StepEvent> {
  const training = new Training(options)
  try {
    for (;;) {
      const event = await training.next()
      yield event
      if (event.fraction >= 1) return
    }
  } finally {
    training.dispose()
  }
}

/** The net as this run differentiates it. */
function asTrained({ model, rng, sumSteps = false, penalty: of = {} }: TrainOptions): Net<Tree> {
  const net = withDropout(model, rng)
  const scaled = (x: Tensor, T: number) => (sumSteps ? mul(x, T) : x)
  const loss: Net<Tree>['loss'] = (logits, targets) => scaled(net.loss(logits, targets), targets.shape[0])
  const penalty = activationPenalty(of)
  if (!penalty) return { ...net, loss }
  if (!model.observe) throw new UnrolledError('train: a penalty needs a model that has `observe`')
  return {
    ...net,
    loss,
    run: (symbols, state) => model.observe!(symbols, state, rng),
    penalty: (activity) => scaled(penalty(activity), activity.plain.shape[0]),
  }
}

/** A training that is taken step by step: it can be saved between two of them, and gone on with later. */
export class Training {
  readonly options: TrainOptions
  private readonly streams: Streams
  private readonly bptt: TruncatedBptt<Tree>
  private readonly initial: Tree
  private position = 0
  private taken = 0
  private earlier = 0 // milliseconds, before `since`
  private since = performance.now()

  /** @throws UnrolledError if the text is too short for the batch and the window */
  constructor(options: TrainOptions) {
    checkOptionNames('train', options, OPTIONS)
    const { model, batch, window, horizon = window } = options
    checkParts('train: the model', model, ['parameters', 'initial', 'run'],
      'a model, such as languageModel() makes')
    checkCount('train: window', window)
    this.options = options
    this.streams = new Streams(options.ids, batch)
    if (!this.streams.fits(0, window)) {
      throw new UnrolledError(
        `train: each of ${batch} streams holds ${this.streams.length} symbols; a window of ${window} needs ` +
        `${window + 1}: take a smaller batch or window, or more text`)
    }
    this.initial = unowned(() => model.initial(batch))
    this.bptt = truncatedBptt(asTrained(options), { every: window, horizon, initial: this.initial })
  }

  /** How many steps were taken so far. */
  get steps(): number {
    return this.taken
  }

  /** The share of the run that is done, up to 1; in a run by minutes it grows with the clock. */
  get fraction(): number {
    const { stop } = this.options
    const share = 'steps' in stop ? this.taken / stop.steps : this.elapsed() / (stop.minutes * 60_000)
    return Math.min(1, share)
  }

  /** Takes the next step: one update from one window. */
  async next(): Promise<StepEvent> {
    const { batch, window } = this.options
    const begun = performance.now()
    if (!this.streams.fits(this.position, window)) {
      this.position = 0
      this.bptt.reset(this.initial)
    }
    const epoch = Math.floor(this.taken / this.streams.windows(window)) + 1
    const learningRate = this.options.schedule(this.taken, this.options.optimizer.learningRate)
    const told = await this.update(learningRate)
    this.position += window
    this.taken++
    const tokensPerSecond = (batch * window * 1000) / (performance.now() - begun)
    const { fraction } = this
    return { event: 'step', step: this.taken, epoch, ...told, learningRate, tokensPerSecond, fraction }
  }

  /**
   * How far back the gradient of the last loss reaches in the window that the next step trains on, with the
   * weights from before its update. Whether this is asked changes no number of the training.
   */
  async flow(): Promise<LastLossFlow> {
    const { options: { model, window }, position } = this
    const fits = this.streams.fits(position, window)
    const { inputs, targets } = this.streams.window(fits ? position : 0, window)
    const [xs, ys] = [this.upload(inputs), this.upload(targets)]
    try {
      return await lastLossFlow(model, xs, ys, fits ? this.bptt.state : this.initial)
    } finally {
      dispose([xs, ys])
    }
  }

  /** All that the next step depends on, beside the options and the text: copies, in the host's memory. */
  async state(): Promise<TrainingState> {
    const { options: { model, optimizer, rng }, position, taken: steps } = this
    const { carried, saved } = this.bptt.held() // its past inputs stand in the text
    const tensors = await packed({
      model: model.parameters, optimizer: optimizer.state(), carried, saved: saved.map((s) => s.state),
    })
    const random = { key: [...rng.key], position: rng.position }
    return { steps, position, elapsed: this.elapsed(), random, saved: saved.map((s) => s.time), tensors }
  }

  /**
   * Takes over a state that another Training with the same options and text gave: it goes on bit for bit as
   * that one would have.
   * @throws UnrolledError if the state cannot be that of such a training
   */
  load(state: TrainingState): void {
    checkParts('load: the state', state, ['steps', 'position', 'random', 'tensors'], 'what state() gives')
    const { model, optimizer, rng } = this.options
    this.checkPlace(state)
    const { steps, position, elapsed, random: { key, position: drawn } } = state
    if (key.length !== 2 || key[0] !== rng.key[0] || key[1] !== rng.key[1]) {
      throw new UnrolledError('load: the generator has another key than the state, so another seed')
    }
    const { model: values, optimizer: moments, carried, saved } = unpack(state, model, this.initial)
    const [first = position] = state.saved
    const past = first < position ? this.upload(this.streams.window(first, position - first).inputs) : null
    try {
      const starts = saved.map((tree, i) => ({ time: state.saved[i], state: tree }))
      this.bptt.load({ time: position, carried, saved: starts, past })
      optimizer.load(moments, model.parameters)
      for (const [name, x] of values) model.parameters.get(name)!.assign(x)
    } finally {
      dispose([values, moments, carried, saved, past ?? []])
    }
    rng.position = drawn
    this.position = position
    this.taken = steps
    this.earlier = elapsed
    this.since = performance.now()
  }

  /** Gives back the states that it holds; the model and the optimiser are the caller's. */
  dispose(): void {
    this.bptt.dispose()
    dispose(this.initial)
  }

  private elapsed(): number {
    return this.earlier + performance.now() - this.since
  }

  /** Whole numbers that can be: the place in the text follows from the number of steps. */
  private checkPlace({ steps, position, elapsed, random, saved }: TrainingState): void {
    const { options: { window }, streams } = this
    for (const [what, value] of Object.entries({ steps, position, 'random position': random.position })) {
      checkCount(`load: ${what}`, value, 0)
    }
    const wanted = steps === 0 ? 0 : ((steps - 1) % streams.windows(window) + 1) * window
    if (position !== wanted) {
      throw new UnrolledError(`load: the position is ${position} after ${steps} steps; it must be ` +
        `${wanted}; the text, the batch or the window is another`)
    }
    if (!(elapsed >= 0 && elapsed < Infinity)) {
      throw new UnrolledError(`load: elapsed is ${elapsed}; it must be a number of 0 or more`)
    }
    saved.forEach((time) => checkCount('load: the time of a saved state', time, 0))
  }

  /** One update from the window at the present place. */
  private async update(learningRate: number) {
    const { options: { model, optimizer, window, clip, sumSteps = false }, bptt } = this
    const { inputs, targets } = this.streams.window(this.position, window)
    const tape = new Tape()
    let told: Tensor // [3]
    try {
      const { loss, grads } = bptt.step(tape, this.upload(inputs), this.upload(targets))
      const { norm, clipped, finite, grads: bounded } = clipByGlobalNorm(grads, clip)
      // a loss of infinity can have a finite gradient: a target to which the net gives no probability at all
      const applyIf = untracked(() => mul(finite, isFinite(loss)))
      optimizer.update(model.parameters, bounded, { applyIf, learningRate })
      told = tape.keep(untracked(() => stack([loss, norm, clipped])))
    } finally {
      tape.close()
    }
    const [total, gradNorm, clipped] = await told.read().finally(() => told.dispose())
    checkNorm(gradNorm, `the gradient norm of step ${this.taken + 1}`)
    checkNorm(total, `the loss of step ${this.taken + 1}`)
    return { ...inUnits(sumSteps ? total / window : total), gradNorm, clipped: clipped === 1 }
  }

  /** Symbols of all streams as a tensor [T, B]. */
  private upload(symbols: Int32Array): Tensor {
    const { batch, model: { device } } = this.options
    return tensor(symbols, { shape: [symbols.length / batch, batch], device, dtype: 'int32' })
  }
}

// The echo state network (Jaeger 2001, "The 'echo state' approach to analysing and training recurrent neural
// networks", GMD report 148): a large fixed net of random weights, of which only the readout is trained.
//
//   x_n = (1 - leak) x_{n-1} + gain f(W_in u_n + W x_{n-1} + W_back y_{n-1} + b + noise)   eq. 1 and 21
//   y_n = f_out([1, u_n, x_n] W_out)                                                       eq. 2
//
// W_out is a linear regression of the targets, after a warm-up in which the first state is forgotten.
// Read next: echo-state-weights.ts, least-squares.ts, recursive-least-squares.ts.

import { checkCount, checkThat, show } from '../check.ts'
import { checkRandom, type Random } from '../random.ts'
import { checkChoice, checkOptionNames } from '../suggest.ts'
import { drawWeights, type EchoStateWeights, type WeightOptions } from './echo-state-weights.ts'
import { leastSquares } from './least-squares.ts'
import { addProduct } from './matrices.ts'

export interface EchoStateOptions extends WeightOptions {
  /** D */
  readonly inputs: number
  /** N */
  readonly units: number
  /** O */
  readonly outputs: number
  /** draws the weights, and the noise while the net runs */
  readonly rng: Random
  /** share of the state that is lost in each step, 0 to 1; 1 by default: no memory but the weights' */
  readonly leak?: number
  /** what f's value is multiplied by; `leak` by default */
  readonly gain?: number
  /** f; tanh by default */
  readonly activation?: 'tanh' | 'linear'
  /** f_out; linear by default */
  readonly outputActivation?: 'tanh' | 'linear'
  /** inside f, uniform between -noise and noise: makes what is fed back robust; 0 by default */
  readonly noise?: number
  /** whether the readout sees 1 and u_n beside the state; true by default */
  readonly readsInput?: boolean
}

export interface FitOptions {
  /** steps that are driven but not learnt from; 0 by default */
  readonly warmup?: number
  /** 0 by default: plain least squares */
  readonly ridge?: number
  /**
   * how long each of several sequences is that stand one after another, T in all; each begins with state 0
   * and a warm-up of its own. One sequence of T by default
   */
  readonly lengths?: ArrayLike<number>
}

export interface EchoRunOptions {
  /** steps, the first of the inputs, whose outputs are not returned; 0 by default */
  readonly warmup?: number
  /** [warmup, O]: what is fed back in them instead of the net's own outputs */
  readonly teacher?: ArrayLike<number>
}

export interface EchoState {
  readonly inputs: number
  readonly units: number
  readonly outputs: number
  /** F: how many numbers the readout sees */
  readonly features: number
  readonly weights: EchoStateWeights
  /** W_out, [F, O]; 0 before it is trained */
  readonly readout: Float64Array
  readonly outputActivation: 'tanh' | 'linear'
  /** x, [N], as it is now */
  readonly state: Float64Array
  /** Puts x to 0, or to these N numbers, and the output that is fed back to 0. */
  reset(state?: ArrayLike<number>): void
  /**
   * One step of the reservoir.
   * @param input u_n, [D]
   * @param fed y_{n-1}, [O]; by default the last output that `read` gave
   * @returns what the readout sees, [F]: a list that the next step fills anew
   */
  step(input: ArrayLike<number>, fed?: ArrayLike<number>): Float64Array
  /** y_n, [O], of what `step` has returned; the next step is fed with it. */
  read(features: Float64Array): Float64Array
  /**
   * Trains the readout on a sequence, or several, from state 0; what is fed back are the targets.
   * @param inputs [T, D]
   * @param targets [T, O]; with f_out = tanh strictly between -1 and 1
   * @throws UnrolledError for sequences that do not fit, and when the regression cannot be solved
   */
  fit(inputs: ArrayLike<number>, targets: ArrayLike<number>, options?: FitOptions): void
  /**
   * Runs on from the present state.
   * @param inputs [T, D]
   * @returns outputs, [T - warmup, O]
   */
  run(inputs: ArrayLike<number>, options?: EchoRunOptions): Float64Array
}

const KNOWN = [
  'inputs', 'units', 'outputs', 'rng', 'leak', 'gain', 'activation', 'outputActivation', 'noise',
  'readsInput', 'spectralRadius', 'density', 'inputScaling', 'biasScaling', 'feedbackScaling', 'weights',
] as const

/**
 * A reservoir with weights drawn or given, and an untrained readout.
 * @throws UnrolledError for options that do not fit
 */
export function echoState(options: EchoStateOptions): EchoState {
  checkOptionNames('echoState', options, KNOWN)
  const { inputs: D, units: N, outputs: O, leak = 1, noise = 0, readsInput = true } = options
  for (const name of ['inputs', 'units', 'outputs'] as const) checkCount(`echoState: ${name}`, options[name])
  checkThat(leak >= 0 && leak <= 1, () => `echoState: leak is ${leak}; it must be from 0 to 1`)
  checkThat(noise >= 0 && noise < Infinity, () => `echoState: noise is ${noise}; it must be 0 or more`)
  const { gain = leak, activation = 'tanh', outputActivation = 'linear', rng } = options
  checkThat(Number.isFinite(gain), () => `echoState: gain is ${gain}; it must be a finite number`)
  checkChoice('echoState: activation', activation, ['tanh', 'linear'])
  checkChoice('echoState: outputActivation', outputActivation, ['tanh', 'linear'])
  checkRandom('echoState', rng)

  const weights = drawWeights(options)
  const before = readsInput ? 1 + D : 0 // numbers that the readout sees before the state
  const F = before + N
  const readout = readoutOf(options.weights?.readout, F, O)
  const state = new Float64Array(N)
  const driven = new Float64Array(N) // what f is taken of
  const last = new Float64Array(O)
  const seen = new Float64Array(F)
  if (readsInput) seen[0] = 1

  const step = (input: ArrayLike<number>, fed: ArrayLike<number> = last): Float64Array => {
    const u = Float64Array.from(input)
    checkThat(u.length === D && u.every(Number.isFinite), () =>
      `step: the input must be ${D} finite numbers; it is ${show(Array.from(u))}`)
    checkThat(fed.length === O, () => `step: what is fed back has ${fed.length} numbers; it must have ${O}`)
    driven.set(weights.bias)
    addProduct(driven, weights.input, u)
    addProduct(driven, weights.recurrent, state)
    if (weights.feedback) addProduct(driven, weights.feedback, Float64Array.from(fed))
    if (noise > 0) rng.uniform(N, -noise, noise).forEach((value, i) => { driven[i] += value })
    for (let i = 0; i < N; i++) {
      const f = activation === 'tanh' ? Math.tanh(driven[i]) : driven[i]
      state[i] = (1 - leak) * state[i] + gain * f
    }
    if (readsInput) seen.set(u, 1)
    seen.set(state, before)
    return seen
  }

  const read = (features: Float64Array): Float64Array => {
    checkThat(features.length === F, () =>
      `read: there are ${features.length} numbers to see; there must be the ${F} that step gives`)
    last.fill(0)
    for (let k = 0; k < F; k++) for (let o = 0; o < O; o++) last[o] += features[k] * readout[k * O + o]
    if (outputActivation === 'tanh') for (let o = 0; o < O; o++) last[o] = Math.tanh(last[o])
    return last.slice()
  }

  const reset = (values?: ArrayLike<number>): void => {
    const start = Float64Array.from(values ?? new Float64Array(N))
    checkThat(start.length === N && start.every(Number.isFinite), () =>
      `reset: the state must be ${N} finite numbers; there are ${start.length}`)
    state.set(start)
    last.fill(0)
  }

  const net: EchoState = {
    inputs: D, units: N, outputs: O, features: F, weights, readout, outputActivation, state,
    reset, step, read,
    fit: (inputs, targets, choices = {}) => fit(net, Float64Array.from(inputs ?? []), targets, choices),
    run: (inputs, choices = {}) => run(net, Float64Array.from(inputs ?? []), choices),
  }
  return net
}

/** W_out as it is given, or zeros. */
function readoutOf(given: ArrayLike<number> | undefined, F: number, O: number): Float64Array {
  const readout = Float64Array.from(given ?? new Float64Array(F * O))
  checkThat(readout.length === F * O && readout.every(Number.isFinite), () =>
    `echoState: the readout must be [${F}, ${O}], finite numbers; there are ${readout.length}`)
  return readout
}

function fit(net: EchoState, inputs: Float64Array, targets: ArrayLike<number>, options: FitOptions): void {
  checkOptionNames('fit', options, ['warmup', 'ridge', 'lengths'])
  const { inputs: D, outputs: O, features: F } = net
  const { warmup = 0, ridge = 0 } = options
  const T = checkSequence('fit', inputs, D, warmup)
  const lengths = Array.from(options.lengths ?? [T])
  checkThat(lengths.every((n) => Number.isInteger(n) && n > warmup) && sum(lengths) === T, () =>
    `fit: the lengths are ${show(lengths)}; they must be whole numbers above the warm-up's ${warmup} steps ` +
    `and add up to T, ${T}`)
  const wanted = Float64Array.from(targets ?? [])
  checkThat(wanted.length === T * O, () =>
    `fit: there are ${wanted.length} targets; for ${T} steps there must be [${T}, ${O}]`)
  const rows = T - lengths.length * warmup
  const [X, Y] = [new Float64Array(rows * F), new Float64Array(rows * O)]
  let [t, row] = [0, 0]
  for (const length of lengths) {
    net.reset()
    for (let k = 0; k < length; k++, t++) {
      const fed = k === 0 ? new Float64Array(O) : wanted.subarray((t - 1) * O, t * O)
      const features = net.step(inputs.subarray(t * D, (t + 1) * D), fed)
      if (k < warmup) continue
      X.set(features, row * F)
      Y.set(wanted.subarray(t * O, (t + 1) * O).map((value) => inverse(net, value)), row * O)
      row++
    }
  }
  net.readout.set(leastSquares(X, Y, { features: F, outputs: O, ridge }))
  net.read(X.subarray(X.length - F)) // what the next step is fed with
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)

/** f_out's inverse of a target: what the linear part of the readout has to give. */
export function inverse({ outputActivation }: EchoState, target: number): number {
  const value = outputActivation === 'tanh' ? Math.atanh(target) : target
  checkThat(Number.isFinite(value), () => outputActivation === 'tanh'
    ? `a target is ${target}; with the output activation tanh it must lie strictly between -1 and 1`
    : `a target is ${target}; it must be finite`)
  return value
}

function run(net: EchoState, inputs: Float64Array, options: EchoRunOptions): Float64Array {
  checkOptionNames('run', options, ['warmup', 'teacher'])
  const { inputs: D, outputs: O } = net
  const { warmup = 0, teacher } = options
  const T = checkSequence('run', inputs, D, warmup)
  const taught = teacher && Float64Array.from(teacher)
  checkThat(taught === undefined || taught.length === warmup * O, () =>
    `run: the teacher has ${taught?.length} numbers; for a warm-up of ${warmup} steps it must be ` +
    `[${warmup}, ${O}]`)
  const outputs = new Float64Array((T - warmup) * O)
  for (let t = 0; t < T; t++) {
    const fed = taught && t > 0 && t <= warmup ? taught.subarray((t - 1) * O, t * O) : undefined
    const y = net.read(net.step(inputs.subarray(t * D, (t + 1) * D), fed))
    if (t >= warmup) outputs.set(y, (t - warmup) * O)
  }
  return outputs
}

/** How many steps there are; more than are warmed up with. */
function checkSequence(op: string, inputs: Float64Array, D: number, warmup: number): number {
  checkCount(`${op}: warmup`, warmup, 0)
  const T = inputs.length / D
  checkThat(Number.isInteger(T) && T > warmup, () =>
    `${op}: there are ${inputs.length} input numbers; they must be [T, ${D}] with T above the warm-up's ` +
    `${warmup} steps`)
  checkThat(inputs.every(Number.isFinite), () => `${op}: an input is not finite; all must be`)
  return T
}

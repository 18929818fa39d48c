// The liquid state machine (Maass, Natschlaeger and Markram 2002, "Real-time computing without stable
// states"): a column of leaky integrate-and-fire neurons driven by spikes, and a state that a readout sees.
//
//   tau_m dV/dt = -V + R (I_syn + I_b + noise);  at V = 15 mV a spike, V = 13.5 mV, and 3 or 2 ms of rest
//   state_i(t) = sum over the spikes of neuron i before t of exp(-(t - t_spike) / 30 ms)
//
// Between spikes all is solved exactly (Rotter and Diesmann 1999): a step only rounds times and delays. Times
// are in ms, currents in nA, potentials in mV above rest. Read next: liquid-column.ts; liquid-weights.ts.

import { checkKind, checkThat } from '../check.ts'
import { checkRandom, type Random } from '../random.ts'
import { checkOptionNames } from '../suggest.ts'
import { afterPause, type Column, type ColumnOptions, drawColumn, type Synapses } from './liquid-column.ts'
import { columnOf, type LiquidWeights, LONGEST_DELAY } from './liquid-weights.ts'

export interface LiquidRun {
  /** spike times of each input, in ms, in any order; those outside 0 .. duration are left out */
  readonly inputs: readonly ArrayLike<number>[]
  /** ms */
  readonly duration: number
  /** draws the potentials at the start and the noise; each run with other ones */
  readonly rng: Random
  /** when the state is read, in ms, ascending; at the end by default */
  readonly readAt?: readonly number[]
}

export interface LiquidResult {
  /** [readAt.length, N] */
  readonly states: Float64Array
  /** spikes of each neuron, in ms, ascending */
  readonly spikes: readonly (readonly number[])[]
}

export interface Liquid {
  /** N */
  readonly size: number
  readonly column: Column
  /** Runs from a fresh start: rested synapses, potentials drawn between reset and threshold. */
  run(options: LiquidRun): LiquidResult
}

const STEP = 0.5 // ms; delays of 0.8 ms become 1
const MEMBRANE = 30 // tau_m, ms
const RESISTANCE = 1 // R, megaohm
const [THRESHOLD, RESET] = [15, 13.5] // mV
const REST = { excitatory: 3, inhibitory: 2 } // ms after a spike
const SYNAPSE = { excitatory: 3, inhibitory: 6 } // ms in which a synapse's current falls to 1 / e
const STATE = 30 // ms
const STRIDE = 7919 // each step reads its noise so many places on: a prime, so that places come back late

// In one step: what is left of V and of each current, and what they add to V.
const KEPT = Math.exp(-STEP / MEMBRANE)
const FROM_CONSTANT = RESISTANCE * (1 - KEPT)
const decay = (tau: number): number => Math.exp(-STEP / tau)
const toPotential = (tau: number): number =>
  RESISTANCE / MEMBRANE * (decay(tau) - KEPT) / (1 / MEMBRANE - 1 / tau)
const E_DECAY = decay(SYNAPSE.excitatory)
const I_DECAY = decay(SYNAPSE.inhibitory)
const E_TO_V = toPotential(SYNAPSE.excitatory)
const I_TO_V = toPotential(SYNAPSE.inhibitory)
const TRACE_DECAY = decay(STATE)

/**
 * Draws a column and its synapses; the options' defaults are the paper's numbers. Or takes `weights`, those
 * of a liquid that was saved (liquid-weights.ts), in place of all other options.
 * @throws UnrolledError for options that do not fit
 */
export function liquid(options: ColumnOptions | { readonly weights: LiquidWeights }): Liquid {
  checkKind('liquid: the object of its options', options, 'an object')
  if ('weights' in options) checkOptionNames('liquid', options, ['weights'])
  const column = 'weights' in options ? columnOf(options.weights) : drawColumn(options)
  return { size: column.excitatory.length, column, run: (run) => simulate(column, run) }
}

/** What changes while a liquid runs: one number for each neuron. */
interface State {
  readonly V: Float64Array
  /** currents of the synapses that excite and of those that inhibit */
  readonly exciting: Float64Array
  readonly inhibiting: Float64Array
  /** steps until the neuron may spike again */
  readonly resting: Int32Array
  /** the liquid's state as it is read */
  readonly trace: Float64Array
  /** step of the last spike; -Infinity before the first */
  readonly last: Float64Array
}

function simulate(column: Column, options: LiquidRun): LiquidResult {
  checkOptionNames('run', options, ['inputs', 'duration', 'rng', 'readAt'])
  const { inputs, duration, rng, readAt = [duration] } = options
  checkRun(column, inputs, duration, readAt)
  checkRandom('run', rng)
  const N = column.excitatory.length
  const state: State = {
    V: rng.uniform(N, RESET, THRESHOLD), exciting: new Float64Array(N), inhibiting: new Float64Array(N),
    resting: new Int32Array(N), trace: new Float64Array(N), last: new Float64Array(N).fill(-Infinity),
  }
  const steps = Math.round(duration / STEP)
  const arriving = inputs.map((times) => bySteps(times, steps))
  const mail = new Mail()
  const synapses = rested(column.synapses)
  const spikes: number[][] = Array.from({ length: N }, () => [])
  const states = new Float64Array(readAt.length * N)
  let reading = 0
  const places = column.noise.length - N
  const begin = rng.integer(places)
  for (let step = 1; step <= steps; step++) {
    mail.deliver(step, state)
    arriving.forEach((count, input) => { if (count[step] > 0) inject(column, input, count[step], state) })
    for (const i of advance(column, state, (begin + step * STRIDE) % places)) {
      spikes[i].push(step * STEP)
      transmit(synapses, i, step, state.last[i], mail)
      state.last[i] = step
    }
    for (; reading < readAt.length && readAt[reading] <= step * STEP + 1e-9; reading++) {
      states.set(state.trace, reading * N)
    }
  }
  return { states, spikes }
}

/** One step of all neurons, with the noise that begins at `from`; those that spike. */
function advance({ excitatory, background, noise }: Column, state: State, from: number): number[] {
  const { V, exciting, inhibiting, resting, trace } = state
  const fired: number[] = []
  for (let i = 0; i < V.length; i++) {
    const e = exciting[i]
    const h = inhibiting[i]
    const next = KEPT * V[i] + FROM_CONSTANT * (background + noise[from + i]) + E_TO_V * e + I_TO_V * h
    exciting[i] = e * E_DECAY
    inhibiting[i] = h * I_DECAY
    trace[i] *= TRACE_DECAY
    if (resting[i] > 0) {
      resting[i]--
      continue
    }
    V[i] = next
    if (next < THRESHOLD) continue
    V[i] = RESET
    resting[i] = Math.round((excitatory[i] ? REST.excitatory : REST.inhibitory) / STEP)
    trace[i] += 1
    fired.push(i)
  }
  return fired
}

/** A spike of an input: its synapses have no delay and do not tire. */
function inject({ inputs }: Column, input: number, count: number, { exciting }: State): void {
  const { targets, weights } = inputs[input]
  for (let k = 0; k < targets.length; k++) exciting[targets[k]] += count * weights[k]
}

/** The synapses as a run changes them: u and R of each, after its last spike. */
interface Dynamics {
  readonly fixed: Synapses
  readonly u: Float64Array
  readonly R: Float64Array
}

const rested = (fixed: Synapses): Dynamics =>
  ({ fixed, u: fixed.U.slice(), R: new Float64Array(fixed.U.length).fill(1) })

/** A spike goes out: each synapse gives A u R, after its delay. */
function transmit({ fixed, u, R }: Dynamics, from: number, step: number, last: number, mail: Mail): void {
  const { starts, targets, A, U, D, F, delays, dynamic } = fixed
  const pause = (step - last) * STEP
  for (let s = starts[from]; s < starts[from + 1]; s++) {
    if (dynamic && last > -Infinity) {
      [u[s], R[s]] = afterPause({ U: U[s], D: D[s], F: F[s] }, u[s], R[s], pause)
    }
    mail.post(step + Math.max(1, Math.round(delays[s] / STEP)), targets[s], A[s] * u[s] * R[s])
  }
}

/** Currents on their way: a ring of steps, one more than the longest delay has. */
class Mail {
  private readonly ring = Array.from({ length: LONGEST_DELAY / STEP + 1 }, () =>
    ({ targets: new Array<number>(), currents: new Array<number>() }))

  post(step: number, target: number, current: number): void {
    const { targets, currents } = this.ring[step % this.ring.length]
    targets.push(target)
    currents.push(current)
  }

  deliver(step: number, { exciting, inhibiting }: State): void {
    const { targets, currents } = this.ring[step % this.ring.length]
    for (let k = 0; k < targets.length; k++) {
      if (currents[k] > 0) exciting[targets[k]] += currents[k]
      else inhibiting[targets[k]] += currents[k]
    }
    targets.length = 0
    currents.length = 0
  }
}

/** How many of the spikes fall into each step. */
function bySteps(times: ArrayLike<number>, steps: number): Int32Array {
  const count = new Int32Array(steps + 1)
  for (let k = 0; k < times.length; k++) {
    const step = Math.ceil(times[k] / STEP)
    if (step >= 1 && step <= steps) count[step]++
  }
  return count
}

function checkRun(
  { inputs: known }: Column, inputs: LiquidRun['inputs'], duration: number, readAt: readonly number[],
): void {
  checkThat(inputs?.length === known.length, () =>
    `run: there are spikes of ${inputs?.length ?? 'no'} inputs; the liquid has ${known.length}`)
  inputs.forEach((times, k) => checkThat(times.length >= 0 && !Array.from(times).some(Number.isNaN), () =>
    `run: input ${k} must be a list of spike times in ms`))
  checkThat(duration >= STEP && duration < Infinity, () =>
    `run: duration is ${duration}; it must be ${STEP} ms or more`)
  readAt.forEach((time, k) => checkThat(time > 0 && time <= duration && !(time < readAt[k - 1]), () =>
    `run: readAt ${k} is ${time}; the times must ascend from above 0 to the duration, ${duration}`))
}

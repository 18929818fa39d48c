// Hopfield's net of graded units (1984, "Neurons with graded response have collective computational
// properties like those of two-state neurons"): the same memory as a circuit, without a clock.
//
//   C du_i/dt = sum_j T_ij V_j - u_i / R + I_i,  V_i = g(u_i)                          eq. 5
//   E = -1/2 sum_ij T_ij V_i V_j + 1/R sum_i integral_0^V_i g^-1(V) dV - sum_i I_i V_i  eq. 7: never rises
//
// Here g(u) = tanh(gain u), so that V lies between -1 and 1. The higher the gain, the closer its stable
// states come to those of the net of 1982. Read next: hopfield.ts; modern-hopfield.ts.

import { checkCount, checkThat } from '../check.ts'
import { checkOptionNames } from '../suggest.ts'

export interface ContinuousHopfieldOptions {
  /** T, [N, N], symmetric: those of `hopfield`, for example, divided by N */
  readonly weights: ArrayLike<number>
  /** steepness of g; 4 by default */
  readonly gain?: number
  /** I, [N]; all 0 by default */
  readonly currents?: ArrayLike<number>
  /** R; 1 by default. All is forgotten unless gain * R * T's largest eigenvalue is above 1 */
  readonly resistance?: number
  /** C; 1 by default. R C is the time in which a unit forgets */
  readonly capacitance?: number
}

export interface FlowOptions {
  /** how long, in the unit of R C; 50 of them by default */
  readonly duration?: number
  /** the time of one step (Euler's); a twentieth of R C by default. Too long a step can raise the energy */
  readonly step?: number
  /** is told the energy before the first step and after each */
  readonly watch?: (energy: number) => void
}

export interface ContinuousHopfield {
  /** N */
  readonly size: number
  /** E of outputs V, each between -1 and 1 */
  energy(outputs: ArrayLike<number>): number
  /** Lets the circuit run from outputs V strictly between -1 and 1; the outputs at the end. */
  flow(outputs: ArrayLike<number>, options?: FlowOptions): Float64Array
}

/**
 * A circuit with these weights (Hopfield 1984, eq. 5 and 7).
 * @throws UnrolledError when the weights are not square or not symmetric, or a number is not positive
 */
export function continuousHopfield(options: ContinuousHopfieldOptions): ContinuousHopfield {
  const known = ['weights', 'gain', 'currents', 'resistance', 'capacitance'] as const
  checkOptionNames('continuousHopfield', options, known)
  const { gain = 4, resistance: R = 1, capacitance: C = 1 } = options
  checkPositive('continuousHopfield', { gain, resistance: R, capacitance: C })
  const weights = Float64Array.from(options.weights ?? [])
  const N = checkSymmetric(weights)
  const currents = Float64Array.from(options.currents ?? new Float64Array(N))
  checkThat(currents.length === N && currents.every(Number.isFinite), () =>
    `continuousHopfield: currents must be ${N} finite numbers; there are ${currents.length}`)

  const energy = (V: ArrayLike<number>): number => {
    checkOutputs('energy', V, N, 1)
    let sum = 0
    for (let i = 0; i < N; i++) {
      let input = 0
      for (let j = 0; j < N; j++) input += weights[i * N + j] * V[j]
      sum += -input * V[i] / 2 - currents[i] * V[i] + integral(V[i]) / (gain * R)
    }
    return sum
  }

  const flow = (outputs: ArrayLike<number>, choices: FlowOptions = {}): Float64Array => {
    checkOptionNames('flow', choices, ['duration', 'step', 'watch'])
    const { duration = 50 * R * C, step = R * C / 20, watch } = choices
    checkPositive('flow', { duration, step })
    checkCount('flow: duration / step, rounded,', Math.round(duration / step))
    checkOutputs('flow', outputs, N, 1 - 1e-15)
    const V = Float64Array.from(outputs)
    const u = V.map((v) => Math.atanh(v) / gain)
    watch?.(energy(V))
    for (let t = Math.round(duration / step); t > 0; t--) {
      for (let i = 0; i < N; i++) {
        let input = currents[i] - u[i] / R
        for (let j = 0; j < N; j++) input += weights[i * N + j] * V[j]
        u[i] += step / C * input // V is still that of the last step: all units move together
      }
      for (let i = 0; i < N; i++) V[i] = Math.tanh(gain * u[i])
      watch?.(energy(V))
    }
    return V
  }
  return { size: N, energy, flow }
}

// The integral of atanh from 0 to v: ((1 + v) ln(1 + v) + (1 - v) ln(1 - v)) / 2; ln 2 at both ends.
function integral(v: number): number {
  if (Math.abs(v) === 1) return Math.LN2
  return ((1 + v) * Math.log1p(v) + (1 - v) * Math.log1p(-v)) / 2
}

function checkSymmetric(weights: Float64Array): number {
  const N = Math.sqrt(weights.length)
  checkThat(Number.isInteger(N) && N >= 1, () =>
    `continuousHopfield: there are ${weights.length} weights; they must be N x N for N units`)
  for (let i = 0; i < N; i++) {
    for (let j = 0; j <= i; j++) {
      checkThat(Number.isFinite(weights[i * N + j]) && weights[i * N + j] === weights[j * N + i], () =>
        `continuousHopfield: the weights between units ${i} and ${j} are ${weights[i * N + j]} and ` +
        `${weights[j * N + i]}; they must be finite and the same, or there is no energy`)
    }
  }
  return N
}

function checkPositive(op: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    checkThat(value > 0 && value < Infinity, () => `${op}: ${name} is ${value}; it must be a positive number`)
  }
}

function checkOutputs(op: string, outputs: ArrayLike<number>, N: number, most: number): void {
  checkThat(outputs?.length === N, () =>
    `${op}: there are ${outputs?.length ?? 'no'} outputs; there must be ${N}`)
  for (let i = 0; i < N; i++) {
    checkThat(Math.abs(outputs[i]) <= most, () =>
      `${op}: output ${i} is ${outputs[i]}; it must lie ${most < 1 ? 'strictly ' : ''}between -1 and 1`)
  }
}

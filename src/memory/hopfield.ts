// Hopfield's net (1982, "Neural networks and physical systems with emergent collective computational
// abilities"): patterns are the valleys of an energy, and recall is falling into the nearest one.
//
//   T_ij = sum over patterns of (2V_i - 1)(2V_j - 1), T_ii = 0     eq. 2; with units of -1 and 1: S_i S_j
//   V_i <- 1 if sum_j T_ij V_j > U_i, 0 if it is less              eq. 1; with units of -1 and 1: 1 or -1
//   E = -1/2 sum_ij T_ij V_i V_j + sum_i U_i V_i                   eq. 7: one unit at a time, it never rises
//
// Read next: continuous-hopfield.ts (1984), modern-hopfield.ts (2020), ../experiments/hopfield-recall.ts.

import { checkCount, checkThat } from '../check.ts'
import { checkRandom, type Random } from '../random.ts'
import { checkChoice, checkOptionNames } from '../suggest.ts'

/** The two values of a unit: 0 and 1 as in the paper, or -1 and 1, which stores twice as many patterns. */
export type UnitValues = 'zero-one' | 'plus-minus'

export interface HopfieldOptions {
  /** what is stored: each pattern has a value for each of N units, N of 2 or more */
  readonly patterns?: readonly ArrayLike<number>[]
  /** or, in place of patterns, T itself: [N, N], symmetric, 0 on the diagonal; a net's that was saved */
  readonly weights?: ArrayLike<number>
  readonly units: UnitValues
  /** U, [N]; all 0 by default */
  readonly thresholds?: ArrayLike<number>
  /** keep only the sign of each weight, as a circuit of the simplest parts would; false by default */
  readonly clipped?: boolean
}

export interface SettleOptions {
  /**
   * `asynchronous`: one unit at a time, in an order drawn anew for each sweep (needs `rng`);
   * `synchronous`: all at once (Little 1974): the energy may rise, and two states may alternate for ever
   */
  readonly order: 'asynchronous' | 'synchronous'
  readonly rng?: Random
  /** how often each unit is asked at most; 100 by default */
  readonly sweeps?: number
  /** is told the energy after each change of the state; costs nothing when it is left out */
  readonly watch?: (energy: number) => void
}

export interface Settled {
  /** the state at the end, [N] */
  readonly state: Float64Array
  /** whether no unit wants to change any more */
  readonly stable: boolean
  /** how often all units were asked, the last time in vain included */
  readonly sweeps: number
}

export interface Hopfield {
  readonly units: UnitValues
  /** N */
  readonly size: number
  /** T, [N, N], symmetric, 0 on the diagonal */
  readonly weights: Float64Array
  /** U, [N] */
  readonly thresholds: Float64Array
  /** E of a state. @throws UnrolledError for one of another length or with other values */
  energy(state: ArrayLike<number>): number
  /** Lets a state fall until nothing changes. @throws UnrolledError as `energy`, and for unfit options */
  settle(state: ArrayLike<number>, options: SettleOptions): Settled
}

/**
 * A net that has stored the patterns (Hopfield 1982, eq. 1, 2 and 7), or has the weights of one that did.
 * @throws UnrolledError when patterns, weights or thresholds do not fit
 */
export function hopfield(options: HopfieldOptions): Hopfield {
  checkOptionNames('hopfield', options, ['patterns', 'weights', 'units', 'thresholds', 'clipped'])
  const { patterns, units, clipped = false } = options
  checkChoice('hopfield: units', units, ['zero-one', 'plus-minus'])
  checkThat((patterns === undefined) !== (options.weights === undefined), () =>
    'hopfield: give either patterns to store or the weights of a net that has stored some')
  const off = units === 'zero-one' ? 0 : -1
  const size = patterns ? checkPatterns(patterns, off) : checkWeights(options.weights!)
  const thresholds = Float64Array.from(options.thresholds ?? new Float64Array(size))
  checkThat(thresholds.length === size && thresholds.every(Number.isFinite), () =>
    `hopfield: thresholds must be ${size} finite numbers, one for each unit; there are ${thresholds.length}`)
  const weights = patterns ? store(patterns, off, size) : Float64Array.from(options.weights!)
  if (clipped) for (let ij = 0; ij < weights.length; ij++) weights[ij] = Math.sign(weights[ij])

  const net = { size, weights, thresholds, off }
  return {
    units, size, weights, thresholds,
    energy(state) {
      checkPattern('energy: the state', state, size, off)
      return energyOf(net, state, fields(net, state))
    },
    settle(state, choices) {
      checkOptionNames('settle', choices, ['order', 'rng', 'sweeps', 'watch'])
      checkPattern('settle: the state', state, size, off)
      return settle(net, Float64Array.from(state), choices)
    },
  }
}

/** What settling needs to know of a net; `off` is the lower of a unit's two values. */
interface Net {
  readonly size: number
  readonly weights: Float64Array
  readonly thresholds: Float64Array
  readonly off: number
}

// T, eq. 2. A pattern's values count as -1 and 1 here, whatever the units'.
function store(patterns: readonly ArrayLike<number>[], off: number, N: number): Float64Array {
  const weights = new Float64Array(N * N)
  for (const pattern of patterns) {
    const signs = Float64Array.from(pattern, (value) => value === off ? -1 : 1)
    for (let i = 0; i < N; i++) {
      const sign = signs[i]
      for (let j = 0; j < i; j++) weights[i * N + j] += sign * signs[j]
    }
  }
  for (let i = 0; i < N; i++) for (let j = 0; j < i; j++) weights[j * N + i] = weights[i * N + j]
  return weights
}

// h_i = sum_j T_ij V_j - U_i: above 0 unit i wants to be 1, below 0 the other value; at 0 it stays.
function fields({ size: N, weights, thresholds }: Net, state: ArrayLike<number>): Float64Array {
  const h = new Float64Array(N)
  for (let i = 0; i < N; i++) {
    let sum = -thresholds[i]
    for (let j = 0; j < N; j++) sum += weights[i * N + j] * state[j]
    h[i] = sum
  }
  return h
}

// E = -1/2 sum_i V_i (h_i + U_i) + sum_i U_i V_i
function energyOf({ size, thresholds }: Net, state: ArrayLike<number>, h: Float64Array): number {
  let energy = 0
  for (let i = 0; i < size; i++) energy += state[i] * (thresholds[i] - h[i]) / 2
  return energy
}

function settle(net: Net, state: Float64Array, options: SettleOptions): Settled {
  const { order, rng, sweeps: most = 100, watch } = options
  checkCount('settle: sweeps', most)
  checkChoice('settle: order', order, ['asynchronous', 'synchronous'])
  if (order === 'asynchronous') checkRandom('settle, whose asynchronous order is drawn', rng!)
  const h = fields(net, state)
  watch?.(energyOf(net, state, h))
  for (let sweeps = 1; sweeps <= most; sweeps++) {
    const changed = rng !== undefined && order === 'asynchronous'
      ? oneByOne(net, state, h, rng.permutation(net.size), watch)
      : allAtOnce(net, state, h, watch)
    if (!changed) return { state, stable: true, sweeps }
  }
  return { state, stable: false, sweeps: most }
}

// A change of one unit changes all fields by a column of T, and the energy by -dV_i h_i, never upward.
function oneByOne(
  net: Net, state: Float64Array, h: Float64Array, order: Int32Array, watch: SettleOptions['watch'],
): boolean {
  const { size: N, weights, off } = net
  let changed = false
  for (const i of order) {
    const wanted = h[i] > 0 ? 1 : h[i] < 0 ? off : state[i]
    const change = wanted - state[i]
    if (change === 0) continue
    changed = true
    state[i] = wanted
    for (let j = 0; j < N; j++) h[j] += change * weights[i * N + j] // T is symmetric: row i is column i
    watch?.(energyOf(net, state, h))
  }
  return changed
}

function allAtOnce(net: Net, state: Float64Array, h: Float64Array, watch: SettleOptions['watch']): boolean {
  const next = state.map((value, i) => h[i] > 0 ? 1 : h[i] < 0 ? net.off : value)
  if (next.every((value, i) => value === state[i])) return false
  state.set(next)
  h.set(fields(net, state))
  watch?.(energyOf(net, state, h))
  return true
}

function checkPatterns(patterns: readonly ArrayLike<number>[], off: number): number {
  checkThat(patterns.length > 0, () => 'hopfield: there is no pattern; store at least one')
  const size = patterns[0].length
  checkThat(size >= 2, () => `hopfield: the patterns have ${size ?? 'no'} units; there must be 2 or more`)
  patterns.forEach((pattern, k) => checkPattern(`hopfield: pattern ${k}`, pattern, size, off))
  return size
}

/** N of weights [N, N] that an energy can be made of. */
function checkWeights(weights: ArrayLike<number>): number {
  const N = Math.sqrt(weights.length)
  checkThat(Number.isInteger(N) && N >= 2, () =>
    `hopfield: there are ${weights.length} weights; they must be N x N for N units, 2 or more`)
  for (let i = 0; i < N; i++) {
    for (let j = 0; j <= i; j++) {
      const [to, back] = [weights[i * N + j], weights[j * N + i]]
      checkThat(Number.isFinite(to) && to === back && (i !== j || to === 0), () =>
        `hopfield: the weights between units ${i} and ${j} are ${to} and ${back}; they must be finite, the ` +
        'same both ways, and 0 from a unit to itself, or the energy may rise')
    }
  }
  return N
}

function checkPattern(what: string, values: ArrayLike<number>, size: number, off: number): void {
  checkThat(values?.length === size, () =>
    `${what} has ${values?.length ?? 'no'} units; it must have ${size}`)
  for (let i = 0; i < size; i++) {
    checkThat(values[i] === 1 || values[i] === off, () =>
      `${what}: unit ${i} is ${values[i]}; it must be ${off} or 1`)
  }
}

/** How alike two patterns of -1 and 1 are: the mean of the products of their units, from -1 to 1. */
export function overlap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  checkThat(a?.length === b?.length && a?.length > 0, () =>
    `overlap: ${a?.length ?? 'no'} units and ${b?.length ?? 'no'}; they must be as many, 1 or more`)
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum / a.length
}

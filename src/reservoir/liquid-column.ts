// The column of a liquid state machine: neurons on a grid, and synapses that are likelier between neighbours.
// All numbers are those of Maass, Natschlaeger and Markram 2002, appendix B:
//
//   probability of a synapse from a to b = C exp(-(distance / lambda)^2)
//
// Each of the four kinds of synapse (from and to neurons that excite or inhibit) has its own C, weight A,
// dynamics U, D, F and delay. Read next: liquid.ts, which runs it.

import { checkCount, checkThat, describe, show } from '../check.ts'
import { checkRandom, type Random } from '../random.ts'
import { checkOptionNames } from '../suggest.ts'

export interface ColumnOptions {
  readonly rng: Random
  /** neurons along each axis; 3, 3, 15 by default */
  readonly shape?: readonly [number, number, number]
  /** share of the neurons that inhibit; 0.2 by default */
  readonly inhibitory?: number
  /** how far synapses reach, in neurons: the liquid's main parameter; 2 by default */
  readonly lambda?: number
  /** of all recurrent weights; 1 by default: the paper's */
  readonly weightScale?: number
  /** whether synapses tire and recover; true by default. If not, each spike has the effect of the first */
  readonly dynamic?: boolean
  /** how many spike trains come in; 1 by default */
  readonly inputs?: number
  /** share of the neurons that an input reaches; 0.3 by default */
  readonly inputShare?: number
  /** of the input's weights; 1 by default: the paper's */
  readonly inputScale?: number
  /** I_b, nA; 13.5 by default: 1.5 below what makes a neuron spike by itself */
  readonly background?: number
  /** deviation of the noise in each step, nA; 0.2 by default */
  readonly noise?: number
}

/** All synapses, ordered by the neuron that they come from: those of i are starts[i] .. starts[i + 1] - 1. */
export interface Synapses {
  readonly starts: Int32Array
  readonly targets: Int32Array
  /** nA; negative from inhibitory neurons */
  readonly A: Float64Array
  /** share of what is there that a rested synapse gives */
  readonly U: Float64Array
  /** ms: recovery from depression */
  readonly D: Float64Array
  /** ms: how long facilitation lasts */
  readonly F: Float64Array
  /** ms */
  readonly delays: Float64Array
  readonly dynamic: boolean
}

export interface Column {
  /** of each neuron: whether it excites */
  readonly excitatory: readonly boolean[]
  readonly synapses: Synapses
  /** of each input: the neurons that it reaches, and with how many nA */
  readonly inputs: readonly { readonly targets: Int32Array, readonly weights: Float64Array }[]
  readonly background: number
  /** numbers drawn once, which each step reads from another place on: drawing anew would take all the time */
  readonly noise: Float64Array
}

interface Kind {
  readonly C: number
  /** nA */
  readonly A: number
  readonly U: number
  /** ms */
  readonly D: number
  readonly F: number
  readonly delay: number
}

// From, to: E excites, I inhibits.
const KINDS: Readonly<Record<'EE' | 'EI' | 'IE' | 'II', Kind>> = {
  EE: { C: 0.3, A: 30, U: 0.5, D: 1100, F: 50, delay: 1.5 },
  EI: { C: 0.2, A: 60, U: 0.05, D: 125, F: 1200, delay: 0.8 },
  IE: { C: 0.4, A: -19, U: 0.25, D: 700, F: 20, delay: 0.8 },
  II: { C: 0.1, A: -19, U: 0.32, D: 144, F: 60, delay: 0.8 },
}
const INPUT = { excitatory: 18, inhibitory: 9 } // nA, by the neuron that is reached

const NOISES = 2 ** 15

const KNOWN = [
  'rng', 'shape', 'inhibitory', 'lambda', 'weightScale', 'dynamic', 'inputs', 'inputShare', 'inputScale',
  'background', 'noise',
] as const

/** @throws UnrolledError for options that do not fit */
export function drawColumn(options: ColumnOptions): Column {
  checkOptionNames('liquid', options, KNOWN)
  const { rng, shape = [3, 3, 15], inhibitory = 0.2, lambda = 2, dynamic = true } = options
  const { weightScale = 1, inputs = 1, inputShare = 0.3, inputScale = 1 } = options
  const { background = 13.5, noise = 0.2 } = options
  checkRandom('liquid', rng)
  checkThat(shape.length === 3, () => `liquid: shape is ${show(shape)}; it must be three counts of neurons`)
  shape.forEach((count, axis) => checkCount(`liquid: shape[${axis}]`, count))
  checkCount('liquid: inputs', inputs)
  for (const [name, share] of Object.entries({ inhibitory, inputShare })) {
    checkThat(share >= 0 && share <= 1, () => `liquid: ${name} is ${share}; it must be from 0 to 1`)
  }
  for (const [name, value] of Object.entries({ lambda, weightScale, inputScale, noise })) {
    checkThat(value >= 0 && value < Infinity, () => `liquid: ${name} is ${value}; it must be 0 or more`)
  }
  checkThat(Number.isFinite(background), () => `liquid: background is ${background}; it must be finite`)

  const N = shape[0] * shape[1] * shape[2]
  const order = rng.permutation(N)
  const excitatory = new Array<boolean>(N).fill(true)
  for (const i of order.subarray(0, Math.round(inhibitory * N))) excitatory[i] = false
  const synapses = drawSynapses(shape, excitatory, { lambda, weightScale, dynamic }, rng)
  const reached = Math.round(inputShare * N)
  return {
    excitatory, synapses, background, noise: rng.normal(N + NOISES, 0, noise),
    inputs: Array.from({ length: inputs }, () => {
      const targets = rng.permutation(N).subarray(0, reached)
      const means = Array.from(targets, (i) => excitatory[i] ? INPUT.excitatory : INPUT.inhibitory)
      return { targets, weights: Float64Array.from(means, (mean) => inputScale * weightOf(mean, rng)) }
    }),
  }
}

function drawSynapses(
  shape: readonly [number, number, number], excitatory: readonly boolean[],
  { lambda, weightScale, dynamic }: { lambda: number, weightScale: number, dynamic: boolean }, rng: Random,
): Synapses {
  const N = excitatory.length
  const [nx, ny] = shape
  const place = (i: number) => [i % nx, Math.floor(i / nx) % ny, Math.floor(i / nx / ny)]
  const starts = new Int32Array(N + 1)
  const drawn: { target: number, A: number, U: number, D: number, F: number, delay: number }[] = []
  for (let a = 0; a < N; a++) {
    for (let b = 0; b < N; b++) {
      const kind = KINDS[`${excitatory[a] ? 'E' : 'I'}${excitatory[b] ? 'E' : 'I'}`]
      const [from, to] = [place(a), place(b)]
      const distance = Math.hypot(from[0] - to[0], from[1] - to[1], from[2] - to[2])
      if (a === b || rng.uniform(1)[0] >= kind.C * Math.exp(-((distance / lambda) ** 2))) continue
      drawn.push({
        target: b, A: weightScale * weightOf(kind.A, rng), delay: kind.delay,
        U: Math.min(1, around(kind.U, rng)), D: around(kind.D, rng), F: around(kind.F, rng),
      })
    }
    starts[a + 1] = drawn.length
  }
  const list = (of: (one: typeof drawn[number]) => number) => Float64Array.from(drawn, of)
  return {
    starts, targets: Int32Array.from(drawn, ({ target }) => target), dynamic,
    A: list(({ A }) => A), U: list(({ U }) => U), D: list(({ D }) => D), F: list(({ F }) => F),
    delays: list(({ delay }) => delay),
  }
}

/**
 * A synapse after a pause since its last spike (Markram, Wang and Tsodyks 1998, eq. 1 and 2):
 *
 *   u <- U + u (1 - U) exp(-pause / F),  R <- 1 + (R - u R - 1) exp(-pause / D)
 *
 * R is what there is to give, u the share of it that a spike takes. The first spike finds u = U and R = 1.
 */
export function afterPause(
  synapse: { U: number, D: number, F: number }, u: number, R: number, pause: number,
): [u: number, R: number] {
  checkThat(Number.isFinite(synapse?.U) && Number.isFinite(synapse.D) && Number.isFinite(synapse.F), () =>
    `afterPause: the synapse is ${describe(synapse)}; it must be an object of numbers, U, D and F`)
  const { U, D, F } = synapse
  return [U + u * (1 - U) * Math.exp(-pause / F), 1 + (R - u * R - 1) * Math.exp(-pause / D)]
}

/** Gamma with a deviation of 100 % of the mean: an exponential distribution. */
const weightOf = (mean: number, rng: Random): number => -mean * Math.log(1 - rng.uniform(1)[0])

/** Normal with a deviation of 50 % of the mean; drawn again when it is not positive. */
function around(mean: number, rng: Random): number {
  for (;;) {
    const [value] = rng.normal(1, mean, mean / 2)
    if (value > 0) return value
  }
}

// A liquid as numbers by name, to be saved and made again: its neurons, each synapse with its dynamics and
// its delay, what its inputs reach, and the noise that was drawn once. All is float64, which holds the whole
// numbers among them too: what comes back is the same liquid to the last bit.
//
// The synapses of neuron i, or of input i, are those from starts[i] to starts[i + 1] - 1.
// Read next: liquid-column.ts, what they mean; ../io/safetensors.ts.

import { checkParts, checkThat } from '../check.ts'
import { checkLists } from './given-lists.ts'
import type { Column } from './liquid-column.ts'

/** Lists of numbers by the names that `liquidTensors` gives them. */
export type LiquidWeights = Readonly<Record<string, ArrayLike<number>>>

/**
 * All that a liquid is made of, as encodeSafetensors takes it. What comes back from decodeSafetensors makes
 * the same liquid again:
 *
 *   const weights = Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]))
 *   liquid({ weights })
 */
export function liquidTensors(
  net: { readonly column: Column },
): Map<string, { shape: number[], data: Float64Array, dtype: 'F64' }> {
  checkParts('liquidTensors: the net', net, ['column'], 'what liquid() makes')
  checkParts('liquidTensors: the column', net.column,
    ['excitatory', 'background', 'noise', 'inputs', 'synapses'], 'what liquid() makes')
  const { excitatory, background, noise, inputs, synapses } = net.column
  const { starts, targets, A, U, D, F, delays, dynamic } = synapses
  const ends = inputs.map((_, k) => inputs.slice(0, k + 1).reduce((sum, one) => sum + one.targets.length, 0))
  const lists: Record<string, ArrayLike<number>> = {
    excitatory: excitatory.map(Number),
    noise,
    background: [background],
    dynamic: [Number(dynamic)],
    starts, targets, A, U, D, F, delays,
    'inputs.starts': [0, ...ends],
    'inputs.targets': inputs.flatMap((one) => [...one.targets]),
    'inputs.weights': inputs.flatMap((one) => [...one.weights]),
  }
  return new Map(Object.entries(lists).map(([name, list]) =>
    [name, { shape: [list.length], data: Float64Array.from(list), dtype: 'F64' }]))
}

const KNOWN = [
  'excitatory', 'noise', 'background', 'dynamic', 'starts', 'targets', 'A', 'U', 'D', 'F', 'delays',
  'inputs.starts', 'inputs.targets', 'inputs.weights',
]

/** ms, whole steps: what is on its way is kept for no longer. */
export const LONGEST_DELAY = 3.5

/** What each number of a list must be, in words too. */
interface Rule {
  readonly wanted: string
  fits(value: number, k: number, list: Float64Array): boolean
}

const FINITE: Rule = { wanted: 'be finite', fits: Number.isFinite }
const FLAG: Rule = { wanted: 'be 0 or 1', fits: (x) => x === 0 || x === 1 }
const SHARE: Rule = { wanted: 'be above 0 and at most 1', fits: (x) => x > 0 && x <= 1 }
const TIME: Rule = { wanted: 'be above 0 ms', fits: (x) => x > 0 && x < Infinity }
const DELAY: Rule = { wanted: `be from 0 to ${LONGEST_DELAY} ms`, fits: (x) => x >= 0 && x <= LONGEST_DELAY }
const STARTS: Rule = {
  wanted: 'be 0 and then ascend in whole numbers',
  fits: (x, k, list) => Number.isInteger(x) && (k === 0 ? x === 0 : x >= list[k - 1]),
}
const neuronOf = (N: number): Rule =>
  ({ wanted: `be a neuron, 0 to ${N - 1}`, fits: (x) => Number.isInteger(x) && x >= 0 && x < N })

/** The column that `liquidTensors` named. @throws UnrolledError for lists that do not fit each other */
export function columnOf(weights: LiquidWeights): Column {
  checkLists('liquid: weights', weights, KNOWN)
  /** A copy of a list of so many numbers, or of so many at least. */
  function take(name: string, rule: Rule, length: number, orMore = false): Float64Array {
    const list = Float64Array.from(weights[name] ?? [])
    checkThat(list.length === length || (orMore && list.length > length), () =>
      `liquid: weights: ${name} has ${list.length} numbers; it must have ${length}` +
      (orMore ? ' or more' : ''))
    const k = list.findIndex((value, place) => !rule.fits(value, place, list))
    checkThat(k === -1, () => `liquid: weights: ${name}: number ${k} is ${list[k]}; it must ${rule.wanted}`)
    return list
  }
  const excitatory = take('excitatory', FLAG, 1, true)
  const N = excitatory.length
  const starts = take('starts', STARTS, N + 1)
  const all = starts[N]
  const from = Array.from(take('inputs.starts', STARTS, 2, true))
  const reached = Int32Array.from(take('inputs.targets', neuronOf(N), from[from.length - 1]))
  const strengths = take('inputs.weights', FINITE, reached.length)
  return {
    excitatory: Array.from(excitatory, Boolean),
    synapses: {
      targets: Int32Array.from(take('targets', neuronOf(N), all)), starts: Int32Array.from(starts),
      A: take('A', FINITE, all), U: take('U', SHARE, all), D: take('D', TIME, all), F: take('F', TIME, all),
      delays: take('delays', DELAY, all), dynamic: take('dynamic', FLAG, 1)[0] === 1,
    },
    inputs: from.slice(1).map((end, k) =>
      ({ targets: reached.slice(from[k], end), weights: strengths.slice(from[k], end) })),
    background: take('background', FINITE, 1)[0],
    noise: take('noise', FINITE, N + 1, true),
  }
}

// Where a gate stands before anything is learned. A bias far below zero keeps it shut, far above zero open:
//
//   forget 1      an lstm that remembers to begin with (Gers et al. 2000; Jozefowicz et al. 2015)
//   input -1, output -2 ...    cells that join in one after another (Hochreiter and Schmidhuber 1997)
//
// Biases that are not given are drawn like all weights (layer-norm-lstm.ts: 0). Next: lstm.ts.

import { checkFinite, checkThat } from '../check.ts'
import { unowned } from '../scope.ts'
import { checkOptionNames } from '../suggest.ts'
import { tensor, type Tensor } from '../tensor.ts'
import type { CellOptions } from './cell.ts'

/** By gate: one number for all its units, or one for each. */
export type GateBias<G extends string> = { readonly [gate in G]?: number | readonly number[] }

export interface GatedOptions<G extends string> extends CellOptions {
  /** what the biases of these gates start at; those of all others are drawn uniform in ±1/sqrt(H) */
  gateBias?: GateBias<G>
}

interface Drawn<G extends string> extends Pick<CellOptions, 'hidden' | 'device' | 'rng'> {
  bias?: boolean | undefined
  gateBias?: GateBias<G> | undefined
}

/**
 * A cell's bias vectors; none without bias. Where `count` is 2 they are added up, as in PyTorch: the first
 * one has the number that was asked for, the second one has 0 there.
 * @param units how many units each gate has, in the order of the rows
 * @param bound of what is drawn; 0 for biases that start at 0
 * @throws UnrolledError for a gate that the cell does not have, or numbers that do not fit its units
 */
export function gateBiases<G extends string>(
  name: string, units: { readonly [gate in G]: number }, count: 1 | 2, options: Drawn<G>,
  bound = 1 / Math.sqrt(options.hidden),
): readonly (Tensor | undefined)[] {
  const { bias = true, gateBias = {}, device, rng } = options
  const gates = Object.keys(units) as G[]
  checkOptionNames<GateBias<G>>(`${name}: gateBias`, gateBias, gates)
  if (!bias) {
    checkThat(Object.keys(gateBias).length === 0, () => `${name}: gateBias needs biases; bias is false`)
    return []
  }
  const starts = gates.map((gate, k) => gates.slice(0, k).reduce((total, other) => total + units[other], 0))
  const length = gates.reduce((total, gate) => total + units[gate], 0)
  return Array.from({ length: count }, (_, k) => {
    const values = bound > 0 ? rng.uniform(length, -bound, bound) : new Float64Array(length)
    gates.forEach((gate, g) => {
      const given = (gateBias as GateBias<G>)[gate]
      if (given === undefined) return
      const list = listFor(`${name}: gateBias.${gate}`, given, units[gate])
      values.set(list.map((value) => (k === 0 ? value : 0)), starts[g])
    })
    return unowned(() => tensor(values, { device }))
  })
}

function listFor(what: string, given: number | readonly number[], units: number): readonly number[] {
  const list = typeof given === 'number' ? new Array<number>(units).fill(given) : given
  checkThat(list.length === units, () =>
    `${what} has ${list.length} numbers; it must be one number, or a list of ${units}`)
  list.forEach((value) => checkFinite(what, value))
  return list
}

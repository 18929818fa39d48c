// Weights that are given to a reservoir: lists of numbers by name, as they are saved. Each net then looks at
// what the numbers are. Read next: echo-state-weights.ts, liquid-weights.ts.

import { checkThat, describe } from '../check.ts'
import { checkOptionNames } from '../suggest.ts'

/** Throws unless `weights` is an object of lists by these names; some may be left out. */
export function checkLists<O extends object>(
  what: string, weights: O, known: readonly (keyof O & string)[],
): void {
  checkThat(!(weights instanceof Map), () =>
    `${what} is a map; it must be an object of lists: of the map that decodeSafetensors gives, ` +
    'Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]))')
  checkOptionNames(what, weights, known)
  for (const [name, list] of Object.entries(weights)) {
    const fits = list === undefined || Array.isArray(list) || ArrayBuffer.isView(list)
    checkThat(fits, () => `${what}: ${name} is ${describe(list)}; it must be a list of numbers`)
  }
}

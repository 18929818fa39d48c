// Reber's grammar and the embedded one (Reber 1967; Smith and Zipser 1989; Hochreiter and Schmidhuber 1997,
// figures 3 and 4). A string of the inner grammar is a walk from node 0 to the end:
//
//   0 -T-> 1   0 -P-> 2   1 -S-> 1   1 -X-> 3   2 -T-> 2   2 -V-> 4
//   3 -X-> 2   3 -S-> 5   4 -P-> 3   4 -V-> 5   5 -E-> end
//
// In the embedded one, B T [inner string] T E or B P [inner string] P E, the last T or P can only be known
// from the one before the inner string. Read next: reber.ts.

import type { Random } from '../random.ts'

export const SYMBOLS = 'BTPSXVE'

/** From each node: the symbols that lead on, and where to; 6 is the end. */
const NODES = [
  [['T', 1], ['P', 2]], [['S', 1], ['X', 3]], [['T', 2], ['V', 4]],
  [['X', 2], ['S', 5]], [['P', 3], ['V', 5]], [['E', 6]],
] as const

export interface ReberString {
  readonly symbols: string
  /** for each symbol what may come next: `TP`; after the last one nothing */
  readonly legal: readonly string[]
}

/** A string of the embedded grammar, each of two ways taken with probability 1/2. */
export function embeddedReber(rng: Random): ReberString {
  const outer = 'TP'[rng.integer(2)]
  let symbols = `B${outer}B`
  const legal = ['TP', 'B']
  for (let node = 0; node < NODES.length;) {
    const ways = NODES[node]
    legal.push(ways.map(([symbol]) => symbol).join(''))
    const [symbol, next] = ways[rng.integer(ways.length)]
    symbols += symbol
    node = next
  }
  return { symbols: `${symbols}${outer}E`, legal: [...legal, outer, 'E', ''] }
}

/** Whether every symbol that may come next has a higher score than every one that may not. */
export function ranksLegalFirst(scores: readonly number[], legal: string): boolean {
  const of = (wanted: boolean) => scores.filter((_, k) => legal.includes(SYMBOLS[k]) === wanted)
  return Math.min(...of(true)) > Math.max(...of(false))
}

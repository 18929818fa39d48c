// Which units are stuck: a squashing function that stands near an end of its range has next to no slope, so
// next to no gradient comes back through it.
//
//   logistic   below 0.1 (shut) or above 0.9 (open)      its slope there is at most 36 % of its largest
//   tanh       below -0.8 or above 0.8                    the same, on a range twice as wide
//   relu       0: no slope at all
//
// The bounds of the logistic function are those of Karpathy, Johnson and Fei-Fei 2015, section 4.2. What is
// counted are the ops of a tape, so it works for every cell. Read next: flow.ts.

import { UnrolledError } from '../check.ts'
import { showWhere, type Where } from '../context.ts'
import { add, greater, less } from '../ops/elementwise.ts'
import { sum } from '../ops/reduce.ts'
import { untracked } from '../scope.ts'
import type { Tape } from '../tape.ts'
import { dispose, type Tensor } from '../tensor.ts'

export interface Saturation {
  readonly layer: number
  readonly direction: 'forward' | 'reverse'
  /** which function: an LSTM's are sigmoid 1, 2 and 3 (i, f, o), tanh 1 (g) and tanh 2 (of c) */
  readonly name: string
  /** how many values were looked at: units, steps and the batch */
  readonly count: number
  /** the share of them that stand at the lower end of the range, and at the upper one */
  readonly low: number
  readonly high: number
}

/** Where the ends of a range begin. */
const ENDS: Readonly<Record<string, readonly [low: number, high: number]>> = {
  sigmoid: [0.1, 0.9], tanh: [-0.8, 0.8], relu: [Number.MIN_VALUE, Infinity],
}

/** Counts that are still on the device. */
interface Tally {
  readonly place: Where
  readonly name: string
  count: number
  low: Tensor
  high: Tensor
}

/**
 * The shares of saturated values of each squashing function of a net, over all steps that the tape recorded,
 * in the order in which a step applies them.
 * @param tape still open; the net must have run step by step: `composed(() => unroll(cell, xs))`
 * @throws UnrolledError when no step of a net is on the tape
 */
export async function saturation(tape: Tape): Promise<Saturation[]> {
  const tallies = new Map<string, Tally>()
  const seen = new Map<string, number>() // how often a function came in a step
  for (const { op, outputs: [y], where } of [...tape.records]) {
    if (!(op in ENDS) || typeof where.t !== 'number') continue
    const step = `${showWhere(where)} ${op}`
    const nth = (seen.get(step) ?? 0) + 1
    seen.set(step, nth)
    const { t: _, ...place } = where
    const key = `${showWhere(place)} ${op} ${nth}`
    tallies.set(key, counted(tape, y, { place, name: `${op} ${nth}` }, tallies.get(key)))
  }
  if (tallies.size === 0) {
    throw new UnrolledError('saturation: no tanh, sigmoid or relu of a single time step is on the tape; ' +
      'run the net step by step: composed(() => unroll(cell, xs))')
  }
  return readAll([...tallies.values()])
}

function counted(tape: Tape, y: Tensor, named: Pick<Tally, 'place' | 'name'>, before?: Tally): Tally {
  const [from, to] = ENDS[named.name.split(' ')[0]]
  const [low, high] = untracked(() => [sum(less(y, from)), sum(greater(y, to))])
  if (!before) return { ...named, count: y.size, low: tape.keep(low), high: tape.keep(high) }
  const more = (total: Tensor, count: Tensor) => tape.keep(untracked(() => add(total, count)), total)
  const count = before.count + y.size
  return { ...before, count, low: more(before.low, low), high: more(before.high, high) }
}

async function readAll(tallies: readonly Tally[]): Promise<Saturation[]> {
  const found: Saturation[] = []
  for (const { place: { layer = 0, direction = 'forward' }, name, count, low, high } of tallies) {
    const shares = { low: await low.item() / count, high: await high.item() / count }
    dispose([low, high])
    found.push({ layer, direction, name, count, ...shares })
  }
  return found
}

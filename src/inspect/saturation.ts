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
import { greater, less } from '../ops/elementwise.ts'
import { concat } from '../ops/move.ts'
import { sum } from '../ops/reduce.ts'
import { unowned } from '../scope.ts'
import { checkTape, type Tape } from '../tape.ts'
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

/** What one function gave in each step, a tensor of each. */
interface Given {
  readonly place: Where
  readonly name: string
  readonly ys: Tensor[]
}

/**
 * The shares of saturated values of each squashing function of a net, over all steps that the tape recorded,
 * in the order in which a step applies them.
 * @param tape still open; the net must have run step by step: `composed(() => unroll(cell, xs))`
 * @throws UnrolledError when no squashing function of a single step is on the tape
 */
export async function saturation(tape: Tape): Promise<Saturation[]> {
  checkTape('saturation', tape)
  const found = await saturationIfAny(tape)
  if (found.length > 0) return found
  throw new UnrolledError('saturation: no tanh, sigmoid or relu of a single time step is on the tape; ' +
    'run the net step by step: composed(() => unroll(cell, xs))')
}

/** The same; an empty list for a net that squashes nothing. */
export async function saturationIfAny(tape: Tape): Promise<Saturation[]> {
  const found: Saturation[] = []
  for (const { place: { layer = 0, direction = 'forward' }, name, ys } of squashed(tape).values()) {
    const [from, to] = ENDS[name.split(' ')[0]]
    const count = ys.reduce((total, y) => total + y.size, 0)
    const counts = unowned(() => {
      const all = concat(ys)
      return [sum(less(all, from)), sum(greater(all, to))]
    })
    const [low, high] = [await counts[0].item() / count, await counts[1].item() / count]
    dispose(counts)
    found.push({ layer, direction, name, count, low, high })
  }
  return found
}

function squashed({ records }: Tape): Map<string, Given> {
  const given = new Map<string, Given>()
  const seen = new Map<string, number>() // how often a function came in a step
  for (const { op, outputs: [y], where: { t, ...place } } of records) {
    if (!(op in ENDS) || typeof t !== 'number') continue
    const step = `${showWhere({ ...place, t })} ${op}`
    const nth = (seen.get(step) ?? 0) + 1
    seen.set(step, nth)
    const [key, name] = [`${showWhere(place)} ${op} ${nth}`, `${op} ${nth}`]
    const before = given.get(key)
    if (before) before.ys.push(y)
    else given.set(key, { place, name, ys: [y] })
  }
  return given
}

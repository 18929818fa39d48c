// Random numbers: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", 3.3).
//
// A counter-based generator has no hidden state: number i is a pure function of (key, i), so that any device
// can draw the same numbers in any order. A Random holds a key (from the seed) and the position of its next
// number; it is passed in wherever a number is drawn. Each Philox block turns a 128-bit counter into four
// 32-bit words. Next: ops/dropout.ts and nn/cell.ts, which draw masks and weights.

import { checkCount, checkKind, checkThat, describe, UnrolledError } from './check.ts'

const MULTIPLIER_0 = 0xd2511f53
const MULTIPLIER_1 = 0xcd9e8d57
const WEYL_0 = 0x9e3779b9 // the golden ratio
const WEYL_1 = 0xbb67ae85 // the square root of 3, minus 1
const ROUNDS = 10

/** The high 32 bits of the 64-bit product of two 32-bit numbers, from 16-bit halves. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16) // < 2^33: exact in a double
  const carry = aLow * bHigh + (middle % 0x10000)
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0
}

/** One block: writes the four words of counter (c0, c1, c2, c3) under the key into `out`. */
export function philox(
  out: Uint32Array, c0: number, c1: number, c2: number, c3: number, k0: number, k1: number,
): void {
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0)
    const low0 = Math.imul(MULTIPLIER_0, c0)
    const high1 = multiplyHigh(MULTIPLIER_1, c2)
    const low1 = Math.imul(MULTIPLIER_1, c2)
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1 >>> 0
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0 >>> 0
    k0 = (k0 + WEYL_0) >>> 0
    k1 = (k1 + WEYL_1) >>> 0
  }
  out[0] = c0
  out[1] = c1
  out[2] = c2
  out[3] = c3
}

/**
 * Fills `out` with uniform numbers in [0, 1), 24 bits each (exact in float32): the numbers at positions
 * counter, counter + 1, ... of the key's stream. Four positions share a block.
 */
export function fillUniform(
  out: Float32Array | Float64Array, key: readonly [number, number], counter: number,
): void {
  const words = new Uint32Array(4)
  let block = -1
  for (let i = 0; i < out.length; i++) {
    const position = counter + i
    const wanted = Math.floor(position / 4)
    if (wanted !== block) {
      block = wanted
      philox(words, block >>> 0, Math.floor(block / 2 ** 32), 0, 0, key[0], key[1])
    }
    out[i] = (words[position % 4] >>> 8) / 2 ** 24
  }
}

/** A position in a stream of random numbers. The same seed gives the same numbers everywhere. */
export class Random {
  readonly key: readonly [number, number]
  /** how many numbers were drawn so far: with the key, all there is to save */
  position: number

  constructor(key: readonly [number, number], position = 0) {
    checkThat(key?.length === 2 && key.every(Number.isInteger), () =>
      `Random: the key is ${describe(key)}; it must be two whole numbers: random(seed) has them`)
    this.key = key
    this.position = position
  }

  /** Reserves `count` positions and returns the first: for a device that draws them itself. */
  take(count: number): number {
    checkCount('take: count', count, 0)
    const first = this.position
    this.position += count
    return first
  }

  /** `count` numbers, uniform in [low, high). */
  uniform(count: number, low = 0, high = 1): Float64Array {
    checkCount('uniform: count', count, 0)
    const out = new Float64Array(count)
    fillUniform(out, this.key, this.take(count))
    for (let i = 0; i < count; i++) out[i] = low + (high - low) * out[i]
    return out
  }

  /** `count` numbers, normal with the given mean and standard deviation (Box and Muller 1958). */
  normal(count: number, mean = 0, deviation = 1): Float64Array {
    checkCount('normal: count', count, 0)
    const pairs = Math.ceil(count / 2)
    const u = this.uniform(2 * pairs)
    const out = new Float64Array(count)
    for (let i = 0; i < count; i++) {
      const pair = 2 * (i >> 1)
      const radius = Math.sqrt(-2 * Math.log(1 - u[pair])) // 1 - u is never 0
      const angle = 2 * Math.PI * u[pair + 1]
      out[i] = mean + deviation * radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle))
    }
    return out
  }

  /** A whole number, uniform in 0 .. below - 1; below is at most 2^48. */
  integer(below: number): number {
    checkCount('integer: below', below)
    checkAtMost('integer: below', below, 2 ** 48, '2^48')
    const [high, low] = this.uniform(2) // 24 bits each: together enough for every whole number up to 2^48
    return Math.min(below - 1, Math.floor((high + low / 2 ** 24) * below))
  }

  /** The numbers 0 .. count - 1 in random order (Fisher and Yates). */
  permutation(count: number): Int32Array {
    checkCount('permutation: count', count, 0)
    const order = Int32Array.from({ length: count }, (_, i) => i)
    for (let i = count - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const held = order[i]
      order[i] = order[j]
      order[j] = held
    }
    return order
  }

  /** An index drawn with the given probabilities (non-negative, any positive sum). */
  categorical(weights: ArrayLike<number>): number {
    checkKind('categorical: the list of weights', weights, 'a list')
    let total = 0
    for (let i = 0; i < weights.length; i++) total += weights[i] >= 0 ? weights[i] : NaN
    if (!(total > 0 && total < Infinity)) {
      throw new UnrolledError(
        `categorical: the weights sum to ${total}; none may be negative or NaN, and the sum must be positive`)
    }
    let left = this.uniform(1)[0] * total
    let last = 0
    for (let i = 0; i < weights.length; i++) {
      if (weights[i] <= 0) continue
      last = i
      left -= weights[i]
      if (left < 0) return i
    }
    return last // rounding can leave a crumb: then it is the last possible one
  }
}

/** A generator from a seed: a whole number from 0 to 2^53 - 1. */
export function random(seed: number): Random {
  checkCount('random: seed', seed, 0)
  checkAtMost('random: seed', seed, Number.MAX_SAFE_INTEGER, '2^53 - 1')
  return new Random([seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0])
}

/** Throws unless `rng` is a generator: `op: rng is missing; ...`. */
export function checkRandom(op: string, rng: Random): void {
  if (rng instanceof Random) return
  throw new UnrolledError(`${op}: rng is ${rng === undefined ? 'missing' : describe(rng)}; ` +
    'pass a generator, such as random(1)')
}

function checkAtMost(what: string, value: number, most: number, shown: string): void {
  if (value > most) throw new UnrolledError(`${what} is ${value}; it must be at most ${shown}`)
}

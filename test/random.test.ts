// Random numbers: Philox as published, the same in any order, and with the distributions they promise.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpu } from '../src/cpu/device.ts'
import { fillUniform, philox, Random, random } from '../src/random.ts'
import { Tensor } from '../src/tensor.ts'
import { message } from './one-line.ts'

const test = suite('random')

// kat_vectors of Random123, philox4x32 with 10 rounds: counter, key, result
const vectors = [
  ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
  ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
]

test('philox 4x32-10 gives the published answers', () => {
  for (const [counter, key, answer] of vectors) {
    const words = (text: string) => text.split(' ').map((word) => parseInt(word, 16))
    const out = new Uint32Array(4)
    const [c0, c1, c2, c3] = words(counter)
    const [k0, k1] = words(key)
    philox(out, c0, c1, c2, c3, k0, k1)
    assert.equal([...out], words(answer))
  }
})

test('uniform numbers are the top 24 bits of the words, four to a block', () => {
  const out = new Float64Array(4)
  fillUniform(out, [0, 0], 0)
  assert.equal([...out], [0x6627e8, 0xe169c5, 0xbc57ac, 0x9b00db].map((word) => word / 2 ** 24))
  fillUniform(out, [5, 6], 4 * 2 ** 33 + 8) // a counter beyond 32 bits
  const words = new Uint32Array(4)
  philox(words, 2, 2, 0, 0, 5, 6)
  assert.equal([...out], [...words].map((word) => (word >>> 8) / 2 ** 24))
})

test('any order of drawing gives the same numbers', () => {
  const all = random(7).uniform(1000)
  const pieces = random(7)
  const drawn: number[] = []
  for (const count of [1, 2, 3, 5, 0, 7, 182, 800]) drawn.push(...pieces.uniform(count))
  assert.equal(drawn, [...all])
  assert.is(pieces.position, 1000)
  const late = new Random(random(7).key, 333)
  assert.equal([...late.uniform(3)], [...all.subarray(333, 336)])
  const taken = random(7)
  assert.is(taken.take(10), 0)
  assert.equal([...taken.uniform(2)], [...all.subarray(10, 12)])
})

test('the device draws the numbers that the host draws', async () => {
  for (const device of [cpu(), cpu({ precision: 'float64' })]) {
    const rng = random(12)
    const x = new Tensor(device.uniform(101, rng.key, 55), 0, [101])
    assert.equal([...await x.read()], [...new Random(rng.key, 55).uniform(101)]) // 24 bits: exact in float32
  }
})

test('seeds: the same gives the same, others give others, also beyond 32 bits', () => {
  const first = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1].map((seed) => random(seed).uniform(4).join(' '))
  assert.is(new Set(first).size, first.length)
  assert.is(random(2 ** 32 + 1).uniform(4).join(' '), first[4])
  for (const bad of [-1, 0.5, NaN, Infinity]) {
    assert.match(message(() => random(bad)), /^random: seed is .* whole number of 0/)
  }
})

/** The mean and variance of n numbers with known ones lie within 4 standard errors. */
function checkMoments(values: Float64Array, mean: number, variance: number, kurtosis: number): void {
  const n = values.length
  const found = values.reduce((sum, v) => sum + v, 0) / n
  const spread = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n
  assert.ok(Math.abs(found - mean) < 4 * Math.sqrt(variance / n), `mean ${found}`)
  assert.ok(Math.abs(spread / variance - 1) < 4 * Math.sqrt((kurtosis - 1) / n), `variance ${spread}`)
}

test('uniform: range, mean, variance, flat histogram, no correlation of neighbours', () => {
  const n = 100_000
  const values = random(1).uniform(n, -2, 3)
  assert.ok(values.every((v) => v >= -2 && v < 3))
  checkMoments(values, 0.5, 25 / 12, 1.8)
  const bins = new Array<number>(50).fill(0)
  for (const v of values) bins[Math.floor((v + 2) * 10)]++
  const chiSquare = bins.reduce((sum, count) => sum + (count - n / 50) ** 2 / (n / 50), 0)
  assert.ok(chiSquare < 49 + 4 * Math.sqrt(98), `chi-square ${chiSquare}`)
  let product = 0
  for (let i = 1; i < n; i++) product += (values[i] - 0.5) * (values[i - 1] - 0.5)
  assert.ok(Math.abs(product / n / (25 / 12)) < 4 / Math.sqrt(n))
})

test('normal: mean, variance, tails, odd counts', () => {
  const n = 100_001
  const values = random(2).normal(n, 1.5, 0.5)
  assert.is(values.length, n)
  assert.ok(values.every(Number.isFinite))
  checkMoments(values, 1.5, 0.25, 3)
  for (const [deviations, share] of [[1, 0.3173], [2, 0.0455], [3, 0.0027]]) {
    const outside = values.filter((v) => Math.abs(v - 1.5) > 0.5 * deviations).length
    assert.ok(Math.abs(outside - n * share) < 4 * Math.sqrt(n * share * (1 - share)),
      `${outside} beyond ${deviations}`)
  }
  let product = 0
  for (let i = 1; i < n; i++) product += (values[i] - 1.5) * (values[i - 1] - 1.5)
  assert.ok(Math.abs(product / n / 0.25) < 4 / Math.sqrt(n), 'the two of a pair are independent')
  const rng = random(2)
  rng.normal(3)
  assert.is(rng.position, 4)
  assert.equal([...random(2).normal(0)], [])
})

test('integer: every value, equally often', () => {
  const rng = random(3)
  const counts = new Array<number>(7).fill(0)
  for (let i = 0; i < 7000; i++) counts[rng.integer(7)]++
  const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
  assert.ok(chiSquare < 6 + 4 * Math.sqrt(12), `${counts}`)
  assert.is(rng.integer(1), 0)
})

test('permutation: each number once, every order equally often', () => {
  const order = random(4).permutation(1000)
  assert.equal([...order].sort((a, b) => a - b), Array.from({ length: 1000 }, (_, i) => i))
  assert.not.equal([...order], [...order].sort((a, b) => a - b))
  const rng = random(4)
  const counts = new Map<string, number>()
  for (let i = 0; i < 6000; i++) {
    const key = rng.permutation(3).join('')
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  assert.is(counts.size, 6)
  assert.ok([...counts.values()].every((count) => Math.abs(count - 1000) < 4 * Math.sqrt(1000)))
  assert.equal([...rng.permutation(0)], [])
  assert.equal([...rng.permutation(1)], [0])
})

test('counts and bounds that are none are refused, and draw nothing', () => {
  const rng = random(1)
  for (const [run, text] of [
    [() => rng.integer(0), 'integer: below is 0; it must be a whole number of 1 or more'],
    [() => rng.integer(-3), 'integer: below is -3; it must be a whole number of 1 or more'],
    [() => rng.integer(2.5), 'integer: below is 2.5; it must be a whole number of 1 or more'],
    [() => rng.integer(2 ** 49), 'integer: below is 562949953421312; it must be at most 2^48'],
    [() => rng.permutation(2.5), 'permutation: count is 2.5; it must be a whole number of 0 or more'],
    [() => rng.uniform(-1), 'uniform: count is -1; it must be a whole number of 0 or more'],
    [() => rng.uniform(NaN), 'uniform: count is NaN; it must be a whole number of 0 or more'],
    [() => rng.normal(1.5), 'normal: count is 1.5; it must be a whole number of 0 or more'],
    [() => rng.take(-1), 'take: count is -1; it must be a whole number of 0 or more'],
    [() => random(2 ** 64), 'random: seed is 18446744073709552000; it must be at most 2^53 - 1'],
    [() => random(2 ** 53), 'random: seed is 9007199254740992; it must be at most 2^53 - 1'],
  ] as const) assert.is(message(run), text)
  assert.is(rng.position, 0)
})

test('categorical: shares as weighted, never a weight of zero', () => {
  const rng = random(5)
  const weights = [0, 2, 0, 5, 3, 0]
  const counts = weights.map(() => 0)
  for (let i = 0; i < 10_000; i++) counts[rng.categorical(weights)]++
  weights.forEach((weight, i) => {
    const p = weight / 10
    assert.ok(Math.abs(counts[i] - 10_000 * p) <= 4 * Math.sqrt(10_000 * p * (1 - p)), `${counts}`)
  })
  assert.is(rng.categorical(new Float32Array([0, 1e-38])), 1)
  for (const bad of [[0, 0], [], [1, NaN], [Infinity, 1], [2, -1]]) {
    assert.match(message(() => rng.categorical(bad)), /^categorical: /)
  }
})

test.run()

// The 16-bit floats: every one of the 65,536 of each type by its formula, and rounding at every place where
// it can go either way.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { narrowBF16, narrowF16, widenBF16, widenF16 } from '../src/half.ts'

const test = suite('half')
const all = Uint16Array.from({ length: 65536 }, (_, i) => i)

const types = [
  { name: 'F16', exponent: 5, fraction: 10, widen: widenF16, narrow: narrowF16, infinity: 0x7c00 },
  { name: 'BF16', exponent: 8, fraction: 7, widen: widenBF16, narrow: narrowBF16, infinity: 0x7f80 },
]

// The number that 16 bits stand for: (-1)^sign 2^(e - bias) 1.fraction, and without the 1 where e is 0.
function valueOf(bits: number, { exponent, fraction }: { exponent: number, fraction: number }): number {
  const sign = bits >= 0x8000 ? -1 : 1
  const e = (bits & 0x7fff) >> fraction
  const part = (bits & (2 ** fraction - 1)) / 2 ** fraction
  const bias = 2 ** (exponent - 1) - 1
  if (e === 2 ** exponent - 1) return part === 0 ? sign * Infinity : NaN
  return e === 0 ? sign * 2 ** (1 - bias) * part : sign * 2 ** (e - bias) * (1 + part)
}

for (const type of types) {
  const { name, widen, narrow, infinity } = type
  const finite = all.subarray(0, infinity)

  test(`${name}: each of the 65,536 is the number of its formula, and narrows to itself`, () => {
    const numbers = widen(all)
    const back = narrow(numbers)
    let wrong = 0
    for (const bits of all) {
      if (!Object.is(numbers[bits], valueOf(bits, type))) wrong++
      if (!Number.isNaN(numbers[bits]) && back[bits] !== bits) wrong++
      if (Number.isNaN(numbers[bits]) && !Number.isNaN(valueOf(back[bits], type))) wrong++
    }
    assert.is(wrong, 0)
  })

  test(`${name}: between two neighbours the nearer is taken, and half-way the even one`, () => {
    // Half-way between two 16-bit floats lies a float32, with neighbours of its own. Above the largest, the
    // next would be 2^(emax + 1), and from half-way on it is infinity.
    const lower = widen(finite)
    const step = (k: number) => k + 1 < infinity ? lower[k + 1] - lower[k] : lower[k] - lower[k - 1]
    const halfWay = lower.map((x, k) => x + step(k) / 2)
    const words = new Uint32Array(halfWay.buffer)
    const below = narrow(new Float32Array(words.map((word) => word - 1).buffer))
    const above = narrow(new Float32Array(words.map((word) => word + 1).buffer))
    const onIt = narrow(halfWay)
    assert.equal(below, finite)
    assert.equal(above, finite.map((k) => k + 1))
    assert.equal(onIt, finite.map((k) => k + k % 2))
    const negative = narrow(halfWay.map((x) => -x))
    assert.equal(negative, onIt.map((bits) => bits | 0x8000))
  })

  test(`${name}: infinities, NaN with any bits, zeros and what is too small`, () => {
    const extremes = Float32Array.of(Infinity, -Infinity, 3.4028234663852886e38, 0, -0, 1e-45, -1e-45)
    assert.equal([...narrow(extremes)], [infinity, infinity | 0x8000, infinity, 0, 0x8000, 0, 0x8000])
    const nans = Uint32Array.of(0x7f800001, 0x7fffffff, 0xff800001, 0xffffffff, 0x7fc00000)
    for (const bits of narrow(new Float32Array(nans.buffer))) {
      assert.ok(Number.isNaN(valueOf(bits, type)), bits.toString(16))
    }
  })

  test(`${name}: a view of a part, and none at all`, () => {
    assert.equal(widen(narrow(new Float32Array([9, 1.5, -2, 9]).subarray(1, 3))), Float32Array.of(1.5, -2))
    assert.equal(widen(Uint16Array.of(0, infinity, 0).subarray(1, 2)), Float32Array.of(Infinity))
    assert.is(widen(new Uint16Array(0)).length, 0)
    assert.is(narrow(new Float32Array(0)).length, 0)
  })
}

test.run()

// The two 16-bit floats, in which files keep weights; 16 bits stand in a Uint16Array. 1 bit is the sign:
//
//   F16   IEEE 754 half   5 bits of exponent, 10 of fraction: 11 digits, from 6e-8 to 65504
//   BF16  bfloat16        8 bits of exponent, 7 of fraction: a float32 without its lower half
//
// Widening is exact. Narrowing rounds to the nearest, of two equally near to the even one (ties to even);
// beyond the largest lies infinity, and NaN stays NaN. Next: io/safetensors.ts.

/*! Bundled: @petamoriken/float16, Copyright (c) 2017-2025 Kenta Moriuchi, MIT License (its words: LICENSE) */
import { Float16Array } from '@petamoriken/float16'

/** F16 -> float32, exactly. */
export function widenF16(halves: Uint16Array): Float32Array {
  const numbers = new Float32Array(halves.length)
  const same = new Float16Array(halves.buffer, halves.byteOffset, halves.length)
  same.forEach((number, i) => { numbers[i] = number }) // its indices go through a proxy: ten times slower
  return numbers
}

/** float32 -> F16, to nearest, ties to even. */
export function narrowF16(numbers: Float32Array): Uint16Array {
  return new Uint16Array(new Float16Array(numbers).buffer)
}

/** BF16 -> float32, exactly: the 16 bits are a float32's upper half. */
export function widenBF16(halves: Uint16Array): Float32Array {
  const words = new Uint32Array(halves.length)
  for (let i = 0; i < words.length; i++) words[i] = halves[i] << 16
  return new Float32Array(words.buffer)
}

/** float32 -> BF16, to nearest, ties to even. */
export function narrowBF16(numbers: Float32Array): Uint16Array {
  const words = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length)
  const halves = new Uint16Array(numbers.length)
  for (let i = 0; i < words.length; i++) {
    const upper = words[i] >>> 16
    // Just under half of the last place that stays, and exactly half where that place is odd: a tie then
    // carries to the even one. Where the fraction is full, the carry moves the exponent on, as it should.
    // In a NaN it must not, and cutting must not leave infinity: it gets the top bit of the fraction.
    halves[i] = Number.isNaN(numbers[i]) ? upper | 0x40 : (words[i] + 0x7fff + (upper & 1)) >>> 16
  }
  return halves
}

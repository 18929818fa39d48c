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
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer)
}

/** float32 -> BF16, to nearest, ties to even. */
export function narrowBF16(numbers: Float32Array): Uint16Array {
  const words = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length)
  return Uint16Array.from(words, (word, i) => {
    // Rounding up could carry a NaN's fraction over into its sign; a fraction of lower bits only would
    // be lost, and infinity left. So a NaN keeps its upper half, and the top bit of the fraction is set.
    if (Number.isNaN(numbers[i])) return (word >>> 16) | 0x40
    // Half of the last place that stays, less one if that place is even: a tie then carries to even only.
    const lastPlace = (word >>> 16) & 1
    return (word + 0x7fff + lastPlace) >>> 16
  })
}

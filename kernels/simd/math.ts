// exp, tanh and sigmoid of four numbers at once, in float32.
//
//   exp      x = n ln 2 + r, |r| <= ln 2 / 2;  e^x = 2^n (1 + r + r^2 p(r))
//   tanh     |x| < 0.625: x + x^3 q(x^2);  else 1 - 2 / (e^(2 |x|) + 1), with the sign of x
//   sigmoid  1 / (1 + e^-x)
//
// p and q are those of Moshier's Cephes library (expf, tanhf). Errors, measured over all exponents by
// test/simd-math.test.ts: exp and tanh 1.5 units in the last place at most, sigmoid 2.5; what is below
// 1.2e-38 is anything from 0 to that.
// Next: gates-lstm.ts.

import { multiplyAdd } from './tile'

// Adding 1.5 2^23 rounds to a whole number and leaves it in the lowest bits.
const ROUNDER: f32 = 12582912

@inline
function constant(value: f32): v128 {
  return f32x4.splat(value)
}

/** e^x: infinity above 88.7; 1.2e-38 below -87.3; NaN stays NaN. */
@inline
export function exp4(x: v128): v128 {
  const above = f32x4.pmax(x, constant(-87.33654))
  const shifted = multiplyAdd(above, constant(1.4426950408889634), constant(ROUNDER))
  const n = f32x4.sub(shifted, constant(ROUNDER))
  // ln 2 in two parts, so that the first product is exact
  const r = multiplyAdd(n, constant(2.12194440e-4), multiplyAdd(n, constant(-0.693359375), above))
  let p = multiplyAdd(r, constant(1.9875691500e-4), constant(1.3981999507e-3))
  p = multiplyAdd(p, r, constant(8.3334519073e-3))
  p = multiplyAdd(p, r, constant(4.1665795894e-2))
  p = multiplyAdd(p, r, constant(1.6666665459e-1))
  p = multiplyAdd(p, r, constant(5.0000001201e-1))
  const y = f32x4.add(multiplyAdd(f32x4.mul(r, r), p, r), constant(1))
  // times 2^n: n is added to the exponent; where that is none of a float, infinity or NaN is what x comes to
  const whole = i32x4.add(y, i32x4.shl(shifted, 23))
  return v128.bitselect(whole, f32x4.add(x, constant(<f32>Infinity)), f32x4.le(x, constant(88.72283)))
}

@inline
export function sigmoid4(x: v128): v128 {
  return f32x4.div(constant(1), f32x4.add(constant(1), exp4(f32x4.neg(x))))
}

@inline
export function tanh4(x: v128): v128 {
  const sign = v128.and(x, i32x4.splat(i32.MIN_VALUE))
  const size = v128.andnot(x, i32x4.splat(i32.MIN_VALUE))
  const square = f32x4.mul(x, x)
  let q = multiplyAdd(square, constant(-5.70498872745e-3), constant(2.06390887954e-2))
  q = multiplyAdd(q, square, constant(-5.37397155531e-2))
  q = multiplyAdd(q, square, constant(1.33314422036e-1))
  q = multiplyAdd(q, square, constant(-3.33332819422e-1))
  const small = multiplyAdd(f32x4.mul(q, square), x, x)
  const large = f32x4.sub(
    constant(1), f32x4.div(constant(2), f32x4.add(exp4(f32x4.add(size, size)), constant(1))))
  return v128.or(v128.bitselect(small, large, f32x4.lt(size, constant(0.625))), sign)
}

/** e^x wherever it is a float32: to infinity above, through the smallest numbers to 0 below. */
@inline
export function wideExp4(x: v128): v128 {
  // e^x = e^(x/2) e^(x/2) where one factor of 2^n would not do; halves are exact
  const half = f32x4.mul(x, constant(0.5))
  const root = exp4(half)
  return v128.bitselect(f32x4.mul(root, root), exp4(x), f32x4.lt(x, constant(-87.3)))
}

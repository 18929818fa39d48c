// The units of an Elman cell: m = f(x + u), for tanh, relu and sigmoid, whose derivatives are functions of m:
//
//   tanh: 1 - m^2        relu: 1 where m > 0, else 0        sigmoid: m (1 - m)
//
// CPU twin: src/cpu/gates-elman.ts. Next: recurrence.ts.

import { add, mul, oneMinus, Row } from './gates'
import { put } from './lanes'
import { sigmoid4, tanh4 } from './math'

export const TANH: i32 = 0
export const RELU: i32 = 1
export const SIGMOID: i32 = 2

export function elmanForward(row: Row, f: i32): void {
  // a loop for each f, so that there is no branch inside
  if (f == TANH) forward(row, TANH)
  else if (f == RELU) forward(row, RELU)
  else forward(row, SIGMOID)
}

@inline
function forward(row: Row, f: i32): void {
  const whole = row.H & ~3
  for (let j = 0; j < whole; j += 4) forward4(row, <usize>j << 2, 4, f)
  if (whole < row.H) forward4(row, <usize>whole << 2, row.H - whole, f)
}

@inline
function forward4(row: Row, at: usize, n: i32, f: i32): void {
  const a = add(v128.load(row.x + at), v128.load(row.u + at))
  // pmax in this order of operands passes NaN on
  const y = f == TANH ? tanh4(a) : f == RELU ? f32x4.pmax(a, f32x4.splat(0)) : sigmoid4(a)
  put(row.m + at, y, n)
}

export function elmanBackward(row: Row, f: i32): void {
  for (let j = 0; j < row.H; j += 4) {
    const at = <usize>j << 2
    const y = v128.load(row.m + at)
    const slope = f == TANH ? oneMinus(mul(y, y))
      : f == RELU ? v128.and(f32x4.gt(y, f32x4.splat(0)), f32x4.splat(1)) : mul(y, oneMinus(y))
    put(row.dx + at, mul(v128.load(row.dm + at), slope), row.H - j)
  }
}

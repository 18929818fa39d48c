// y = f(x), element by element. CPU twin: src/cpu/elementwise.ts, unaryLoops. Next: math.ts.

import { put } from './lanes'
import { sigmoid4, tanh4, wideExp4 } from './math'
import { firstNumber } from './threads'

// As numbered in src/simd/elementwise.ts.
const NEG = 0
const ABS = 1
const SIGN = 2
const SQUARE = 3
const SQRT = 4
const RELU = 5
const EXP = 6
const TANH = 7
const SIGMOID = 8

@unmanaged
export class Unary {
  op: i32
  y: usize
  x: usize
  n: i32
}

export function unary(p: Unary, thread: i32, threads: i32): void {
  const first = firstNumber(p.n, thread, threads)
  const n = firstNumber(p.n, thread + 1, threads) - first
  const y = p.y + (<usize>first << 2), x = p.x + (<usize>first << 2)
  switch (p.op) {
    case NEG: return walk(NEG, y, x, n)
    case ABS: return walk(ABS, y, x, n)
    case SIGN: return walk(SIGN, y, x, n)
    case SQUARE: return walk(SQUARE, y, x, n)
    case SQRT: return walk(SQRT, y, x, n)
    case RELU: return walk(RELU, y, x, n)
    case EXP: return walk(EXP, y, x, n)
    case TANH: return walk(TANH, y, x, n)
    case SIGMOID: return walk(SIGMOID, y, x, n)
  }
}

@inline
function walk(op: i32, y: usize, x: usize, n: i32): void {
  for (; n > 0; n -= 4, y += 16, x += 16) put(y, apply(op, v128.load(x)), n)
}

@inline
function apply(op: i32, x: v128): v128 {
  if (op == NEG) return f32x4.neg(x)
  if (op == ABS) return f32x4.abs(x)
  if (op == SQUARE) return f32x4.mul(x, x)
  if (op == SQRT) return f32x4.sqrt(x)
  if (op == EXP) return wideExp4(x)
  if (op == TANH) return tanh4(x)
  if (op == SIGMOID) return sigmoid4(x)
  const zero = f32x4.splat(0), one = f32x4.splat(1)
  // v < 0 ? 0 : v, which keeps NaN
  if (op == RELU) return f32x4.pmax(x, zero)
  // ±1, or x itself where it is ±0 or NaN
  const signed = v128.or(one, v128.and(x, f32x4.splat(-0.0)))
  return v128.bitselect(signed, x, v128.or(f32x4.gt(x, zero), f32x4.lt(x, zero)))
}

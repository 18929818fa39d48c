// The gradient divided by a running root mean square of itself:
//
//   q <- a q + (1 - a) g^2,   centered:  m <- a m + (1 - a) g,  and q - m^2 stands for q below
//   b <- mu b + g / (sqrt(q) + eps),     p <- p - rate b
//
// Without momentum b is not kept. p, g, q, m, b [n]. CPU twin: src/train/optimizers.ts, rmsprop.
// Next: update.ts.

import { put } from './lanes'

@unmanaged
export class Rmsprop {
  q: usize
  /** 0 where it is not kept */
  m: usize
  b: usize
  decay: f32
  rest: f32
  eps: f32
  momentum: f32
  weightDecay: f32
  rate: f32
}

export function rmsprop(c: Rmsprop, p: usize, gradient: usize, at: usize, n: i32): void {
  const keep = f32x4.splat(c.decay), rest = f32x4.splat(c.rest), eps = f32x4.splat(c.eps)
  const momentum = f32x4.splat(c.momentum), decay = f32x4.splat(c.weightDecay), rate = f32x4.splat(c.rate)
  for (; n > 0; n -= 4, p += 16, gradient += 16, at += 16) {
    const old = v128.load(p)
    const g = f32x4.add(v128.load(gradient), f32x4.mul(old, decay))
    const q = f32x4.add(f32x4.mul(v128.load(c.q + at), keep), f32x4.mul(f32x4.mul(g, g), rest))
    put(c.q + at, q, n)
    let variance = q
    if (c.m) {
      const m = f32x4.add(f32x4.mul(v128.load(c.m + at), keep), f32x4.mul(g, rest))
      put(c.m + at, m, n)
      variance = f32x4.max(f32x4.sub(q, f32x4.mul(m, m)), f32x4.splat(0))
    }
    let b = f32x4.div(g, f32x4.add(f32x4.sqrt(variance), eps))
    if (c.b) {
      b = f32x4.add(f32x4.mul(v128.load(c.b + at), momentum), b)
      put(c.b + at, b, n)
    }
    put(p, f32x4.sub(old, f32x4.mul(b, rate)), n)
  }
}

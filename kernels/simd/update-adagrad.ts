// The gradient divided by the root of the sum of all its squares so far:
//
//   q <- q + g^2,   p <- p - rate g / (sqrt(q) + eps)
//
// The host has divided the rate by 1 + (t - 1) learningRateDecay. p, g, q [n].
// CPU twin: src/train/optimizers.ts, adagrad. Next: update.ts.

import { put } from './lanes'

@unmanaged
export class Adagrad {
  q: usize
  eps: f32
  weightDecay: f32
  rate: f32
}

export function adagrad(c: Adagrad, p: usize, gradient: usize, at: usize, n: i32): void {
  let q = c.q + at
  const eps = f32x4.splat(c.eps), decay = f32x4.splat(c.weightDecay), rate = f32x4.splat(c.rate)
  for (; n > 0; n -= 4, p += 16, gradient += 16, q += 16) {
    const old = v128.load(p)
    const g = f32x4.add(v128.load(gradient), f32x4.mul(old, decay))
    const sum = f32x4.add(v128.load(q), f32x4.mul(g, g))
    put(q, sum, n)
    const scaled = f32x4.div(g, f32x4.add(f32x4.sqrt(sum), eps))
    put(p, f32x4.sub(old, f32x4.mul(scaled, rate)), n)
  }
}

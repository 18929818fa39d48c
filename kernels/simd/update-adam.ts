// Adam and AdamW:
//
//   m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
//   p <- p - rate  m / (1 - beta1^t)  /  (sqrt(v / (1 - beta2^t)) + eps)
//
// A weight decay is in g, or, decoupled from it, takes its part of p first; the host has made two numbers of
// it. p, g, m, v [n]. CPU twin: src/train/optimizers.ts, adamLike. Next: update.ts.

import { put } from './lanes'

@unmanaged
export class Adam {
  m: usize
  v: usize
  beta1: f32
  rest1: f32
  beta2: f32
  rest2: f32
  eps: f32
  /** of p that is in g; what is left of p before the step */
  weightDecay: f32
  kept: f32
  /** rate / (1 - beta1^t), and 1 - beta2^t */
  rate: f32
  share2: f32
}

export function adam(c: Adam, p: usize, gradient: usize, at: usize, n: i32): void {
  let m = c.m + at, v = c.v + at
  const beta1 = f32x4.splat(c.beta1), rest1 = f32x4.splat(c.rest1)
  const beta2 = f32x4.splat(c.beta2), rest2 = f32x4.splat(c.rest2)
  const eps = f32x4.splat(c.eps), rate = f32x4.splat(c.rate), share2 = f32x4.splat(c.share2)
  const decay = f32x4.splat(c.weightDecay), kept = f32x4.splat(c.kept)
  for (; n > 0; n -= 4, p += 16, gradient += 16, m += 16, v += 16) {
    const old = v128.load(p)
    const g = f32x4.add(v128.load(gradient), f32x4.mul(old, decay))
    const first = f32x4.add(f32x4.mul(v128.load(m), beta1), f32x4.mul(g, rest1))
    const second = f32x4.add(f32x4.mul(v128.load(v), beta2), f32x4.mul(f32x4.mul(g, g), rest2))
    put(m, first, n)
    put(v, second, n)
    const scaled = f32x4.div(first, f32x4.add(f32x4.sqrt(f32x4.div(second, share2)), eps))
    put(p, f32x4.sub(f32x4.mul(old, kept), f32x4.mul(scaled, rate)), n)
  }
}

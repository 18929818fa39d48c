// Gradient descent, with momentum and Nesterov's look ahead:
//
//   b <- mu b + g,   p <- p - rate b,   or with nesterov  p <- p - rate (g + mu b)
//
// With mu = 0, b is g, and is not kept. p, g, b [n]. CPU twin: src/train/optimizers.ts, sgd. Next: update.ts.

import { put } from './lanes'

@unmanaged
export class Sgd {
  /** 0 without momentum */
  b: usize
  momentum: f32
  nesterov: i32
  weightDecay: f32
  rate: f32
}

export function sgd(c: Sgd, p: usize, gradient: usize, at: usize, n: i32): void {
  const momentum = f32x4.splat(c.momentum), decay = f32x4.splat(c.weightDecay), rate = f32x4.splat(c.rate)
  for (; n > 0; n -= 4, p += 16, gradient += 16, at += 16) {
    const old = v128.load(p)
    const g = f32x4.add(v128.load(gradient), f32x4.mul(old, decay))
    let direction = g
    if (c.b) {
      const b = f32x4.add(f32x4.mul(v128.load(c.b + at), momentum), g)
      put(c.b + at, b, n)
      direction = c.nesterov ? f32x4.add(g, f32x4.mul(b, momentum)) : b
    }
    put(p, f32x4.sub(old, f32x4.mul(direction, rate)), n)
  }
}

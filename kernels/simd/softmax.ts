// Softmax and its logarithm along rows, with s = x - m and m the largest x of the row (0 if it is infinite):
//
//   y = e^s / sum(e^s)              dx = y (dy - sum(dy y))
//   y = s - log(sum(e^s))           dx = dy - e^y sum(dy)
//
// x, y, dy, dx [N, D]; threads share the rows. CPU twin: src/ops/softmax.ts. Next: cross-entropy.ts.

import { firstLanes, largestOf, put, sumOf } from './lanes'
import { exp4 } from './math'
import { share, shareEnd } from './threads'

@unmanaged
export class Softmax {
  /** 1 for the logarithm */
  log: i32
  N: i32
  D: i32
  /** for the gradient x is dy, and dx is written */
  x: usize
  y: usize
  dx: usize
}

/** e^x for x <= 0: 0 where it is below the smallest of the usual numbers, as for -infinity; NaN stays. */
@inline
export function expBelow(x: v128): v128 {
  return v128.andnot(exp4(x), f32x4.lt(x, f32x4.splat(-87.33654)))
}

/**
 * The largest number of a row that is not NaN; 0 if it is infinite. Where there is a NaN, every e^(x - m) sum
 * is NaN whatever m is: so the cheap pmax will do, which is one instruction where max is seven.
 */
export function finiteLargest(x: usize, n: i32): f32 {
  const least = f32x4.splat(<f32>-Infinity)
  let a = least, b = least
  for (; n >= 8; n -= 8, x += 32) {
    a = f32x4.pmax(a, v128.load(x))
    b = f32x4.pmax(b, v128.load(x, 16))
  }
  for (; n > 0; n -= 4, x += 16) a = f32x4.pmax(a, v128.bitselect(v128.load(x), least, firstLanes(n)))
  const most = largestOf(f32x4.pmax(a, b))
  return most - most == 0 ? most : 0
}

/** The sum of e^(x - m) over a row. */
export function sumOfExponentials(x: usize, n: i32, m: f32): f32 {
  const shift = f32x4.splat(m)
  let sum = f32x4.splat(0)
  for (; n >= 4; n -= 4, x += 16) sum = f32x4.add(sum, expBelow(f32x4.sub(v128.load(x), shift)))
  if (n > 0) {
    const rest = expBelow(f32x4.sub(v128.load(x), shift))
    sum = f32x4.add(sum, v128.and(rest, firstLanes(n)))
  }
  return sumOf(sum)
}

export function softmax(p: Softmax, thread: i32, threads: i32): void {
  const last = shareEnd(p.N, thread, threads)
  for (let n = share(p.N, thread, threads); n < last; n++) {
    const at = <usize>(n * p.D) << 2
    softmaxRow(p.log, p.y + at, p.x + at, p.D)
  }
}

function softmaxRow(log: i32, y: usize, x: usize, D: i32): void {
  const m = finiteLargest(x, D)
  const sum = sumOfExponentials(x, D, m)
  const shift = f32x4.splat(m)
  if (log) {
    const logSum = f32x4.splat(Mathf.log(sum))
    for (let d = D; d > 0; d -= 4, x += 16, y += 16) {
      put(y, f32x4.sub(f32x4.sub(v128.load(x), shift), logSum), d)
    }
  } else {
    const all = f32x4.splat(sum)
    for (let d = D; d > 0; d -= 4, x += 16, y += 16) {
      put(y, f32x4.div(expBelow(f32x4.sub(v128.load(x), shift)), all), d)
    }
  }
}

export function softmaxGradient(p: Softmax, thread: i32, threads: i32): void {
  const last = shareEnd(p.N, thread, threads)
  for (let n = share(p.N, thread, threads); n < last; n++) {
    const at = <usize>(n * p.D) << 2
    gradientRow(p.log, p.dx + at, p.y + at, p.x + at, p.D)
  }
}

function gradientRow(log: i32, dx: usize, y: usize, dy: usize, D: i32): void {
  let part = f32x4.splat(0)
  for (let d = D, a = dy, b = y; d > 0; d -= 4, a += 16, b += 16) {
    const v = log ? v128.load(a) : f32x4.mul(v128.load(a), v128.load(b))
    part = f32x4.add(part, v128.and(v, firstLanes(d)))
  }
  const sum = f32x4.splat(sumOf(part))
  for (let d = D; d > 0; d -= 4, dx += 16, y += 16, dy += 16) {
    const v = v128.load(y), dv = v128.load(dy)
    put(dx, log ? f32x4.sub(dv, f32x4.mul(expBelow(v), sum)) : f32x4.mul(v, f32x4.sub(dv, sum)), d)
  }
}

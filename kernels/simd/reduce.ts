// Sums and maxima over the middle of three axes:  y[o, i] = sum over r of x[o, r, i],  x [O, R, I], y [O, I].
//
// I = 1 is the sum of each row, O = 1 of each column (the gradient of a bias). Sums are taken in float64 and
// rounded once; their order depends on the shape only, so any number of threads gives the same bits.
// CPU twin: src/cpu/move.ts, reduce. Next: lanes.ts.

import { firstLanes, largestOf, LINE, put } from './lanes'
import { share, shareEnd } from './threads'

@unmanaged
export class Reduce {
  /** 1 for the largest, 0 for the sum */
  largest: i32
  y: usize
  x: usize
  O: i32
  R: i32
  I: i32
}

export function reduce(p: Reduce, thread: i32, threads: i32): void {
  if (p.I == 1) return rows(p, share(p.O, thread, threads), shareEnd(p.O, thread, threads))
  // strips of 16 columns: what registers hold
  const strips = (p.I + LINE - 1) / LINE
  const last = shareEnd(p.O * strips, thread, threads)
  for (let s = share(p.O * strips, thread, threads); s < last; s++) {
    const o = s / strips, i = s % strips * LINE
    const x = p.x + ((<usize>o * p.R * p.I + i) << 2), y = p.y + ((<usize>o * p.I + i) << 2)
    const width = min(LINE, p.I - i)
    if (p.largest) largestStrip(y, x, p.R, <usize>p.I << 2, width)
    else if (width == LINE) sumStrip(y, x, p.R, <usize>p.I << 2)
    else for (let k = 0; k < width; k += 4) {
      sumFour(y + (<usize>k << 2), x + (<usize>k << 2), p.R, <usize>p.I << 2, width - k)
    }
  }
}

function rows(p: Reduce, first: i32, last: i32): void {
  for (let o = first; o < last; o++) {
    const x = p.x + (<usize>o * p.R << 2), y = p.y + (<usize>o << 2)
    store<f32>(y, p.largest ? largestOfRow(x, p.R) : <f32>sumOfRow(x, p.R))
  }
}

/** Numbers 0 and 1, or 2 and 3, of four, as float64. */
@inline
function low(x: v128): v128 {
  return f64x2.promote_low_f32x4(x)
}

@inline
function high(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f32>(x, x, 2, 3, 2, 3))
}

export function sumOfRow(x: usize, n: i32): f64 {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0
  for (; n >= 8; n -= 8, x += 32) {
    const a = v128.load(x), b = v128.load(x, 16)
    s0 = f64x2.add(s0, low(a)); s1 = f64x2.add(s1, high(a))
    s2 = f64x2.add(s2, low(b)); s3 = f64x2.add(s3, high(b))
  }
  for (; n > 0; n -= 4, x += 16) {
    const a = v128.and(v128.load(x), firstLanes(n))
    s0 = f64x2.add(s0, low(a)); s1 = f64x2.add(s1, high(a))
  }
  const sum = f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3))
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)
}

function largestOfRow(x: usize, n: i32): f32 {
  const least = f32x4.splat(<f32>-Infinity)
  let most = least
  for (; n >= 4; n -= 4, x += 16) most = f32x4.max(most, v128.load(x))
  if (n > 0) most = f32x4.max(most, v128.bitselect(v128.load(x), least, firstLanes(n)))
  return largestOf(most)
}

/** 16 columns: 8 sums of two. */
function sumStrip(y: usize, x: usize, R: i32, row: usize): void {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0
  for (let r = 0; r < R; r++, x += row) {
    const a = v128.load(x), b = v128.load(x, 16), c = v128.load(x, 32), d = v128.load(x, 48)
    s0 = f64x2.add(s0, low(a)); s1 = f64x2.add(s1, high(a))
    s2 = f64x2.add(s2, low(b)); s3 = f64x2.add(s3, high(b))
    s4 = f64x2.add(s4, low(c)); s5 = f64x2.add(s5, high(c))
    s6 = f64x2.add(s6, low(d)); s7 = f64x2.add(s7, high(d))
  }
  v128.store(y, rounded(s0, s1)); v128.store(y, rounded(s2, s3), 16)
  v128.store(y, rounded(s4, s5), 32); v128.store(y, rounded(s6, s7), 48)
}

function sumFour(y: usize, x: usize, R: i32, row: usize, columns: i32): void {
  let s0 = f64x2.splat(0), s1 = s0
  for (let r = 0; r < R; r++, x += row) {
    const a = v128.load(x)
    s0 = f64x2.add(s0, low(a)); s1 = f64x2.add(s1, high(a))
  }
  put(y, rounded(s0, s1), columns)
}

@inline
function rounded(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 1, 4, 5)
}

function largestStrip(y: usize, x: usize, R: i32, row: usize, columns: i32): void {
  for (let k = 0; k < columns; k += 4, y += 16, x += 16) {
    let most = f32x4.splat(<f32>-Infinity), at = x
    for (let r = 0; r < R; r++, at += row) most = f32x4.max(most, v128.load(at))
    put(y, most, columns - k)
  }
}

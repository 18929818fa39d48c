// Layer norm and RMS norm along rows, with u = (x - mean) r, r = 1 / sqrt(mean((x - mean)^2) + eps):
//
//   y = u weight + bias                                   RMS norm: the mean is taken to be 0
//   dx = r (g - mean(g) - u mean(g u)),  g = dy weight    RMS norm: without mean(g)
//
// and scaled = dy u, whose sum over the rows is d(weight). x, y, dy, dx, scaled [N, D]; weight, bias [D];
// moments [N, 2] (mean and r). Threads share the rows. CPU twin: src/ops/norm.ts.
// Next: softmax.ts.

import { firstLanes, put, sumOf } from './lanes'
import { sumOfRow } from './reduce'
import { share, shareEnd } from './threads'

@unmanaged
export class Norm {
  N: i32
  D: i32
  /** 1 for layer norm, 0 for RMS norm */
  centred: i32
  eps: f32
  x: usize
  /** 0 for none */
  weight: usize
  bias: usize
  moments: usize
  y: usize
  dy: usize
  dx: usize
  scaled: usize
}

export function norm(p: Norm, thread: i32, threads: i32): void {
  const last = shareEnd(p.N, thread, threads)
  for (let n = share(p.N, thread, threads); n < last; n++) {
    const at = <usize>(n * p.D) << 2, moments = p.moments + (<usize>n << 3)
    const mean: f32 = p.centred ? <f32>(sumOfRow(p.x + at, p.D) / p.D) : 0
    const r: f32 = 1 / sqrt<f32>(squares(p.x + at, p.D, mean) / <f32>p.D + p.eps)
    store<f32>(moments, mean)
    store<f32>(moments, r, 4)
    normRow(p.y + at, p.x + at, p.weight, p.bias, p.D, mean, r)
  }
}

/** The sum of (x - mean)^2. */
function squares(x: usize, D: i32, mean: f32): f32 {
  const middle = f32x4.splat(mean)
  let sum = f32x4.splat(0)
  for (; D > 0; D -= 4, x += 16) {
    const v = v128.and(f32x4.sub(v128.load(x), middle), firstLanes(D))
    sum = f32x4.add(sum, f32x4.mul(v, v))
  }
  return sumOf(sum)
}

function normRow(y: usize, x: usize, weight: usize, bias: usize, D: i32, mean: f32, r: f32): void {
  const middle = f32x4.splat(mean), factor = f32x4.splat(r)
  for (let d = D; d > 0; d -= 4, x += 16, y += 16) {
    let v = f32x4.mul(f32x4.sub(v128.load(x), middle), factor)
    if (weight) {
      v = f32x4.mul(v, v128.load(weight))
      weight += 16
    }
    if (bias) {
      v = f32x4.add(v, v128.load(bias))
      bias += 16
    }
    put(y, v, d)
  }
}

export function normGradient(p: Norm, thread: i32, threads: i32): void {
  const last = shareEnd(p.N, thread, threads)
  for (let n = share(p.N, thread, threads); n < last; n++) gradientRow(p, n)
}

function gradientRow(p: Norm, n: i32): void {
  const at = <usize>(n * p.D) << 2, moments = p.moments + (<usize>n << 3)
  const mean = v128.load32_splat(moments), r = v128.load32_splat(moments, 4)
  const x = p.x + at, dy = p.dy + at
  let ofG = f32x4.splat(0), ofGu = f32x4.splat(0)
  for (let d = 0; d < p.D; d += 4) {
    const i = <usize>d << 2
    const u = f32x4.mul(f32x4.sub(v128.load(x + i), mean), r)
    const g = v128.and(gradient(dy + i, p.weight, i), firstLanes(p.D - d))
    ofG = f32x4.add(ofG, g)
    ofGu = f32x4.add(ofGu, v128.and(f32x4.mul(g, u), firstLanes(p.D - d)))
  }
  const meanG = f32x4.splat(p.centred ? sumOf(ofG) / <f32>p.D : 0)
  const meanGu = f32x4.splat(sumOf(ofGu) / <f32>p.D)
  for (let d = 0; d < p.D; d += 4) {
    const i = <usize>d << 2
    const u = f32x4.mul(f32x4.sub(v128.load(x + i), mean), r)
    const rest = f32x4.sub(f32x4.sub(gradient(dy + i, p.weight, i), meanG), f32x4.mul(u, meanGu))
    put(p.dx + at + i, f32x4.mul(r, rest), p.D - d)
    put(p.scaled + at + i, f32x4.mul(v128.load(dy + i), u), p.D - d)
  }
}

/** g = dy weight */
@inline
function gradient(dy: usize, weight: usize, i: usize): v128 {
  const d = v128.load(dy)
  return weight ? f32x4.mul(d, v128.load(weight + i)) : d
}

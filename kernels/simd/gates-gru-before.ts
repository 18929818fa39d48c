// The units of a GRU whose reset stands before the product (src/nn/gru-before.ts), with the gates r k n:
//
//   forward    r = sigmoid(x_r + u_r),  k = sigmoid(±(x_z + u_z)),  seen = r h_{t-1}
//              then, with u_n = seen U_n^T:  n = tanh(x_n + u_n),  m = n + k (h_{t-1} - n)
//   backward   dn = dm (1 - k),  dk = dm (h_{t-1} - n),  dh_{t-1} = dm k, past the product
//              then, with d(seen) = d(u_n) U_n:  dr = d(seen) h_{t-1},  dh_{t-1} += d(seen) r
//
// k is what is kept: Cho's z, with +, or 1 - z of Chung's, with -, as 1 - sigmoid(a) = sigmoid(-a).
// CPU twin: src/cpu/gates-gru-before.ts. Next: gates-elman.ts.

import { add, mul, oneMinus, Row, sub } from './gates'
import { put } from './lanes'
import { sigmoid4, tanh4 } from './math'
import { multiplyAdd } from './tile'

export function resetForward(row: Row, sign: f32): void {
  const H = <usize>row.H << 2
  for (let j = 0; j < row.H; j += 4) {
    const at = <usize>j << 2
    const x = row.x + at, u = row.u + at, saved = row.saved + at
    const r = sigmoid4(add(v128.load(x), v128.load(u)))
    const k = sigmoid4(mul(f32x4.splat(sign), add(v128.load(x + H), v128.load(u + H))))
    put(saved, r, row.H - j)
    put(saved + H, k, row.H - j)
    put(row.seen + at, mul(r, v128.load(row.hBefore + at)), row.H - j)
  }
}

export function candidateForward(row: Row): void {
  const H = <usize>row.H << 2
  for (let j = 0; j < row.H; j += 4) {
    const at = <usize>j << 2
    const saved = row.saved + at
    const n = tanh4(add(v128.load(row.x + 2 * H + at), v128.load(row.u + 2 * H + at)))
    put(row.m + at, multiplyAdd(v128.load(saved + H), sub(v128.load(row.hBefore + at), n), n), row.H - j)
    put(saved + 2 * H, n, row.H - j)
  }
}

export function candidateBackward(row: Row, sign: f32): void {
  const H = <usize>row.H << 2
  for (let j = 0; j < row.H; j += 4) {
    const at = <usize>j << 2
    const saved = row.saved + at, dx = row.dx + at
    const k = v128.load(saved + H), n = v128.load(saved + 2 * H)
    const d = v128.load(row.dm + at)
    const dk = mul(mul(f32x4.splat(sign), d), sub(v128.load(row.hBefore + at), n))
    put(dx + H, mul(dk, mul(k, oneMinus(k))), row.H - j)
    put(dx + 2 * H, mul(mul(d, oneMinus(k)), oneMinus(mul(n, n))), row.H - j)
    put(row.pass + at, mul(d, k), row.H - j)
  }
}

export function resetBackward(row: Row): void {
  for (let j = 0; j < row.H; j += 4) {
    const at = <usize>j << 2
    const r = v128.load(row.saved + at), d = v128.load(row.dseen + at)
    put(row.dx + at, mul(mul(d, v128.load(row.hBefore + at)), mul(r, oneMinus(r))), row.H - j)
    put(row.pass + at, multiplyAdd(d, r, v128.load(row.pass + at)), row.H - j)
  }
}

// The units of a GRU (src/nn/gru.ts), with the gates r z n:
//
//   forward    r = sigmoid(x_r + u_r),  z = sigmoid(x_z + u_z),  n = tanh(x_n + r u_n)
//              m = n + z (h_{t-1} - n)
//   backward   dn = dm (1 - z),  dz = dm (h_{t-1} - n),  dh_{t-1} = dm z, past the product
//              through tanh' = 1 - n^2 to x_n, from there to u_n (times r) and to r (times u_n)
//
// CPU twin: src/cpu/gates-gru.ts. Next: gates-gru-before.ts.

import { add, mul, oneMinus, Row, sub } from './gates'
import { put } from './lanes'
import { sigmoid4, tanh4 } from './math'
import { multiplyAdd } from './tile'

export function gruForward(row: Row): void {
  const whole = row.H & ~3
  // n in a loop of its own, as in gates-lstm.ts
  for (let j = 0; j < whole; j += 4) gates4(row, <usize>j << 2, 4)
  for (let j = 0; j < whole; j += 4) show4(row, <usize>j << 2, 4)
  if (whole == row.H) return
  gates4(row, <usize>whole << 2, row.H - whole)
  show4(row, <usize>whole << 2, row.H - whole)
}

/** r and z, in the places of u_r and u_z */
@inline
function gates4(row: Row, at: usize, count: i32): void {
  const H = <usize>row.H << 2
  const x = row.x + at, u = row.u + at
  put(u, sigmoid4(add(v128.load(x), v128.load(u))), count)
  put(u + H, sigmoid4(add(v128.load(x + H), v128.load(u + H))), count)
}

/** n and m */
@inline
function show4(row: Row, at: usize, count: i32): void {
  const H = <usize>row.H << 2
  const x = row.x + at, u = row.u + at
  const r = v128.load(u), z = v128.load(u + H)
  const recurrent = v128.load(u + 2 * H)
  const n = tanh4(multiplyAdd(r, recurrent, v128.load(x + 2 * H)))
  put(row.m + at, multiplyAdd(z, sub(v128.load(row.hBefore + at), n), n), count)
  if (row.saved == 0) return
  const saved = row.saved + at
  put(saved, r, count)
  put(saved + H, z, count)
  put(saved + 2 * H, n, count)
  put(saved + 3 * H, recurrent, count)
}

export function gruBackward(row: Row): void {
  const whole = row.H & ~3
  for (let j = 0; j < whole; j += 4) backward4(row, <usize>j << 2, 4)
  if (whole < row.H) backward4(row, <usize>whole << 2, row.H - whole)
}

@inline
function backward4(row: Row, at: usize, count: i32): void {
  const H = <usize>row.H << 2
  const saved = row.saved + at
  const r = v128.load(saved), z = v128.load(saved + H)
  const n = v128.load(saved + 2 * H), recurrent = v128.load(saved + 3 * H)
  const d = v128.load(row.dm + at)
  const dn = mul(mul(d, oneMinus(z)), oneMinus(mul(n, n)))
  const dr = mul(mul(dn, recurrent), mul(r, oneMinus(r)))
  const dz = mul(mul(d, sub(v128.load(row.hBefore + at), n)), mul(z, oneMinus(z)))
  const dx = row.dx + at, du = row.du + at
  put(dx, dr, count)
  put(dx + H, dz, count)
  put(dx + 2 * H, dn, count)
  put(du, dr, count)
  put(du + H, dz, count)
  put(du + 2 * H, mul(dn, r), count)
  put(row.pass + at, mul(d, z), count)
}

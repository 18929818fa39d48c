// The units of an LSTM with peepholes (src/nn/peephole.ts), with the gates i f g o and p_i p_f p_o of each:
//
//   forward    i, f as an lstm's, of x + u + p c_{t-1};  o of x + u + p_o c_t;  c_t and m as an lstm's
//   backward   do = dm tanh(c_t),  dc_t += dm o (1 - tanh(c_t)^2) + da_o p_o,   a being what a gate squashes
//              dc_{t-1} = dc_t f + da_i p_i + da_f p_f
//
// CPU twin: src/cpu/gates-peephole.ts. Next: gates-coupled.ts.

import { add, mul, oneMinus, Row } from './gates'
import { put } from './lanes'
import { sigmoid4, tanh4 } from './math'
import { multiplyAdd } from './tile'

export function peepholeForward(row: Row): void {
  const whole = row.H & ~3
  for (let j = 0; j < whole; j += 4) forward4(row, <usize>j << 2, 4)
  if (whole < row.H) forward4(row, <usize>whole << 2, row.H - whole)
}

@inline
function forward4(row: Row, at: usize, n: i32): void {
  const H = <usize>row.H << 2
  const x = row.x + at, u = row.u + at, p = row.p + at
  const before = v128.load(row.cBefore + at)
  const i = sigmoid4(multiplyAdd(v128.load(p), before, add(v128.load(x), v128.load(u))))
  const f = sigmoid4(multiplyAdd(v128.load(p + H), before, add(v128.load(x + H), v128.load(u + H))))
  const g = tanh4(add(v128.load(x + 2 * H), v128.load(u + 2 * H)))
  const c = multiplyAdd(f, before, mul(i, g))
  const o = sigmoid4(multiplyAdd(v128.load(p + 2 * H), c, add(v128.load(x + 3 * H), v128.load(u + 3 * H))))
  put(row.c + at, c, n)
  put(row.m + at, mul(o, tanh4(c)), n)
  if (row.saved == 0) return
  const saved = row.saved + at
  put(saved, i, n)
  put(saved + H, f, n)
  put(saved + 2 * H, g, n)
  put(saved + 3 * H, o, n)
}

export function peepholeBackward(row: Row): void {
  const whole = row.H & ~3
  for (let j = 0; j < whole; j += 4) backward4(row, <usize>j << 2, 4)
  if (whole < row.H) backward4(row, <usize>whole << 2, row.H - whole)
}

@inline
function backward4(row: Row, at: usize, n: i32): void {
  const H = <usize>row.H << 2
  const saved = row.saved + at, p = row.p + at
  const i = v128.load(saved), f = v128.load(saved + H)
  const g = v128.load(saved + 2 * H), o = v128.load(saved + 3 * H)
  const shown = tanh4(v128.load(row.c + at))
  const d = v128.load(row.dm + at)
  const toO = mul(mul(d, shown), mul(o, oneMinus(o)))
  const throughM = multiplyAdd(mul(d, o), oneMinus(mul(shown, shown)), v128.load(row.dc + at))
  const dc = multiplyAdd(toO, v128.load(p + 2 * H), throughM)
  const toI = mul(mul(dc, g), mul(i, oneMinus(i)))
  const toF = mul(mul(dc, v128.load(row.cBefore + at)), mul(f, oneMinus(f)))
  const dx = row.dx + at
  put(dx, toI, n)
  put(dx + H, toF, n)
  put(dx + 2 * H, mul(mul(dc, i), oneMinus(mul(g, g))), n)
  put(dx + 3 * H, toO, n)
  put(row.dc + at, multiplyAdd(toI, v128.load(p), multiplyAdd(toF, v128.load(p + H), mul(dc, f))), n)
}

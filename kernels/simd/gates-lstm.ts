// The units of an LSTM (src/nn/lstm.ts), with the gates i f g o:
//
//   forward    i = sigmoid, f = sigmoid, g = tanh, o = sigmoid of their x + u
//              c_t = f c_{t-1} + i g          m = o tanh(c_t)
//   backward   dc_t += dm o (1 - tanh(c_t)^2)
//              di = dc_t g,  df = dc_t c_{t-1},  dg = dc_t i,  do = dm tanh(c_t),  dc_{t-1} = dc_t f
//              and through each gate's function: sigmoid' = s (1 - s), tanh' = 1 - g^2
//
// CPU twin: src/cpu/gates-lstm.ts. Next: gates-blocks.ts.

import { add, mul, oneMinus, Row } from './gates'
import { put } from './lanes'
import { sigmoid4, tanh4 } from './math'
import { multiplyAdd } from './tile'

export function lstmForward(row: Row): void {
  const whole = row.H & ~3
  // tanh(c) in a loop of its own: a chain of dependent steps half as long, of which twice as many overlap
  for (let j = 0; j < whole; j += 4) write4(row, <usize>j << 2, 4)
  for (let j = 0; j < whole; j += 4) show4(row, <usize>j << 2, 4)
  if (whole == row.H) return
  write4(row, <usize>whole << 2, row.H - whole)
  show4(row, <usize>whole << 2, row.H - whole)
}

/** c */
@inline
function write4(row: Row, at: usize, n: i32): void {
  const H = <usize>row.H << 2
  const x = row.x + at, u = row.u + at
  const i = sigmoid4(add(v128.load(x), v128.load(u)))
  const f = sigmoid4(add(v128.load(x + H), v128.load(u + H)))
  const g = tanh4(add(v128.load(x + 2 * H), v128.load(u + 2 * H)))
  put(row.c + at, multiplyAdd(f, v128.load(row.cBefore + at), mul(i, g)), n)
  if (row.saved == 0) return
  const saved = row.saved + at
  put(saved, i, n)
  put(saved + H, f, n)
  put(saved + 2 * H, g, n)
}

/** m */
@inline
function show4(row: Row, at: usize, n: i32): void {
  const third = at + (<usize>(3 * row.H) << 2)
  const o = sigmoid4(add(v128.load(row.x + third), v128.load(row.u + third)))
  put(row.m + at, mul(o, tanh4(v128.load(row.c + at))), n)
  if (row.saved) put(row.saved + third, o, n)
}

export function lstmBackward(row: Row): void {
  const whole = row.H & ~3
  for (let j = 0; j < whole; j += 4) shown4(row, <usize>j << 2, 4)
  for (let j = 0; j < whole; j += 4) backward4(row, <usize>j << 2, 4)
  if (whole == row.H) return
  shown4(row, <usize>whole << 2, row.H - whole)
  backward4(row, <usize>whole << 2, row.H - whole)
}

/** tanh(c) again, in do's place */
@inline
function shown4(row: Row, at: usize, n: i32): void {
  put(row.dx + at + (<usize>(3 * row.H) << 2), tanh4(v128.load(row.c + at)), n)
}

@inline
function backward4(row: Row, at: usize, n: i32): void {
  const H = <usize>row.H << 2
  const saved = row.saved + at
  const i = v128.load(saved), f = v128.load(saved + H)
  const g = v128.load(saved + 2 * H), o = v128.load(saved + 3 * H)
  const dx = row.dx + at
  const shown = v128.load(dx + 3 * H)
  const d = v128.load(row.dm + at)
  const dc = multiplyAdd(mul(d, o), oneMinus(mul(shown, shown)), v128.load(row.dc + at))
  const cBefore = v128.load(row.cBefore + at)
  put(dx, mul(mul(dc, g), mul(i, oneMinus(i))), n)
  put(dx + H, mul(mul(dc, cBefore), mul(f, oneMinus(f))), n)
  put(dx + 2 * H, mul(mul(dc, i), oneMinus(mul(g, g))), n)
  put(dx + 3 * H, mul(mul(d, shown), mul(o, oneMinus(o))), n)
  put(row.dc + at, mul(dc, f), n)
}

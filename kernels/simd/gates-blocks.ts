// The units of the first LSTMs, whose cells have their own gates (src/nn/lstm-2000.ts), with the gates i f o
// and what the cell takes in, g; that of 1997 (src/nn/lstm-1997.ts) has no f, which is 1 then:
//
//   forward    i, f, o = sigmoid of their x + u,  g = 2 tanh((x + u) / 2), which is 4 sigmoid(x + u) - 2
//              c_t = f c_{t-1} + i g          m = o h(c_t),  h(c) = tanh(c / 2), which is 2 sigmoid(c) - 1
//   backward   dc_t += dm o (1 - h(c_t)^2) / 2
//              di = dc_t g,  df = dc_t c_{t-1},  do = dm h(c_t),  dg = dc_t i,  dc_{t-1} = dc_t f
//              and through each gate's function: sigmoid' = s (1 - s), that of g 1 - g^2 / 4
//
// CPU twin: src/cpu/gates-blocks.ts. Next: gates-peephole.ts.

import { add, mul, oneMinus, Row } from './gates'
import { put } from './lanes'
import { sigmoid4, tanh4 } from './math'
import { multiplyAdd } from './tile'

@inline
function half(x: v128): v128 {
  return mul(x, f32x4.splat(0.5))
}

export function blocksForward(row: Row, forgets: bool): void {
  const H = <usize>row.H << 2
  const out: usize = forgets ? 2 * H : H // where the row of o begins; that of g comes after it
  for (let j = 0; j < row.H; j += 4) {
    const at = <usize>j << 2, n = row.H - j
    const x = row.x + at, u = row.u + at
    const i = sigmoid4(add(v128.load(x), v128.load(u)))
    const o = sigmoid4(add(v128.load(x + out), v128.load(u + out)))
    const g = mul(f32x4.splat(2), tanh4(half(add(v128.load(x + out + H), v128.load(u + out + H)))))
    const before = v128.load(row.cBefore + at)
    let f = f32x4.splat(1)
    if (forgets) f = sigmoid4(add(v128.load(x + H), v128.load(u + H)))
    const c = multiplyAdd(f, before, mul(i, g))
    put(row.c + at, c, n)
    put(row.m + at, mul(o, tanh4(half(c))), n)
    if (row.saved == 0) continue
    const saved = row.saved + at
    put(saved, i, n)
    if (forgets) put(saved + H, f, n)
    put(saved + out, o, n)
    put(saved + out + H, g, n)
  }
}

export function blocksBackward(row: Row, forgets: bool): void {
  const H = <usize>row.H << 2
  const out: usize = forgets ? 2 * H : H
  for (let j = 0; j < row.H; j += 4) {
    const at = <usize>j << 2, n = row.H - j
    const saved = row.saved + at, dx = row.dx + at
    const i = v128.load(saved), o = v128.load(saved + out), g = v128.load(saved + out + H)
    const shown = tanh4(half(v128.load(row.c + at)))
    const d = v128.load(row.dm + at)
    let dc = multiplyAdd(half(mul(d, o)), oneMinus(mul(shown, shown)), v128.load(row.dc + at))
    put(dx, mul(mul(dc, g), mul(i, oneMinus(i))), n)
    put(dx + out, mul(mul(d, shown), mul(o, oneMinus(o))), n)
    put(dx + out + H, mul(mul(dc, i), oneMinus(mul(half(g), half(g)))), n)
    if (forgets) {
      const f = v128.load(saved + H)
      put(dx + H, mul(mul(dc, v128.load(row.cBefore + at)), mul(f, oneMinus(f))), n)
      dc = mul(dc, f)
    }
    put(row.dc + at, dc, n)
  }
}

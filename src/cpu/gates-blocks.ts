// The units of the first LSTMs, whose cells have their own gates (nn/lstm-2000.ts), with the gates i f o and
// what the cell takes in, g; that of 1997 (nn/lstm-1997.ts) has no f, which is 1 then:
//
//   forward    i, f, o = sigmoid of their x + u,  g = 2 tanh((x + u) / 2), which is 4 sigmoid(x + u) - 2
//              c_t = f c_{t-1} + i g          m = o h(c_t),  h(c) = tanh(c / 2), which is 2 sigmoid(c) - 1
//   backward   dc_t += dm o (1 - h(c_t)^2) / 2
//              di = dc_t g,  df = dc_t c_{t-1},  do = dm h(c_t),  dg = dc_t i,  dc_{t-1} = dc_t f
//              and through each gate's function: sigmoid' = s (1 - s), that of g 1 - g^2 / 4
//
// Kernel twin: kernels/gates_blocks.wgsl. Next: gates-peephole.ts.

import type { Gates } from './gates.ts'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

const blockGates = (forgets: boolean): Gates => ({
  gates: forgets ? 4 : 3,
  saved: forgets ? 4 : 3,
  hasC: true,
  passes: false,
  splits: false,

  forward({ H, x, ix, u, iu, saved, is, m, im, c, icBefore, ic }, tanh) {
    const out = forgets ? 2 * H : H // where the row of o begins; that of g comes after it
    for (let j = 0; j < H; j++) {
      const i = sigmoid(x[ix + j] + u[iu + j])
      const f = forgets ? sigmoid(x[ix + H + j] + u[iu + H + j]) : 1
      const o = sigmoid(x[ix + out + j] + u[iu + out + j])
      const g = 2 * tanh((x[ix + out + H + j] + u[iu + out + H + j]) / 2)
      const next = f * c[icBefore + j] + i * g
      c[ic + j] = next
      m[im + j] = o * tanh(next / 2)
      saved[is + j] = i
      if (forgets) saved[is + H + j] = f
      saved[is + out + j] = o
      saved[is + out + H + j] = g
    }
  },

  backward({ H, saved, is, c, icBefore, ic, dm, idm, dx, idx, dc, idc }, tanh) {
    const out = forgets ? 2 * H : H
    for (let j = 0; j < H; j++) {
      const i = saved[is + j]
      const f = forgets ? saved[is + H + j] : 1
      const o = saved[is + out + j]
      const g = saved[is + out + H + j]
      const shown = tanh(c[ic + j] / 2)
      const d = dm[idm + j]
      const dNext = dc[idc + j] + d * o * (1 - shown * shown) / 2
      dx[idx + j] = dNext * g * i * (1 - i)
      if (forgets) dx[idx + H + j] = dNext * c[icBefore + j] * f * (1 - f)
      dx[idx + out + j] = d * shown * o * (1 - o)
      dx[idx + out + H + j] = dNext * i * (1 - g * g / 4)
      dc[idc + j] = dNext * f
    }
  },
})

export const lstm1997Gates = blockGates(false)
export const lstm2000Gates = blockGates(true)

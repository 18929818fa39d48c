// The units of an LSTM (nn/lstm.ts), with the gates i f g o:
//
//   forward    i = sigmoid, f = sigmoid, g = tanh, o = sigmoid of their x + u
//              c_t = f c_{t-1} + i g          m = o tanh(c_t)
//   backward   dc_t += dm o (1 - tanh(c_t)^2)
//              di = dc_t g,  df = dc_t c_{t-1},  dg = dc_t i,  do = dm tanh(c_t),  dc_{t-1} = dc_t f
//              and through each gate's function: sigmoid' = s (1 - s), tanh' = 1 - g^2
//
// Kernel twin: kernels/gates_lstm.wgsl. Next: gates-blocks.ts.

import type { Gates } from './gates.ts'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

export const lstmGates: Gates = {
  gates: 4,
  saved: 4,
  hasC: true,
  passes: false,
  splits: false,

  forward({ H, x, ix, u, iu, saved, is, m, im, c, icBefore, ic }, tanh) {
    for (let j = 0; j < H; j++) {
      const i = sigmoid(x[ix + j] + u[iu + j])
      const f = sigmoid(x[ix + H + j] + u[iu + H + j])
      const g = tanh(x[ix + 2 * H + j] + u[iu + 2 * H + j])
      const o = sigmoid(x[ix + 3 * H + j] + u[iu + 3 * H + j])
      const next = f * c[icBefore + j] + i * g
      c[ic + j] = next
      m[im + j] = o * tanh(next)
      saved[is + j] = i
      saved[is + H + j] = f
      saved[is + 2 * H + j] = g
      saved[is + 3 * H + j] = o
    }
  },

  backward({ H, saved, is, c, icBefore, ic, dm, idm, dx, idx, dc, idc }, tanh) {
    for (let j = 0; j < H; j++) {
      const i = saved[is + j]
      const f = saved[is + H + j]
      const g = saved[is + 2 * H + j]
      const o = saved[is + 3 * H + j]
      const shown = tanh(c[ic + j])
      const d = dm[idm + j]
      const dNext = dc[idc + j] + d * o * (1 - shown * shown)
      dx[idx + j] = dNext * g * i * (1 - i)
      dx[idx + H + j] = dNext * c[icBefore + j] * f * (1 - f)
      dx[idx + 2 * H + j] = dNext * i * (1 - g * g)
      dx[idx + 3 * H + j] = d * shown * o * (1 - o)
      dc[idc + j] = dNext * f
    }
  },
}

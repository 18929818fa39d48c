// The units of an LSTM with coupled gates (nn/coupled.ts), with the gates i g o:
//
//   forward    i = sigmoid, g = tanh, o = sigmoid of their x + u
//              c_t = c_{t-1} + i (g - c_{t-1})          m = o tanh(c_t)
//   backward   dc_t += dm o (1 - tanh(c_t)^2)
//              di = dc_t (g - c_{t-1}),  dg = dc_t i,  do = dm tanh(c_t),  dc_{t-1} = dc_t (1 - i)
//              and through each gate's function, as in gates-lstm.ts
//
// Kernel twin: kernels/gates_coupled.wgsl. Next: gates-gru.ts.

import type { Gates } from './gates.ts'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

export const coupledGates: Gates = {
  gates: 3,
  saved: 3,
  hasC: true,
  passes: false,
  splits: false,

  forward({ H, x, ix, u, iu, saved, is, m, im, c, icBefore, ic }, tanh) {
    for (let j = 0; j < H; j++) {
      const i = sigmoid(x[ix + j] + u[iu + j])
      const g = tanh(x[ix + H + j] + u[iu + H + j])
      const o = sigmoid(x[ix + 2 * H + j] + u[iu + 2 * H + j])
      const before = c[icBefore + j]
      const next = before + i * (g - before)
      c[ic + j] = next
      m[im + j] = o * tanh(next)
      saved[is + j] = i
      saved[is + H + j] = g
      saved[is + 2 * H + j] = o
    }
  },

  backward({ H, saved, is, c, icBefore, ic, dm, idm, dx, idx, dc, idc }, tanh) {
    for (let j = 0; j < H; j++) {
      const i = saved[is + j]
      const g = saved[is + H + j]
      const o = saved[is + 2 * H + j]
      const shown = tanh(c[ic + j])
      const d = dm[idm + j]
      const dNext = dc[idc + j] + d * o * (1 - shown * shown)
      dx[idx + j] = dNext * (g - c[icBefore + j]) * i * (1 - i)
      dx[idx + H + j] = dNext * i * (1 - g * g)
      dx[idx + 2 * H + j] = d * shown * o * (1 - o)
      dc[idc + j] = dNext * (1 - i)
    }
  },
}

// The units of an LSTM with peepholes (nn/peephole.ts), with the gates i f g o and p_i p_f p_o of each unit:
//
//   forward    i, f as an lstm's, of x + u + p c_{t-1};  o of x + u + p_o c_t;  c_t and m as an lstm's
//   backward   do = dm tanh(c_t),  dc_t += dm o (1 - tanh(c_t)^2) + da_o p_o,   a being what a gate squashes
//              dc_{t-1} = dc_t f + da_i p_i + da_f p_f
//
// Kernel twin: kernels/gates_peephole.wgsl. Next: gates-coupled.ts.

import type { Gates } from './gates.ts'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

export const peepholeGates: Gates = {
  gates: 4,
  saved: 4,
  hasC: true,
  passes: false,
  splits: false,

  forward({ H, x, ix, u, iu, saved, is, m, im, c, icBefore, ic, p, ip }, tanh) {
    for (let j = 0; j < H; j++) {
      const before = c[icBefore + j]
      const i = sigmoid(x[ix + j] + u[iu + j] + p[ip + j] * before)
      const f = sigmoid(x[ix + H + j] + u[iu + H + j] + p[ip + H + j] * before)
      const g = tanh(x[ix + 2 * H + j] + u[iu + 2 * H + j])
      const next = f * before + i * g
      const o = sigmoid(x[ix + 3 * H + j] + u[iu + 3 * H + j] + p[ip + 2 * H + j] * next)
      c[ic + j] = next
      m[im + j] = o * tanh(next)
      saved[is + j] = i
      saved[is + H + j] = f
      saved[is + 2 * H + j] = g
      saved[is + 3 * H + j] = o
    }
  },

  backward({ H, saved, is, c, icBefore, ic, dm, idm, dx, idx, dc, idc, p, ip }, tanh) {
    for (let j = 0; j < H; j++) {
      const i = saved[is + j]
      const f = saved[is + H + j]
      const g = saved[is + 2 * H + j]
      const o = saved[is + 3 * H + j]
      const shown = tanh(c[ic + j])
      const d = dm[idm + j]
      const toO = d * shown * o * (1 - o)
      const dNext = dc[idc + j] + d * o * (1 - shown * shown) + toO * p[ip + 2 * H + j]
      const toI = dNext * g * i * (1 - i)
      const toF = dNext * c[icBefore + j] * f * (1 - f)
      dx[idx + j] = toI
      dx[idx + H + j] = toF
      dx[idx + 2 * H + j] = dNext * i * (1 - g * g)
      dx[idx + 3 * H + j] = toO
      dc[idc + j] = dNext * f + toI * p[ip + j] + toF * p[ip + H + j]
    }
  },
}

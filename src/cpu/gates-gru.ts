// The units of a GRU (nn/gru.ts), with the gates r z n:
//
//   forward    r = sigmoid(x_r + u_r),  z = sigmoid(x_z + u_z),  n = tanh(x_n + r u_n)
//              m = n + z (h_{t-1} - n)
//   backward   dn = dm (1 - z),  dz = dm (h_{t-1} - n),  dh_{t-1} = dm z, past the product
//              through tanh' = 1 - n^2 to x_n, from there to u_n (times r) and to r (times u_n)
//
// Kernel twin: kernels/gates_gru.wgsl. Next: gates-gru-before.ts.

import type { Gates } from './gates.ts'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

export const gruGates: Gates = {
  gates: 3,
  saved: 4, // r z n u_n
  hasC: false,
  passes: true,
  splits: true,

  forward({ H, x, ix, u, iu, saved, is, hBefore, ihBefore, m, im }, tanh) {
    for (let j = 0; j < H; j++) {
      const r = sigmoid(x[ix + j] + u[iu + j])
      const z = sigmoid(x[ix + H + j] + u[iu + H + j])
      const recurrent = u[iu + 2 * H + j]
      const n = tanh(x[ix + 2 * H + j] + r * recurrent)
      m[im + j] = n + z * (hBefore[ihBefore + j] - n)
      saved[is + j] = r
      saved[is + H + j] = z
      saved[is + 2 * H + j] = n
      saved[is + 3 * H + j] = recurrent
    }
  },

  backward({ H, saved, is, hBefore, ihBefore, dm, idm, dx, idx, du, idu, pass, ipass }) {
    for (let j = 0; j < H; j++) {
      const r = saved[is + j]
      const z = saved[is + H + j]
      const n = saved[is + 2 * H + j]
      const d = dm[idm + j]
      const dn = d * (1 - z) * (1 - n * n)
      const dr = dn * saved[is + 3 * H + j] * r * (1 - r)
      const dz = d * (hBefore[ihBefore + j] - n) * z * (1 - z)
      dx[idx + j] = dr
      dx[idx + H + j] = dz
      dx[idx + 2 * H + j] = dn
      du[idu + j] = dr
      du[idu + H + j] = dz
      du[idu + 2 * H + j] = dn * r
      pass[ipass + j] = d * z
    }
  },
}

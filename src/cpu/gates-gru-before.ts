// The units of a GRU whose reset stands before the product (nn/gru-before.ts), with the gates r k n:
//
//   forward    r = sigmoid(x_r + u_r),  k = sigmoid(±(x_z + u_z)),  seen = r h_{t-1}
//              then, with u_n = seen U_n^T:  n = tanh(x_n + u_n),  m = n + k (h_{t-1} - n)
//   backward   dn = dm (1 - k),  dk = dm (h_{t-1} - n),  dh_{t-1} = dm k, past the product
//              then, with d(seen) = d(u_n) U_n:  dr = d(seen) h_{t-1},  dh_{t-1} += d(seen) r
//
// k is what is kept: Cho's z, with +, or 1 - z of Chung's, with -, as 1 - sigmoid(a) = sigmoid(-a).
// Next: recurrence.ts.

import type { Gates } from './gates.ts'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

const resetBefore = (sign: 1 | -1): Gates => ({
  gates: 3,
  saved: 3,
  hasC: false,
  passes: true,
  splits: false,

  forward({ H, x, ix, u, iu, saved, is, hBefore, ihBefore, seen, iseen }) {
    for (let j = 0; j < H; j++) {
      const r = sigmoid(x[ix + j] + u[iu + j])
      saved[is + j] = r
      saved[is + H + j] = sigmoid(sign * (x[ix + H + j] + u[iu + H + j]))
      seen[iseen + j] = r * hBefore[ihBefore + j]
    }
  },

  backward({ H, saved, is, hBefore, ihBefore, dseen, idseen, dx, idx, pass, ipass }) {
    for (let j = 0; j < H; j++) {
      const r = saved[is + j]
      const d = dseen[idseen + j]
      dx[idx + j] = d * hBefore[ihBefore + j] * r * (1 - r)
      pass[ipass + j] += d * r
    }
  },

  candidate: {
    forward({ H, x, ix, v, iv, saved, is, hBefore, ihBefore, m, im }, tanh) {
      for (let j = 0; j < H; j++) {
        const n = tanh(x[ix + 2 * H + j] + v[iv + j])
        m[im + j] = n + saved[is + H + j] * (hBefore[ihBefore + j] - n)
        saved[is + 2 * H + j] = n
      }
    },

    backward({ H, saved, is, hBefore, ihBefore, dm, idm, dx, idx, pass, ipass }) {
      for (let j = 0; j < H; j++) {
        const k = saved[is + H + j]
        const n = saved[is + 2 * H + j]
        const d = dm[idm + j]
        dx[idx + H + j] = sign * d * (hBefore[ihBefore + j] - n) * k * (1 - k)
        dx[idx + 2 * H + j] = d * (1 - k) * (1 - n * n)
        pass[ipass + j] = d * k
      }
    },
  },
})

export const gruBeforeGates = resetBefore(1)
export const gruChungGates = resetBefore(-1)

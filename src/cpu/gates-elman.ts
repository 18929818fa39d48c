// The units of an Elman cell: m = f(x + u), for tanh, relu and sigmoid, whose derivatives are functions of m:
//
//   tanh: 1 - m^2        relu: 1 where m > 0, else 0        sigmoid: m (1 - m)
//
// Kernel twin: kernels/gates_elman.wgsl. Next: gates-gru.ts.

import type { Gates } from './gates.ts'

const form = { gates: 1, saved: 0, hasC: false, passes: false, splits: false }

export const tanhGates: Gates = {
  ...form,
  forward({ H, x, ix, u, iu, m, im }, tanh) {
    for (let j = 0; j < H; j++) m[im + j] = tanh(x[ix + j] + u[iu + j])
  },
  backward({ H, m, im, dm, idm, dx, idx }) {
    for (let j = 0; j < H; j++) {
      const y = m[im + j]
      dx[idx + j] = dm[idm + j] * (1 - y * y)
    }
  },
}

export const reluGates: Gates = {
  ...form,
  forward({ H, x, ix, u, iu, m, im }) {
    for (let j = 0; j < H; j++) {
      const a = x[ix + j] + u[iu + j]
      m[im + j] = a < 0 ? 0 : a
    }
  },
  backward({ H, m, im, dm, idm, dx, idx }) {
    for (let j = 0; j < H; j++) dx[idx + j] = dm[idm + j] * Number(m[im + j] > 0)
  },
}

export const sigmoidGates: Gates = {
  ...form,
  forward({ H, x, ix, u, iu, m, im }) {
    for (let j = 0; j < H; j++) m[im + j] = 1 / (1 + Math.exp(-(x[ix + j] + u[iu + j])))
  },
  backward({ H, m, im, dm, idm, dx, idx }) {
    for (let j = 0; j < H; j++) {
      const y = m[im + j]
      dx[idx + j] = dm[idm + j] * y * (1 - y)
    }
  },
}

// Elementwise loops of the cpu device: the reference for every other device.
//
// One small loop per function, because V8 compiles each on its own and inlines nothing through a table.
// A binary loop walks `n` elements of y with steps sa, sb (1, or 0 where an operand is repeated), so that the
// same loop serves equal shapes, scalars, rows and columns: `eachRun` cuts a broadcast into such runs.
// This file is loaded once per precision (device.ts), so that a loop sees one array type only.
// Next: matmul.ts.

import type { BinaryOp, FloatArray, UnaryOp } from '../device.ts'
import { mergedAxes, type Shape } from '../shape.ts'

type UnaryLoop = (y: FloatArray, x: FloatArray, ix: number, n: number) => void
type BinaryLoop = (
  y: FloatArray, iy: number,
  a: FloatArray, ia: number, sa: number, b: FloatArray, ib: number, sb: number, n: number,
) => void

/** Math.tanh is exact and slow (17 ns); in float32 the exponential form is just as exact, but for tiny x. */
export function tanhOf32(v: number): number {
  return v > -1e-5 && v < 1e-5 ? v : 1 - 2 / (Math.exp(2 * v) + 1)
}

export const unaryLoops: Record<UnaryOp, UnaryLoop> = {
  neg: (y, x, ix, n) => { for (let i = 0; i < n; i++) y[i] = -x[ix + i] },
  abs: (y, x, ix, n) => { for (let i = 0; i < n; i++) y[i] = Math.abs(x[ix + i]) },
  sign: (y, x, ix, n) => { for (let i = 0; i < n; i++) y[i] = Math.sign(x[ix + i]) },
  exp: (y, x, ix, n) => { for (let i = 0; i < n; i++) y[i] = Math.exp(x[ix + i]) },
  expm1: (y, x, ix, n) => { for (let i = 0; i < n; i++) y[i] = Math.expm1(x[ix + i]) },
  log: (y, x, ix, n) => { for (let i = 0; i < n; i++) y[i] = Math.log(x[ix + i]) },
  log1p: (y, x, ix, n) => { for (let i = 0; i < n; i++) y[i] = Math.log1p(x[ix + i]) },
  sqrt: (y, x, ix, n) => { for (let i = 0; i < n; i++) y[i] = Math.sqrt(x[ix + i]) },
  square: (y, x, ix, n) => { for (let i = 0; i < n; i++) y[i] = x[ix + i] * x[ix + i] },
  tanh: (y, x, ix, n) => {
    const f = y instanceof Float32Array ? tanhOf32 : Math.tanh
    for (let i = 0; i < n; i++) y[i] = f(x[ix + i])
  },
  // e^-x may overflow to infinity for x < -709: 1 / infinity is the right 0
  sigmoid: (y, x, ix, n) => { for (let i = 0; i < n; i++) y[i] = 1 / (1 + Math.exp(-x[ix + i])) },
  relu: (y, x, ix, n) => { for (let i = 0; i < n; i++) { const v = x[ix + i]; y[i] = v < 0 ? 0 : v } },
  // log(1 + e^x) = max(x, 0) + log(1 + e^-|x|): never overflows
  softplus: (y, x, ix, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[ix + i]
      y[i] = Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)))
    }
  },
  isFinite: (y, x, ix, n) => {
    for (let i = 0; i < n; i++) { const v = x[ix + i]; y[i] = v - v === 0 ? 1 : 0 }
  },
}

export const binaryLoops: Record<BinaryOp, BinaryLoop> = {
  add: (y, iy, a, ia, sa, b, ib, sb, n) => {
    for (const end = iy + n; iy < end; iy++, ia += sa, ib += sb) y[iy] = a[ia] + b[ib]
  },
  sub: (y, iy, a, ia, sa, b, ib, sb, n) => {
    for (const end = iy + n; iy < end; iy++, ia += sa, ib += sb) y[iy] = a[ia] - b[ib]
  },
  mul: (y, iy, a, ia, sa, b, ib, sb, n) => {
    for (const end = iy + n; iy < end; iy++, ia += sa, ib += sb) y[iy] = a[ia] * b[ib]
  },
  div: (y, iy, a, ia, sa, b, ib, sb, n) => {
    for (const end = iy + n; iy < end; iy++, ia += sa, ib += sb) y[iy] = a[ia] / b[ib]
  },
  pow: (y, iy, a, ia, sa, b, ib, sb, n) => {
    for (const end = iy + n; iy < end; iy++, ia += sa, ib += sb) y[iy] = Math.pow(a[ia], b[ib])
  },
  maximum: (y, iy, a, ia, sa, b, ib, sb, n) => {
    for (const end = iy + n; iy < end; iy++, ia += sa, ib += sb) y[iy] = Math.max(a[ia], b[ib])
  },
  minimum: (y, iy, a, ia, sa, b, ib, sb, n) => {
    for (const end = iy + n; iy < end; iy++, ia += sa, ib += sb) y[iy] = Math.min(a[ia], b[ib])
  },
  // Number(a > b) is computed without a branch; a > b ? 1 : 0 is mispredicted half of the time
  equal: (y, iy, a, ia, sa, b, ib, sb, n) => {
    for (const end = iy + n; iy < end; iy++, ia += sa, ib += sb) y[iy] = Number(a[ia] === b[ib])
  },
  greater: (y, iy, a, ia, sa, b, ib, sb, n) => {
    for (const end = iy + n; iy < end; iy++, ia += sa, ib += sb) y[iy] = Number(a[ia] > b[ib])
  },
}

/** y = condition != 0 ? a : b over one run; c steps by sc, a by sa, b by sb. */
export function selectLoop(
  y: FloatArray, iy: number, c: FloatArray, ic: number, sc: number,
  a: FloatArray, ia: number, sa: number, b: FloatArray, ib: number, sb: number, n: number,
): void {
  for (let i = 0; i < n; i++) y[iy + i] = c[ic + i * sc] !== 0 ? a[ia + i * sa] : b[ib + i * sb]
}

/** y += x */
export function accumulateLoop(y: FloatArray, iy: number, x: FloatArray, ix: number, n: number): void {
  for (let i = 0; i < n; i++) y[iy + i] = y[iy + i] + x[ix + i]
}

/** y = f(a, b) over a shape; a and b each have their own strides in it, 0 where they are repeated. */
export function broadcastBinary(
  op: BinaryOp, y: FloatArray, shape: Shape,
  a: FloatArray, ia: number, stridesA: readonly number[],
  b: FloatArray, ib: number, stridesB: readonly number[],
): void {
  const loop = binaryLoops[op]
  eachRun(shape, [stridesA, stridesB], (iy, [oa, ob], [sa, sb], n) =>
    loop(y, iy, a, ia + oa!, sa!, b, ib + ob!, sb!, n))
}

/**
 * Cuts a walk into runs along the last axis:
 * calls run(y's offset, each operand's offset, each operand's step, run length).
 */
export function eachRun(
  shape: Shape, strides: readonly (readonly number[])[],
  run: (iy: number, offsets: readonly number[], steps: readonly number[], n: number) => void,
): void {
  const walk = mergedAxes(shape, strides)
  if (!walk) return
  const { sizes, strides: merged } = walk
  const n = sizes.pop() ?? 1
  const steps = merged.map((m) => m.pop() ?? 0)
  const position = sizes.map(() => 0)
  const offsets = merged.map(() => 0)
  for (let iy = 0; ; iy += n) {
    run(iy, offsets, steps, n)
    let axis = sizes.length - 1
    for (; axis >= 0; axis--) {
      for (let k = 0; k < offsets.length; k++) offsets[k] += merged[k][axis]
      if (++position[axis] < sizes[axis]) break
      for (let k = 0; k < offsets.length; k++) offsets[k] -= merged[k][axis] * sizes[axis]
      position[axis] = 0
    }
    if (axis < 0) return
  }
}

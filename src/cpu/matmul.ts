// Matrix product of the cpu device: C = A B, A [M, K] and B [K, N] given by strides (so a transpose is free).
//
// A block of A and one of B are packed into panels: 4 rows of A (4 columns of B) interleaved, k by k; the
// kernel reads both straight through; each 4 x 4 tile of C lives in 16 local variables while k runs (BLIS,
// Van Zee and van de Geijn 2015). Blocks fit the caches and bound the scratch memory. JavaScript computes in
// float64, so panels and sums are float64 in either precision: numbers are converted once and rounded once.
// Every element is summed in the order of k, whatever the blocks: bit for bit the result of the triple loop.
// Next: move.ts.

import type { FloatArray } from '../device.ts'

const TILE = 4
// Panels of 0.5 and 1 MiB, of which the kernel goes over 8 KiB of A and 8 KiB of B at a time.
const BLOCK_M = 256
const BLOCK_N = 512
const BLOCK_K = 256

const panelsA = new Float64Array(BLOCK_M * BLOCK_K)
const panelsB = new Float64Array(BLOCK_N * BLOCK_K)
/** One block of C, tile after tile, not yet rounded. */
const sums = new Float64Array(BLOCK_M * BLOCK_N)
const multiplyTile = tileKernel(panelsA, panelsB, sums)

/** A matrix in memory: element (i, j) is data[offset + i * rows + j * columns]. */
export interface Matrix {
  data: FloatArray
  offset: number
  /** step from one row to the next */
  rows: number
  /** step from one column to the next */
  columns: number
}

/** C [M, N], contiguous at offset `ic`, = A [M, K] times B [K, N]. */
export function matmul(
  c: FloatArray, ic: number, a: Matrix, b: Matrix, M: number, N: number, K: number,
): void {
  if (M < TILE) return multiplyRows(c, ic, a, b, M, N, K)
  for (let j = 0; j < N; j += BLOCK_N) {
    const n = Math.min(BLOCK_N, N - j)
    for (let i = 0; i < M; i += BLOCK_M) {
      const m = Math.min(BLOCK_M, M - i)
      sums.fill(0, 0, roundUp(m) * roundUp(n))
      for (let k = 0; k < K; k += BLOCK_K) {
        const depth = Math.min(BLOCK_K, K - k)
        pack(panelsA, a.data, a.offset + i * a.rows + k * a.columns, a.rows, a.columns, m, depth)
        pack(panelsB, b.data, b.offset + k * b.rows + j * b.columns, b.columns, b.rows, n, depth)
        multiplyBlock(m, n, depth)
      }
      storeBlock(c, ic + i * N + j, N, m, n)
    }
  }
}

function roundUp(n: number): number {
  return Math.ceil(n / TILE) * TILE
}

/** panels[group][k][r] = x[start + line * lineStep + k * step] for line = 4 group + r; 0 past the last. */
function pack(
  panels: Float64Array,
  x: FloatArray, start: number, lineStep: number, step: number, lines: number, K: number,
): void {
  let p = 0
  for (let line = 0; line < lines; line += TILE) {
    const x0 = start + line * lineStep
    if (line + TILE <= lines) {
      const x1 = x0 + lineStep
      const x2 = x1 + lineStep
      const x3 = x2 + lineStep
      for (let k = 0, s = 0; k < K; k++, s += step, p += TILE) {
        panels[p] = x[x0 + s]
        panels[p + 1] = x[x1 + s]
        panels[p + 2] = x[x2 + s]
        panels[p + 3] = x[x3 + s]
      }
    } else {
      for (let k = 0; k < K; k++, p += TILE) {
        for (let r = 0; r < TILE; r++) panels[p + r] = line + r < lines ? x[x0 + r * lineStep + k * step] : 0
      }
    }
  }
}

/** Adds the product of the packed blocks, [m, K] and [K, n], to the sums. */
function multiplyBlock(m: number, n: number, K: number): void {
  let t = 0
  for (let j = 0; j < n; j += TILE) {
    for (let i = 0; i < m; i += TILE, t += TILE * TILE) multiplyTile(t, i * K, j * K, K)
  }
}

/**
 * The kernel: the tile [4, 4] of C at t += the product of the panel of A at p [4, K] and of B at q [K, 4].
 * Two things spare V8 checks at every load, 15 % or more of the time: arrays that a closure is made with are
 * constants to it, and an index below 2^28, which the mask promises, cannot leave 32 bits when 15 is added.
 */
function tileKernel(A: Float64Array, B: Float64Array, C: Float64Array) {
  const INDEX = 0xfffffff
  return (t: number, p: number, q: number, K: number): void => {
    t &= INDEX
    p &= INDEX
    q &= INDEX
    let c00 = C[t], c01 = C[t + 1], c02 = C[t + 2], c03 = C[t + 3]
    let c10 = C[t + 4], c11 = C[t + 5], c12 = C[t + 6], c13 = C[t + 7]
    let c20 = C[t + 8], c21 = C[t + 9], c22 = C[t + 10], c23 = C[t + 11]
    let c30 = C[t + 12], c31 = C[t + 13], c32 = C[t + 14], c33 = C[t + 15]
    for (let k = 0; k < K; k++) {
      const b0 = B[q], b1 = B[q + 1], b2 = B[q + 2], b3 = B[q + 3]
      const a0 = A[p], a1 = A[p + 1], a2 = A[p + 2], a3 = A[p + 3]
      c00 += a0 * b0; c01 += a0 * b1; c02 += a0 * b2; c03 += a0 * b3
      c10 += a1 * b0; c11 += a1 * b1; c12 += a1 * b2; c13 += a1 * b3
      c20 += a2 * b0; c21 += a2 * b1; c22 += a2 * b2; c23 += a2 * b3
      c30 += a3 * b0; c31 += a3 * b1; c32 += a3 * b2; c33 += a3 * b3
      p = (p + 4) & INDEX
      q = (q + 4) & INDEX
    }
    C[t] = c00; C[t + 1] = c01; C[t + 2] = c02; C[t + 3] = c03
    C[t + 4] = c10; C[t + 5] = c11; C[t + 6] = c12; C[t + 7] = c13
    C[t + 8] = c20; C[t + 9] = c21; C[t + 10] = c22; C[t + 11] = c23
    C[t + 12] = c30; C[t + 13] = c31; C[t + 14] = c32; C[t + 15] = c33
  }
}

/** Rounds the sums into the block [m, n] of C at offset `ic`, whose rows are N apart. */
function storeBlock(c: FloatArray, ic: number, N: number, m: number, n: number): void {
  let t = 0
  for (let j = 0; j < n; j += TILE) {
    const columns = Math.min(TILE, n - j)
    for (let i = 0; i < m; i += TILE, t += TILE * TILE) {
      const rows = Math.min(TILE, m - i)
      for (let r = 0, from = t, to = ic + i * N + j; r < rows; r++, from += TILE, to += N) {
        c[to] = sums[from]
        if (columns > 1) c[to + 1] = sums[from + 1]
        if (columns > 2) c[to + 2] = sums[from + 2]
        if (columns > 3) c[to + 3] = sums[from + 3]
      }
    }
  }
}

/**
 * One to three rows, as in sampling: packing B would cost more than the product. Four columns at once,
 * so that no sum waits for its own last addition, and more than one number of a cache line is used.
 */
function multiplyRows(
  c: FloatArray, ic: number, a: Matrix, b: Matrix, M: number, N: number, K: number,
): void {
  const { data: A, columns: stepA } = a
  const { data: B, rows: stepB } = b
  for (let i = 0; i < M; i++) {
    const start = a.offset + i * a.rows
    for (let j = 0; j < N; j += 4) {
      // past the last column the last one is computed again
      const q0 = b.offset + j * b.columns
      const q1 = b.offset + Math.min(j + 1, N - 1) * b.columns
      const q2 = b.offset + Math.min(j + 2, N - 1) * b.columns
      const q3 = b.offset + Math.min(j + 3, N - 1) * b.columns
      let c0 = 0, c1 = 0, c2 = 0, c3 = 0
      for (let k = 0, p = start, q = 0; k < K; k++, p += stepA, q += stepB) {
        const ak = A[p]
        c0 += ak * B[q0 + q]
        c1 += ak * B[q1 + q]
        c2 += ak * B[q2 + q]
        c3 += ak * B[q3 + q]
      }
      const to = ic + i * N + j
      c[to] = c0
      if (j + 1 < N) c[to + 1] = c1
      if (j + 2 < N) c[to + 2] = c2
      if (j + 3 < N) c[to + 3] = c3
    }
  }
}

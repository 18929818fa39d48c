// Matrix product of the cpu device: C = A B, with A [M, K] and B [K, N] given by their strides (so a transpose is free).
//
// A and B are first packed into panels: 4 rows of A (4 columns of B) interleaved, k by k, so that the inner loop reads both
// straight through; then each 4 x 4 tile of C lives in 16 local variables while k runs (BLIS, Van Zee and van de Geijn 2015).
// Panels and sums are float64 whatever the device's precision: JavaScript computes in doubles, so packing converts each
// number once instead of once per use, and a float32 product is rounded only at the end. Panels are padded with zeros.

import type { FloatArray } from '../device.ts'

const TILE = 4
let panelA = new Float64Array(0)
let panelB = new Float64Array(0)
const tile = new Float64Array(TILE * TILE)

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
export function matmul(c: FloatArray, ic: number, a: Matrix, b: Matrix, M: number, N: number, K: number): void {
  if (M < TILE) return matmulRows(c, ic, a, b, M, N, K)
  const rowsA = Math.ceil(M / TILE) * TILE
  const columnsB = Math.ceil(N / TILE) * TILE
  if (panelA.length < rowsA * K) panelA = new Float64Array(rowsA * K)
  if (panelB.length < columnsB * K) panelB = new Float64Array(columnsB * K)
  pack(panelA, a.data, a.offset, a.rows, a.columns, M, K)
  pack(panelB, b.data, b.offset, b.columns, b.rows, N, K)
  for (let j = 0; j < N; j += TILE) {
    for (let i = 0; i < M; i += TILE) {
      multiplyTile(panelA, i * K, panelB, j * K, K)
      store(c, ic + i * N + j, N, Math.min(TILE, M - i), Math.min(TILE, N - j))
    }
  }
}

/** Interleaves groups of 4 lines: panel[group][k][line] = x[line * lineStep + k * step]; missing lines are zeros. */
function pack(
  panel: Float64Array, x: FloatArray, offset: number, lineStep: number, step: number, lines: number, K: number,
): void {
  let p = 0
  for (let line = 0; line < lines; line += TILE) {
    const x0 = offset + line * lineStep
    if (line + TILE <= lines) {
      const x1 = x0 + lineStep
      const x2 = x1 + lineStep
      const x3 = x2 + lineStep
      for (let k = 0, s = 0; k < K; k++, s += step, p += TILE) {
        panel[p] = x[x0 + s]
        panel[p + 1] = x[x1 + s]
        panel[p + 2] = x[x2 + s]
        panel[p + 3] = x[x3 + s]
      }
    } else {
      for (let k = 0; k < K; k++, p += TILE) {
        for (let r = 0; r < TILE; r++) panel[p + r] = line + r < lines ? x[x0 + r * lineStep + k * step] : 0
      }
    }
  }
}

/** tile [4, 4] = the product of one panel of A, from p, and one of B, from q. */
function multiplyTile(A: Float64Array, p: number, B: Float64Array, q: number, K: number): void {
  let c00 = 0, c01 = 0, c02 = 0, c03 = 0
  let c10 = 0, c11 = 0, c12 = 0, c13 = 0
  let c20 = 0, c21 = 0, c22 = 0, c23 = 0
  let c30 = 0, c31 = 0, c32 = 0, c33 = 0
  for (const end = p + TILE * K; p < end; p += TILE, q += TILE) {
    const b0 = B[q], b1 = B[q + 1], b2 = B[q + 2], b3 = B[q + 3]
    const a0 = A[p], a1 = A[p + 1], a2 = A[p + 2], a3 = A[p + 3]
    c00 += a0 * b0; c01 += a0 * b1; c02 += a0 * b2; c03 += a0 * b3
    c10 += a1 * b0; c11 += a1 * b1; c12 += a1 * b2; c13 += a1 * b3
    c20 += a2 * b0; c21 += a2 * b1; c22 += a2 * b2; c23 += a2 * b3
    c30 += a3 * b0; c31 += a3 * b1; c32 += a3 * b2; c33 += a3 * b3
  }
  tile[0] = c00; tile[1] = c01; tile[2] = c02; tile[3] = c03
  tile[4] = c10; tile[5] = c11; tile[6] = c12; tile[7] = c13
  tile[8] = c20; tile[9] = c21; tile[10] = c22; tile[11] = c23
  tile[12] = c30; tile[13] = c31; tile[14] = c32; tile[15] = c33
}

/** Writes the tile's first `rows` x `columns` numbers to C, whose rows are N apart. */
function store(c: FloatArray, ic: number, N: number, rows: number, columns: number): void {
  for (let r = 0; r < rows; r++) {
    for (let s = 0; s < columns; s++) c[ic + r * N + s] = tile[r * TILE + s]
  }
}

/** One to three rows, as in sampling: packing B would cost more than the product. */
function matmulRows(c: FloatArray, ic: number, a: Matrix, b: Matrix, M: number, N: number, K: number): void {
  const { data: A, columns: stepA } = a
  const { data: B, rows: stepB } = b
  for (let i = 0; i < M; i++) {
    const p = a.offset + i * a.rows
    for (let j = 0; j < N; j++) {
      const q = b.offset + j * b.columns
      let sum = 0
      for (let k = 0; k < K; k++) sum += A[p + k * stepA] * B[q + k * stepB]
      c[ic + i * N + j] = sum
    }
  }
}

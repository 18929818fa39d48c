// The weights of a linear readout: least squares, with a ridge if one is asked for, in float64.
//
//   W = argmin |X W - Y|^2 + ridge |W|^2
//
// Solved by Householder's QR of X with sqrt(ridge) I below it (Golub 1965): no X^T X is formed, which would
// square the condition. A reservoir's units are so alike that their states span 10 and more powers of ten,
// and the best readouts use all of them. Read next: echo-state.ts.

import { checkKind, checkThat } from '../check.ts'
import { checkOptionNames } from '../suggest.ts'

/**
 * Solves for the weights.
 * @param X states, [T, F] by rows
 * @param Y targets, [T, O] by rows
 * @param ridge 0 or more
 * @returns [F, O] by rows
 * @throws UnrolledError when the shapes do not fit or a number is not finite; without a ridge also when there
 *   are fewer rows than columns, or columns that float64 cannot tell apart
 */
export function leastSquares(
  X: Float64Array, Y: Float64Array, options: { features: number, outputs: number, ridge?: number },
): Float64Array {
  checkKind('leastSquares: the list of states', X, 'a list')
  checkKind('leastSquares: the list of targets', Y, 'a list')
  checkOptionNames('leastSquares', options, ['features', 'outputs', 'ridge'])
  const { features: F, outputs: O, ridge = 0 } = options
  const T = X.length / F
  checkThat(Number.isInteger(T) && T > 0 && Y.length === T * O, () =>
    `leastSquares: there are ${X.length} states and ${Y.length} targets; they must be [T, ${F}] and ` +
    `[T, ${O}]`)
  checkThat(X.every(Number.isFinite) && Y.every(Number.isFinite), () =>
    'leastSquares: a state or a target is not finite; all must be')
  checkThat(ridge >= 0 && ridge < Infinity, () => `leastSquares: ridge is ${ridge}; it must be 0 or more`)
  checkThat(ridge > 0 || T >= F, () =>
    `leastSquares: ${T} steps cannot fit ${F} weights; give more steps, or a ridge such as 1e-8`)
  const m = ridge > 0 ? T + F : T
  const A = columnsOf(X, T, F, m)
  if (ridge > 0) for (let j = 0; j < F; j++) A[j][T + j] = Math.sqrt(ridge)
  const B = columnsOf(Y, T, O, m)
  triangulate(A, B, T)
  return backSubstitute(A, B)
}

/** The columns of a matrix by rows, [T, n], each with zeros down to length m. */
function columnsOf(rows: Float64Array, T: number, n: number, m: number): Float64Array[] {
  return Array.from({ length: n }, (_, j) => {
    const column = new Float64Array(m)
    for (let t = 0; t < T; t++) column[t] = rows[t * n + j]
    return column
  })
}

/**
 * Reflects A to a triangle, and B with it. Each reflection, H = I - 2 v v^T / v^T v, turns what is left of a
 * column into one number on the diagonal. Of the ridge's rows, only the first j + 1 are not 0 by then.
 */
function triangulate(A: readonly Float64Array[], B: readonly Float64Array[], T: number): void {
  const m = A[0].length
  const columns = [...A, ...B, new Float64Array(m)] // the last one makes sure that each has a partner
  const largest = Math.max(...A.map((column) => Math.sqrt(squares(column, 0, m))))
  for (let j = 0; j < A.length; j++) {
    const v = A[j]
    const to = Math.min(m, T + j + 1)
    const length = Math.sqrt(squares(v, j, to))
    checkThat(length > largest * 1e-15, () =>
      `leastSquares: column ${j} of the states is a mixture of those before it, as far as float64 can ` +
      'tell; give a ridge such as 1e-8')
    const diagonal = v[j] > 0 ? -length : length // away from v[j], so that nothing cancels
    v[j] -= diagonal
    const half = squares(v, j, to) / 2
    for (let c = j + 1; c + 1 < columns.length; c += 2) reflect(columns[c], columns[c + 1], v, j, to, half)
    v[j] = diagonal // below it v stays; nobody reads it again
  }
}

/** H a and H b: two columns at once, because what takes time is reading v. */
function reflect(
  a: Float64Array, b: Float64Array, v: Float64Array, from: number, to: number, half: number,
): void {
  let [inA, inB] = [0, 0]
  for (let i = from; i < to; i++) {
    inA += v[i] * a[i]
    inB += v[i] * b[i]
  }
  const [shareA, shareB] = [inA / half, inB / half]
  for (let i = from; i < to; i++) {
    a[i] -= shareA * v[i]
    b[i] -= shareB * v[i]
  }
}

function squares(column: Float64Array, from: number, to: number): number {
  let sum = 0
  for (let i = from; i < to; i++) sum += column[i] * column[i]
  return sum
}

/** R W = B, from the last row up. */
function backSubstitute(R: readonly Float64Array[], B: readonly Float64Array[]): Float64Array {
  const [F, O] = [R.length, B.length]
  const W = new Float64Array(F * O)
  B.forEach((b, o) => {
    for (let j = F - 1; j >= 0; j--) {
      let sum = b[j]
      for (let c = j + 1; c < F; c++) sum -= R[c][j] * W[c * O + o]
      W[j * O + o] = sum / R[j][j]
    }
  })
  return W
}

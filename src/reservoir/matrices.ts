// The fixed weights of a reservoir: random matrices, most of whose entries may be 0, and how large their
// largest eigenvalue and singular value are. Read next: echo-state.ts, which scales and runs them;
// ../inspect/jacobians.ts, where both say how a gradient grows.

import { checkCount, checkKind, checkParts, checkThat } from '../check.ts'
import { checkRandom, type Random, random } from '../random.ts'
import { checkOptionNames } from '../suggest.ts'

/** A matrix by its entries that are not 0: those of row i are at starts[i] .. starts[i + 1] - 1. */
export interface SparseMatrix {
  readonly rows: number
  readonly columns: number
  readonly starts: Int32Array
  /** the column of each entry */
  readonly places: Int32Array
  readonly values: Float64Array
}

function checkMatrix(op: string, matrix: SparseMatrix): void {
  if (matrix?.starts && matrix.places && matrix.values) return // quickly: a reservoir asks at every step
  checkParts(`${op}: the matrix`, matrix, ['rows', 'columns', 'starts', 'places', 'values'],
    'sparse, such as sparse(rows, columns, numbers) makes')
}

/**
 * The entries of a full matrix, row by row, that are not 0.
 * @throws UnrolledError when it has not rows x columns finite numbers
 */
export function sparse(rows: number, columns: number, full: ArrayLike<number>): SparseMatrix {
  checkKind('sparse: the full matrix', full, 'a list')
  checkThat(full.length === rows * columns, () =>
    `sparse: there are ${full.length} numbers; a ${rows} x ${columns} matrix has ${rows * columns}`)
  const starts = new Int32Array(rows + 1)
  const places: number[] = []
  const values: number[] = []
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const value = full[i * columns + j]
      checkThat(Number.isFinite(value), () => `sparse: row ${i}, column ${j} is ${value}; it must be finite`)
      if (value === 0) continue
      places.push(j)
      values.push(value)
    }
    starts[i + 1] = values.length
  }
  return { rows, columns, starts, places: Int32Array.from(places), values: Float64Array.from(values) }
}

/** The full matrix, row by row. */
export function dense(matrix: SparseMatrix): Float64Array {
  checkMatrix('dense', matrix)
  const { rows, columns, starts, places, values } = matrix
  const full = new Float64Array(rows * columns)
  for (let i = 0; i < rows; i++) {
    for (let k = starts[i]; k < starts[i + 1]; k++) full[i * columns + places[k]] = values[k]
  }
  return full
}

/** out += A x; `out` has a number for each row, `x` one for each column. */
export function addProduct(
  out: Float64Array, matrix: SparseMatrix, x: Float64Array,
): void {
  checkMatrix('addProduct', matrix)
  const { starts, places, values, rows } = matrix
  for (let i = 0; i < rows; i++) {
    let sum = 0
    for (let k = starts[i]; k < starts[i + 1]; k++) sum += values[k] * x[places[k]]
    out[i] += sum
  }
}

/** The same matrix, every entry times `factor`. */
export function scaled(matrix: SparseMatrix, factor: number): SparseMatrix {
  checkMatrix('scaled', matrix)
  return { ...matrix, values: matrix.values.map((value) => factor * value) }
}

/**
 * A full matrix of which each entry is drawn with probability `density` and else 0.
 * @param draw gives so many numbers: `(n) => rng.normal(n)`
 * @returns [rows, columns]
 */
export function randomMatrix(
  rows: number, columns: number,
  options: { density?: number, rng: Random, draw: (count: number) => Float64Array },
): Float64Array {
  checkOptionNames('randomMatrix', options, ['density', 'rng', 'draw'])
  const { density = 1, rng, draw } = options
  checkCount('randomMatrix: rows', rows)
  checkCount('randomMatrix: columns', columns)
  checkThat(density > 0 && density <= 1, () =>
    `randomMatrix: density is ${density}; it must be above 0 and at most 1`)
  const chance = rng.uniform(rows * columns)
  return draw(rows * columns).map((value, k) => chance[k] < density ? value : 0)
}

/**
 * A random orthogonal matrix, [size, size]: normal numbers, each row made orthogonal to those before it and
 * of length 1 (Gram and Schmidt, twice, so that rounding does not add up). Its eigenvalues have modulus 1.
 */
export function orthogonalMatrix(size: number, rng: Random): Float64Array {
  checkCount('orthogonalMatrix: size', size)
  checkRandom('orthogonalMatrix', rng)
  const rows: Float64Array[] = []
  while (rows.length < size) {
    const row = rng.normal(size)
    for (let pass = 0; pass < 2; pass++) {
      for (const other of rows) {
        const shared = row.reduce((sum, value, j) => sum + value * other[j], 0)
        for (let j = 0; j < size; j++) row[j] -= shared * other[j]
      }
      const length = Math.hypot(...row)
      for (let j = 0; j < size; j++) row[j] /= length
    }
    rows.push(row)
  }
  const full = new Float64Array(size * size)
  rows.forEach((row, i) => full.set(row, i * size))
  return full
}

const LOOK_EVERY = 25

/**
 * The largest modulus among a square matrix's eigenvalues, by powers: x, Ax, A^2 x, ... turns to the largest
 * eigenvalue's vector, or to the plane of a complex pair. There A^2 x = p Ax + q x, and the two are the roots
 * of z^2 = p z + q. Where several have almost the same modulus x never comes to rest: then it is how fast x
 * has grown, good to about three digits. 0 for a matrix whose powers vanish.
 * @param options.steps the most powers that are taken: 5,000; with 500 it is good to about two digits
 * @throws UnrolledError when the matrix is not square
 */
export function spectralRadius(matrix: SparseMatrix, options: { steps?: number } = {}): number {
  checkMatrix('spectralRadius', matrix)
  checkOptionNames('spectralRadius', options, ['steps'])
  const { steps = 5000 } = options
  const { rows: N, columns } = matrix
  checkThat(N === columns && N > 0, () =>
    `spectralRadius: the matrix is ${N} x ${columns}; it must be square`)
  checkCount('spectralRadius: steps', steps)
  let x = unit(random(1).normal(N))[0]
  const half = Math.floor(steps / 2)
  let growth = 0 // sum of the logarithms over the second half
  for (let k = 1; k <= steps; k++) {
    const next = new Float64Array(N)
    addProduct(next, matrix, x)
    const [direction, length] = unit(next)
    if (length === 0) return 0
    if (k > half) growth += Math.log(length)
    if (k % LOOK_EVERY === 0) {
      const found = dominantPair(matrix, x)
      if (found !== undefined) return found
    }
    x = direction
  }
  return Math.exp(growth / (steps - half))
}

const MOST_TURNS = 1000

/**
 * The largest singular value of a matrix, sigma_max: how much longer than x the vector Ax can be. By powers
 * of A^T A, until a further one changes less than 1e-13 of it; 0 for a matrix of zeros.
 */
export function spectralNorm(matrix: SparseMatrix): number {
  checkMatrix('spectralNorm', matrix)
  let x = unit(random(1).normal(matrix.columns))[0]
  let norm = 0
  for (let k = 0; k < MOST_TURNS; k++) {
    const image = new Float64Array(matrix.rows)
    addProduct(image, matrix, x)
    const [direction, length] = unit(image)
    if (length === 0) return norm
    if (length - norm < 1e-13 * length) return Math.max(length, norm)
    norm = length
    x = unit(transposedProduct(matrix, direction))[0]
  }
  return norm
}

/** A^T y */
function transposedProduct({ columns, rows, starts, places, values }: SparseMatrix, y: Float64Array) {
  const out = new Float64Array(columns)
  for (let i = 0; i < rows; i++) {
    for (let k = starts[i]; k < starts[i + 1]; k++) out[places[k]] += values[k] * y[i]
  }
  return out
}

/** The modulus, if x, Ax and A^2 x lie in one plane; a matrix whose powers vanish has been seen before. */
function dominantPair(matrix: SparseMatrix, x: Float64Array): number | undefined {
  const [ax, aax] = [new Float64Array(x.length), new Float64Array(x.length)]
  addProduct(ax, matrix, x)
  addProduct(aax, matrix, ax)
  // Least squares for p and q; a, b, c are the products of x and Ax.
  const [a, b, c] = [dot(ax, ax), dot(ax, x), dot(x, x)]
  const [r, s] = [dot(ax, aax), dot(x, aax)]
  const determinant = a * c - b * b
  const flat = determinant < 1e-18 * a * c // x is an eigenvector: Ax = (b / c) x
  const p = flat ? b / c : (r * c - s * b) / determinant
  const q = flat ? 0 : (s * a - r * b) / determinant
  let error = 0
  for (let i = 0; i < x.length; i++) error += (aax[i] - p * ax[i] - q * x[i]) ** 2
  if (error > 1e-20 * dot(aax, aax)) return undefined
  const discriminant = p * p / 4 + q
  return discriminant < 0 ? Math.sqrt(-q) : Math.abs(p / 2) + Math.sqrt(discriminant)
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

function unit(x: Float64Array): [direction: Float64Array, length: number] {
  const length = Math.sqrt(dot(x, x))
  return [length === 0 ? x : x.map((value) => value / length), length]
}

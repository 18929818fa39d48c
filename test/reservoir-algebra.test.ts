// What reservoirs are built of and solved with: matrices with known eigenvalues, least squares.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { random } from '../src/random.ts'
import { leastSquares } from '../src/reservoir/least-squares.ts'
import {
  addProduct, dense, orthogonalMatrix, randomMatrix, scaled, sparse, spectralRadius,
} from '../src/reservoir/matrices.ts'
import { message } from './one-line.ts'

const test = suite('reservoir algebra')

/** B sheared and in a random orthogonal basis: neither symmetric nor normal, with the same eigenvalues. */
function disguised(B: readonly (readonly number[])[], seed: number): Float64Array {
  const n = B.length
  const Q = orthogonalMatrix(n, random(seed))
  const sheared = B.map((row, i) => row.map((value, j) => value * 1.2 ** (i - j)))
  return Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n]
    let sum = 0
    for (let a = 0; a < n; a++) for (let b = 0; b < n; b++) sum += Q[i * n + a] * sheared[a][b] * Q[j * n + b]
    return sum
  })
}

function blocks(...parts: (readonly (readonly number[])[])[]): number[][] {
  const n = parts.reduce((sum, part) => sum + part.length, 0)
  const full = Array.from({ length: n }, () => new Array<number>(n).fill(0))
  let at = 0
  for (const part of parts) {
    part.forEach((row, i) => row.forEach((value, j) => { full[at + i][at + j] = value }))
    at += part.length
  }
  return full
}

const turning = (r: number, angle: number) =>
  [[r * Math.cos(angle), -r * Math.sin(angle)], [r * Math.sin(angle), r * Math.cos(angle)]]

test('the spectral radius of matrices whose eigenvalues are known', () => {
  const radius = (B: readonly (readonly number[])[], seed: number) => {
    const n = B.length
    return spectralRadius(sparse(n, n, disguised(B, seed)))
  }
  const near = (found: number, wanted: number, tolerance = 1e-8) =>
    assert.ok(Math.abs(found - wanted) < tolerance * wanted, `${found}, should be ${wanted}`)
  near(radius(blocks(turning(1.3, 2), [[1.2]], turning(0.7, 1), [[-1.1]]), 1), 1.3)
  near(radius(blocks([[-0.8]], [[0.75]], turning(0.6, 0.1)), 2), 0.8)
  near(radius(blocks([[0.9]], [[-0.9]], [[0.3]]), 3), 0.9)
  near(radius(blocks(turning(2, Math.PI / 2), [[1]]), 4), 2)
  near(radius(blocks([[3, 1], [0, 3]], [[1]]), 5), 3, 1e-3) // a Jordan block: powers grow like k 3^k
  near(radius(blocks([[7]]), 6), 7)
  near(spectralRadius(sparse(40, 40, orthogonalMatrix(40, random(7)))), 1)
  near(spectralRadius(scaled(sparse(40, 40, orthogonalMatrix(40, random(7))), 0.95)), 0.95)
  assert.is(spectralRadius(sparse(3, 3, [0, 1, 2, 0, 0, 3, 0, 0, 0])), 0) // its third power is 0
  assert.is(spectralRadius(sparse(2, 2, [0, 0, 0, 0])), 0)
})

test('a random matrix of normal numbers has radius sqrt(N), about', () => {
  const N = 200
  const found = spectralRadius(sparse(N, N, random(1).normal(N * N)))
  assert.ok(Math.abs(found / Math.sqrt(N) - 1) < 0.1, String(found))
})

test('random matrices: as dense as asked for; orthogonal ones turn and do not stretch', () => {
  const drawn = randomMatrix(100, 80, { density: 0.15, rng: random(1), draw: (n) => random(2).normal(n) })
  const share = drawn.filter((value) => value !== 0).length / drawn.length
  assert.ok(Math.abs(share - 0.15) < 0.02, String(share))
  const N = 30
  const Q = orthogonalMatrix(N, random(3))
  for (let i = 0; i < N; i++) {
    for (let j = 0; j <= i; j++) {
      let product = 0
      for (let k = 0; k < N; k++) product += Q[i * N + k] * Q[j * N + k]
      assert.ok(Math.abs(product - (i === j ? 1 : 0)) < 1e-14)
    }
  }
})

test('a sparse product is the full one', () => {
  const full = randomMatrix(7, 5, { density: 0.4, rng: random(1), draw: (n) => random(2).normal(n) })
  const x = random(3).normal(5)
  const out = random(4).normal(7)
  const wanted = out.map((value, i) => x.reduce((sum, xj, j) => sum + full[i * 5 + j] * xj, value))
  addProduct(out, sparse(7, 5, full), x)
  out.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < 1e-14))
})

const [T, F, O] = [60, 9, 3]
const X = random(1).normal(T * F)
const Y = random(2).normal(T * O)

for (const ridge of [0, 1e-9, 0.3, 20]) {
  test(`least squares, ridge ${ridge}: the gradient X^T (X W - Y) + ridge W is 0`, () => {
    const W = leastSquares(X, Y, { features: F, outputs: O, ridge })
    for (let f = 0; f < F; f++) {
      for (let o = 0; o < O; o++) {
        let gradient = ridge * W[f * O + o]
        for (let t = 0; t < T; t++) {
          let error = -Y[t * O + o]
          for (let k = 0; k < F; k++) error += X[t * F + k] * W[k * O + o]
          gradient += X[t * F + f] * error
        }
        assert.ok(Math.abs(gradient) < 1e-12, String(gradient))
      }
    }
  })
}

test('least squares bears states whose sizes span ten powers of ten: normal equations would not', () => {
  const features = 12
  const steps = 40
  const states = Float64Array.from({ length: steps * features }, (_, at) =>
    (Math.floor(at / features) / steps) ** (at % features)) // 1, x, x^2, ... x^11: condition about 1e8
  const wanted = random(3).normal(features)
  const targets = Float64Array.from({ length: steps }, (_, t) =>
    wanted.reduce((sum, w, k) => sum + w * states[t * features + k], 0))
  const found = leastSquares(states, targets, { features, outputs: 1 })
  found.forEach((w, k) => assert.ok(Math.abs(w - wanted[k]) < 1e-6, `${k}: ${w}, should be ${wanted[k]}`))
})

test('a matrix is dense again as it was', () => {
  const full = random(4).normal(35).map((value, k) => (k % 3 === 0 ? 0 : value))
  assert.equal(dense(sparse(5, 7, full)), full)
})

test('errors name what does not fit', () => {
  const shape = { features: F, outputs: O }
  assert.is(message(() => leastSquares(X.subarray(1), Y, shape)),
    'leastSquares: there are 539 states and 180 targets; they must be [T, 9] and [T, 3]')
  assert.is(message(() => leastSquares(X.subarray(0, 4 * F), Y.subarray(0, 4 * O), shape)),
    'leastSquares: 4 steps cannot fit 9 weights; give more steps, or a ridge such as 1e-8')
  const few = leastSquares(X.subarray(0, 4 * F), Y.subarray(0, 4 * O), { ...shape, ridge: 0.1 })
  assert.ok(few.every(Number.isFinite))
  assert.is(message(() => leastSquares(X, Y, { ...shape, ridge: -1 })),
    'leastSquares: ridge is -1; it must be 0 or more')
  const twice = X.map((value, at) => at % F === 8 ? 2 * X[at - 4] : value) // the last column is twice another
  const alike = /^leastSquares: column 8 .* a ridge such as 1e-8$/
  assert.match(message(() => leastSquares(twice, Y, shape)), alike)
  const broken = X.map((value, at) => at === 100 ? NaN : value)
  assert.match(message(() => leastSquares(broken, Y, { ...shape, ridge: 1 })), /not finite; all must be$/)
  assert.is(message(() => sparse(2, 2, [1, 2, 3])), 'sparse: there are 3 numbers; a 2 x 2 matrix has 4')
  assert.is(message(() => spectralRadius(sparse(1, 2, [1, 2]))),
    'spectralRadius: the matrix is 1 x 2; it must be square')
})

test.run()

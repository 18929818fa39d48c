// The Jacobians of a cell's steps and of their products: all that backpropagation through time can do to a
// gradient on its way back.
//
//   J_t = ds_t/ds_{t-1}        ds_t/ds_0 = J_t J_{t-1} ... J_1        norm(t) = ||ds_t/ds_0||_2
//
// s is the whole state, S numbers: h, or h and c side by side. For h_t = f(W h_{t-1} + ...) J_t is
// diag(f') W, so norm(t) <= (gamma sigma_max(W))^t with gamma the largest slope of f, 1 for tanh and 1/4
// for the logistic function (Pascanu, Mikolov and Bengio 2013, section 2.1). Next: recurrent-matrices.ts.

import { check, checkCount, checkThat, show, UnrolledError } from '../check.ts'
import { composed } from '../context.ts'
import type { NumberArray } from '../device.ts'
import { type Cell, checkCell, isProjected, type Named } from '../nn/cell.ts'
import { add, mul } from '../ops/elementwise.ts'
import { matmul } from '../ops/matmul.ts'
import { broadcastTo, concat, reshape, slice } from '../ops/move.ts'
import { sum } from '../ops/reduce.ts'
import { sparse, spectralNorm } from '../reservoir/matrices.ts'
import { unowned } from '../scope.ts'
import { Tape } from '../tape.ts'
import { checkOptionNames } from '../suggest.ts'
import { checkTensor, dispose, type Tensor, tensor } from '../tensor.ts'

export interface JacobianOptions {
  /** before the first step, each part [1, size]; the cell's own by default */
  state?: Named
  /** which t, from 1 to T, in rising order; every one by default */
  lags?: readonly number[]
}

export interface JacobianNorms {
  readonly lags: readonly number[]
  /** for each lag t the largest singular value of ds_t/ds_0; Infinity where float64 has no room for it */
  readonly norms: readonly number[]
  /** ds_T/ds_0 itself for the last lag T, [S, S] row by row */
  readonly product: Float64Array
  /** S */
  readonly size: number
}

/**
 * The 2-norms of ds_t/ds_0 for a cell that reads one sequence, in float64. A step's Jacobian is one backward
 * pass of that step with S copies of the state as its batch: copy i is asked for the gradient of number i.
 * Hochreiter 1991, section 3; Bengio, Simard and Frasconi 1994, section IV; Pascanu et al. 2013, section 2.1.
 * @param xs [T, 1, D]: one sequence
 * @throws UnrolledError for a cell on a float32 device or lags that are not in it, ShapeError for other xs
 */
export async function jacobianNorms(
  cell: Cell<Named>, xs: Tensor, options: JacobianOptions = {},
): Promise<JacobianNorms> {
  checkOptionNames('jacobianNorms', options, ['state', 'lags'])
  const { state, lags } = options
  checkCell('jacobianNorms', cell)
  checkTensor('jacobianNorms', xs)
  check(xs.rank === 3 && xs.shape[0] >= 1 && xs.shape[1] === 1 && xs.shape[2] === cell.inputs, () =>
    `jacobianNorms: xs is ${show(xs.shape)}; it must be [T, 1, ${cell.inputs}], one sequence`)
  checkThat(xs.dtype === 'float64', () => `jacobianNorms: the cell computes in ${xs.dtype}; ` +
    "products of many Jacobians need float64: make it on cpu({ precision: 'float64' })")
  const wanted = lags ?? Array.from({ length: xs.shape[0] }, (_, k) => k + 1)
  checkLags(wanted, xs.shape[0])
  let now = unowned(() => state ?? cell.initial(1))
  const sizes = Object.values(now).map((x) => x.shape[1])
  const size = sizes.reduce((total, n) => total + n, 0)
  const norms: number[] = []
  let product: Tensor | undefined
  for (let t = 1; t <= wanted[wanted.length - 1]; t++) {
    const [jacobian, next] = stepJacobian(cell, xs, t - 1, now)
    dispose(now)
    now = next
    const before = product
    product = before ? unowned(() => matmul(jacobian, before)) : jacobian
    if (before) dispose([before, jacobian])
    if (wanted.includes(t)) norms.push(normOf(size, await product.read()))
  }
  const last = Float64Array.from(await product!.read())
  dispose([product!, now])
  return { lags: wanted, norms, product: last, size }
}

/** Infinity for a product that float64 has no room for. */
function normOf(size: number, values: NumberArray): number {
  return values.every(Number.isFinite) ? spectralNorm(sparse(size, size, values)) : Infinity
}

/** J_t [S, S] and s_t, both unowned. */
function stepJacobian(cell: Cell<Named>, xs: Tensor, t: number, state: Named): [Tensor, Named] {
  const sizes = Object.values(state).map((x) => x.shape[1])
  const size = sizes.reduce((total, n) => total + n, 0)
  using tape = new Tape()
  const copies: Named = Object.fromEntries(Object.entries(state)
    .map(([name, x]) => [name, broadcastTo(x, [size, x.shape[1]])]))
  const x = slice(xs, 0, t, t + 1) // [1, 1, D]
  const next = composed(() => {
    if (!isProjected(cell)) return cell.step(broadcastTo(reshape(x, [1, -1]), [size, cell.inputs]), copies)
    const projected = cell.project(x)
    return cell.advance(broadcastTo(reshape(projected, [1, -1]), [size, projected.shape[2]]), copies)
  }).state
  let start = 0
  const picked = Object.keys(state).map((name, k) => {
    const part = sum(mul(next[name], selector(start, sizes[k], size, x)))
    start += sizes[k]
    return part
  })
  const gradients = tape.gradients(picked.reduce(add), Object.values(copies))
  const rows = unowned(() => concat(gradients, 1))
  const first = unowned(() => Object.fromEntries(Object.keys(state).map((name) =>
    [name, slice(next[name], 0, 0, 1)])))
  return [rows, first]
}

/** [S, n] with a 1 where row start + j meets column j: what picks number i of the state from copy i. */
function selector(start: number, n: number, size: number, { device }: Tensor): Tensor {
  const values = new Float64Array(size * n)
  for (let j = 0; j < n; j++) values[(start + j) * n + j] = 1
  return tensor(values, { shape: [size, n], device })
}

function checkLags(lags: readonly number[], T: number): void {
  if (lags.length === 0) throw new UnrolledError('jacobianNorms: lags is empty; name one or more')
  lags.forEach((lag, k) => {
    checkCount(`jacobianNorms: lags[${k}]`, lag)
    checkThat(lag <= T && (k === 0 || lag > lags[k - 1]), () =>
      `jacobianNorms: lags is ${show(lags)}; they must rise, up to the ${T} steps of xs`)
  })
}

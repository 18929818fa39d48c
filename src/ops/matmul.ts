// The matrix product and its gradients. With C = A B:
//
//   dA = dC B^T        dB = A^T dC
//
// Both are matrix products again, and since a transpose is only a flag, nothing is copied. Leading axes are a
// batch and broadcast. `affine` is what layers use: y = x W^T + b with W [out, in], PyTorch's layout. A
// device may have it as one op.
// Next: nn/elman.ts, where it is used; cpu/matmul.ts, how it is computed.

import { check, show } from '../check.ts'
import { mayFuse } from '../context.ts'
import { broadcastShapes, sizeOf } from '../shape.ts'
import { record } from '../tape.ts'
import { checkFloats, commonDevice, type Tensor } from '../tensor.ts'
import { add } from './elementwise.ts'
import { reshape } from './move.ts'
import { sumTo } from './reduce.ts'

export interface MatmulOptions {
  /** use A^T (its last two axes swapped) */
  transposeA?: boolean
  /** use B^T */
  transposeB?: boolean
}

/**
 * C = op(A) op(B): [..., M, K] times [..., K, N] gives [..., M, N].
 * @throws ShapeError if a rank is below 2, the inner sizes differ, or the batch axes do not broadcast
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options
  const device = commonDevice('matmul', [a, b])
  check(a.rank >= 2 && b.rank >= 2, () =>
    `matmul: a is ${show(a.shape)}, b is ${show(b.shape)}; both need at least two axes: ` +
    'reshape a vector to [1, n] or [n, 1]')
  // One matrix b for a whole batch of a: all rows of a at once, one large product.
  if (a.rank > 2 && b.rank === 2 && !transposeA) {
    const rows = sizeOf(a.shape.slice(0, -1))
    const flat = matmul(reshape(a, [rows, a.shape.at(-1)!]), b, options)
    return reshape(flat, [...a.shape.slice(0, -1), flat.shape[1]])
  }
  const [M, K] = matrixShape(a, transposeA)
  const [K2, N] = matrixShape(b, transposeB)
  check(K === K2, () =>
    `matmul: inner sizes differ; a is ${show(a.shape)}${transposeA ? ' transposed' : ''}, ` +
    `b is ${show(b.shape)}${transposeB ? ' transposed' : ''}; ${K} must equal ${K2}`)
  const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2))
  const memory = device.matmul(a, b, transposeA, transposeB)
  return record('matmul', [a, b], { memory, shape: [...batch, M, N] }, (dy) => [
    () => sumTo(transposeA
      ? matmul(b, dy, { transposeA: transposeB, transposeB: true })
      : matmul(dy, b, { transposeB: !transposeB }), a.shape),
    () => sumTo(transposeB
      ? matmul(dy, a, { transposeA: true, transposeB: transposeA })
      : matmul(a, dy, { transposeA: !transposeA }), b.shape),
  ])
}

function matrixShape(x: Tensor, transposed: boolean): [number, number] {
  const [rows, columns] = x.shape.slice(-2) as [number, number]
  return transposed ? [columns, rows] : [rows, columns]
}

/**
 * y = x W^T + b for every row of x: x [..., in], weight [out, in], bias [out] or none; y [..., out].
 * @throws ShapeError if x does not end in `in` features, or the bias is not [out]
 */
export function affine(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  checkFloats('affine', ...(bias ? [x, weight, bias] : [x, weight]))
  check(weight.rank === 2, () => `affine: weight is ${show(weight.shape)}; it must be [out, in]`)
  const [outputs, inputs] = weight.shape
  check(x.rank >= 1 && x.shape.at(-1) === inputs, () =>
    `affine: x is ${show(x.shape)}, weight is ${show(weight.shape)}; x must end in ${inputs} features`)
  check(!bias || (bias.rank === 1 && bias.shape[0] === outputs), () =>
    `affine: weight is ${show(weight.shape)}, bias is ${show(bias!.shape)}; the bias must be [${outputs}]`)
  if (bias && x.size > 0 && commonDevice('affine', [x, weight, bias]).affine && mayFuse()) {
    return together(x, weight, bias)
  }
  const rows = x.rank === 1 ? reshape(x, [1, -1]) : x
  const y = matmul(rows, weight, { transposeB: true })
  const z = bias ? add(y, bias) : y
  return x.rank === 1 ? reshape(z, [-1]) : z
}

/** The same as one op. For all rows x [N, in]: dx = dy W, dW = dy^T x, db = the sum of dy over its rows. */
function together(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const [outputs, inputs] = weight.shape
  const { memory, offset } = x
  const result = {
    memory: x.device.affine!({ memory, offset, shape: [x.size / inputs, inputs] }, weight, bias),
    shape: [...x.shape.slice(0, -1), outputs],
  }
  return record('affine', [x, weight, bias], result, (dy) => {
    const rows = reshape(dy, [-1, outputs])
    return [
      () => reshape(matmul(rows, weight), x.shape),
      () => matmul(rows, reshape(x, [-1, inputs]), { transposeA: true }),
      () => sumTo(rows, bias.shape),
    ]
  })
}

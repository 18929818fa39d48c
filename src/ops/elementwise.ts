// Elementwise ops, each with its vjp beside it. Two tensors are broadcast as NumPy does it; a number stands
// for a scalar. Values and gradients are stable in float32 for |x| = 100 (sigmoid' is y (1 - y), softplus' is
// sigmoid(x)), but for exp, expm1 and pow: e^100 itself is too large for float32, and overflows to infinity.
//
// `dy => [...]` gives, for dy = dLoss/dy, one gradient per input. For two operands, `broadcast` sums each
// gradient over the axes along which its operand was repeated. Composed ops (silu, gelu, clamp) get their
// gradients from their parts. Next: reduce.ts for sumTo; matmul.ts.

import { check, show, UnrolledError } from '../check.ts'
import type { BinaryOp, UnaryOp } from '../device.ts'
import { broadcastShapes } from '../shape.ts'
import { record, type Result } from '../tape.ts'
import { checkFloats, commonDevice, notTensor, Tensor } from '../tensor.ts'
import { sumTo } from './reduce.ts'

type Operand = Tensor | number

function unary(op: UnaryOp, x: Tensor): Result {
  if (!(x instanceof Tensor)) throw notTensor(op, x)
  return { memory: x.device.unary(op, x), shape: x.shape }
}

/**
 * Runs a binary primitive and records it; da and db give the gradients
 * before they are summed to the operands' shapes.
 */
function broadcast(
  op: BinaryOp, a: Operand, b: Operand,
  da: ((dy: Tensor, y: Tensor) => Tensor) | null, db: ((dy: Tensor, y: Tensor) => Tensor) | null,
): Tensor {
  const tensors = a instanceof Tensor && b instanceof Tensor ? [a, b] : tensorsAmong(op, a, b)
  const device = commonDevice(op, tensors)
  const shape = broadcastShapes(op, shapeOf(a), shapeOf(b))
  const result = { memory: device.binary(op, a, b, shape), shape }
  return record(op, tensors, result, (dy, y) => {
    const of = (x: Tensor, vjp: typeof da) => vjp && (() => sumTo(vjp(dy, y), x.shape))
    if (typeof a === 'number') return [of(tensors[0], db)]
    return typeof b === 'number' ? [of(a, da)] : [of(a, da), of(b, db)]
  })
}

/** The operands that are tensors: at least one, and the others are numbers. */
function tensorsAmong(op: string, ...operands: readonly Operand[]): Tensor[] {
  const tensors = operands.filter((x) => x instanceof Tensor)
  if (tensors.length === operands.length) return tensors
  for (const x of operands) {
    if (typeof x !== 'number' && !(x instanceof Tensor)) throw notTensor(op, x, 'a tensor or a number')
  }
  if (tensors.length === 0) {
    throw new UnrolledError(`${op}: its inputs are the numbers ${operands.join(' and ')}; ` +
      'at least one must be a tensor: tensor(value, { device }) makes one')
  }
  return tensors
}

function shapeOf(x: Operand): readonly number[] {
  return typeof x === 'number' ? [] : x.shape
}

// Arithmetic

/** a + b */
export function add(a: Operand, b: Operand): Tensor {
  return broadcast('add', a, b, (dy) => dy, (dy) => dy)
}

/** a - b */
export function sub(a: Operand, b: Operand): Tensor {
  return broadcast('sub', a, b, (dy) => dy, (dy) => neg(dy))
}

/** a b, element by element */
export function mul(a: Operand, b: Operand): Tensor {
  return broadcast('mul', a, b, (dy) => mul(dy, b), (dy) => mul(dy, a))
}

/** a / b */
export function div(a: Operand, b: Operand): Tensor {
  return broadcast('div', a, b, (dy) => div(dy, b), (dy, y) => neg(div(mul(dy, y), b)))
}

/** a^b; the gradient for b is 0 where a is 0 or less (there log a does not exist) */
export function pow(a: Operand, b: Operand): Tensor {
  const da = (dy: Tensor) => {
    if (b === 0) return mul(dy, 0)
    const slope = mul(b, pow(a, sub1(b)))
    return mul(dy, b instanceof Tensor ? where(equal(b, 0), 0, slope) : slope)
  }
  const db = (dy: Tensor, y: Tensor) => {
    if (typeof a === 'number') return mul(dy, a > 0 ? mul(y, Math.log(a)) : 0)
    const positive = greater(a, 0)
    return mul(dy, where(positive, mul(y, log(where(positive, a, 1))), 0))
  }
  return broadcast('pow', a, b, da, db)
}

function sub1(b: Operand): Operand {
  return typeof b === 'number' ? b - 1 : sub(b, 1)
}

/** The larger of a and b; where they are equal each gets half of the gradient. */
export function maximum(a: Operand, b: Operand): Tensor {
  return broadcast('maximum', a, b, (dy) => mul(dy, winner(a, b)), (dy) => mul(dy, winner(b, a)))
}

/** The smaller of a and b; where they are equal each gets half of the gradient. */
export function minimum(a: Operand, b: Operand): Tensor {
  return broadcast('minimum', a, b, (dy) => mul(dy, winner(b, a)), (dy) => mul(dy, winner(a, b)))
}

/** 1 where a > b, 1/2 where they are equal, else 0 */
function winner(a: Operand, b: Operand): Tensor {
  return add(greater(a, b), mul(equal(a, b), 0.5))
}

/** x kept between low and high; the gradient passes where low <= x <= high */
export function clamp(x: Tensor, low: number, high: number): Tensor {
  checkFloats('clamp', x)
  if (!(low <= high)) {
    throw new UnrolledError(`clamp: low is ${low}, high is ${high}; low must not exceed high`)
  }
  return where(greater(low, x), low, where(greater(x, high), high, x))
}

// Comparisons: 1 where they hold, else 0; no gradient, on purpose

export function equal(a: Operand, b: Operand): Tensor {
  return broadcast('equal', a, b, null, null)
}

export function greater(a: Operand, b: Operand): Tensor {
  return broadcast('greater', a, b, null, null)
}

export function less(a: Operand, b: Operand): Tensor {
  checkFloats('less', ...tensorsAmong('less', a, b))
  broadcastShapes('less', shapeOf(a), shapeOf(b))
  return greater(b, a)
}

/** 1 where x is finite, 0 where it is NaN or infinite */
export function isFinite(x: Tensor): Tensor {
  return record('isFinite', [x], unary('isFinite', x), () => [null])
}

/** a where the condition is not 0, b elsewhere; the gradient goes to the side that was taken */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  if (!(condition instanceof Tensor)) throw notTensor('where', condition)
  const tensors = tensorsAmong('where', condition, a, b)
  const shape = broadcastShapes('where', broadcastShapes('where', condition.shape, shapeOf(a)), shapeOf(b))
  const result = { memory: commonDevice('where', tensors).select(condition, a, b, shape), shape }
  return record('where', tensors, result, (dy) => [
    null,
    ...(a instanceof Tensor ? [() => sumTo(where(condition, dy, 0), a.shape)] : []),
    ...(b instanceof Tensor ? [() => sumTo(where(condition, 0, dy), b.shape)] : []),
  ])
}

// Functions of one tensor

/** -x */
export function neg(x: Tensor): Tensor {
  return record('neg', [x], unary('neg', x), (dy) => [() => neg(dy)])
}

/** |x|; the gradient at 0 is 0 */
export function abs(x: Tensor): Tensor {
  return record('abs', [x], unary('abs', x), (dy) => [() => mul(dy, sign(x))])
}

/** -1, 0 or 1; no gradient, on purpose */
export function sign(x: Tensor): Tensor {
  return record('sign', [x], unary('sign', x), () => [null])
}

/** e^x */
export function exp(x: Tensor): Tensor {
  return record('exp', [x], unary('exp', x), (dy, y) => [() => mul(dy, y)])
}

/** e^x - 1, exact for small x */
export function expm1(x: Tensor): Tensor {
  return record('expm1', [x], unary('expm1', x), (dy, y) => [() => mul(dy, add(y, 1))])
}

/** The natural logarithm. */
export function log(x: Tensor): Tensor {
  return record('log', [x], unary('log', x), (dy) => [() => div(dy, x)])
}

/** log(1 + x), exact for small x */
export function log1p(x: Tensor): Tensor {
  return record('log1p', [x], unary('log1p', x), (dy) => [() => div(dy, add(x, 1))])
}

/** The square root. */
export function sqrt(x: Tensor): Tensor {
  return record('sqrt', [x], unary('sqrt', x), (dy, y) => [() => div(mul(dy, 0.5), y)])
}

/** x^2 */
export function square(x: Tensor): Tensor {
  return record('square', [x], unary('square', x), (dy) => [() => mul(dy, mul(x, 2))])
}

/** The hyperbolic tangent; tanh' = 1 - y^2. */
export function tanh(x: Tensor): Tensor {
  return record('tanh', [x], unary('tanh', x), (dy, y) => [() => mul(dy, sub(1, square(y)))])
}

/** The logistic function 1 / (1 + e^-x); its derivative is y (1 - y). */
export function sigmoid(x: Tensor): Tensor {
  return record('sigmoid', [x], unary('sigmoid', x), (dy, y) => [() => mul(dy, mul(y, sub(1, y)))])
}

/** max(x, 0); the gradient at 0 is 0 */
export function relu(x: Tensor): Tensor {
  return record('relu', [x], unary('relu', x), (dy) => [() => mul(dy, greater(x, 0))])
}

/** log(1 + e^x), without overflow */
export function softplus(x: Tensor): Tensor {
  return record('softplus', [x], unary('softplus', x), (dy) => [() => mul(dy, sigmoid(x))])
}

/** x sigmoid(x), also called swish (Elfwing et al. 2017) */
export function silu(x: Tensor): Tensor {
  checkFloats('silu', x)
  return mul(x, sigmoid(x))
}

/** x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): the tanh form of Hendrycks and Gimpel 2016, section 2 */
export function gelu(x: Tensor): Tensor {
  checkFloats('gelu', x)
  const inner = mul(add(x, mul(mul(square(x), x), 0.044715)), Math.sqrt(2 / Math.PI))
  return mul(mul(x, 0.5), add(tanh(inner), 1))
}

/**
 * The same values, cut off from the tape: no gradient flows back through it.
 * Truncation of BPTT is a detach of the state.
 */
export function detach(x: Tensor): Tensor {
  if (!(x instanceof Tensor)) throw notTensor('detach', x)
  return record('detach', [x], x, () => [null])
}

/** Throws unless the tensor holds indices. */
export function checkIndices(op: string, index: Tensor): void {
  if (!(index instanceof Tensor)) throw notTensor(op, index)
  check(index.dtype === 'int32', () =>
    `${op}: the index is ${index.dtype} ${show(index.shape)}; it must be int32: ` +
    "tensor(values, { dtype: 'int32', device })")
}

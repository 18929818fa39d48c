// One or more rows for every op: shapes (broadcasting, odd sizes, axes of size 1, rank 0 to 4) and a call.
// Values are an evenly spaced grid in random order, over all inputs of a row together: no two are equal,
// none is zero, so that no finite difference steps over a kink (relu at 0, a tie of max). ops.test.ts
// checks every row's gradients.

import type { Device } from '../device.ts'
import { dropout, lockedDropout } from '../ops/dropout.ts'
import * as e from '../ops/elementwise.ts'
import { gather, scatterAdd } from '../ops/gather.ts'
import * as losses from '../ops/loss.ts'
import { affine, matmul, type MatmulOptions } from '../ops/matmul.ts'
import * as move from '../ops/move.ts'
import { layerNorm, rmsNorm } from '../ops/norm.ts'
import { type Axes, largest, logsumexp, max, mean, sum, sumTo } from '../ops/reduce.ts'
import { logSoftmax, softmax } from '../ops/softmax.ts'
import { random } from '../random.ts'
import { type Shape, sizeOf } from '../shape.ts'
import { tensor, type Tensor } from '../tensor.ts'

type Call = (inputs: readonly Tensor[]) => Tensor

export interface Row {
  op: string
  shapes: readonly Shape[]
  call: Call
  /** where the values lie */
  range: readonly [number, number]
}

export const table: Row[] = []

const anywhere = [-2, 2] as const
const positive = [0.3, 2.5] as const

function rows(
  op: string, cases: readonly (readonly Shape[])[], call: Call, range: Row['range'] = anywhere,
): void {
  for (const shapes of cases) table.push({ op, shapes, call, range })
}

/** The inputs of a row, on a device. */
export function inputsOf({ shapes, range: [low, high] }: Row, device: Device, seed = 1): Tensor[] {
  const count = shapes.reduce((total, shape) => total + sizeOf(shape), 0)
  const order = random(seed).permutation(count)
  let taken = 0
  return shapes.map((shape) => {
    const values = Array.from({ length: sizeOf(shape) }, () =>
      low + (high - low) * (order[taken++] + 0.37) / count)
    return tensor(values, { device, shape })
  })
}

function int32(like: Tensor, values: readonly number[], shape?: Shape): Tensor {
  return tensor([...values], { device: like.device, dtype: 'int32', shape: shape ?? [values.length] })
}

// Elementwise, two operands

const pairs = [
  [[3, 5], [3, 5]], [[], []], [[], [3]], [[5], [3, 1]], [[2, 1, 5], [3, 1]], [[1, 1], [1]],
  [[2, 1, 3, 2], [3, 1, 2]],
]
const binaries = { add: e.add, sub: e.sub, mul: e.mul, maximum: e.maximum, minimum: e.minimum }
for (const [op, f] of Object.entries(binaries)) {
  rows(op, pairs, ([a, b]) => f(a, b))
  rows(op, [[[3, 2]]], ([a]) => f(a, 0.1234))
  rows(op, [[[3, 2]]], ([a]) => f(0.1234, a))
  rows(op, [[[3]]], ([a]) => f(a, e.mul(f(a, 0.9876), a)))
}
for (const [op, f] of Object.entries({ div: e.div, pow: e.pow })) {
  rows(op, pairs, ([a, b]) => f(a, b), positive)
  rows(op, [[[3, 2]]], ([a]) => f(a, 1.7), positive)
  rows(op, [[[3, 2]]], ([a]) => f(1.7, a), positive)
  rows(op, [[[3]]], ([a]) => f(a, a), positive)
}
rows('div', [[[3, 2], [2]]], ([a, b]) => e.div(a, b))
for (const exponent of [0, 1, 2, 3, -2]) rows('pow', [[[3, 2]]], ([a]) => e.pow(a, exponent))
rows('where', [[[3, 5], [3, 5]], [[5], [3, 1]], [[2, 1, 5], [3, 1]], [[], [3]]], ([a, b]) =>
  e.where(e.greater(a, 0), e.mul(a, 2), b))
rows('where', [[[2, 1], [3]]], ([a, b]) => e.where(e.greater(b, 0), 0.5, a))
rows('where', [[[2, 1], [3]]], ([a, b]) => e.where(e.greater(b, 0), a, 0.5))
rows('clamp', [[[3, 5]], [[]], [[2, 1, 3, 2]]], ([x]) => e.clamp(x, -0.8123, 1.1123))
rows('clamp', [[[3, 5]]], ([x]) => e.clamp(x, -Infinity, 0.5123))

// Elementwise, one operand

const single = [[[]], [[1]], [[3, 5]], [[2, 3, 1, 5]]]
const curves = {
  neg: e.neg, abs: e.abs, exp: e.exp, expm1: e.expm1, square: e.square, tanh: e.tanh, sigmoid: e.sigmoid,
  relu: e.relu, softplus: e.softplus, silu: e.silu, gelu: e.gelu,
}
for (const [op, f] of Object.entries(curves)) rows(op, single, ([x]) => f(x))
const roots = { log: e.log, log1p: e.log1p, sqrt: e.sqrt }
for (const [op, f] of Object.entries(roots)) rows(op, single, ([x]) => f(x), positive)
rows('dropout', single, ([x]) => dropout(x, 0.4, random(7)))
rows('lockedDropout', [[[3, 2]], [[2, 1, 3]]], ([x]) => lockedDropout(x, 0.4, random(7)))

// Products

const products: [Shape, Shape, MatmulOptions][] = [
  [[3, 5], [5, 2], {}], [[5, 3], [5, 2], { transposeA: true }], [[3, 5], [2, 5], { transposeB: true }],
  [[5, 3], [2, 5], { transposeA: true, transposeB: true }], [[1, 1], [1, 1], {}], [[1, 4], [4, 1], {}],
  [[2, 3, 4], [2, 4, 2], {}], [[2, 4, 3], [2, 2, 4], { transposeA: true, transposeB: true }],
  [[2, 3, 4], [4, 2], {}], [[2, 3, 4], [2, 4], { transposeB: true }],
  [[2, 4, 3], [4, 2], { transposeA: true }],
  [[3, 4], [2, 4, 2], {}], [[2, 1, 3, 2], [3, 2, 2], {}], [[2, 1, 2, 3], [1, 3, 2, 3], { transposeB: true }],
  [[6, 7], [7, 5], {}], [[5, 6], [5, 6], { transposeA: true }],
]
for (const [a, b, options] of products) rows('matmul', [[a, b]], ([x, y]) => matmul(x, y, options))
rows('matmul', [[[3, 3]]], ([x]) => matmul(x, x, { transposeB: true }))
rows('affine', [[[4], [3, 4], [3]], [[2, 4], [3, 4], [3]], [[2, 1, 4], [3, 4], [3]]], ([x, w, b]) =>
  affine(x, w, b))
rows('affine', [[[5, 2], [3, 2]]], ([x, w]) => affine(x, w))

// Reductions and what is built on them

const reductions = { sum, mean, max, logsumexp }
const axes: [Shape, Axes | undefined, boolean][] = [
  [[], undefined, false], [[5], undefined, false], [[5], 0, true], [[3, 5, 2], 1, false],
  [[3, 5, 2], -1, true],
  [[3, 5, 2], [0, 2], false], [[2, 3, 1, 4], [1, -1], true], [[2, 3, 1, 4], [2], false], [[3, 2], [], false],
]
for (const [op, f] of Object.entries(reductions)) {
  for (const [shape, over, keep] of axes) rows(op, [[shape]], ([x]) => f(x, over, keep))
}
rows('sumTo', [[[2, 3, 4]]], ([x]) => sumTo(x, [3, 1]))
rows('sumTo', [[[2, 3]]], ([x]) => sumTo(x, []))
rows('sumTo', [[[2, 3]]], ([x]) => sumTo(x, [2, 3]))
for (const [op, f] of Object.entries({ softmax, logSoftmax })) {
  rows(op, [[[5]], [[3, 5]], [[2, 3, 1, 4]], [[3, 1]]], ([x]) => f(x))
  rows(op, [[[3, 5, 2]]], ([x]) => f(x, 1))
}
rows('layerNorm', [[[7], [7], [7]], [[3, 5], [5], [5]], [[2, 1, 3, 5], [5], [5]]], ([x, weight, bias]) =>
  layerNorm(x, { weight, bias }))
rows('layerNorm', [[[3, 5]]], ([x]) => layerNorm(x))
rows('rmsNorm', [[[7], [7]], [[2, 3, 5], [5]]], ([x, weight]) => rmsNorm(x, { weight }))
// Of one value a, rmsNorm is a / sqrt(a^2 + eps): its slope is about eps, which must not drown in rounding.
rows('rmsNorm', [[[3, 1], [1]]], ([x, weight]) => rmsNorm(x, { weight, eps: 0.1 }))
rows('rmsNorm', [[[3, 5]]], ([x]) => rmsNorm(x, { eps: 0.1 }))

// Moving

const reshapes: [Shape, Shape][] = [
  [[3, 4], [2, 6]], [[2, 3], [-1]], [[1, 1], []], [[], [1, 1, 1]], [[2, 6], [2, -1, 3, 1]],
]
for (const [from, to] of reshapes) rows('reshape', [[from]], ([x]) => move.reshape(x, to))
rows('transpose', [[[3, 5]], [[2, 3, 4]], [[1, 4]]], ([x]) => move.transpose(x))
rows('transpose', [[[2, 3, 1, 4]]], ([x]) => move.transpose(x, [2, 0, 3, 1]))
const broadcasts: [Shape, Shape][] = [
  [[], [2, 3]], [[3, 1], [2, 3, 4]], [[3], [3]], [[1, 2, 1, 1], [3, 2, 1, 2]],
]
for (const [from, to] of broadcasts) rows('broadcastTo', [[from]], ([x]) => move.broadcastTo(x, to))
const slices: [Shape, number, number, number | undefined][] = [
  [[5], 0, 1, 4], [[4, 3], 0, 2, undefined], [[2, 5, 3], 1, -3, -1], [[1, 4, 2], 1, 1, 3],
  [[2, 3, 2, 3], -1, 0, 1],
]
for (const [shape, ...args] of slices) rows('slice', [[shape]], ([x]) => move.slice(x, ...args))
rows('pad', [[[2, 3]], [[1, 2, 2, 1]]], ([x]) => move.pad(x, 1, 1, 5))
rows('concat', [[[2, 3], [1, 3], [2, 3]], [[2], [3]], [[1, 2, 1, 2], [2, 2, 1, 2]]], (parts) =>
  move.concat(parts))
rows('concat', [[[2, 3], [2, 1]], [[2, 1, 3], [2, 2, 3]]], ([a, b]) => move.concat([a, b, a], 1))
rows('stack', [[[], []], [[3, 2], [3, 2], [3, 2]]], (parts) => move.stack(parts))
rows('stack', [[[3, 2], [3, 2]]], (parts) => move.stack(parts, -1))
rows('split', [[[6]], [[6, 1, 2]]], ([x]) => {
  const [a, , c] = move.split(x, [2, 1, 3]) // the middle piece is not used
  return move.concat([e.mul(c, c), e.mul(a, 3)])
})
rows('split', [[[2, 5]]], ([x]) => {
  const [a, b] = move.split(x, [2, 3], 1)
  return matmul(a, b, { transposeA: true })
})
rows('unstack', [[[3, 2]], [[3, 2, 1, 2]]], ([x]) => {
  const [a, b, c] = move.unstack(x)
  return e.mul(e.sub(a, b), c)
})
rows('unstack', [[[2, 3]]], ([x]) => e.mul(move.unstack(x, 1)[2], move.unstack(x, -1)[0]))
rows('flip', [[[4]], [[2, 3]], [[1, 3, 2, 2]]], ([x]) => move.flip(x, -1))
rows('flip', [[[4, 3]]], ([x]) => e.mul(move.flip(x, 0), x))
rows('reverseTime', [[[4, 3]], [[4, 3, 2]], [[4, 3, 1, 2]]], ([x]) =>
  move.reverseTime(x, int32(x, [4, 2, 0])))

// Rows by index

rows('gather', [[[6, 3]], [[5, 1]]], ([x]) => e.square(gather(x, int32(x, [4, 0, 2, 2, 1, 4], [2, 3]))))
rows('gather', [[[3, 2]]], ([x]) => gather(x, int32(x, [1], [])))
rows('scatterAdd', [[[5, 2]]], ([x]) => e.square(scatterAdd(x, int32(x, [3, 0, 3, 1, 3]), 4)))

// Losses

const reduced = ['mean', 'sum', 'none'] as const
for (const reduction of reduced) {
  rows('crossEntropy', [[[7, 5]]], ([x]) =>
    losses.crossEntropy(x, int32(x, [3, 0, 4, 2, 2, 1, 4]), { reduction }))
  rows('crossEntropy', [[[5, 3], [3]]], ([x, weight]) =>
    losses.crossEntropy(x, int32(x, [2, -1, 0, 1, -1]), { reduction, weight, ignoreIndex: -1 }), positive)
  const of = [[[4, 3], [4, 3]], [[], []], [[2, 1, 3], [2, 1, 3]]]
  rows('binaryCrossEntropy', of, ([x, t]) => losses.binaryCrossEntropy(x, t, reduction))
  rows('mse', of, ([x, t]) => losses.mse(x, t, reduction))
  rows('l1', of, ([x, t]) => losses.l1(x, t, reduction))
  rows('huber', of, ([x, t]) => losses.huber(x, t, { delta: 0.7123, reduction }))
}
rows('crossEntropy', [[[2, 3, 4]]], ([x]) => losses.crossEntropy(x, int32(x, [3, 0, 1, 2, 2, 1], [2, 3])))
rows('crossEntropy', [[[4]]], ([x]) => losses.crossEntropy(x, int32(x, [3], [])))

/** Exports of src/ops that have no gradient on purpose: why, and a call to prove it. */
export const withoutGradient: { op: string, reason: string, call: (x: Tensor) => Tensor }[] = [
  { op: 'equal', reason: 'piecewise constant', call: (x) => e.equal(x, 0.5) },
  { op: 'greater', reason: 'piecewise constant', call: (x) => e.greater(x, 0.5) },
  { op: 'less', reason: 'piecewise constant', call: (x) => e.less(x, 0.5) },
  { op: 'isFinite', reason: 'piecewise constant', call: (x) => e.isFinite(x) },
  { op: 'sign', reason: 'piecewise constant', call: (x) => e.sign(x) },
  { op: 'largest', reason: 'what softmax subtracts, a constant', call: (x) => largest(x, -1) },
  { op: 'detach', reason: 'it is there to cut the gradient off', call: (x) => e.detach(x) },
]

/** Exports that are no ops of a floating-point tensor. */
export const notOps: Record<string, string> = {
  checkIndices: 'checks its argument and computes nothing',
  oneHot: 'of an int32 tensor, which has no gradient',
  alike: 'says whether recurrences may go side by side',
  recurrence: 'a cell over a sequence: the rows of cells check it (a second derivative goes step by step)',
  recurrences: 'the same, of several',
  GATES: 'how many gates a kind of cell has',
}

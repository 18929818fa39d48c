// Moving values without computing: reshape, transpose, slice, concat, stack, split and their like. Each
// gradient moves dy back. A reshape, and each piece of a split along the first axis, is a view: the same
// memory, no copy. So the T time steps of a sequence [T, B, D] cost nothing to take apart, and one record
// takes all of their gradients together again. Next: gather.ts for moving rows by index.

import { check, checkKind, show } from '../check.ts'
import {
  broadcastAxes, broadcastShapes, broadcastStrides, normalizeAxis, sameShape, type Shape, sizeOf, stridesOf,
} from '../shape.ts'
import { record, recordMany } from '../tape.ts'
import { checkShape, checkTensor, commonDevice, type Tensor } from '../tensor.ts'
import { checkIndices } from './elementwise.ts'
import { sum } from './reduce.ts'

function axisOf(op: string, x: Tensor, axis: number): number {
  checkTensor(op, x)
  return normalizeAxis(op, axis, x.shape)
}

/** The same values in another shape; one size may be -1 and is worked out. A view. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkTensor('reshape', x)
  checkKind('reshape: the shape', shape, 'a list')
  const known = shape.reduce((size, n) => (n === -1 ? size : size * n), 1)
  const full = shape.map((n) => (n === -1 ? x.size / known : n))
  const valid = full.every((n) => Number.isInteger(n) && n >= 0) && shape.filter((n) => n === -1).length <= 1
  check(valid && sizeOf(full) === x.size, () =>
    `reshape: ${show(x.shape)} holds ${x.size} values; they do not fit ${show(shape)}`)
  if (sameShape(full, x.shape)) return x
  checkShape('reshape', full)
  const view = { memory: x.memory, offset: x.offset, shape: full }
  return record('reshape', [x], view, (dy) => [() => reshape(dy, x.shape)])
}

/** Axes in another order; without one, the last two are swapped. y[i_order] = x[i] */
export function transpose(x: Tensor, order?: readonly number[]): Tensor {
  checkTensor('transpose', x)
  if (order !== undefined) checkKind('transpose: the order', order, 'a list')
  const axes = order ?? x.shape.map((_, i) => (i < x.rank - 2 ? i : 2 * x.rank - 3 - i))
  const isOrder = [...axes].sort().every((axis, i) => axis === i) && axes.length === x.rank
  check(isOrder && (order !== undefined || x.rank >= 2), () =>
    `transpose: ${show(axes)} is not an order of the axes of ${show(x.shape)}; ` +
    `name each axis 0 to ${x.rank - 1} once`)
  const strides = stridesOf(x.shape)
  const shape = axes.map((axis) => x.shape[axis])
  const result = { memory: x.device.window(x, 0, axes.map((axis) => strides[axis]), shape), shape }
  const inverse = axes.map((_, i) => axes.indexOf(i))
  return record('transpose', [x], result, (dy) => [() => transpose(dy, inverse)])
}

/** x repeated to a larger shape, as broadcasting does. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  checkTensor('broadcastTo', x)
  checkShape('broadcastTo', shape)
  check(sameShape(broadcastShapes('broadcastTo', x.shape, shape), shape), () =>
    `broadcastTo: ${show(x.shape)} does not broadcast to ${show(shape)}; ` +
    'sizes, from the right, must be equal or 1')
  if (sameShape(x.shape, shape)) return x
  const result = { memory: x.device.window(x, 0, broadcastStrides(x.shape, shape), shape), shape }
  return record('broadcastTo', [x], result, (dy) =>
    [() => reshape(sum(dy, broadcastAxes(x.shape, shape)), x.shape)])
}

/** Elements from `start` up to, not including, `end` along an axis; negative positions count from the end. */
export function slice(x: Tensor, axis: number, start: number, end?: number): Tensor {
  const along = axisOf('slice', x, axis)
  const n = x.shape[along]
  const from = start < 0 ? start + n : start
  const to = end === undefined ? n : end < 0 ? end + n : end
  check(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= n, () =>
    `slice: ${start} to ${end ?? n} does not lie in axis ${axis} of ${show(x.shape)}, ` +
    `which has ${n} elements`)
  const strides = stridesOf(x.shape)
  const shape = x.shape.map((size, i) => (i === along ? to - from : size))
  const offset = from * strides[along]
  // Whole rows lie together in memory: a view. Otherwise they are copied.
  const isView = x.shape.slice(0, along).every((size) => size === 1)
  const result = isView
    ? { memory: x.memory, offset: x.offset + offset, shape }
    : { memory: x.device.window(x, offset, strides, shape), shape }
  return record('slice', [x], result, (dy) => [() => pad(dy, along, from, n)])
}

/** The adjoint of slice: x placed at `start` along an axis of `length`, zeros around it. */
export function pad(x: Tensor, axis: number, start: number, length: number): Tensor {
  const along = axisOf('pad', x, axis)
  const end = start + x.shape[along]
  check(Number.isInteger(start) && start >= 0 && end <= length, () =>
    `pad: ${show(x.shape)} at ${start} does not fit into ${length} elements along axis ${axis}`)
  const shape = x.shape.map((size, i) => (i === along ? length : size))
  const strides = stridesOf(shape)
  const result = { memory: x.device.place(x, start * strides[along], strides, shape), shape }
  return record('pad', [x], result, (dy) => [() => slice(dy, along, start, end)])
}

/** Tensors one after another along an axis; all other sizes must be equal. */
export function concat(parts: readonly Tensor[], axis = 0): Tensor {
  const device = commonDevice('concat', parts)
  const first = parts[0]
  const along = normalizeAxis('concat', axis, first.shape)
  for (const part of parts) {
    check(part.rank === first.rank && part.dtype === first.dtype
      && part.shape.every((n, i) => i === along || n === first.shape[i]), () =>
      `concat: shapes differ outside axis ${axis}; a is ${show(first.shape)} ${first.dtype}, ` +
      `b is ${show(part.shape)} ${part.dtype}`)
  }
  let end = 0
  const places = parts.map((part) => {
    const start = end
    end += part.shape[along]
    return [start, end] as const
  })
  const shape = first.shape.map((n, i) => (i === along ? end : n))
  return record('concat', parts, { memory: device.concat(parts, along), shape }, (dy) =>
    places.map(([from, to]) => () => slice(dy, along, from, to)))
}

/** Cuts x into pieces of the given sizes along an axis. */
export function split(x: Tensor, sizes: readonly number[], axis = 0): Tensor[] {
  const along = axisOf('split', x, axis)
  checkKind('split: the list of sizes', sizes, 'a list')
  const total = sizes.reduce((all, size) => all + size, 0)
  check(total === x.shape[along] && sizes.every((size) => Number.isInteger(size) && size >= 0), () =>
    `split: sizes ${show(sizes)} add up to ${total}; ` +
    `axis ${axis} of ${show(x.shape)} has ${x.shape[along]} elements`)
  const strides = stridesOf(x.shape)
  const isView = x.shape.slice(0, along).every((size) => size === 1)
  let start = 0
  const results = sizes.map((size) => {
    const shape = x.shape.map((n, i) => (i === along ? size : n))
    const offset = start * strides[along]
    start += size
    return isView
      ? { memory: x.memory, offset: x.offset + offset, shape }
      : { memory: x.device.window(x, offset, strides, shape), shape }
  })
  return recordMany('split', [x], results, (dys) => [() => concat(dys, along)])
}

/** Tensors of equal shape as one, along a new axis. */
export function stack(parts: readonly Tensor[], axis = 0): Tensor {
  commonDevice('stack', parts)
  const first = parts[0]
  const rank = first.rank + 1
  const along = axis < 0 ? axis + rank : axis
  for (const part of parts) {
    check(sameShape(part.shape, first.shape) && part.dtype === first.dtype, () =>
      `stack: shapes differ; a is ${show(first.shape)} ${first.dtype}, ` +
      `b is ${show(part.shape)} ${part.dtype}; all must be equal`)
  }
  check(Number.isInteger(along) && along >= 0 && along < rank, () =>
    `stack: axis ${axis} does not exist; the result has ${rank} axes, ${-rank} to ${rank - 1}`)
  const shape = [...first.shape.slice(0, along), 1, ...first.shape.slice(along)]
  checkShape('stack', shape)
  return concat(parts.map((part) => reshape(part, shape)), along)
}

/** The pieces x[0], x[1], ... along an axis, which they lose: the opposite of stack. */
export function unstack(x: Tensor, axis = 0): Tensor[] {
  const along = axisOf('unstack', x, axis)
  const n = x.shape[along]
  const shape = x.shape.filter((_, i) => i !== along)
  return split(x, new Array<number>(n).fill(1), along).map((piece) => reshape(piece, shape))
}

/** The order of elements along an axis turned around. */
export function flip(x: Tensor, axis: number): Tensor {
  const along = axisOf('flip', x, axis)
  const strides = stridesOf(x.shape)
  const turned = strides.map((step, i) => (i === along ? -step : step))
  const last = (x.shape[along] - 1) * strides[along]
  const result = { memory: x.device.window(x, Math.max(last, 0), turned, x.shape), shape: x.shape }
  return record('flip', [x], result, (dy) => [() => flip(dy, along)])
}

/**
 * Turns each sequence of a batch around inside its own length: y[t, b] = x[lengths_b - 1 - t, b]; padding
 * stays in place. x is [T, B, ...], lengths [B] int32. It is its own inverse, and so its own gradient.
 */
export function reverseTime(x: Tensor, lengths: Tensor): Tensor {
  checkIndices('reverseTime', lengths)
  check(x.rank >= 2 && lengths.rank === 1 && lengths.shape[0] === x.shape[1], () =>
    `reverseTime: x is ${show(x.shape)}, lengths is ${show(lengths.shape)}; needed are [T, B, ...] and [B]`)
  const result = { memory: x.device.reverseTime(x, lengths), shape: x.shape }
  return record('reverseTime', [x, lengths], result, (dy) => [() => reverseTime(dy, lengths), null])
}

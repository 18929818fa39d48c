// Elementwise primitives of the gpu device: what each kernel is filled with, and the words it takes along.
// CPU twins: ../cpu/elementwise.ts. Next: expressions.ts, the functions themselves; kernels/unary.wgsl.

import type { BinaryOp, Memory, UnaryOp, View } from '../device.ts'
import { broadcastStrides, sameShape, type Shape, sizeOf } from '../shape.ts'
import type { GpuDevice } from './device.ts'
import { type Access, accessExpression, binaryExpressions, unaryExpressions } from './expressions.ts'
import type { Buffer } from './memory.ts'
import { gridFor } from './recorder.ts'
import { walkOver } from './strides.ts'
import { type Float, float } from './words.ts'

/** Threads of a workgroup in every kernel that does one element a thread. */
export const WORKGROUP = 64

export function fill(device: GpuDevice, length: number, value: number): Memory {
  if (length === 1) return device.upload([value], 'float32') // one number is not worth a dispatch
  const y = device.take(length)
  fillBuffer(device, y.buffer!, length, value)
  return y
}

export function fillBuffer(device: GpuDevice, buffer: Buffer, length: number, value: number): void {
  device.launch({
    kernel: 'fill', buffers: [buffer], values: [length, float(value)], grid: gridFor(length, WORKGROUP),
  })
}

export function unary(device: GpuDevice, op: UnaryOp, x: View): Memory {
  const length = sizeOf(x.shape)
  const X = device.floats(op, x)
  const y = device.take(length)
  device.launch({
    kernel: 'unary', variant: op, blanks: () => ({ f: unaryExpressions[op] }),
    buffers: [X, y.buffer!], values: [length, x.offset], grid: gridFor(length, WORKGROUP),
  })
  return y
}

export function binary(
  device: GpuDevice, op: BinaryOp, a: View | number, b: View | number, shape: Shape,
): Memory {
  const length = sizeOf(shape)
  const [A, B] = [operand(device, op, a), operand(device, op, b)]
  const y = device.take(length)
  if (length === 0) return y
  const [accessA, accessB] = [accessOf(a, shape), accessOf(b, shape)]
  const { axes, sizes: [, n1, n2, n3], strides: [sa, sb] } =
    walkOver(shape, [a, b].map((x) => stridesIn(x, shape)))
  device.launch({
    kernel: 'binary', variant: `${op} ${accessA} ${accessB} ${axes}`,
    blanks: () => ({
      axes,
      f: binaryExpressions[op], a: accessExpression('a', accessA), b: accessExpression('b', accessB),
    }),
    // a number has no buffer, but its binding needs one: the other operand's
    buffers: [A ?? B!, B ?? A!, y.buffer!],
    values: [length, offsetOf(a), offsetOf(b), valueOf(a), valueOf(b), n1, n2, n3, ...sa, ...sb],
    grid: gridFor(length, WORKGROUP),
  })
  return y
}

export function select(
  device: GpuDevice, condition: View, a: View | number, b: View | number, shape: Shape,
): Memory {
  const length = sizeOf(shape)
  const C = device.floats('where', condition)
  const [A, B] = [operand(device, 'where', a), operand(device, 'where', b)]
  const y = device.take(length)
  if (length === 0) return y
  const [c, u, v] = [accessOf(condition, shape), accessOf(a, shape), accessOf(b, shape)]
  const { axes, sizes: [, n1, n2, n3], strides: [sc, sa, sb] } =
    walkOver(shape, [condition, a, b].map((x) => stridesIn(x, shape)))
  device.launch({
    kernel: 'select', variant: `${c} ${u} ${v} ${axes}`,
    blanks: () => ({
      axes,
      c: accessExpression('c', c), a: accessExpression('a', u), b: accessExpression('b', v),
    }),
    buffers: [C, A ?? C, B ?? C, y.buffer!],
    values: [
      length, condition.offset, offsetOf(a), offsetOf(b), valueOf(a), valueOf(b), n1, n2, n3,
      ...sc, ...sa, ...sb,
    ],
    grid: gridFor(length, WORKGROUP),
  })
  return y
}

export function uniform(
  device: GpuDevice, length: number, key: readonly [number, number], counter: number,
): Memory {
  const y = device.take(length)
  const [low, high] = [counter >>> 0, Math.floor(counter / 2 ** 32)]
  device.launch({
    kernel: 'uniform', buffers: [y.buffer!], values: [length, ...key, low, high],
    grid: gridFor(length, WORKGROUP),
  })
  return y
}

export function dropout(
  device: GpuDevice, x: View, limit: number, factor: number, key: readonly [number, number], counter: number,
): Memory {
  const length = sizeOf(x.shape)
  const X = device.floats('dropout', x)
  const y = device.take(length)
  const [low, high] = [counter >>> 0, Math.floor(counter / 2 ** 32)]
  device.launch({
    kernel: 'dropout', buffers: [X, y.buffer!],
    values: [length, x.offset, ...key, low, high, float(limit), float(factor)],
    grid: gridFor(length, WORKGROUP),
  })
  return y
}

export function accumulate(device: GpuDevice, target: View, x: View): void {
  const [to, from] = [device.floats('accumulate', target), device.floats('accumulate', x)]
  const length = sizeOf(x.shape)
  const add = (buffer: Buffer, offset: number) => device.launch({
    kernel: 'accumulate', buffers: [buffer, to], values: [length, offset, target.offset],
    grid: gridFor(length, WORKGROUP),
  })
  if (from !== to) return add(from, x.offset)
  // One buffer cannot be read and written under two bindings.
  const copy = device.pool.takeBuffer(4 * length)
  device.recorder.copy(from, x.offset, copy, 0, length)
  add(copy, 0)
  device.pool.giveBuffer(copy)
}

function operand(device: GpuDevice, op: string, x: View | number): Buffer | null {
  return typeof x === 'number' ? null : device.floats(op, x)
}

function accessOf(x: View | number, shape: Shape): Access {
  if (typeof x === 'number') return 'number'
  if (sameShape(x.shape, shape)) return 'same'
  if (sizeOf(x.shape) === 1) return 'one'
  // leading axes of size 1 change nothing: [B, H] is read by [1, B, H] as it is
  return sizeOf(x.shape) === sizeOf(shape) ? 'same' : 'strided'
}

const offsetOf = (x: View | number): number => (typeof x === 'number' ? 0 : x.offset)
const valueOf = (x: View | number): Float => float(typeof x === 'number' ? x : 0)
const stridesIn = (x: View | number, shape: Shape): readonly number[] =>
  typeof x === 'number' ? shape.map(() => 0) : broadcastStrides(x.shape, shape)

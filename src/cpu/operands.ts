// How the cpu device reads its operands: how many elements, and how far apart they lie in memory.
// An operand is a view, or a number that stands for a scalar; a matrix is turned by swapping its two strides.
// Next: device.ts, which hands these strides to the loops.

import type { FloatArray, View } from '../device.ts'
import { broadcastStrides, type Shape, sizeOf } from '../shape.ts'

export function sizeOfOperand(x: View | number): number {
  return typeof x === 'number' ? 1 : sizeOf(x.shape)
}

export function offsetOf(x: View | number): number {
  return typeof x === 'number' ? 0 : x.offset
}

/** How far to go in the operand for one step along each axis of the result: 0 where it is repeated. */
export function operandStrides(x: View | number, shape: Shape): readonly number[] {
  return typeof x === 'number' ? shape.map(() => 0) : broadcastStrides(x.shape, shape)
}

/** [rows, columns] of the last two axes, after the transpose. */
export function lastTwo(shape: Shape, transpose: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2) as [number, number]
  return transpose ? [columns, rows] : [rows, columns]
}

/** What the matmul loop needs: the array, where the matrix begins, the strides of its rows and columns. */
export function matrix(data: FloatArray, x: View, transpose: boolean) {
  const width = x.shape.at(-1)!
  return { data, offset: x.offset, rows: transpose ? 1 : width, columns: transpose ? width : 1 }
}

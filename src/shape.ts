// Shapes: sizes, strides, and broadcasting as NumPy does it. Tensors are row-major, rank 0 to 4.
//
// Broadcasting lines shapes up from the right; an axis of size 1 (or a missing one) is repeated. Its gradient
// is the sum over the repeated copies, because each copy contributes to the loss: `broadcastAxes` says which
// axes those are. Next: device.ts.

import { check, show } from './check.ts'

export type Shape = readonly number[]

export const MAX_RANK = 4

/** Number of elements of a shape; 1 for a scalar []. */
export function sizeOf(shape: Shape): number {
  let size = 1
  for (const n of shape) size *= n
  return size
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Row-major strides, in elements: [2, 3, 4] -> [12, 4, 1]. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= shape[i]
  }
  return strides
}

/** The shape that a and b broadcast to, or a ShapeError that names the op and both shapes. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a
  const rank = Math.max(a.length, b.length)
  const out = new Array<number>(rank)
  for (let i = 1; i <= rank; i++) {
    const m = a[a.length - i] ?? 1
    const n = b[b.length - i] ?? 1
    check(m === n || m === 1 || n === 1, () =>
      `${op}: shapes do not broadcast; a is ${show(a)}, b is ${show(b)}; ` +
      `counted from the right, sizes must be equal or 1 (here ${m} and ${n})`)
    out[rank - i] = m === 1 ? n : m
  }
  return out
}

/** Strides with which a tensor of shape `from` is read as if it had shape `to`: 0 where it is repeated. */
export function broadcastStrides(from: Shape, to: Shape): number[] {
  const own = stridesOf(from)
  const lead = to.length - from.length
  return to.map((_, i) => (i < lead || from[i - lead] === 1 ? 0 : own[i - lead]))
}

/** The axes of `to` along which a tensor of shape `from` was repeated: those its gradient is summed over. */
export function broadcastAxes(from: Shape, to: Shape): number[] {
  const lead = to.length - from.length
  const axes: number[] = []
  for (let i = 0; i < to.length; i++) if (i < lead || (from[i - lead] === 1 && to[i] !== 1)) axes.push(i)
  return axes
}

/**
 * A walk over `shape` of operands that each have their own strides, with fewer axes: those that every operand
 * passes through without a jump are merged, so that equal shapes are one single axis, and those of size 1 are
 * left out. Null if there is nothing to walk over.
 */
export function mergedAxes(
  shape: Shape, strides: readonly (readonly number[])[],
): { sizes: number[], strides: number[][] } | null {
  const sizes: number[] = []
  const merged: number[][] = strides.map(() => [])
  for (let axis = 0; axis < shape.length; axis++) {
    const n = shape[axis]
    if (n === 0) return null
    if (n === 1) continue
    const last = sizes.length - 1
    const joins = last >= 0 && strides.every((s, k) => merged[k][last] === s[axis] * n)
    if (joins) sizes[last] *= n
    else sizes.push(n)
    strides.forEach((s, k) => { if (joins) merged[k][last] = s[axis]; else merged[k].push(s[axis]) })
  }
  return { sizes, strides: merged }
}

/** An axis counted from the end if negative, checked against the rank. */
export function normalizeAxis(op: string, axis: number, shape: Shape): number {
  const positive = axis < 0 ? axis + shape.length : axis
  check(Number.isInteger(positive) && positive >= 0 && positive < shape.length, () =>
    `${op}: axis ${axis} does not exist; x is ${show(shape)}; ` +
    (shape.length > 0 ? `axes run from ${-shape.length} to ${shape.length - 1}` : 'a scalar has no axes'))
  return positive
}

/** Axes as a sorted list; undefined means all of them. */
export function normalizeAxes(
  op: string, axes: number | readonly number[] | undefined, shape: Shape,
): number[] {
  if (axes === undefined) return shape.map((_, i) => i)
  const list = (typeof axes === 'number' ? [axes] : axes).map((axis) => normalizeAxis(op, axis, shape))
  check(new Set(list).size === list.length, () => `${op}: an axis is named twice; axes are ${show(list)}`)
  return list.sort((a, b) => a - b)
}

/** Throws if the axes hold no value: then there is no largest one. */
export function checkValues(op: string, shape: Shape, axes: readonly number[]): void {
  check(axes.every((axis) => shape[axis] > 0), () =>
    `${op}: x is ${show(shape)}; the largest of no values does not exist`)
}

/** The shape left after reducing over the axes; with keep, reduced axes stay as size 1. */
export function reducedShape(shape: Shape, axes: readonly number[], keep: boolean): number[] {
  const out: number[] = []
  shape.forEach((n, i) => {
    if (!axes.includes(i)) out.push(n)
    else if (keep) out.push(1)
  })
  return out
}

// How kernels walk over tensors: at most four axes, merged where that changes nothing, each operand with a
// stride along each axis. Next: device.ts.

import type { Shape } from '../shape.ts'

/** A walk over up to four axes: their sizes, and the strides of each operand along them. */
export interface Walk {
  /** how many axes are left, 1 to 4 */
  readonly axes: number
  /** four sizes, outermost first, filled up with 1 in front */
  readonly sizes: readonly number[]
  /** four strides for each operand */
  readonly strides: readonly (readonly number[])[]
}

/**
 * Merges axes that every operand passes without a jump, drops those of size 1, and fills up to four: what is
 * contiguous everywhere ends up as one axis. No size may be 0.
 */
export function walkOver(shape: Shape, strides: readonly (readonly number[])[]): Walk {
  const { sizes, strides: merged } = mergeAxes(shape, strides)
  const missing = 4 - sizes.length
  const fill = (list: readonly number[], value: number) =>
    [...new Array<number>(missing).fill(value), ...list]
  const axes = Math.max(1, sizes.length)
  return { axes, sizes: fill(sizes, 1), strides: merged.map((list) => fill(list, 0)) }
}

/** The same without filling up. */
export function mergeAxes(shape: Shape, strides: readonly (readonly number[])[]): Omit<Walk, 'axes'> {
  const sizes: number[] = []
  const merged: number[][] = strides.map(() => [])
  shape.forEach((n, axis) => {
    if (n === 1) return
    const last = sizes.length - 1
    const joins = last >= 0 && strides.every((s, k) => merged[k][last] === s[axis] * n)
    if (joins) sizes[last] *= n
    else sizes.push(n)
    strides.forEach((s, k) => { if (joins) merged[k][last] = s[axis]; else merged[k].push(s[axis]) })
  })
  return { sizes, strides: merged }
}

// What the tests of cells and of time share.

import * as assert from 'uvu/assert'
import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import { type CellRow, cellTable } from '../src/cli/gradcheck-cells.ts'
import type { Named } from '../src/nn/cell.ts'
import { lstm1997 } from '../src/nn/lstm-1997.ts'
import { lstm2000 } from '../src/nn/lstm-2000.ts'
import { add, square } from '../src/ops/elementwise.ts'
import { concat, reshape } from '../src/ops/move.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Scope } from '../src/scope.ts'
import { leaves, type Tensor, tensor, type Tree } from '../src/tensor.ts'

export const device: Device = cpu({ precision: 'float64' })

/** Every cell in every form that its options allow: the rows of `unrolled gradcheck`. */
export const everyCell = cellTable.map(({ cell, variant, make }) => ({ name: `${cell}, ${variant}`, make }))

/** Fused too; their gradient is not that of their values: memory-blocks.test.ts has it by hand. */
export const truncatedRows: readonly CellRow[] = [
  { cell: 'lstm1997', variant: 'truncated', make: (options) => lstm1997({ ...options, truncated: true }) },
  { cell: 'lstm2000', variant: 'truncated', make: (options) => lstm2000({ ...options, truncated: true }) },
]

/** Those of the table that a fused op of a device can do all steps of at once. */
export const fusedRowsOn = (device: Device) => cellTable.filter(({ make }) =>
  make({ inputs: 1, hidden: 3, device, rng: random(1) }).advance.sequence)

export const fusedRows = fusedRowsOn(device)

/** Normal numbers that belong to nobody. */
export function normal(seed: number, ...shape: number[]): Tensor {
  using scope = new Scope()
  return scope.keep(tensor(random(seed).normal(shape.reduce((n, size) => n * size, 1)), { shape, device }))
}

/** A state of a cell with normal numbers in it. */
export function someState<S extends Named>(cell: { initial(batch: number): S }, batch: number, seed = 77): S {
  const zero = cell.initial(batch)
  const drawn = Object.entries(zero).map(([name, x], k) => [name, normal(seed + k, ...x.shape)] as const)
  return { ...zero, ...Object.fromEntries(drawn) }
}

/** All values of a tree in one row. */
export function flat(tree: Tree): Tensor {
  return concat(leaves(tree).map((x) => reshape(x, [-1])))
}

/** A scalar that depends on every value of a tree, and not linearly. */
export function energy(tree: Tree): Tensor {
  return leaves(tree).map((x) => sum(square(add(x, 0.3)))).reduce((a, b) => add(a, b))
}

/** The values of trees, for comparing. */
export async function values(...trees: Tree[]): Promise<number[][]> {
  return Promise.all(trees.flatMap(leaves).map(async (x) => Array.from(await x.read())))
}

/** Asserts that f throws an error with exactly this message. */
export function refused(f: () => unknown, text: string): void {
  assert.throws(f, (error: Error) => error.message === text, text)
}

/** The Euclidean norm. */
export function norm(list: ArrayLike<number>): number {
  return Math.hypot(...Array.from(list))
}

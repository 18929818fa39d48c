// The nets of the laboratory: every cell of the table as it is drawn before training, and the net that theory
// speaks of, h_t = tanh(W h_{t-1} + noise), with W scaled to a spectral radius. All in float64.
// Read next: by-lag.ts, jacobian.ts.

import { cpu } from '../../cpu/device.ts'
import type { Device } from '../../device.ts'
import type { Named, ProjectedCell } from '../../nn/cell.ts'
import { type CellName, cells, type MakeCell } from '../../nn/cells.ts'
import { elman } from '../../nn/elman.ts'
import { random } from '../../random.ts'
import { scaled, sparse, type SparseMatrix, spectralNorm, spectralRadius } from '../../reservoir/matrices.ts'
import { unowned } from '../../scope.ts'
import { dispose, tensor, type Tensor } from '../../tensor.ts'

/** H of the cells, and of the tanh net. */
export const UNITS = 32
export const TANH_UNITS = 100
/** D of the cells: normal numbers, new in each step */
export const INPUTS = 8
/** B: sequences read side by side */
export const STREAMS = 16
/** the deviation of the noise that moves the tanh net */
export const NOISE = 0.1
/** what is random is drawn anew for each; the middle value is told */
export const SEEDS: readonly number[] = [1, 2, 3, 4, 5]

/** What is measured: a cell and what it reads. */
export interface Subject {
  readonly label: string
  readonly cell: ProjectedCell<Named>
  /** [T, B, D] */
  readonly xs: Tensor
  /** the spectral radius and the largest singular value of its one recurrent matrix, where they are known */
  readonly matrix?: { readonly radius: number, readonly norm: number }
}

let opened: Device | undefined
/** The one device of the laboratory. */
export const float64 = (): Device => opened ??= cpu({ precision: 'float64' })

/** A cell of the table as it is drawn, and normal inputs. */
export function freshCell(name: CellName, steps: number, seed: number, streams = STREAMS): Subject {
  const device = float64()
  const rng = random(seed)
  const make: MakeCell = cells[name]
  const cell = make({ inputs: INPUTS, hidden: UNITS, device, rng })
  return { label: name, cell, xs: normals(rng.normal(steps * streams * INPUTS), [steps, streams, INPUTS]) }
}

/** How large the matrix of each seed is, whatever it is scaled to: powers of it take most of a net's time. */
const sizes = new Map<number, { readonly radius: number, readonly norm: number }>()

function sizeOfDrawn(seed: number, drawn: SparseMatrix): { readonly radius: number, readonly norm: number } {
  const size = sizes.get(seed)
    ?? { radius: spectralRadius(drawn, { steps: 2000 }), norm: spectralNorm(drawn) }
  sizes.set(seed, size)
  return size
}

/** W normal, times what makes its spectral radius rho; each unit has noise of its own. */
export function tanhNet(rho: number, steps: number, seed: number, streams = 1): Subject {
  const device = float64()
  const H = TANH_UNITS
  const rng = random(seed)
  const cell = elman({ inputs: H, hidden: H, bias: false, device, rng })
  const drawn = sparse(H, H, rng.normal(H * H)) // no entry is 0: all values stand row by row
  const { radius, norm } = sizeOfDrawn(seed, drawn)
  const W = scaled(drawn, rho / radius)
  const identity = Float64Array.from({ length: H * H }, (_, k) => (k % (H + 1) === 0 ? 1 : 0))
  const matrices = [normals(W.values, [H, H]), normals(identity, [H, H])]
  cell.parameters.weight_hh.assign(matrices[0])
  cell.parameters.weight_ih.assign(matrices[1])
  dispose(matrices)
  const xs = normals(rng.normal(steps * streams * H).map((x) => NOISE * x), [steps, streams, H])
  return { label: `tanh, rho ${rho}`, cell, xs, matrix: { radius: rho, norm: norm * rho / radius } }
}

/** Numbers as a tensor that is yours. */
export function normals(values: Float64Array, shape: readonly number[]): Tensor {
  return unowned(() => tensor(values, { shape, device: float64() }))
}

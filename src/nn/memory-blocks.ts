// Memory blocks, in which the first LSTMs came: S cells side by side that share one set of gates.
//
//   g(x) = 4 sigmoid(x) - 2      squashes what a cell takes in, to [-2, 2]
//   h(x) = 2 sigmoid(x) - 1      squashes what a cell shows, to [-1, 1]
//
// H cells make N = H / S blocks. The weights have the rows of the gates first, N for each, then H for the
// cells; one bias vector, as in the papers. Truncated gradient: errors that arrive at the sums of gates and
// cells change the weights into them, but go no further back in time; only a cell's state carries them.
// Next: lstm-1997.ts and lstm-2000.ts, the equations.

import { checkCount, checkThat } from '../check.ts'
import { add, detach, mul, sigmoid } from '../ops/elementwise.ts'
import { affine, matmul } from '../ops/matmul.ts'
import { broadcastTo, pad, reshape } from '../ops/move.ts'
import type { Tensor } from '../tensor.ts'
import { type FusedParts, type ProjectedCell, uniformParameter } from './cell.ts'
import { gateBiases, type GatedOptions } from './gate-bias.ts'
import type { LstmState } from './lstm.ts'

export interface MemoryBlockOptions<G extends string> extends GatedOptions<G | 'cell'> {
  /** false: the gates have biases, the cells have none; true by default */
  cellBias?: boolean
  /** S, how many cells share their gates; it must divide `hidden`; 1 by default */
  blockSize?: number
  /** errors flow back in time through the cells' states alone, O(1) per weight and step; false by default */
  truncated?: boolean
}

export const BLOCK_OPTIONS = ['gateBias', 'cellBias', 'blockSize', 'truncated'] as const

export interface MemoryBlockCell extends ProjectedCell<LstmState> {
  /** how many rows of the weights are each gate's, and the cells', in their order: N, ..., N, H */
  readonly gateRows: readonly number[]
}

interface MemoryBlocks {
  readonly parameters: { readonly [name: string]: Tensor | undefined }
  /** N */
  readonly blocks: number
  /** the number of rows: those of the gates, and H */
  readonly rows: number
  readonly gateRows: readonly number[]
  /** x [..., B, D] -> [..., B, rows] */
  project(x: Tensor): Tensor
  /** the sums of all gates and cells [B, rows], from what the units were one step before [B, sources] */
  sums(projected: Tensor, before: Tensor, weight_hh?: Tensor): Tensor
  /** a gate of each block [B, N] as one of each cell [B, H] */
  forCells(gate: Tensor): Tensor
  /** what a fused op takes, if every cell has its own gates */
  readonly fused: Omit<FusedParts, 'kind'> | undefined
}

/** @param gates their names in the order of the rows; @param feedback whether the units see all gates too */
export function memoryBlocks<G extends string>(
  name: string, options: MemoryBlockOptions<G>, gates: readonly G[], feedback = false,
): MemoryBlocks {
  const { inputs: D, hidden: H, cellBias = true, blockSize: S = 1, truncated = false, device, rng } = options
  checkCount(`${name}: blockSize`, S)
  checkThat(H % S === 0, () => `${name}: blockSize is ${S}; it must divide hidden, ${H}`)
  const N = H / S
  const rows = gates.length * N + H
  const parameter = (...shape: number[]) => uniformParameter(shape, 1 / Math.sqrt(H), device, rng)
  const weight_ih = parameter(rows, D)
  const weight_hh = parameter(rows, H + (feedback ? gates.length * N : 0))
  const units = Object.fromEntries(gates.map((gate) => [gate, N]))
  const [bias_ih] = gateBiases<string>(name, cellBias ? { ...units, cell: H } : units, 1, options)

  return {
    parameters: { weight_ih, weight_hh, bias_ih },
    blocks: N,
    rows,
    gateRows: [...gates.map(() => N), H],
    project: (x) => affine(x, weight_ih, bias_ih && !cellBias ? pad(bias_ih, 0, 0, rows) : bias_ih),
    sums: (projected, before, U = weight_hh) =>
      add(projected, matmul(truncated ? detach(before) : before, U, { transposeB: true })),
    forCells(gate) {
      const B = gate.shape[0]
      return S === 1 ? gate : reshape(broadcastTo(reshape(gate, [B, N, 1]), [B, N, S]), [B, H])
    },
    fused: S > 1 || feedback ? undefined
      : { weight_hh, truncated, ...(cellBias && { affine: { weight: weight_ih, biases: [bias_ih] } }) },
  }
}

/** What a cell takes in, to [-2, 2]: 4 sigmoid(x) - 2 */
export function squashIn(x: Tensor): Tensor {
  return add(mul(sigmoid(x), 4), -2)
}

/** What a cell shows, to [-1, 1]: 2 sigmoid(s) - 1 */
export function squashOut(s: Tensor): Tensor {
  return add(mul(sigmoid(s), 2), -1)
}

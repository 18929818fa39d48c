// The first LSTM. Its state s only adds: the error in it stays what it is, however far back it goes.
//
//   y_in  = sigmoid(W_in  x + U_in  u + b_in)         s_t = s_{t-1} + y_in ⊙ g(net_c)
//   y_out = sigmoid(W_out x + U_out u + b_out)        y_t = y_out ⊙ h(s_t)
//   net_c =         W_c   x + U_c   u + b_c           u = y_{t-1}; with gateFeedback [y; y_in; y_out]_{t-1}
//
// Hochreiter and Schmidhuber 1997, section 4 and appendix A.1. There is no forget gate, so on an endless
// stream s grows without bound. s is called c here, y is h, as in lstm.ts. Rows: y_in, y_out, cells; what
// squashes, what blocks and truncation are: memory-blocks.ts. Next: lstm-2000.ts.

import { add, mul, sigmoid } from '../ops/elementwise.ts'
import { concat, split } from '../ops/move.ts'
import { asItIs, checkCellOptions, projectedCell } from './cell.ts'
import type { LstmState } from './lstm.ts'
import {
  BLOCK_OPTIONS, type MemoryBlockCell, type MemoryBlockOptions, memoryBlocks, squashIn, squashOut,
} from './memory-blocks.ts'

export interface Lstm1997Options extends MemoryBlockOptions<'input' | 'output'> {
  /** whether gates and cells also see all gates of the step before, as the paper's nets do; default false */
  gateFeedback?: boolean
}

/**
 * The LSTM of 1997. Weights start uniform in ±1/sqrt(H); the paper's in ±0.1 or ±0.2, with biases of gates
 * that it gives for each experiment. The state's third part, with gateFeedback, is `gates` [B, 2N].
 * Hochreiter and Schmidhuber 1997, "Long short-term memory", Neural Computation 9.
 */
export function lstm1997(options: Lstm1997Options): MemoryBlockCell {
  checkCellOptions('lstm1997', options, [...BLOCK_OPTIONS, 'gateFeedback'])
  const { inputs: D, hidden: H, gateFeedback = false, device } = options
  const { parameters, blocks: N, rows, gateRows, project, sums, forCells, fused } =
    memoryBlocks('lstm1997', options, ['input', 'output'], gateFeedback)

  const cell = projectedCell<LstmState>('lstm1997', {
    parameters,
    inputs: D,
    outputs: H,
    width: rows,
    sizes: { h: H, c: H, ...(gateFeedback && { gates: 2 * N }) },
    device,
    project, // [..., B, 2N + H]
    advance(input, { h, c, gates: before }, { weight_hh: U, seen = asItIs, written = asItIs }) {
      const nets = sums(input, gateFeedback ? concat([seen(h), before], 1) : seen(h), U)
      const [toGates, toCells] = split(nets, [2 * N, H], 1)
      const gates = sigmoid(toGates)
      const [yIn, yOut] = split(gates, [N, N], 1)
      const s = add(c, mul(forCells(yIn), written(squashIn(toCells))))
      const y = mul(forCells(yOut), squashOut(s))
      return { output: y, state: { h: y, c: s, ...(gateFeedback && { gates }) } }
    },
    changeable: ['weight_hh', 'seen', 'written'],
    ...(fused && { fused: { kind: 'lstm1997', ...fused } }),
  })
  return { ...cell, gateRows }
}

// The LSTM that learns to forget: a third gate multiplies the state, so that an endless stream can be read.
//
//   y_in  = sigmoid(W_in  x + U_in  y + b_in)         s_t = y_f ⊙ s_{t-1} + y_in ⊙ g(net_c)
//   y_f   = sigmoid(W_f   x + U_f   y + b_f)          y_t = y_out ⊙ h(s_t)
//   y_out = sigmoid(W_out x + U_out y + b_out)        net_c = W_c x + U_c y + b_c,  y that of t - 1
//
// Gers, Schmidhuber and Cummins 2000. With y_f = 1 it is lstm-1997.ts; with tanh for g and h and a gate for
// every cell, lstm.ts. s is called c here, y is h. Rows: y_in, y_f, y_out, cells; what squashes, what blocks
// and truncation are: memory-blocks.ts. Next: peephole.ts.

import { add, mul, sigmoid } from '../ops/elementwise.ts'
import { split } from '../ops/move.ts'
import { asItIs, checkCellOptions, projectedCell } from './cell.ts'
import type { LstmState } from './lstm.ts'
import {
  BLOCK_OPTIONS, type MemoryBlockCell, type MemoryBlockOptions, memoryBlocks, squashIn, squashOut,
} from './memory-blocks.ts'

export type Lstm2000Options = MemoryBlockOptions<'input' | 'forget' | 'output'>

/**
 * The LSTM of 2000, with forget gates. Weights start uniform in ±1/sqrt(H); the paper's biases of the gates
 * are below 0, those of forget gates above. Gers, Schmidhuber and Cummins 2000, "Learning to forget:
 * continual prediction with LSTM", Neural Computation 12.
 */
export function lstm2000(options: Lstm2000Options): MemoryBlockCell {
  checkCellOptions('lstm2000', options, BLOCK_OPTIONS)
  const { inputs: D, hidden: H, device } = options
  const { parameters, blocks: N, rows, gateRows, project, sums, forCells, fused } =
    memoryBlocks('lstm2000', options, ['input', 'forget', 'output'])

  const cell = projectedCell<LstmState>('lstm2000', {
    parameters,
    inputs: D,
    outputs: H,
    width: rows,
    sizes: { h: H, c: H },
    device,
    project, // [..., B, 3N + H]
    advance(input, { h, c }, { weight_hh: U, seen = asItIs, written = asItIs }) {
      const [toGates, toCells] = split(sums(input, seen(h), U), [3 * N, H], 1)
      const [yIn, yF, yOut] = split(sigmoid(toGates), [N, N, N], 1)
      const s = add(mul(forCells(yF), c), mul(forCells(yIn), written(squashIn(toCells))))
      const y = mul(forCells(yOut), squashOut(s))
      return { output: y, state: { h: y, c: s } }
    },
    changeable: ['weight_hh', 'seen', 'written'],
    ...(fused && { fused: { kind: 'lstm2000', ...fused } }),
  })
  return { ...cell, gateRows }
}

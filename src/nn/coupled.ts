// The LSTM with coupled gates (CIFG): what is let in takes the place of what is forgotten, f = 1 - i.
//
//   i = sigmoid(W_i x + U_i h + b_i)        c_t = (1 - i) ⊙ c_{t-1} + i ⊙ g
//   g = tanh   (W_g x + U_g h + b_g)        h_t = o ⊙ tanh(c_t)
//   o = sigmoid(W_o x + U_o h + b_o)
//
// Three quarters of an LSTM's weights, and c, a running mean of g, stays in [-1, 1]. Greff et al. 2017;
// ONNX's LSTM with input_forget. Rows in the order i g o: weight_ih [3H, D], weight_hh [3H, H]. An input bias
// below 0 makes it remember to begin with. Next: gru.ts, which couples its gates too.

import { add, mul, sigmoid, sub, tanh } from '../ops/elementwise.ts'
import { affine, matmul } from '../ops/matmul.ts'
import { split } from '../ops/move.ts'
import {
  asItIs, checkCellOptions, type ProjectedCell, projectedCell, sumOf, uniformParameter,
} from './cell.ts'
import { gateBiases, type GatedOptions } from './gate-bias.ts'
import type { LstmState } from './lstm.ts'

/**
 * An LSTM cell with coupled input and forget gates. Weights start uniform in ±1/sqrt(H). Greff, Srivastava,
 * Koutník, Steunebrink and Schmidhuber 2017, "LSTM: a search space odyssey".
 */
export function coupled(options: GatedOptions<'input' | 'cell' | 'output'>): ProjectedCell<LstmState> {
  checkCellOptions('coupled', options, ['gateBias'])
  const { inputs: D, hidden: H, device, rng } = options
  const parameter = (...shape: number[]) => uniformParameter(shape, 1 / Math.sqrt(H), device, rng)
  const weight_ih = parameter(3 * H, D)
  const weight_hh = parameter(3 * H, H)
  const [bias_ih, bias_hh] = gateBiases('coupled', { input: H, cell: H, output: H }, 2, options)

  return projectedCell<LstmState>('coupled', {
    parameters: { weight_ih, weight_hh, bias_ih, bias_hh },
    inputs: D,
    outputs: H,
    width: 3 * H,
    sizes: { h: H, c: H },
    device,
    project: (x) => affine(x, weight_ih, sumOf(bias_ih, bias_hh)), // [..., B, 3H]
    advance(input, { h, c }, { weight_hh: U = weight_hh, seen = asItIs, written = asItIs }) {
      const sums = add(input, matmul(seen(h), U, { transposeB: true })) // [B, 3H]
      const [toI, toG, toO] = split(sums, [H, H, H], 1) // each [B, H]
      const i = sigmoid(toI)
      const g = written(tanh(toG))
      const o = sigmoid(toO)
      const nextC = add(c, mul(i, sub(g, c))) // (1 - i) c + i g
      const nextH = mul(o, tanh(nextC))
      return { output: nextH, state: { h: nextH, c: nextC } }
    },
    changeable: ['weight_hh', 'seen', 'written'],
    fused: { kind: 'coupled', weight_hh, affine: { weight: weight_ih, biases: [bias_ih, bias_hh] } },
  })
}

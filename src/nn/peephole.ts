// The LSTM with peepholes: the gates see the cell itself, also while the output gate is shut and h is silent.
//
//   i = sigmoid(W_i x + U_i h + p_i ⊙ c_{t-1} + b_i)        c_t = f ⊙ c_{t-1} + i ⊙ g
//   f = sigmoid(W_f x + U_f h + p_f ⊙ c_{t-1} + b_f)        h_t = o ⊙ tanh(c_t)
//   g = tanh   (W_g x + U_g h               + b_g)
//   o = sigmoid(W_o x + U_o h + p_o ⊙ c_t     + b_o)        the output gate sees the new c
//
// Gers, Schraudolph and Schmidhuber 2002; ONNX's LSTM with P. A unit's gates see its own c only, so p is a
// vector: weight_ch [3H], in the order i f o. All else is as in lstm.ts. Next: lstmp.ts.

import { add, mul, sigmoid, tanh } from '../ops/elementwise.ts'
import { affine, matmul } from '../ops/matmul.ts'
import { split } from '../ops/move.ts'
import type { Tensor } from '../tensor.ts'
import {
  asItIs, checkCellOptions, type ProjectedCell, projectedCell, sumOf, uniformParameter,
} from './cell.ts'
import { gateBiases, type GatedOptions } from './gate-bias.ts'
import type { LstmGate, LstmState } from './lstm.ts'

/**
 * An LSTM cell with peepholes. Weights start uniform in ±1/sqrt(H). Gers, Schraudolph and Schmidhuber 2002,
 * "Learning precise timing with LSTM recurrent networks", JMLR 3.
 */
export function peephole(options: GatedOptions<LstmGate>): ProjectedCell<LstmState> {
  checkCellOptions('peephole', options, ['gateBias'])
  const { inputs: D, hidden: H, device, rng } = options
  const parameter = (...shape: number[]) => uniformParameter(shape, 1 / Math.sqrt(H), device, rng)
  const weight_ih = parameter(4 * H, D)
  const weight_hh = parameter(4 * H, H)
  const units = { input: H, forget: H, cell: H, output: H }
  const [bias_ih, bias_hh] = gateBiases('peephole', units, 2, options)
  const weight_ch = parameter(3 * H)

  return projectedCell<LstmState>('peephole', {
    parameters: { weight_ih, weight_hh, bias_ih, bias_hh, weight_ch },
    inputs: D,
    outputs: H,
    width: 4 * H,
    sizes: { h: H, c: H },
    device,
    project: (x) => affine(x, weight_ih, sumOf(bias_ih, bias_hh)), // [..., B, 4H]
    advance(input, { h, c }, { weight_hh: U = weight_hh, seen = asItIs, written = asItIs }) {
      const sums = add(input, matmul(seen(h), U, { transposeB: true })) // [B, 4H]
      const { shown, next } = withPeepholes(sums, c, weight_ch, written)
      return { output: shown, state: { h: shown, c: next } }
    },
    changeable: ['weight_hh', 'seen', 'written'],
    fused: {
      kind: 'peephole', weight_hh, weight_ch, affine: { weight: weight_ih, biases: [bias_ih, bias_hh] },
    },
  })
}

/** The equations from the gates' sums [B, 4H] on: what the cells show, o tanh(c_t), and c_t [B, H]. */
export function withPeepholes(
  sums: Tensor, c: Tensor, weight_ch: Tensor, written: (g: Tensor) => Tensor,
): { shown: Tensor, next: Tensor } {
  const H = c.shape[1]
  const [toI, toF, toG, toO] = split(sums, [H, H, H, H], 1) // each [B, H]
  const [pI, pF, pO] = split(weight_ch, [H, H, H]) // each [H]
  const i = sigmoid(add(toI, mul(pI, c)))
  const f = sigmoid(add(toF, mul(pF, c)))
  const g = tanh(toG)
  const next = add(mul(f, c), mul(i, written(g)))
  const o = sigmoid(add(toO, mul(pO, next)))
  return { shown: mul(o, tanh(next)), next }
}

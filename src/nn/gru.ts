// The gated recurrent unit of Cho et al. 2014: two gates, no separate memory, 3/4 of an LSTM's weights.
//
//   r = sigmoid(W_r x + b_ir + U_r h + b_hr)           how much of the past the candidate sees
//   z = sigmoid(W_z x + b_iz + U_z h + b_hz)           how much of the past stays
//   n = tanh   (W_n x + b_in + r ⊙ (U_n h + b_hn))     the candidate
//   h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}
//
// The reset gate comes after the recurrent product, as in PyTorch and cuDNN, so that U h is one product; b_hn
// is inside r's reach and cannot be merged with b_in. Gates lie in the order r z n: weight_ih [3H, D],
// weight_hh [3H, H]. Next: gru-before.ts, unroll.ts.

import { add, mul, sigmoid, sub, tanh } from '../ops/elementwise.ts'
import { affine } from '../ops/matmul.ts'
import { split } from '../ops/move.ts'
import type { Tensor } from '../tensor.ts'
import { asItIs, checkCellOptions, type ProjectedCell, projectedCell, uniformParameter } from './cell.ts'
import { gateBiases, type GatedOptions } from './gate-bias.ts'

/** What r, z and n are called where one is meant alone. */
export type GruGate = 'reset' | 'update' | 'candidate'

export interface GruState {
  /** [B, H] */
  readonly h: Tensor
  readonly [name: string]: Tensor
}

/** A GRU cell: PyTorch's nn.GRUCell. All weights start uniform in ±1/sqrt(H). */
export function gru(options: GatedOptions<GruGate>): ProjectedCell<GruState> {
  checkCellOptions('gru', options, ['gateBias'])
  const { inputs: D, hidden: H, device, rng } = options
  const parameter = (...shape: number[]) => uniformParameter(shape, 1 / Math.sqrt(H), device, rng)
  const weight_ih = parameter(3 * H, D)
  const weight_hh = parameter(3 * H, H)
  const [bias_ih, bias_hh] = gateBiases('gru', { reset: H, update: H, candidate: H }, 2, options)

  return projectedCell<GruState>('gru', {
    parameters: { weight_ih, weight_hh, bias_ih, bias_hh },
    inputs: D,
    outputs: H,
    width: 3 * H,
    sizes: { h: H },
    device,
    project: (x) => affine(x, weight_ih, bias_ih), // [..., B, 3H]
    advance(input, { h }, { weight_hh: U = weight_hh, seen = asItIs, written = asItIs }) {
      const recurrent = affine(seen(h), U, bias_hh) // [B, 3H]
      const [inputRZ, inputN] = split(input, [2 * H, H], 1)
      const [recurrentRZ, recurrentN] = split(recurrent, [2 * H, H], 1)
      const [r, z] = split(sigmoid(add(inputRZ, recurrentRZ)), [H, H], 1) // each [B, H]
      const n = written(tanh(add(inputN, mul(r, recurrentN))))
      const next = add(n, mul(z, sub(h, n))) // (1 - z) n + z h
      return { output: next, state: { h: next } }
    },
    changeable: ['weight_hh', 'seen', 'written'],
    fused: { kind: 'gru', weight_hh, bias_hh, affine: { weight: weight_ih, biases: [bias_ih] } },
  })
}

// Long short-term memory: a state c that is added to, not multiplied through: its gradient need not vanish.
//
//   i = sigmoid(W_i x + U_i h + b_i)      what to let in        c_t = f ⊙ c_{t-1} + i ⊙ g
//   f = sigmoid(W_f x + U_f h + b_f)      what to keep          h_t = o ⊙ tanh(c_t)
//   g = tanh   (W_g x + U_g h + b_g)      what to write         with projection: h_t = W_hr (o ⊙ tanh(c_t))
//   o = sigmoid(W_o x + U_o h + b_o)      what to show
//
// Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000; projection: Sak et al. 2014. The
// four gates lie in one matrix in PyTorch's order i f g o: weight_ih [4H, D], weight_hh [4H, H] (or P), and
// b = bias_ih + bias_hh. Next: peephole.ts, gru.ts.

import { checkThat } from '../check.ts'
import { add, mul, sigmoid, tanh } from '../ops/elementwise.ts'
import { affine, matmul } from '../ops/matmul.ts'
import { split } from '../ops/move.ts'
import type { Tensor } from '../tensor.ts'
import {
  asItIs, checkCellOptions, type ProjectedCell, projectedCell, sumOf, uniformParameter,
} from './cell.ts'
import { gateBiases, type GatedOptions } from './gate-bias.ts'

/** What i, f, g and o are called where one is meant alone. */
export type LstmGate = 'input' | 'forget' | 'cell' | 'output'

export interface LstmOptions extends GatedOptions<LstmGate> {
  /** P < H: the size that h is projected to; 0, the default, for no projection */
  projection?: number
}

export interface LstmState {
  /** [B, H], or [B, P] with projection */
  readonly h: Tensor
  /** [B, H] */
  readonly c: Tensor
  readonly [name: string]: Tensor
}

export function checkProjection(name: string, P: number, H: number): void {
  checkThat(Number.isInteger(P) && P >= 0 && P < H, () =>
    `${name}: projection is ${P}; it must be 0 (none) or less than hidden, ${H}`)
}

/** An LSTM cell: PyTorch's nn.LSTMCell, and nn.LSTM's projection. Weights start uniform in ±1/sqrt(H). */
export function lstm(options: LstmOptions): ProjectedCell<LstmState> {
  checkCellOptions('lstm', options, ['projection', 'gateBias'])
  const { inputs: D, hidden: H, projection: P = 0, device, rng } = options
  checkProjection('lstm', P, H)
  const outputs = P || H
  const parameter = (...shape: number[]) => uniformParameter(shape, 1 / Math.sqrt(H), device, rng)
  const weight_ih = parameter(4 * H, D)
  const weight_hh = parameter(4 * H, outputs)
  const units = { input: H, forget: H, cell: H, output: H }
  const [bias_ih, bias_hh] = gateBiases('lstm', units, 2, options)
  const weight_hr = P ? parameter(P, H) : undefined

  return projectedCell<LstmState>('lstm', {
    parameters: { weight_ih, weight_hh, bias_ih, bias_hh, weight_hr },
    inputs: D,
    outputs,
    width: 4 * H,
    sizes: { h: outputs, c: H },
    device,
    project: (x) => affine(x, weight_ih, sumOf(bias_ih, bias_hh)), // [..., B, 4H]
    advance(input, { h, c }, { weight_hh: U = weight_hh, seen = asItIs, written = asItIs }) {
      const gates = add(input, matmul(seen(h), U, { transposeB: true })) // [B, 4H]
      const [toI, toF, toG, toO] = split(gates, [H, H, H, H], 1) // each [B, H]
      const i = sigmoid(toI)
      const f = sigmoid(toF)
      const g = tanh(toG)
      const o = sigmoid(toO)
      const nextC = add(mul(f, c), mul(i, written(g)))
      const shown = mul(o, tanh(nextC))
      const nextH = weight_hr ? matmul(shown, weight_hr, { transposeB: true }) : shown
      return { output: nextH, state: { h: nextH, c: nextC } }
    },
    changeable: ['weight_hh', 'seen', 'written'],
    fused: { kind: 'lstm', weight_hh, weight_hr, affine: { weight: weight_ih, biases: [bias_ih, bias_hh] } },
  })
}

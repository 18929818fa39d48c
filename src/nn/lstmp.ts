// The LSTM whose many cells are seen through few numbers: LSTMP, with one projection that recurs and one not.
//
//   i f g o, c_t    as in peephole.ts, with r_{t-1} in place of h_{t-1}
//   m_t = o ⊙ tanh(c_t)          H cells
//   r_t = W_hr m_t               R numbers, that the next step sees
//   p_t = W_hp m_t               P numbers more, for the layer above alone
//   y_t = [r_t; p_t]             whose head is the paper's W_yr r + W_yp p + b_y
//
// Sak, Senior and Beaufays 2014: weights grow as H R, not as H^2. With no p and no peepholes it is lstm.ts
// with `projection`, which PyTorch has. Next: coupled.ts.

import { checkCount } from '../check.ts'
import { add } from '../ops/elementwise.ts'
import { affine, matmul } from '../ops/matmul.ts'
import { concat } from '../ops/move.ts'
import {
  asItIs, checkCellOptions, type ProjectedCell, projectedCell, sumOf, uniformParameter,
} from './cell.ts'
import { gateBiases, type GatedOptions } from './gate-bias.ts'
import type { LstmGate, LstmState } from './lstm.ts'
import { withPeepholes } from './peephole.ts'

export interface LstmpOptions extends GatedOptions<LstmGate> {
  /** R, the size of r; by default half of H, rounded up */
  recurrent?: number
  /** P, the size of p, may be 0; by default the other half of H, so that y has the size of H */
  nonRecurrent?: number
}

/**
 * An LSTM cell with recurrent and non-recurrent projection; its h is r. Weights start uniform in ±1/sqrt(H).
 * Sak, Senior and Beaufays 2014, "Long short-term memory based recurrent neural network architectures for
 * large vocabulary speech recognition".
 */
export function lstmp(options: LstmpOptions): ProjectedCell<LstmState> {
  checkCellOptions('lstmp', options, ['recurrent', 'nonRecurrent', 'gateBias'])
  const { inputs: D, hidden: H, device, rng } = options
  const { recurrent: R = Math.ceil(H / 2), nonRecurrent: P = Math.floor(H / 2) } = options
  checkCount('lstmp: recurrent', R)
  checkCount('lstmp: nonRecurrent', P, 0)
  const parameter = (...shape: number[]) => uniformParameter(shape, 1 / Math.sqrt(H), device, rng)
  const weight_ih = parameter(4 * H, D)
  const weight_hh = parameter(4 * H, R)
  const units = { input: H, forget: H, cell: H, output: H }
  const [bias_ih, bias_hh] = gateBiases('lstmp', units, 2, options)
  const weight_ch = parameter(3 * H)
  const weight_hr = parameter(R, H)
  const weight_hp = P > 0 ? parameter(P, H) : undefined

  return projectedCell<LstmState>('lstmp', {
    parameters: { weight_ih, weight_hh, bias_ih, bias_hh, weight_ch, weight_hr, weight_hp },
    inputs: D,
    outputs: R + P,
    width: 4 * H,
    sizes: { h: R, c: H },
    device,
    project: (x) => affine(x, weight_ih, sumOf(bias_ih, bias_hh)), // [..., B, 4H]
    advance(input, { h, c }, { weight_hh: U = weight_hh, seen = asItIs, written = asItIs }) {
      const sums = add(input, matmul(seen(h), U, { transposeB: true })) // [B, 4H]
      const { shown, next } = withPeepholes(sums, c, weight_ch, written)
      const r = matmul(shown, weight_hr, { transposeB: true }) // [B, R]
      const p = weight_hp && matmul(shown, weight_hp, { transposeB: true }) // [B, P]
      return { output: p ? concat([r, p], 1) : r, state: { h: r, c: next } }
    },
    changeable: ['weight_hh', 'seen', 'written'],
    ...(P === 0 && {
      fused: {
        kind: 'peephole', weight_hh, weight_ch, weight_hr,
        affine: { weight: weight_ih, biases: [bias_ih, bias_hh] },
      },
    }),
  })
}

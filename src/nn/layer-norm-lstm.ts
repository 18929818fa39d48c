// An LSTM whose products are normalised, so that their scale cannot run away from step to step.
//
//   i f g o = LN(W x_t; a_x) + LN(U h_{t-1}; a_h) + b      c_t = sigmoid(f) ⊙ c_{t-1} + sigmoid(i) ⊙ tanh(g)
//   h_t = sigmoid(o) ⊙ tanh(LN(c_t; a_c, b_c))             LN(v; a) = a ⊙ (v - mean v) / sqrt(var v + eps)
//
// Ba, Kiros and Hinton 2016, "Layer normalization", supplement, LSTM; each LN is over one sequence's own
// values, the 4H of a product or the H of c, so it works alike at every t and for every batch. The shifts of
// the first two LNs are both in b. Gains start at 1, shifts at 0 or gateBias, weights uniform in ±1/sqrt(H).
// Next: regularised.ts, which can be put around it.

import { add, mul, sigmoid, tanh } from '../ops/elementwise.ts'
import { matmul } from '../ops/matmul.ts'
import { split } from '../ops/move.ts'
import { layerNorm } from '../ops/norm.ts'
import { parameter } from '../scope.ts'
import { ones, zeros } from '../tensor.ts'
import {
  asItIs, checkCellOptions, type ProjectedCell, projectedCell, uniformParameter,
} from './cell.ts'
import { gateBiases, type GatedOptions } from './gate-bias.ts'
import type { LstmGate, LstmState } from './lstm.ts'

/**
 * A layer-normalised LSTM: Ba et al. 2016, supplement. Parameters: weight_ih [4H, D],
 * weight_hh [4H, H], bias [4H] and bias_c [H] (none without bias), gain_ih, gain_hh [4H], gain_c [H]; the
 * blocks of 4H are i f g o.
 */
export function layerNormLstm(options: GatedOptions<LstmGate>): ProjectedCell<LstmState> {
  checkCellOptions('layerNormLstm', options, ['gateBias'])
  const { inputs: D, hidden: H, bias: withBias = true, device, rng } = options
  const weight_ih = uniformParameter([4 * H, D], 1 / Math.sqrt(H), device, rng)
  const weight_hh = uniformParameter([4 * H, H], 1 / Math.sqrt(H), device, rng)
  const gain = (size: number) => parameter(() => ones([size], device))
  const [gain_ih, gain_hh, gain_c] = [gain(4 * H), gain(4 * H), gain(H)]
  const [bias] = gateBiases('layerNormLstm', { input: H, forget: H, cell: H, output: H }, 1, options, 0)
  const bias_c = withBias ? parameter(() => zeros([H], device)) : undefined

  return projectedCell<LstmState>('layerNormLstm', {
    parameters: { weight_ih, weight_hh, bias, gain_ih, gain_hh, gain_c, bias_c },
    inputs: D,
    outputs: H,
    width: 4 * H,
    sizes: { h: H, c: H },
    device,
    project: (x) => layerNorm(matmul(x, weight_ih, { transposeB: true }), { weight: gain_ih, bias }),
    advance(input, { h, c }, { weight_hh: U = weight_hh, seen = asItIs, written = asItIs }) {
      const recurrent = layerNorm(matmul(seen(h), U, { transposeB: true }), { weight: gain_hh }) // [B, 4H]
      const [toI, toF, toG, toO] = split(add(input, recurrent), [H, H, H, H], 1) // each [B, H]
      const nextC = add(mul(sigmoid(toF), c), mul(sigmoid(toI), written(tanh(toG))))
      const shown = tanh(layerNorm(nextC, { weight: gain_c, bias: bias_c }))
      const nextH = mul(sigmoid(toO), shown)
      return { output: nextH, state: { h: nextH, c: nextC } }
    },
    changeable: ['weight_hh', 'seen', 'written'],
  })
}

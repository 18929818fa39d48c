// The GRU whose reset gate stands before the recurrent product, as in Cho et al. 2014; and Chung's.
//
//   r = sigmoid(W_r x + U_r h + b_r)
//   z = sigmoid(W_z x + U_z h + b_z)
//   n = tanh   (W_n x + U_n (r ⊙ h) + b_n)        gru.ts has r ⊙ (U_n h + b_hn)
//   h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}               gruBefore: z keeps (Cho; ONNX, Keras)
//   h_t = (1 - z) ⊙ h_{t-1} + z ⊙ n               gruChung: z renews (Chung et al. 2014)
//
// The two are one net with z's weights negated. U_n needs r: a step is two products, one after the other.
// Names, shapes and the order of rows, r z n, are gru.ts's; b = bias_ih + bias_hh. Next: unroll.ts.

import { add, mul, sigmoid, sub, tanh } from '../ops/elementwise.ts'
import { affine, matmul } from '../ops/matmul.ts'
import { split } from '../ops/move.ts'
import type { Tensor } from '../tensor.ts'
import {
  asItIs, checkCellOptions, type ProjectedCell, projectedCell, sumOf, uniformParameter,
} from './cell.ts'
import { gateBiases, type GatedOptions } from './gate-bias.ts'
import type { GruGate, GruState } from './gru.ts'

/**
 * A GRU cell, reset before the product. Weights start uniform in ±1/sqrt(H). Cho et al. 2014, "Learning
 * phrase representations using RNN encoder-decoder"; ONNX's GRU with linear_before_reset = 0.
 */
export function gruBefore(options: GatedOptions<GruGate>): ProjectedCell<GruState> {
  return resetBefore('gruBefore', options, (z, h, n) => add(n, mul(z, sub(h, n)))) // (1 - z) n + z h
}

/**
 * The GRU cell of Chung, Gulcehre, Cho and Bengio 2014, "Empirical evaluation of gated recurrent neural
 * networks on sequence modeling": an open update gate renews h. Weights start uniform in ±1/sqrt(H).
 */
export function gruChung(options: GatedOptions<GruGate>): ProjectedCell<GruState> {
  return resetBefore('gruChung', options, (z, h, n) => add(h, mul(z, sub(n, h)))) // (1 - z) h + z n
}

function resetBefore(
  name: 'gruBefore' | 'gruChung', options: GatedOptions<GruGate>,
  mix: (z: Tensor, h: Tensor, n: Tensor) => Tensor,
): ProjectedCell<GruState> {
  checkCellOptions(name, options, ['gateBias'])
  const { inputs: D, hidden: H, device, rng } = options
  const parameter = (...shape: number[]) => uniformParameter(shape, 1 / Math.sqrt(H), device, rng)
  const weight_ih = parameter(3 * H, D)
  const weight_hh = parameter(3 * H, H)
  const [bias_ih, bias_hh] = gateBiases(name, { reset: H, update: H, candidate: H }, 2, options)

  return projectedCell<GruState>(name, {
    parameters: { weight_ih, weight_hh, bias_ih, bias_hh },
    inputs: D,
    outputs: H,
    width: 3 * H,
    sizes: { h: H },
    device,
    project: (x) => affine(x, weight_ih, sumOf(bias_ih, bias_hh)), // [..., B, 3H]
    advance(input, { h }, { weight_hh: U = weight_hh, seen = asItIs, written = asItIs }) {
      const [inputRZ, inputN] = split(input, [2 * H, H], 1)
      const [toRZ, toN] = split(U, [2 * H, H]) // [2H, H], [H, H]
      const gates = sigmoid(add(inputRZ, matmul(seen(h), toRZ, { transposeB: true })))
      const [r, z] = split(gates, [H, H], 1) // each [B, H]
      const n = written(tanh(add(inputN, matmul(mul(r, seen(h)), toN, { transposeB: true }))))
      const next = mix(z, h, n)
      return { output: next, state: { h: next } }
    },
    changeable: ['weight_hh', 'seen', 'written'],
    fused: { kind: name, weight_hh, affine: { weight: weight_ih, biases: [bias_ih, bias_hh] } },
  })
}

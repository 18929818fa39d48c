// The sequential net of Jordan 1986: state units that are fed by the net's own outputs and decay with time.
//
//   h_t = f(W_ih x_t + b_ih + W_sh s_{t-1})        hidden units
//   y_t = sigmoid(W_ho h_t + b_ho)                 outputs
//   s_t = mu s_{t-1} + y_t                         what the next step sees
//
// x is the plan, held constant or not. Where Elman's context is the hidden layer, Jordan's is what the net
// has said so far, so a teacher can put the right output in its place. Weights start uniform in ±1/sqrt(H).
// Next: lstm.ts.

import { checkCount, UnrolledError } from '../check.ts'
import { add, mul, sigmoid } from '../ops/elementwise.ts'
import { affine, matmul } from '../ops/matmul.ts'
import type { Tensor } from '../tensor.ts'
import {
  type CellOptions, checkCellOptions, type ProjectedCell, projectedCell, uniformParameter,
} from './cell.ts'
import { type Nonlinearity, nonlinearityNamed } from './elman.ts'

export interface JordanOptions extends CellOptions {
  /** the number of output and of state units; H by default */
  outputs?: number
  /** mu in [0, 1): how much of a state unit's value stays; 0.5 by default */
  decay?: number
  /** of the hidden units; sigmoid, alias logistic, by default */
  nonlinearity?: Nonlinearity
}

export interface JordanState {
  /** [B, outputs] */
  readonly s: Tensor
  readonly [name: string]: Tensor
}

/** A Jordan cell. Jordan 1986, "Attractor dynamics and parallelism in a connectionist sequential machine". */
export function jordan(options: JordanOptions): ProjectedCell<JordanState> {
  checkCellOptions('jordan', options, ['outputs', 'decay', 'nonlinearity'])
  const { inputs: D, hidden: H, outputs: O = H, bias = true, device, rng } = options
  const { decay = 0.5, nonlinearity = 'sigmoid' } = options
  checkCount('jordan: outputs', O)
  if (!(decay >= 0 && decay < 1)) throw new UnrolledError(`jordan: decay is ${decay}; it must lie in [0, 1)`)
  const f = nonlinearityNamed('jordan', nonlinearity)
  const parameter = (...shape: number[]) => uniformParameter(shape, 1 / Math.sqrt(H), device, rng)
  const weight_ih = parameter(H, D)
  const weight_sh = parameter(H, O)
  const weight_ho = parameter(O, H)
  const bias_ih = bias ? parameter(H) : undefined
  const bias_ho = bias ? parameter(O) : undefined

  return projectedCell<JordanState>('jordan', {
    parameters: { weight_ih, weight_sh, weight_ho, bias_ih, bias_ho },
    inputs: D,
    outputs: O,
    width: H,
    sizes: { s: O },
    device,
    project: (x) => affine(x, weight_ih, bias_ih), // [..., B, H]
    advance(projected, { s }) {
      const h = f(add(projected, matmul(s, weight_sh, { transposeB: true }))) // [B, H]
      const y = sigmoid(affine(h, weight_ho, bias_ho)) // [B, O]
      return { output: y, state: { s: add(mul(s, decay), y) } }
    },
  })
}

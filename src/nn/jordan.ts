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
import { type Tensor, zeros } from '../tensor.ts'
import {
  type CellOptions, checkAdvance, checkCellOptions, checkInput, named, type ProjectedCell, uniformParameter,
} from './cell.ts'
import { type Nonlinearity, nonlinearityNamed } from './elman.ts'

export interface JordanOptions extends CellOptions {
  /** the number of output and of state units; H unless told */
  outputs?: number
  /** mu in [0, 1): how much of a state unit's value stays; 0.5 unless told */
  decay?: number
  /** of the hidden units; logistic unless told */
  nonlinearity?: Nonlinearity
}

export interface JordanState {
  /** [B, outputs] */
  readonly s: Tensor
  readonly [name: string]: Tensor
}

/** A Jordan cell. Jordan 1986, "Attractor dynamics and parallelism in a connectionist sequential machine". */
export function jordan(options: JordanOptions): ProjectedCell<JordanState> {
  checkCellOptions('jordan', options)
  const { inputs: D, hidden: H, outputs: O = H, bias = true, device, rng } = options
  const { decay = 0.5, nonlinearity = 'logistic' } = options
  checkCount('jordan: outputs', O)
  if (!(decay >= 0 && decay < 1)) throw new UnrolledError(`jordan: decay is ${decay}; it must lie in [0, 1)`)
  const f = nonlinearityNamed('jordan', nonlinearity)
  const parameter = (...shape: number[]) => uniformParameter(shape, 1 / Math.sqrt(H), device, rng)
  const weight_ih = parameter(H, D)
  const weight_sh = parameter(H, O)
  const weight_ho = parameter(O, H)
  const bias_ih = bias ? parameter(H) : undefined
  const bias_ho = bias ? parameter(O) : undefined

  function project(x: Tensor): Tensor {
    checkInput('jordan', x, D)
    return affine(x, weight_ih, bias_ih) // [..., B, H]
  }

  function advance(projected: Tensor, { s }: JordanState) {
    checkAdvance('jordan', projected, H, { s }, { s: O })
    const h = f(add(projected, matmul(s, weight_sh, { transposeB: true }))) // [B, H]
    const y = sigmoid(affine(h, weight_ho, bias_ho)) // [B, O]
    return { output: y, state: { s: add(mul(s, decay), y) } }
  }

  return {
    parameters: named({ weight_ih, weight_sh, weight_ho, bias_ih, bias_ho }),
    inputs: D,
    outputs: O,
    initial: (batch) => ({ s: zeros([batch, O], device) }),
    project,
    advance,
    step: (x, state) => advance(project(x), state),
  }
}

// The simple recurrent net of Elman 1990: hidden units that see the input and their own last values.
//
//   h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)        y_t = h_t
//
// f is tanh, relu, or the logistic function (Elman's own). Weights have the names, shapes and initialisation
// of PyTorch's RNNCell: all uniform in ±1/sqrt(H).
// Next: lstm.ts, which cures this cell's vanishing gradient; unroll.ts, which runs it over time.

import { UnrolledError } from '../check.ts'
import { add, relu, sigmoid, tanh } from '../ops/elementwise.ts'
import { affine, matmul } from '../ops/matmul.ts'
import { type Tensor, zeros } from '../tensor.ts'
import {
  type CellOptions, checkAdvance, checkCellOptions, checkInput, named, type ProjectedCell, uniformParameter,
} from './cell.ts'

export type Nonlinearity = 'tanh' | 'relu' | 'logistic'

const nonlinearities: Record<Nonlinearity, (x: Tensor) => Tensor> = { tanh, relu, logistic: sigmoid }

/** The function of that name. */
export function nonlinearityNamed(cell: string, name: Nonlinearity): (x: Tensor) => Tensor {
  const f = nonlinearities[name]
  if (!f) {
    throw new UnrolledError(`${cell}: nonlinearity is ${String(name)}; it must be tanh, relu or logistic`)
  }
  return f
}

export interface ElmanOptions extends CellOptions {
  nonlinearity?: Nonlinearity
}

export interface ElmanState {
  /** [B, H] */
  readonly h: Tensor
  readonly [name: string]: Tensor
}

/** An Elman cell. Elman 1990, "Finding structure in time", Cognitive Science 14; PyTorch's nn.RNNCell. */
export function elman(options: ElmanOptions): ProjectedCell<ElmanState> {
  checkCellOptions('elman', options)
  const { inputs: D, hidden: H, bias = true, nonlinearity = 'tanh', device, rng } = options
  const f = nonlinearityNamed('elman', nonlinearity)
  const parameter = (...shape: number[]) => uniformParameter(shape, 1 / Math.sqrt(H), device, rng)
  const weight_ih = parameter(H, D)
  const weight_hh = parameter(H, H)
  const bias_ih = bias ? parameter(H) : undefined
  const bias_hh = bias ? parameter(H) : undefined

  function project(x: Tensor): Tensor {
    checkInput('elman', x, D)
    const y = affine(x, weight_ih, bias_ih) // [..., B, H]
    return bias_hh ? add(y, bias_hh) : y
  }

  function advance(projected: Tensor, { h }: ElmanState) {
    checkAdvance('elman', projected, H, { h }, { h: H })
    const next = f(add(projected, matmul(h, weight_hh, { transposeB: true }))) // [B, H]
    return { output: next, state: { h: next } }
  }

  return {
    parameters: named({ weight_ih, weight_hh, bias_ih, bias_hh }),
    inputs: D,
    outputs: H,
    initial: (batch) => ({ h: zeros([batch, H], device) }),
    project,
    advance,
    step: (x, state) => advance(project(x), state),
  }
}

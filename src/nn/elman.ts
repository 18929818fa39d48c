// The simple recurrent net of Elman 1990: hidden units that see the input and their own last values.
//
//   h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)        y_t = h_t
//
// f is tanh, relu, or sigmoid, the logistic function (Elman's own). Weights have the names, shapes and
// initialisation of PyTorch's RNNCell: all uniform in ±1/sqrt(H).
// Next: lstm.ts, which cures this cell's vanishing gradient; unroll.ts, which runs it over time.

import { UnrolledError } from '../check.ts'
import { add, relu, sigmoid, tanh } from '../ops/elementwise.ts'
import { affine, matmul } from '../ops/matmul.ts'
import { nearest } from '../suggest.ts'
import type { Tensor } from '../tensor.ts'
import {
  asItIs, type CellOptions, checkCellOptions, type ProjectedCell, projectedCell, sumOf, uniformParameter,
} from './cell.ts'

/** The function of the hidden units; sigmoid and logistic are two names of one. */
export type Nonlinearity = 'tanh' | 'relu' | 'sigmoid' | 'logistic'

const nonlinearities: Record<Nonlinearity, (x: Tensor) => Tensor> = { tanh, relu, sigmoid, logistic: sigmoid }

/** The function of that name. */
export function nonlinearityNamed(cell: string, name: Nonlinearity): (x: Tensor) => Tensor {
  if (Object.hasOwn(nonlinearities, name)) return nonlinearities[name]
  const meant = nearest(String(name), Object.keys(nonlinearities))
  throw new UnrolledError(`${cell}: nonlinearity is ${String(name)}; ` +
    (meant ? `did you mean ${meant}?` : 'it must be tanh, relu, or sigmoid, which is also called logistic'))
}

export interface ElmanOptions extends CellOptions {
  /** tanh by default */
  nonlinearity?: Nonlinearity
}

export interface ElmanState {
  /** [B, H] */
  readonly h: Tensor
  readonly [name: string]: Tensor
}

/** An Elman cell. Elman 1990, "Finding structure in time", Cognitive Science 14; PyTorch's nn.RNNCell. */
export function elman(options: ElmanOptions): ProjectedCell<ElmanState> {
  checkCellOptions('elman', options, ['nonlinearity'])
  const { inputs: D, hidden: H, bias = true, nonlinearity = 'tanh', device, rng } = options
  const f = nonlinearityNamed('elman', nonlinearity)
  const parameter = (...shape: number[]) => uniformParameter(shape, 1 / Math.sqrt(H), device, rng)
  const weight_ih = parameter(H, D)
  const weight_hh = parameter(H, H)
  const bias_ih = bias ? parameter(H) : undefined
  const bias_hh = bias ? parameter(H) : undefined

  return projectedCell<ElmanState>('elman', {
    parameters: { weight_ih, weight_hh, bias_ih, bias_hh },
    inputs: D,
    outputs: H,
    width: H,
    sizes: { h: H },
    device,
    project: (x) => affine(x, weight_ih, sumOf(bias_ih, bias_hh)), // [..., B, H]
    advance(projected, { h }, { weight_hh: U = weight_hh, seen = asItIs }) {
      const next = f(add(projected, matmul(seen(h), U, { transposeB: true }))) // [B, H]
      return { output: next, state: { h: next } }
    },
    changeable: ['weight_hh', 'seen'],
    fused: { kind: nonlinearity === 'logistic' ? 'sigmoid' : nonlinearity, weight_hh },
  })
}

// The simple recurrent net of Elman 1990: hidden units that see the input and their own last values.
//
//   h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)        y_t = h_t
//
// f is tanh, relu, or sigmoid, the logistic function (Elman's own). Weights have the names, shapes and
// initialisation of PyTorch's RNNCell: all uniform in ±1/sqrt(H). Elman's net as published is
//   contextAsInput(elman({ inputs, hidden, nonlinearity: 'logistic', context: 0.5, device, rng }))
// Next: lstm.ts, which cures this cell's vanishing gradient; unroll.ts, which runs it over time.

import { checkFinite, UnrolledError } from '../check.ts'
import { add, detach, relu, sigmoid, tanh } from '../ops/elementwise.ts'
import { affine, matmul } from '../ops/matmul.ts'
import { nearest } from '../suggest.ts'
import { mapTree, type Tensor } from '../tensor.ts'
import {
  asItIs, type CellOptions, type Changes, checkCell, checkCellOptions, type Named, type ProjectedCell,
  projectedCell, sumOf, uniformParameter,
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
  /** the value of every context unit, h, before the first step: 0 by default, Elman's own is 0.5 */
  context?: number
}

export interface ElmanState {
  /** [B, H] */
  readonly h: Tensor
  readonly [name: string]: Tensor
}

/** An Elman cell. Elman 1990, "Finding structure in time", Cognitive Science 14; PyTorch's nn.RNNCell. */
export function elman(options: ElmanOptions): ProjectedCell<ElmanState> {
  checkCellOptions('elman', options, ['nonlinearity', 'context'])
  const { inputs: D, hidden: H, bias = true, nonlinearity = 'tanh', context = 0, device, rng } = options
  checkFinite('elman: context', context)
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
    first: context,
    device,
    project: (x) => affine(x, weight_ih, sumOf(bias_ih, bias_hh)), // [..., B, H]
    advance(projected, { h }, { weight_hh: U = weight_hh, seen = asItIs }) {
      const next = f(add(projected, matmul(seen(h), U, { transposeB: true }))) // [B, H]
      return { output: next, state: { h: next } }
    },
    changeable: ['weight_hh', 'seen'],
    fused: {
      kind: nonlinearity === 'logistic' ? 'sigmoid' : nonlinearity, weight_hh,
      affine: { weight: weight_ih, biases: [bias_ih, bias_hh] },
    },
  })
}

/**
 * The same cell as Elman trained it: the context is one more input, and no error goes back through it, so
 * each step's error reaches only that step's own products. It is backpropagation through time cut off after
 * one step, for all steps of a sequence at once: dLoss/dW_hh = sum over t of delta_t h_{t-1}^T with delta_t
 * from y_t alone. Works for any cell; its values are the same. Elman 1990, figure 2.
 */
export function contextAsInput<S extends Named>(cell: ProjectedCell<S>): ProjectedCell<S> {
  checkCell('contextAsInput', cell, ['project', 'advance'])
  const { changeable } = cell.advance
  const advance: ProjectedCell<S>['advance'] = Object.assign(
    (projected: Tensor, state: S, changes?: Changes) =>
      cell.advance(projected, mapTree(state, detach), changes), { changeable })
  return { ...cell, advance, step: (x, state) => advance(cell.project(x), state) }
}

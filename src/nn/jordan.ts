// The sequential net of Jordan 1986: state units that are fed by the net's own outputs and decay with time.
//
//   h_t = f(W_ih x_t + b_ih + W_sh s_{t-1})        hidden units
//   y_t = sigmoid(W_ho h_t + b_ho)                 outputs
//   s_t = mu s_{t-1} + y_t                         what the next step sees
//
// x is the plan: held constant, it names the sequence that the net is to produce; one net can have several.
// Its state is what it has said so far, so a teacher can put the right output there (teacherForced) or leave
// it to itself (freeRunning). Next: elman.ts, whose state is its hidden units.

import { check, checkCount, show, UnrolledError } from '../check.ts'
import { add, mul, sigmoid } from '../ops/elementwise.ts'
import { affine, matmul } from '../ops/matmul.ts'
import { broadcastTo, reshape, stack, unstack } from '../ops/move.ts'
import { checkTensor, type Tensor } from '../tensor.ts'
import {
  type CellOptions, checkCell, checkCellOptions, type ProjectedCell, projectedCell, uniformParameter,
} from './cell.ts'
import { type Nonlinearity, nonlinearityNamed } from './elman.ts'
import { unroll, type Unrolled } from './unroll.ts'

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

export interface JordanCell extends ProjectedCell<JordanState> {
  /** the state units after the output y was said, by the net or by a teacher: mu s + y */
  feed(s: Tensor, y: Tensor): Tensor
}

/**
 * A Jordan cell. Weights start uniform in ±1/sqrt(H). Jordan 1986, "Attractor dynamics and parallelism in a
 * connectionist sequential machine".
 */
export function jordan(options: JordanOptions): JordanCell {
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

  const feed = (s: Tensor, y: Tensor) => add(mul(s, decay), y)

  const cell = projectedCell<JordanState>('jordan', {
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
      return { output: y, state: { s: feed(s, y) } }
    },
  })
  return { ...cell, feed }
}

/** A plan [B, D] held for T steps: [T, B, D]. */
function held(plan: Tensor, T: number): Tensor {
  check(plan.rank === 2, () =>
    `jordan: the plan is ${show(plan.shape)}; it must be [B, D], held for all steps`)
  return broadcastTo(reshape(plan, [1, ...plan.shape]), [T, ...plan.shape])
}

/**
 * The net left to itself for T steps: its state units see its own outputs. Errors travel back through time.
 * @param plan [B, D], held for all steps
 */
export function freeRunning(
  cell: JordanCell, plan: Tensor, T: number, state?: JordanState,
): Unrolled<JordanState> {
  checkCount('freeRunning: T', T)
  return unroll(cell, held(plan, T), state)
}

/**
 * The net with the right outputs fed to its state units in place of its own. Then every s_t is known before
 * the net runs, so all steps are one batch, and no error travels through time: s_t = mu s_{t-1} + target_t.
 * Outputs for which any value will do (Jordan's don't-care conditions) are left out of the loss.
 * @param plan [B, D], held for all steps; targets [T, B, outputs]
 * @returns outputs [T, B, outputs] and the state after the last target, from which the net can run on freely
 */
export function teacherForced(
  cell: JordanCell, plan: Tensor, targets: Tensor, state?: JordanState,
): Unrolled<JordanState> {
  checkCell('teacherForced', cell)
  checkTensor('teacherForced', plan)
  checkTensor('teacherForced', targets)
  const wanted = [plan.shape[0], cell.outputs]
  check(targets.rank === 3 && targets.shape[0] > 0 && show(targets.shape.slice(1)) === show(wanted), () =>
    `teacherForced: targets is ${show(targets.shape)}; it must be [T, ${wanted.join(', ')}]`)
  const [T, B, O] = targets.shape
  let { s } = state ?? cell.initial(B)
  const seen: Tensor[] = [] // s before each step
  for (const target of unstack(targets)) {
    seen.push(s)
    s = cell.feed(s, target)
  }
  const plans = reshape(held(plan, T), [T * B, cell.inputs])
  const { output } = cell.step(plans, { s: reshape(stack(seen), [T * B, O]) })
  return { outputs: reshape(output, [T, B, O]), state: { s } }
}

// Activation regularisation (AR) and temporal activation regularisation (TAR): Merity, McCann, Socher 2017,
// "Revisiting activation regularization for language RNNs".
//
//   alpha mean(~h_t^2)      keeps small what the head sees (~h: after dropout; with skips, all layers)
//   beta mean((h_t - h_{t-1})^2)      lets them change slowly
//
// Means are over steps, sequences and units, as in the code of Merity et al. 2018 (AWD-LSTM: alpha 2,
// beta 1). Both act after the layer, so it stays fused. Next: loop.ts, which adds them to the loss.

import { checkThat } from '../check.ts'
import { add, mul, square, sub } from '../ops/elementwise.ts'
import { slice } from '../ops/move.ts'
import { mean } from '../ops/reduce.ts'
import { checkOptionNames } from '../suggest.ts'
import type { Tensor } from '../tensor.ts'
import type { Activity } from './bptt.ts'

export interface ActivationPenalty {
  /** of AR; 0, the default, for none */
  alpha?: number
  /** of TAR; 0, the default, for none; a window of one step has no differences */
  beta?: number
}

/**
 * What is to be added to the loss, for a net's `penalty`; undefined if there is nothing to add.
 * @throws UnrolledError unless both are numbers of 0 or more
 */
export function activationPenalty(
  options: ActivationPenalty,
): ((activity: Activity) => Tensor) | undefined {
  checkOptionNames('activationPenalty', options, ['alpha', 'beta'])
  const { alpha = 0, beta = 0 } = options
  for (const [name, value] of Object.entries({ alpha, beta })) {
    checkThat(value >= 0 && value < Infinity, () =>
      `activationPenalty: ${name} is ${value}; it must be a number of 0 or more`)
  }
  if (alpha === 0 && beta === 0) return undefined
  return ({ plain, shown }) => {
    const [T] = plain.shape
    const size = mul(mean(square(shown)), alpha)
    if (beta === 0 || T === 1) return size
    const change = sub(slice(plain, 0, 1), slice(plain, 0, 0, T - 1))
    return add(size, mul(mean(square(change)), beta))
  }
}

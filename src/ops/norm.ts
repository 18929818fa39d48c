// Normalisation over the last axis, D values at a time.
//
//   layerNorm  y = (x - mean) / sqrt(variance + eps) * weight + bias      (Ba, Kiros and Hinton 2016, eq. 3)
//   rmsNorm    y = x / sqrt(mean(x^2) + eps) * weight                     (Zhang and Sennrich 2019, eq. 4)
//
// The variance is the mean square of the deviations (divided by D, not D - 1). Composed: gradients come from
// the parts. Next: loss.ts.

import { check, show } from '../check.ts'
import { checkFloats, type Tensor } from '../tensor.ts'
import { add, div, mul, sqrt, square, sub } from './elementwise.ts'
import { mean } from './reduce.ts'

export interface NormOptions {
  /** [D], multiplies */
  weight?: Tensor
  /** [D], is added (layerNorm only) */
  bias?: Tensor
  /** keeps the root away from zero */
  eps?: number
}

/** Zero mean and unit variance along the last axis, then scale and shift. eps is 1e-5 by default. */
export function layerNorm(x: Tensor, options: NormOptions = {}): Tensor {
  const { weight, bias, eps = 1e-5 } = options
  checkFeatures('layerNorm', x, weight, bias)
  const centred = sub(x, mean(x, -1, true))
  const variance = mean(square(centred), -1, true)
  return scaleAndShift(div(centred, sqrt(add(variance, eps))), weight, bias)
}

/** Unit mean square along the last axis, then scale. eps is 1e-6 by default. */
export function rmsNorm(x: Tensor, options: Omit<NormOptions, 'bias'> = {}): Tensor {
  const { weight, eps = 1e-6 } = options
  checkFeatures('rmsNorm', x, weight)
  return scaleAndShift(div(x, sqrt(add(mean(square(x), -1, true), eps))), weight)
}

function scaleAndShift(y: Tensor, weight?: Tensor, bias?: Tensor): Tensor {
  const scaled = weight ? mul(y, weight) : y
  return bias ? add(scaled, bias) : scaled
}

function checkFeatures(op: string, x: Tensor, ...parameters: (Tensor | undefined)[]): void {
  const given = parameters.filter((p) => p !== undefined)
  checkFloats(op, x, ...given)
  const D = x.shape.at(-1)
  check(D !== undefined && D > 0, () => `${op}: x is ${show(x.shape)}; its last axis must hold values`)
  for (const p of given) {
    check(p.rank === 1 && p.shape[0] === D, () =>
      `${op}: x is ${show(x.shape)}, weight or bias is ${show(p.shape)}; it must be [${D}]`)
  }
}

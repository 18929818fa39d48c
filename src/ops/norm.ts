// Normalisation over the last axis, D values at a time.
//
//   layerNorm  y = (x - mean) / sqrt(variance + eps) * weight + bias      (Ba, Kiros and Hinton 2016, eq. 3)
//   rmsNorm    y = x / sqrt(mean(x^2) + eps) * weight                     (Zhang and Sennrich 2019, eq. 4)
//
// The variance is the mean square of the deviations (divided by D, not D - 1). Composed, gradients come from
// the parts: that is the definition. A device may have it as one op. Next: loss.ts.

import { check, show, TapeError } from '../check.ts'
import { adopt, isRecording, mayFuse } from '../context.ts'
import type { RowOps } from '../device.ts'
import { checkOptionNames } from '../suggest.ts'
import { record } from '../tape.ts'
import { checkFloats, Tensor } from '../tensor.ts'
import { add, div, mul, sqrt, square, sub } from './elementwise.ts'
import { reshape } from './move.ts'
import { mean, sum } from './reduce.ts'

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
  checkOptionNames('layerNorm', options, ['weight', 'bias', 'eps'])
  const { weight, bias, eps = 1e-5 } = options
  checkFeatures('layerNorm', x, weight, bias)
  const ops = rowOps(x)
  if (ops) return fused('layerNorm', ops, x, { weight, bias, eps })
  const centred = sub(x, mean(x, -1, true))
  const variance = mean(square(centred), -1, true)
  return scaleAndShift(div(centred, sqrt(add(variance, eps))), weight, bias)
}

/** Unit mean square along the last axis, then scale. eps is 1e-6 by default. */
export function rmsNorm(x: Tensor, options: Omit<NormOptions, 'bias'> = {}): Tensor {
  checkOptionNames('rmsNorm', options, ['weight', 'eps'])
  const { weight, eps = 1e-6 } = options
  checkFeatures('rmsNorm', x, weight)
  const ops = rowOps(x)
  if (ops) return fused('rmsNorm', ops, x, { weight, eps })
  return scaleAndShift(div(x, sqrt(add(mean(square(x), -1, true), eps))), weight)
}

function rowOps(x: Tensor): RowOps | undefined {
  return x.size > 0 && mayFuse() ? x.device.rows : undefined
}

/**
 * As one op. With u the normalised x, r what it was divided by, and g = dy weight, along each row:
 * dx = (g - mean(g) - u mean(g u)) / r, without mean(g) for rmsNorm; over the rows d(weight) = sum of dy u.
 */
function fused(
  op: 'layerNorm' | 'rmsNorm', ops: RowOps, x: Tensor, { weight, bias, eps }: NormOptions & { eps: number },
): Tensor {
  const { device, shape } = x
  const D = shape.at(-1)!
  const rows = ({ memory, offset, size }: Tensor) => ({ memory, offset, shape: [size / D, D] })
  const norm = { x: rows(x), weight: weight ?? null, bias: bias ?? null, eps, centred: op === 'layerNorm' }
  const { y, moments } = ops.norm(norm)
  if (isRecording()) adopt(moments)
  else device.free(moments)
  const inputs = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])]
  return record(op, inputs, { memory: y, shape }, (dy) => {
    let found: { dx: Tensor, scaled: Tensor } | undefined
    const both = () => {
      if (isRecording()) throw new TapeError(`${op}: as one op it has no second derivative; use composed`)
      if (found) return found
      const { dx, scaled } = ops.normGradient(norm, moments, rows(dy))
      for (const memory of [dx, scaled]) adopt(memory)
      found = { dx: new Tensor(dx, 0, shape), scaled: new Tensor(scaled, 0, [x.size / D, D]) }
      return found
    }
    return [
      () => both().dx,
      ...(weight ? [() => sum(both().scaled, 0)] : []),
      ...(bias ? [() => sum(reshape(dy, [x.size / D, D]), 0)] : []),
    ]
  })
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

// Learning rates that change with the step: a schedule is a pure function of the step and the base rate.
//
//   const schedule = warmup({ steps: 100, then: cosine({ total: 1900, min: 1e-5 }) })
//   optimizer.update(params, grads, { learningRate: schedule(step, 0.004) })
//
// There is no state to save: a run that is resumed asks for the step it is at. Each equals the scheduler of
// PyTorch that its comment names (which multiplies its last rate, so that the last digits may differ).

import { checkCount, checkKind, UnrolledError } from '../check.ts'
import { checkOptionNames } from '../suggest.ts'

/** The learning rate of a step, counted from 0, for a base rate. */
export type Schedule = (step: number, base: number) => number

/** The base rate, always. */
export function constant(): Schedule {
  return (_, base) => base
}

/**
 * base factor^floor(step / every): the rate is multiplied by `factor` once every so many steps. PyTorch:
 * StepLR. With `hold` > 1 the first `hold` of these periods run at the base rate, and only then does it fall:
 * with `every` an epoch, hold 4 and factor 0.5, the schedule of Zaremba et al. 2014 for their small net.
 * @throws UnrolledError unless `every` and `hold` are whole numbers above 0, and 0 <= factor <= 1
 */
export function stepDecay(options: { every: number, factor: number, hold?: number }): Schedule {
  checkOptionNames('stepDecay', options, ['every', 'factor', 'hold'])
  const { every, factor, hold = 1 } = options
  checkCount('stepDecay: every', every)
  checkShare('stepDecay: factor', factor)
  checkCount('stepDecay: hold', hold)
  return (step, base) => base * factor ** Math.max(0, Math.floor(step / every) + 1 - hold)
}

/**
 * min + (base - min) (1 + cos(pi step / total)) / 2, and `min` from step `total` on. PyTorch:
 * CosineAnnealingLR (which would rise again after `total`). Source: Loshchilov and Hutter 2017 (SGDR),
 * equation 5.
 * @param options.min the last rate, an absolute one, 0 by default
 * @throws UnrolledError unless `total` is a whole number above 0, and min a number of 0 or more
 */
export function cosine(options: { total: number, min?: number }): Schedule {
  checkOptionNames('cosine', options, ['total', 'min'])
  const { total, min = 0 } = options
  checkCount('cosine: total', total)
  if (!(min >= 0 && min < Infinity)) {
    throw new UnrolledError(`cosine: min is ${min}; it must be a number of 0 or more`)
  }
  return (step, base) => min + (base - min) * (1 + Math.cos(Math.PI * Math.min(step / total, 1))) / 2
}

/**
 * Rises in a straight line from start * base at step 0 to base at step `steps`; from there `then` takes over,
 * counting from 0 again. PyTorch: LinearLR, and SequentialLR for what follows.
 * @param options.start a share of the base rate, 1/3 by default, as in PyTorch
 * @throws UnrolledError unless `steps` is a whole number above 0, and 0 <= start <= 1
 */
export function warmup(options: { steps: number, start?: number, then?: Schedule }): Schedule {
  checkOptionNames('warmup', options, ['steps', 'start', 'then'])
  const { steps, start = 1 / 3, then = constant() } = options
  checkCount('warmup: steps', steps)
  checkShare('warmup: start', start)
  checkKind('warmup: then', then, 'a function')
  return (step, base) => step < steps ? base * (start + (1 - start) * step / steps) : then(step - steps, base)
}

function checkShare(what: string, value: number): void {
  if (value >= 0 && value <= 1) return
  throw new UnrolledError(`${what} is ${value}; it must be a number from 0 to 1`)
}

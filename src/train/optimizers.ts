// The optimisers: each is its equations, for one parameter p with gradient g, written in the same ops.
//
// They equal PyTorch's of the same name, step for step. A weight decay w adds w p to g, being the gradient of
// w/2 |p|^2; AdamW alone takes it from p directly. Equations are in order: each uses those above it. Their
// twins are kernels/update_*.wgsl. rule.ts keeps the state (t, m, v, ...) and writes the update; schedule.ts
// changes the rate.

import { UnrolledError } from '../check.ts'
import { add, div, expm1, maximum, mul, neg, sqrt, square, sub } from '../ops/elementwise.ts'
import { checkOptionNames } from '../suggest.ts'
import type { Tensor } from '../tensor.ts'
import { checkAtLeastZero, checkBelowOne, Optimizer } from './rule.ts'

export interface SgdOptions {
  learningRate: number
  momentum?: number
  nesterov?: boolean
  weightDecay?: number
}

/**
 * Gradient descent, with momentum mu and Nesterov's look ahead if asked for:
 *
 *   b <- mu b + g
 *   p <- p - rate b                  or, with nesterov,  p <- p - rate (g + mu b)
 *
 * Robbins and Monro 1951; Polyak 1964 (momentum); Sutskever et al. 2013, section 2 (Nesterov). As in PyTorch
 * the rate stands outside b, so that a change of rate acts at once. State: `sgd.step`, and
 * `sgd.momentum.NAME` if mu > 0.
 * @throws UnrolledError for a rate or decay below 0, mu outside [0, 1), nesterov without momentum
 */
export function sgd(options: SgdOptions): Optimizer {
  checkOptionNames('sgd', options, ['learningRate', 'momentum', 'nesterov', 'weightDecay'])
  const { learningRate, momentum = 0, nesterov = false, weightDecay = 0 } = options
  checkAtLeastZero('sgd', { learningRate, weightDecay })
  checkBelowOne('sgd', { momentum })
  if (nesterov && momentum === 0) {
    throw new UnrolledError('sgd: nesterov needs momentum to look ahead along, which is 0; try momentum: 0.9')
  }
  return new Optimizer({
    name: 'sgd',
    learningRate,
    slots: momentum > 0 ? { momentum: 0 } : {},
    kernel: { rule: 'sgd', constants: { momentum, nesterov: Number(nesterov), weightDecay } },
    step: (_, rate) => (p, gradient, slots) => {
      const g = decayed(gradient, p, weightDecay)
      if (momentum === 0) return { p: sub(p, mul(g, rate)), slots }
      const b = add(mul(slots.momentum, momentum), g)
      const direction = nesterov ? add(g, mul(b, momentum)) : b
      return { p: sub(p, mul(direction, rate)), slots: { momentum: b } }
    },
  })
}

export interface RmspropOptions {
  learningRate: number
  /** how much of the average stays in a step; PyTorch calls it alpha */
  decay?: number
  eps?: number
  momentum?: number
  /** divide by the standard deviation of the gradient instead of its root mean square */
  centered?: boolean
  weightDecay?: number
}

/**
 * The gradient divided by a running root mean square of itself, with decay a:
 *
 *   s <- a s + (1 - a) g^2           centered:  m <- a m + (1 - a) g,  and s - m^2 stands for s below
 *   b <- mu b + g / (sqrt(s) + eps)
 *   p <- p - rate b
 *
 * Tieleman and Hinton 2012 (lecture 6.5); centered, with momentum: Graves 2013, equations 38 to 45 (there eps
 * is inside the root; here, as in PyTorch, outside). State: `rmsprop.step`, `rmsprop.square.NAME`, and
 * `.mean.` if centered, `.momentum.` if mu > 0.
 * @throws UnrolledError for a rate, eps or weight decay below 0, a or mu outside [0, 1)
 */
export function rmsprop(options: RmspropOptions): Optimizer {
  checkOptionNames('rmsprop', options, [
    'learningRate', 'decay', 'eps', 'momentum', 'centered', 'weightDecay',
  ])
  const { learningRate, decay = 0.99, eps = 1e-8, momentum = 0, centered = false, weightDecay = 0 } = options
  checkAtLeastZero('rmsprop', { learningRate, eps, weightDecay })
  checkBelowOne('rmsprop', { decay, momentum })
  return new Optimizer({
    name: 'rmsprop',
    learningRate,
    slots: { square: 0, ...(centered && { mean: 0 }), ...(momentum > 0 && { momentum: 0 }) },
    kernel: {
      rule: 'rmsprop',
      constants: { decay, rest: 1 - decay, eps, momentum, centered: Number(centered), weightDecay },
    },
    step: (_, rate) => (p, gradient, slots) => {
      const g = decayed(gradient, p, weightDecay)
      const s = average(slots.square, square(g), decay)
      const m = centered && average(slots.mean, g, decay)
      // s - m^2 is a variance; only rounding can make it negative
      const variance = m ? maximum(sub(s, square(m)), 0) : s
      const scaled = div(g, add(sqrt(variance), eps))
      const b = momentum > 0 ? add(mul(slots.momentum, momentum), scaled) : scaled
      return {
        p: sub(p, mul(b, rate)),
        slots: { square: s, ...(m && { mean: m }), ...(momentum > 0 && { momentum: b }) },
      }
    },
  })
}

export interface AdagradOptions {
  learningRate: number
  /** the rate of step t is learningRate / (1 + (t - 1) learningRateDecay) */
  learningRateDecay?: number
  eps?: number
  /** what the sums of squares start from */
  initialAccumulator?: number
  weightDecay?: number
}

/**
 * The gradient divided by the root of the sum of all its squares so far:
 *
 *   s <- s + g^2
 *   p <- p - rate / (1 + (t - 1) learningRateDecay)  g / (sqrt(s) + eps)
 *
 * Duchi, Hazan and Singer 2011, section 1.1, the diagonal form. State: `adagrad.step`, `adagrad.sum.NAME`.
 * @throws UnrolledError for an option below 0
 */
export function adagrad(options: AdagradOptions): Optimizer {
  checkOptionNames('adagrad', options, [
    'learningRate', 'learningRateDecay', 'eps', 'initialAccumulator', 'weightDecay',
  ])
  const { learningRate, learningRateDecay = 0, eps = 1e-10, initialAccumulator = 0 } = options
  const { weightDecay = 0 } = options
  checkAtLeastZero('adagrad', { learningRate, learningRateDecay, eps, initialAccumulator, weightDecay })
  return new Optimizer({
    name: 'adagrad',
    learningRate,
    slots: { sum: initialAccumulator },
    kernel: { rule: 'adagrad', constants: { learningRateDecay, eps, weightDecay } },
    step: (t, rate) => {
      const rateNow = div(rate, add(mul(sub(t, 1), learningRateDecay), 1))
      return (p, gradient, slots) => {
        const g = decayed(gradient, p, weightDecay)
        const s = add(slots.sum, square(g))
        return { p: sub(p, mul(div(g, add(sqrt(s), eps)), rateNow)), slots: { sum: s } }
      }
    },
  })
}

export interface AdamOptions {
  learningRate: number
  beta1?: number
  beta2?: number
  eps?: number
  weightDecay?: number
}

/**
 * Running averages of the gradient and of its square, each freed of its start at zero:
 *
 *   m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g^2
 *   p <- p - rate  m / (1 - beta1^t)  /  (sqrt(v / (1 - beta2^t)) + eps)
 *
 * Kingma and Ba 2015, Algorithm 1. State: `adam.step`, `adam.m.NAME`, `adam.v.NAME`.
 * @throws UnrolledError for a rate, eps or decay below 0, a beta outside [0, 1)
 */
export function adam(options: AdamOptions): Optimizer {
  return adamLike('adam', options, false)
}

/**
 * Adam whose weight decay w stays out of the averages:  p <- (1 - rate w) p,  then Adam's step with the g of
 * the loss. Loshchilov and Hutter 2019, Algorithm 2, where as in PyTorch w is multiplied by the whole rate.
 * State: `adamw.step`, `adamw.m.NAME`, `adamw.v.NAME`.
 * @param options.weightDecay 0.01 by default
 * @throws UnrolledError for a rate, eps or decay below 0, a beta outside [0, 1)
 */
export function adamw(options: AdamOptions): Optimizer {
  checkOptionNames('adamw', options, ADAM_OPTIONS)
  const { weightDecay = 0.01 } = options
  return adamLike('adamw', { ...options, weightDecay }, true)
}

const ADAM_OPTIONS = ['learningRate', 'beta1', 'beta2', 'eps', 'weightDecay'] as const

/** Adam; its weight decay is in g, or decoupled from it. */
function adamLike(name: string, options: AdamOptions, decoupled: boolean): Optimizer {
  checkOptionNames(name, options, ADAM_OPTIONS)
  const { learningRate, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0 } = options
  checkAtLeastZero(name, { learningRate, eps, weightDecay })
  checkBelowOne(name, { beta1, beta2 })
  return new Optimizer({
    name,
    learningRate,
    slots: { m: 0, v: 0 },
    kernel: {
      rule: 'adam',
      constants: {
        beta1, rest1: 1 - beta1, logBeta1: logOf(beta1), beta2, rest2: 1 - beta2, logBeta2: logOf(beta2), eps,
        weightDecay, decoupled: Number(decoupled),
      },
    },
    step: (t, rate) => {
      const rateNow = div(rate, startShare(beta1, t)) // rate / (1 - beta1^t)
      const share2 = startShare(beta2, t)
      return (p, gradient, slots) => {
        const g = decoupled ? gradient : decayed(gradient, p, weightDecay)
        const m = average(slots.m, g, beta1)
        const v = average(slots.v, square(g), beta2)
        const scaled = div(m, add(sqrt(div(v, share2)), eps))
        const start = decoupled ? mul(p, 1 - rate * weightDecay) : p
        return { p: sub(start, mul(scaled, rateNow)), slots: { m, v } }
      }
    },
  })
}

/** g + w p: the gradient with weight decay in it */
function decayed(g: Tensor, p: Tensor, w: number): Tensor {
  return w === 0 ? g : add(g, mul(p, w))
}

/** decay old + (1 - decay) x: the running average */
function average(old: Tensor, x: Tensor, decay: number): Tensor {
  return add(mul(old, decay), mul(x, 1 - decay))
}

/** 1 - beta^t, which the weights in an average of t values sum to; as -expm1(t ln beta), exact in float32 */
function startShare(beta: number, t: Tensor): Tensor {
  return neg(expm1(mul(t, logOf(beta))))
}

/** finite for beta = 0 too: the share is 1 */
function logOf(beta: number): number {
  return Math.log(Math.max(beta, 1e-300))
}

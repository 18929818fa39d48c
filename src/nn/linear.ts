// The two layers beside a recurrent one: linear makes logits of hidden values, embedding vectors of symbols.
//
//   linear:     y = x W^T + b,  weight [out, in], bias [out], uniform in ±1/sqrt(in)  (PyTorch's nn.Linear)
//   embedding:  y = weight[index],  weight [V, D], normal with deviation 1         (PyTorch's nn.Embedding)
//
// A layer is a function that carries its parameters; `parameters` names those of several layers for the
// optimiser. Next: train/language-model.ts, which puts these and a recurrent layer together.

import { check, checkCount, checkKind, checkThat, show, UnrolledError } from '../check.ts'
import type { Device } from '../device.ts'
import { gather } from '../ops/gather.ts'
import { affine } from '../ops/matmul.ts'
import type { Random } from '../random.ts'
import { parameter, untracked } from '../scope.ts'
import { checkOptionNames } from '../suggest.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { checkSources, type Named, named, uniformParameter } from './cell.ts'

export interface Layer {
  (x: Tensor): Tensor
  readonly parameters: Named
}

export interface LinearOptions {
  inputs: number
  outputs: number
  /** true by default */
  bias?: boolean
  device: Device
  rng: Random
}

/** A linear layer: x [..., inputs] -> [..., outputs]. */
export function linear(options: LinearOptions): Layer {
  checkOptionNames('linear', options, ['inputs', 'outputs', 'bias', 'device', 'rng'])
  const { inputs, outputs, bias: withBias = true, device, rng } = options
  checkCount('linear: inputs', inputs)
  checkCount('linear: outputs', outputs)
  checkSources('linear', options)
  const bound = 1 / Math.sqrt(inputs)
  const weight = uniformParameter([outputs, inputs], bound, device, rng)
  const bias = withBias ? uniformParameter([outputs], bound, device, rng) : undefined
  return Object.assign((x: Tensor) => affine(x, weight, bias), { parameters: named({ weight, bias }) })
}

export interface EmbeddingOptions {
  /** V: indices are from 0 to V - 1 */
  symbols: number
  /** D, the size of one symbol's vector */
  dimensions: number
  /** the weight [V, D] of another layer, which this one is to share, instead of one of its own */
  weight?: Tensor
  device: Device
  rng: Random
}

const tables = new WeakMap<Layer, Tensor>()

/** The table [V, D] of a layer that looks up rows and does no more; a layer made from such a one has none. */
export function tableOf(layer: Layer): Tensor | undefined {
  return tables.get(layer)
}

/** An embedding: indices [...] (int32) -> [..., dimensions]. */
export function embedding(options: EmbeddingOptions): Layer {
  checkOptionNames('embedding', options, ['symbols', 'dimensions', 'weight', 'device', 'rng'])
  const { symbols: V, dimensions: D, device, rng } = options
  checkCount('embedding: symbols', V)
  checkCount('embedding: dimensions', D)
  checkSources('embedding', options)
  const weight = options.weight ?? parameter(() => tensor(rng.normal(V * D), { shape: [V, D], device }))
  check(show(weight.shape) === show([V, D]), () =>
    `embedding: the weight is ${show(weight.shape)}; it must be ${show([V, D])}: [symbols, dimensions]`)
  const layer = Object.assign((index: Tensor) => gather(weight, index), { parameters: { weight } })
  tables.set(layer, weight)
  return layer
}

/** Everything that has parameters: a cell, a layer, or a net of yours. */
export interface HasParameters {
  readonly parameters: Named
}

/**
 * The parameters of several layers in order, named "layer.parameter":
 * parameters({ cell, head }) has "cell.weight_ih". One that layers share is there once, named by the first.
 */
export function parameters(layers: { readonly [name: string]: HasParameters }): Map<string, Tensor> {
  checkKind('parameters: the object of its layers', layers, 'an object')
  const all = new Map<string, Tensor>()
  const known = new Set<Tensor>()
  for (const [layer, { parameters: own }] of Object.entries(layers)) {
    checkKind(`parameters: the object of parameters of ${layer}`, own, 'an object')
    for (const [name, x] of Object.entries(own)) {
      if (!known.has(x)) all.set(`${layer}.${name}`, x)
      known.add(x)
    }
  }
  return all
}

/**
 * Draws every parameter anew, uniform in ±bound, in place and in order: what papers mean by "initialised
 * uniformly in [-0.1, 0.1]" (Zaremba et al. 2014), biases included.
 */
export function drawUniform(target: ReadonlyMap<string, Tensor>, bound: number, rng: Random): void {
  checkThat(bound > 0 && bound < Infinity, () =>
    `drawUniform: bound is ${bound}; it must be a positive number`)
  untracked(() => {
    for (const x of target.values()) {
      x.assign(tensor(rng.uniform(x.size, -bound, bound), { shape: x.shape, device: x.device }))
    }
  })
}

/**
 * Writes values into parameters of the same names and shapes, in place.
 * @throws UnrolledError if a name is missing or unknown, or a shape or length differs; nothing is written
 */
export function loadParameters(
  target: ReadonlyMap<string, Tensor>,
  values: ReadonlyMap<string, { shape: readonly number[], data: ArrayLike<number> }>,
): void {
  checkKind('load: the map of parameters', target, 'a map')
  checkKind('load: what is loaded', values, 'a map')
  for (const [name, x] of target) {
    const value = values.get(name)
    if (!value) throw new UnrolledError(`load: the parameter ${name} is missing`)
    check(show(value.shape) === show(x.shape), () =>
      `load: ${name} is ${show(value.shape)} in what is loaded, and ${show(x.shape)} in this net; ` +
      'they must be equal')
    check(value.data.length === x.size, () =>
      `load: ${name} has ${value.data.length} values in what is loaded; ` +
      `its shape ${show(x.shape)} holds ${x.size}`)
  }
  for (const name of values.keys()) {
    if (!target.has(name)) throw new UnrolledError(`load: this net has no parameter ${name}`)
  }
  untracked(() => {
    for (const [name, x] of target) {
      x.assign(tensor(values.get(name)!.data, { shape: x.shape, device: x.device }))
    }
  })
}

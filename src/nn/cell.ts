// What a cell is: a function of one input and a state, and the parameters it shares over all time steps.
//
//   step(x_t, state_{t-1}) -> { output: y_t, state: state_t }
//
// A state is a value that the caller holds: a record of tensors such as { h } or { h, c }, or any nesting of
// them. The zero state is data like any other. Most cells multiply x_t by a matrix; those split step into
// `project` (that product, which can be done for all time steps at once) and `advance` (the recurrent rest).
// Next: elman.ts, then unroll.ts.

import { check, checkCount, checkKind, checkParts, checkThat, show } from '../check.ts'
import type { Device } from '../device.ts'
import { add } from '../ops/elementwise.ts'
import { GATES, type RecurrenceParts } from '../ops/recurrence.ts'
import { checkRandom, type Random } from '../random.ts'
import { sameShape, type Shape, sizeOf } from '../shape.ts'
import { parameter } from '../scope.ts'
import { checkOptionNames } from '../suggest.ts'
import { full, tensor, type Tensor, type Tree } from '../tensor.ts'
import { stream, type StepperParts, type Stream } from './stream.ts'

/** Parameters under PyTorch's names, in PyTorch's order. */
export type Named = { readonly [name: string]: Tensor }

export interface Step<S extends Tree> {
  /** y_t [B, outputs] */
  readonly output: Tensor
  readonly state: S
}

export interface Cell<S extends Tree = Tree> {
  readonly parameters: Named
  /** D, the size of x_t */
  readonly inputs: number
  /** the size of y_t */
  readonly outputs: number
  /** the state of a batch of B before the first step: zeros, unless the cell says otherwise */
  initial(batch: number): S
  /** one time step: x [B, D] */
  step(x: Tensor, state: S): Step<S>
  /** of a cell that drops at random (regularised.ts): the cell with its masks drawn, for one sequence */
  drawn?(batch: number, rng: Random): Cell<S>
}

/** A cell whose step is advance(project(x), state), where project also takes a whole sequence [T, B, D]. */
export interface ProjectedCell<S extends Tree = Tree> extends Cell<S> {
  project(x: Tensor): Tensor
  advance: Advance<S>
  /** one sequence, one vector at a time, numbers in and out: stream.ts; from a state of batch 1 */
  stream(state?: S): Stream<S>
}

/** What a regulariser changes inside a step; a cell names those that it allows in `changeable`. */
export interface Changes {
  /** stands in the place of the parameter weight_hh */
  readonly weight_hh?: Tensor
  /** what the weights see of h_{t-1} */
  readonly seen?: (h: Tensor) => Tensor
  /** what is written of the candidate: an LSTM's g, a GRU's n */
  readonly written?: (candidate: Tensor) => Tensor
}

export const asItIs = (x: Tensor): Tensor => x

type AdvanceStep<S extends Tree> = {
  advance(projected: Tensor, state: S, changes?: Changes): Step<S>
}['advance']

/** The recurrent rest of a step. A method's type, so that a cell with a state of its own kind is a Cell. */
export type Advance<S extends Tree> = AdvanceStep<S> & {
  /**
   * For a cell whose steps a fused op can do all at once: from projected [T, B, width] and the first state
   * to all that `recurrence` takes. It belongs to this function, not to the cell: a cell made from another
   * one with an `advance` of its own goes step by step.
   */
  readonly sequence?: ForFused<S> | undefined
  /** the `project` that this function stands beside, which does each row by itself: x W^T + b */
  readonly beside?: ((x: Tensor) => Tensor) | undefined
  /** the same for the steps of a stream */
  readonly stepper?: StepperParts | undefined
  /** the changes that a step takes; none by default */
  readonly changeable?: readonly (keyof Changes)[] | undefined
}

type ForFused<S extends Tree> = {
  parts(projected: Tensor, state: S, weight_hh?: Tensor): RecurrenceParts
}['parts']

export function isProjected<S extends Tree>(cell: Cell<S>): cell is ProjectedCell<S> {
  checkCell('isProjected', cell)
  return 'project' in cell && 'advance' in cell
}

export interface CellOptions {
  /** D, the size of one input */
  inputs: number
  /** H, the number of hidden units */
  hidden: number
  /** the two bias vectors; true by default */
  bias?: boolean
  device: Device
  rng: Random
}

/** The parameters that exist: those left out (a bias, a projection) are undefined. */
export function named(parameters: { readonly [name: string]: Tensor | undefined }): Named {
  return Object.fromEntries(Object.entries(parameters).flatMap(([name, x]) => (x ? [[name, x]] : [])))
}

/** Checks what every cell is made from; `own` are the options that this one has beside those. */
export function checkCellOptions<O extends CellOptions>(
  name: string, options: O, own: readonly (keyof O & string)[] = [],
): void {
  checkOptionNames(name, options, ['inputs', 'hidden', 'bias', 'device', 'rng', ...own])
  checkCount(`${name}: inputs`, options.inputs)
  checkCount(`${name}: hidden`, options.hidden)
  checkSources(name, options)
}

/** Throws unless `cell` is one. */
export function checkCell(op: string, cell: unknown, parts: readonly string[] = []): void {
  checkParts(`${op}: the cell`, cell, ['inputs', 'outputs', 'initial', 'step', ...parts],
    'a cell, such as lstm() makes')
}

/** Checks where parameters live and what draws them, which TypeScript alone would see to. */
export function checkSources(name: string, { device, rng }: { device: Device, rng: Random }): void {
  checkThat(device !== undefined, () => `${name}: device is missing; pass one, such as cpu()`)
  checkRandom(name, rng)
}

/**
 * A parameter drawn uniformly from [-bound, bound): PyTorch's way for recurrent and linear layers.
 * It is yours, not a tape's.
 */
export function uniformParameter(shape: Shape, bound: number, device: Device, rng: Random): Tensor {
  checkKind('uniformParameter: the shape', shape, 'a list')
  checkSources('uniformParameter', { device, rng })
  return parameter(() => tensor(rng.uniform(sizeOf(shape), -bound, bound), { shape, device }))
}

/** The two biases of a product as one vector, added once; none if there are none. */
export function sumOf(bias_ih: Tensor | undefined, bias_hh: Tensor | undefined): Tensor | undefined {
  return bias_ih && bias_hh ? add(bias_ih, bias_hh) : bias_ih ?? bias_hh
}

/** A projected cell's two equations, and the sizes of what they take and give. */
export interface CellParts<S extends Named> {
  readonly parameters: { readonly [name: string]: Tensor | undefined }
  readonly inputs: number
  readonly outputs: number
  /** how wide the product is that project gives */
  readonly width: number
  /** the size of every part of the state: H for an h [B, H] */
  readonly sizes: { readonly [part in keyof S]: number }
  /** the value of a state before the first step; 0 by default */
  readonly first?: number
  readonly device: Device
  /** x [..., B, inputs] -> [..., B, width] */
  project(x: Tensor): Tensor
  /** [B, width] and a state, both of the right sizes */
  advance(projected: Tensor, state: S, changes: Changes): Step<S>
  /** the changes that `advance` heeds */
  readonly changeable?: readonly (keyof Changes)[]
  /** the weights of the fused op that equals `advance`, if there is one; its state is { h } or { h, c } */
  readonly fused?: FusedParts
}

export interface FusedParts extends Omit<RecurrenceParts, 'projected' | 'h' | 'c'> {
  /** the weight and the biases of `project`, if it is an affine function: x weight^T + their sum */
  readonly affine?: { readonly weight: Tensor, readonly biases: readonly (Tensor | undefined)[] }
}

/** Completes a cell: its zero state, its step, and checks that come before any op's and speak of the cell. */
export function projectedCell<S extends Named>(name: string, parts: CellParts<S>): ProjectedCell<S> {
  checkParts('projectedCell: the object of its parts', parts,
    ['inputs', 'outputs', 'width', 'sizes', 'device', 'project'], 'an object of CellParts')
  const { inputs, outputs, width, sizes, device } = parts

  function project(x: Tensor): Tensor {
    check(x?.rank >= 2 && x.shape.at(-1) === inputs, () =>
      `${name}: x is ${show(x?.shape)}; it must be [B, ${inputs}]`)
    return parts.project(x)
  }

  function advance(projected: Tensor, state: S, changes: Changes = {}): Step<S> {
    check(projected?.rank === 2 && projected.shape[1] === width, () =>
      `${name}: the projected input is ${show(projected?.shape)}; it must be [B, ${width}], ` +
      'one step of what project gives')
    checkState(name, projected.shape[0], state, sizes)
    return parts.advance(projected, state, changes)
  }

  const { changeable } = parts
  const fused = parts.fused && device.fused?.kinds.includes(parts.fused.kind) ? parts.fused : undefined
  const sequence = fused && sequenceOf(name, parts, fused)
  const stepper = fused && stepperOf(parts, fused)
  return {
    parameters: named(parts.parameters),
    inputs,
    outputs,
    initial: (batch) => firstState(parts, batch),
    project,
    advance: Object.assign(advance, { sequence, stepper, changeable, beside: project }),
    step: (x, state) => advance(project(x), state),
    // `this`: a cell that was made from this one, with a step of its own, streams that
    stream(state) { return stream(this, state) },
  }
}

function sequenceOf<S extends Named>(
  name: string, { sizes }: CellParts<S>, { affine: _, weight_hh: own, ...rest }: FusedParts,
): ForFused<S> {
  return (projected, state, weight_hh = own) => {
    checkState(name, projected.shape[1], state, sizes)
    return { ...rest, weight_hh, projected, h: state.h, c: state.c }
  }
}

function stepperOf<S extends Named>(
  { inputs, outputs, width, device }: CellParts<S>, fused: FusedParts,
): StepperParts | undefined {
  const { kind, weight_hh, bias_hh, weight_ch, weight_hr, affine } = fused
  const ops = device.fused
  if (!affine || !ops?.stepper) return undefined
  return {
    open: () => ops.stepper!({
      kind, inputs, outputs, H: width / GATES[kind], input: affine.weight,
      inputBiases: affine.biases.filter((bias) => bias !== undefined),
      weight: weight_hh, bias: bias_hh ?? null, peepholes: weight_ch ?? null, projection: weight_hr ?? null,
    }),
  }
}

function firstState<S extends Named>({ sizes, first = 0, device }: CellParts<S>, batch: number): S {
  const parts = Object.entries(sizes).map(([part, size]) => [part, full([batch, size], first, device)])
  return Object.fromEntries(parts) as S
}

function checkState(
  name: string, B: number, state: Named, sizes: { readonly [part: string]: number },
): void {
  checkThat(state !== undefined, () =>
    `${name}: the state is missing; begin with the cell's own, initial(${B})`)
  for (const part of Object.keys(sizes)) {
    const x: Tensor | undefined = state[part]
    const wanted = [B, sizes[part]]
    check(x !== undefined && sameShape(x.shape, wanted), () =>
      `${name}: the state's ${part} is ${x ? show(x.shape) : 'missing'}; it must be ${show(wanted)}`)
  }
}

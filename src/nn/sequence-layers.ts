// Layers: whatever maps a sequence [T, B, inputs] to a sequence [T, B, outputs]. Deep nets are made of these.
//
//   stacked        h^l = layer_l(h^{l-1}),             h^0 = x             the outputs are h^L
//   skipConnected  h^l = layer_l([x; h^{l-1}]),        outputs [h^1; ...; h^L]     (Graves 2013, section 2)
//   bidirectional  merge(forward cell over x, reverse cell over x)    (Schuster and Paliwal 1997, section II)
//
// With lengths, every sequence ends at its own end in each layer and direction, and what stands behind it
// is never read. Next: recurrent.ts, PyTorch's layers; regularised.ts, what is dropped in training.

import { check, checkKind, checkParts, checkThat } from '../check.ts'
import { add, mul } from '../ops/elementwise.ts'
import { concat } from '../ops/move.ts'
import type { Random } from '../random.ts'
import { checkChoice, checkOptionNames } from '../suggest.ts'
import { Tensor, type Tree } from '../tensor.ts'
import { type Cell, checkCell, type Named } from './cell.ts'
import { chained, skipping, type Stream, stream } from './stream.ts'
import { lookedUp, lowestLayer, type Rows, unroll, unrollBoth, type Unrolled } from './unroll.ts'

export interface SequenceOptions<S extends Tree> {
  /** the state before the first step; zeros unless given */
  state?: S
  /** the length of each sequence of the batch, 1 to T; all T by default */
  lengths?: ArrayLike<number>
  /** the number of this layer (of several: the lowest), for what is printed; by default that of `at`, or 0 */
  layer?: number
  /** draws the masks of cells and layers that drop: pass it in training, leave it out in evaluation */
  rng?: Random
}

/** A method's type, so that a layer with a state of its own kind is also a SequenceLayer<Tree>. */
type RunSequence<S extends Tree> = {
  run(xs: Tensor, options?: SequenceOptions<S>): Unrolled<S>
}['run']

/**
 * Anything that maps a sequence [T, B, inputs] to a sequence [T, B, outputs]: a stack of cells, a
 * bidirectional pair, recurrent({ ... }).
 */
export interface SequenceLayer<S extends Tree = Tree> extends RunSequence<S> {
  readonly parameters: Named
  readonly inputs: number
  readonly outputs: number
  /** how many layers it has, one above the other */
  readonly layers: number
  /** the zero state of a batch of B */
  initial(batch: number): S
  /** the same over the rows of a table, which may save most of the first product: unroll.ts */
  ofRows?(rows: Rows, options?: SequenceOptions<S>): Unrolled<S>
  /** one sequence, one vector at a time: stream.ts; where every part reads forward */
  stream?(state?: S): Stream<S>
}

/** A cell as a layer: unrolled forward over the sequence. A layer stays what it is. */
export function asLayer(part: Cell | SequenceLayer): SequenceLayer {
  if (!('step' in part)) return part
  const run = (xs: Tensor | Rows, { state, lengths, layer, rng }: SequenceOptions<Tree> = {}) =>
    unroll(part, xs, state, { lengths, layer, rng })
  const { parameters, inputs, outputs } = part
  return Object.assign(run, {
    ofRows: run,
    parameters, inputs, outputs, layers: 1, initial: (batch: number) => part.initial(batch),
    stream: (state?: Tree) => stream(part, state),
  })
}

function checkList(op: string, parts: readonly (Cell | SequenceLayer)[]): void {
  checkThat(Array.isArray(parts) && parts.length > 0, () =>
    `${op}: it needs a list of one cell or layer, or more`)
  parts.forEach((part, k) => {
    checkParts(`${op}: part ${k}`, part, ['inputs', 'outputs'], 'a cell or layers')
  })
}

/** The parts' states side by side, the zero state and the names of what a deep net is made of. */
function deepNet(
  name: string, parts: readonly (Cell | SequenceLayer)[], outputs: number,
  through: (xs: Tensor | Rows, run: (k: number, inputs: Tensor | Rows) => Tensor) => Tensor,
  wire?: typeof skipping,
) {
  const layers = parts.map(asLayer)
  const checkState = (state: readonly Tree[]) => {
    checkThat(state?.length === layers.length, () =>
      `${name}: the state has ${state?.length ?? 'no'} parts; it must have ${layers.length}, ` +
      'one for each cell')
    return state
  }
  const run = (xs: Tensor | Rows, sequence: SequenceOptions<readonly Tree[]> = {}) => {
    checkKind(`${name}: the object of its options`, sequence, 'an object')
    const { state, ...options } = sequence
    if (state) checkState(state)
    let layer = lowestLayer(options)
    const states: Tree[] = []
    const outputs = through(xs, (k, inputs) => {
      const part = layers[k]
      const how = { ...options, state: state?.[k], layer }
      const result = part.ofRows && !(inputs instanceof Tensor)
        ? part.ofRows(inputs, how) : part(lookedUp(inputs), how)
      states[k] = result.state
      layer += part.layers
      return result.outputs
    })
    return { outputs, state: states }
  }
  return Object.assign(run, {
    ofRows: run,
    parameters: prefixed(layers.map((part, k) => [`${k}`, part])),
    inputs: layers[0].inputs,
    outputs,
    layers: layers.reduce((total, part) => total + part.layers, 0),
    initial: (batch: number) => layers.map((part) => part.initial(batch)),
    ...(layers.every((part) => part.stream) && {
      stream: (state?: readonly Tree[]) => chained<readonly Tree[]>(
        parts.map((part) => stream(part)), state, { join: (all) => all, split: checkState, wire, outputs }),
    }),
  })
}

/**
 * Cells or layers one above the other: the outputs of each are the inputs of the next.
 * The state is the list of their states.
 */
export function stacked(parts: readonly (Cell | SequenceLayer)[]): SequenceLayer<readonly Tree[]> {
  checkList('stacked', parts)
  parts.forEach((part, k) => {
    const below = parts[k - 1]
    check(!below || part.inputs === below.outputs, () =>
      `stacked: part ${k} takes ${part.inputs} inputs, but part ${k - 1} gives ${below!.outputs} outputs; ` +
      'they must be equal')
  })
  return deepNet('stacked', parts, parts[parts.length - 1].outputs, (xs, run) => {
    let below = run(0, xs)
    for (let k = 1; k < parts.length; k++) below = run(k, below)
    return below
  })
}

/**
 * A deep net in which every layer reads the input too, beside the layer below, and shows its outputs to what
 * comes after: [h^1; ...; h^L] side by side. A linear head on them has a matrix for each layer, Graves's
 * y_t = b_y + sum over l of W_{h^l y} h^l_t; so the error reaches each layer, and each layer the input, in
 * one step, however deep the net is. Graves 2013, "Generating sequences with recurrent neural networks",
 * section 2.
 * @throws ShapeError unless part k > 0 takes as many inputs as x and the outputs of part k - 1 together
 */
export function skipConnected(parts: readonly (Cell | SequenceLayer)[]): SequenceLayer<readonly Tree[]> {
  checkList('skipConnected', parts)
  const D = parts[0].inputs
  parts.forEach((part, k) => {
    const below = parts[k - 1]
    check(!below || part.inputs === D + below.outputs, () =>
      `skipConnected: part ${k} takes ${part.inputs} inputs; it must take ${D + below!.outputs}: the net's ` +
      `${D} beside the ${below!.outputs} outputs of part ${k - 1}`)
  })
  const outputs = parts.reduce((total, part) => total + part.outputs, 0)
  return deepNet('skipConnected', parts, outputs, (xs, run) => {
    const shown = [run(0, xs)] // h^1 .. h^L, each [T, B, H]
    if (parts.length === 1) return shown[0]
    const x = lookedUp(xs)
    for (let k = 1; k < parts.length; k++) shown.push(run(k, concat([x, shown[k - 1]], -1)))
    return concat(shown, -1)
  }, skipping)
}

/** How the outputs of the two directions become one, [T, B, ...] each. */
const merges = {
  concat: (ahead: Tensor, back: Tensor) => concat([ahead, back], -1),
  sum: (ahead: Tensor, back: Tensor) => add(ahead, back),
  mul: (ahead: Tensor, back: Tensor) => mul(ahead, back),
  average: (ahead: Tensor, back: Tensor) => mul(add(ahead, back), 0.5),
}

export type Merge = keyof typeof merges

export interface BidirectionalOptions {
  /** side by side (concat, by default), or element by element: sum, mul, average */
  merge?: Merge
}

/**
 * Two cells, one forward and one in reverse, over the same sequence: y_t has seen all of it. With lengths the
 * reverse cell begins at each sequence's own end. Schuster and Paliwal 1997, "Bidirectional recurrent neural
 * networks"; the ways to merge are Keras's.
 * @throws ShapeError if the cells take different inputs, or cannot be merged; UnrolledError for another merge
 */
export function bidirectional<S extends Tree>(
  forward: Cell<S>, reverse: Cell<S>, options: BidirectionalOptions = {},
): SequenceLayer<readonly [S, S]> {
  checkOptionNames('bidirectional', options, ['merge'])
  const { merge = 'concat' } = options
  checkThat(forward !== undefined && reverse !== undefined, () =>
    'bidirectional: it needs two cells, one forward and one in reverse, with weights of their own')
  for (const cell of [forward, reverse]) checkCell('bidirectional', cell)
  check(forward.inputs === reverse.inputs, () =>
    `bidirectional: the forward cell takes ${forward.inputs} inputs, the reverse one ${reverse.inputs}; ` +
    'they must be equal')
  checkChoice('bidirectional: merge', merge, Object.keys(merges) as Merge[])
  check(merge === 'concat' || forward.outputs === reverse.outputs, () =>
    `bidirectional: the forward cell gives ${forward.outputs} outputs, the reverse one ${reverse.outputs}; ` +
    `to merge them by ${merge} they must be equal; concat puts them side by side`)
  const run = (xs: Tensor, sequence: SequenceOptions<readonly [S, S]> = {}): Unrolled<readonly [S, S]> => {
    checkKind('bidirectional: the object of its options', sequence, 'an object')
    const { state, lengths, layer, rng } = sequence
    checkThat(state === undefined || state?.length === 2, () =>
      `bidirectional: the state has ${state?.length ?? 'no'} parts; it must have 2, forward and reverse`)
    const [ahead, back] = unrollBoth([forward, reverse], xs, state ?? [], { lengths, layer, rng })
    return { outputs: merges[merge](ahead.outputs, back.outputs), state: [ahead.state, back.state] }
  }
  return Object.assign(run, {
    parameters: prefixed([['forward', forward], ['reverse', reverse]]),
    inputs: forward.inputs,
    outputs: merge === 'concat' ? forward.outputs + reverse.outputs : forward.outputs,
    layers: 1,
    initial: (batch: number) => [forward.initial(batch), reverse.initial(batch)] as const,
  })
}

function prefixed(parts: readonly (readonly [string, { readonly parameters: Named }])[]): Named {
  return Object.fromEntries(parts.flatMap(([prefix, { parameters }]) =>
    Object.entries(parameters).map(([name, x]) => [`${prefix}.${name}`, x])))
}

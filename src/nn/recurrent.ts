// Layers and directions of one cell, in the names, order and shapes of PyTorch's nn.RNN, nn.LSTM and nn.GRU.
//
//   layer k     reads the outputs of layer k-1; with two directions these are [forward; reverse], 2H wide
//   parameters  weight_ih_l{k}{_reverse}  weight_hh_...  bias_ih_...  bias_hh_...  weight_hr_... (projection)
//   state       h [L * directions, B, H], layer by layer, forward before reverse; an LSTM's c beside it
//   skip        each layer reads [x; outputs below], and the outputs of all are shown: sequence-layers.ts
//
// Dropout falls between layers, not after the last (Zaremba et al. 2014), and only when a generator is passed
// to the call. Next: train/language-model.ts.

import { check, checkCount, checkKind, show, UnrolledError } from '../check.ts'
import { dropout, lockedDropout } from '../ops/dropout.ts'
import { concat, reshape, stack, transpose, unstack } from '../ops/move.ts'
import { unowned } from '../scope.ts'
import { nearest } from '../suggest.ts'
import { dispose, type Tensor, zeros } from '../tensor.ts'
import { type CellOptions, checkCellOptions, type ProjectedCell } from './cell.ts'
import type { MakeCell } from './cells.ts'
import { elman, type Nonlinearity, nonlinearityNamed } from './elman.ts'
import type { GateBias } from './gate-bias.ts'
import { gru } from './gru.ts'
import { checkProjection, lstm } from './lstm.ts'
import { regularised, type Regularisers } from './regularised.ts'
import type { SequenceLayer, SequenceOptions } from './sequence-layers.ts'
import { chained, skipping, stream } from './stream.ts'
import {
  checkRows, lookedUp, lowestLayer, type Rows, timeAndBatch, unroll, unrollBoth,
} from './unroll.ts'

export interface RecurrentOptions extends CellOptions {
  /** PyTorch's name, or any function that makes a cell: kind: peephole */
  kind: (typeof KINDS)[number] | MakeCell
  /** L; 1 by default */
  layers?: number
  bidirectional?: boolean
  /** whether every layer reads x too, and every layer's outputs are shown: Graves 2013, section 2 */
  skip?: boolean
  /** what the biases of gates start at, in every layer, such as { forget: 1 } for an LSTM; gate-bias.ts */
  gateBias?: GateBias<string>
  /** probability of dropping a value between two layers; needs a generator at the call to have an effect */
  dropout?: number
  /** P < H, LSTM only: h is projected to P values */
  projection?: number
  /** RNN only: tanh by default */
  nonlinearity?: Nonlinearity
  /** one mask of dropout for all steps, not one for each: Gal and Ghahramani 2016 */
  variational?: boolean
  /** what is dropped inside the cells; it too needs a generator at the call */
  regularisers?: Regularisers
  /** x and outputs are [B, T, ...] instead of [T, B, ...]: not for stacked, where time is first */
  batchFirst?: boolean
}

const KINDS = ['RNN', 'LSTM', 'GRU'] as const
const OWN_OPTIONS = [
  'kind', 'layers', 'bidirectional', 'dropout', 'projection', 'nonlinearity', 'batchFirst',
  'variational', 'regularisers', 'skip', 'gateBias',
] as const

/** The parts of the cell's state, of all layers: h [L * directions, B, H or P], for an LSTM c beside it */
export interface RecurrentState {
  readonly [name: string]: Tensor
}

/** With lengths, outputs past a sequence's end are zero, final states are those at each one's own end. */
export type RunOptions = SequenceOptions<RecurrentState>

/**
 * xs [T, B, inputs] -> outputs [T, B, directions * (P or H)], with skip [T, B, L * directions * (P or H)];
 * a single sequence [T, inputs] works too, without B throughout.
 */
export type Recurrent = SequenceLayer<RecurrentState>

type AnyCell = ProjectedCell<RecurrentState>

function makeCell(options: RecurrentOptions, inputs: number): AnyCell {
  const cell = plainCell(options, inputs)
  return options.regularisers ? regularised(cell, options.regularisers) : cell
}

function plainCell(options: RecurrentOptions, inputs: number): AnyCell {
  const { kind, hidden, bias, projection, nonlinearity, gateBias, device, rng } = options
  const common = { inputs, hidden, bias, device, rng, ...(gateBias && { gateBias }) }
  if (typeof kind === 'function') return kind(common)
  if (kind === 'LSTM') return lstm({ ...common, projection })
  return kind === 'GRU' ? gru(common) : elman({ ...common, nonlinearity })
}

const nameOf = (kind: RecurrentOptions['kind']) => (typeof kind === 'function' ? kind.name : kind)

function checkOptions(options: RecurrentOptions): void {
  checkCellOptions('recurrent', options, OWN_OPTIONS)
  const { kind, hidden, layers = 1, dropout = 0, projection = 0, nonlinearity } = options
  const refuse = (text: string): never => { throw new UnrolledError(`recurrent: ${text}`) }
  if (typeof kind !== 'function' && !KINDS.includes(kind)) {
    const meant = nearest(String(kind), KINDS)
    refuse(`kind is ${String(kind)}; ` +
      (meant ? `did you mean ${meant}?` : 'it must be RNN, LSTM, GRU or a function that makes a cell'))
  }
  checkCount('recurrent: layers', layers)
  if (!(dropout >= 0 && dropout < 1)) refuse(`dropout is ${dropout}; it must lie in [0, 1)`)
  if (projection && kind !== 'LSTM') refuse(`projection is for the LSTM; kind is ${nameOf(kind)}`)
  if (options.gateBias && kind === 'RNN') refuse('gateBias is for cells with gates; kind is RNN')
  if (nonlinearity && kind !== 'RNN') refuse(`nonlinearity is for the RNN; kind is ${nameOf(kind)}`)
  checkProjection('recurrent', projection, hidden)
  nonlinearityNamed('recurrent', nonlinearity ?? 'tanh')
}

/**
 * Layers of recurrent cells that do all that PyTorch's nn.RNN, nn.LSTM and nn.GRU do, by the same names; of
 * any other cell too.
 */
export function recurrent(options: RecurrentOptions): Recurrent {
  checkOptions(options)
  const { layers: L = 1, bidirectional = false, skip = false, batchFirst = false, device } = options
  const { dropout: p = 0 } = options
  const drop = options.variational ? lockedDropout : dropout
  const directions = bidirectional ? (['forward', 'reverse'] as const) : (['forward'] as const)
  const parameters: Record<string, Tensor> = {}
  const cells: AnyCell[] = [] // layer by layer, forward before reverse
  for (let layer = 0; layer < L; layer++) {
    for (const direction of directions) {
      const below = cells.at(-1)
      const width = layer === 0 || !below ? 0 : below.outputs * directions.length
      const cell = makeCell(options, width === 0 ? options.inputs : width + (skip ? options.inputs : 0))
      cells.push(cell)
      const suffix = `_l${layer}${direction === 'reverse' ? '_reverse' : ''}`
      for (const [name, x] of Object.entries(cell.parameters)) parameters[name + suffix] = x
    }
  }
  const sizes = sizesOf(cells[0])
  const names = Object.keys(sizes)

  /** The state of every cell, from one tensor per name. */
  function takeApart(state: RecurrentState | undefined, B: number): RecurrentState[] {
    if (!state) return cells.map((cell) => cell.initial(B))
    const pieces = names.map((name) => {
      const x = state[name]
      const wanted = [cells.length, B, sizes[name]]
      check(x !== undefined && show(x.shape) === show(wanted), () =>
        `recurrent: the state's ${name} is ${x ? show(x.shape) : 'missing'}; it must be ${show(wanted)}: ` +
        '[layers * directions, B, size]')
      return unstack(x)
    })
    return cells.map((_, k) => Object.fromEntries(names.map((name, n) => [name, pieces[n][k]])))
  }

  /** The state of all cells, one tensor per name. */
  function join(states: readonly RecurrentState[]): RecurrentState {
    return Object.fromEntries(names.map((name) => [name, stack(states.map((s) => s[name]))]))
  }

  function runLayers(xs: Tensor | Rows, { state, lengths, rng, ...place }: RunOptions) {
    const lowest = lowestLayer(place)
    const initial = takeApart(state, timeAndBatch(xs)[1])
    const finals: RecurrentState[] = []
    const shown: Tensor[] = [] // the outputs of each layer, [T, B, directions * (P or H)]
    let beside: Tensor | undefined // x, which every layer sees with `skip`
    function above(below: Tensor): Tensor {
      const dropped = p > 0 && rng ? drop(below, p, rng) : below
      if (!skip) return dropped
      beside ??= lookedUp(xs)
      return concat([beside, dropped], -1)
    }
    for (let layer = 0; layer < L; layer++) {
      const inputs = layer === 0 ? xs : above(shown[layer - 1])
      const how = { lengths, layer: lowest + layer, rng }
      const k = layer * directions.length
      const sides = bidirectional
        ? unrollBoth([cells[k], cells[k + 1]], inputs, [initial[k], initial[k + 1]], how)
        : [unroll(cells[k], inputs, initial[k], how)]
      finals.push(...sides.map((side) => side.state))
      shown.push(bidirectional ? concat(sides.map(({ outputs }) => outputs), -1) : sides[0].outputs)
    }
    return { outputs: skip && L > 1 ? concat(shown, -1) : shown[L - 1], state: join(finals) }
  }

  /** Brings the accepted layouts to [T, B, D] and the results back. */
  function run(xs: Tensor, runOptions: RunOptions = {}) {
    checkKind('recurrent: the object of its options', runOptions, 'an object')
    check((xs?.rank === 3 || xs?.rank === 2) && xs.shape.at(-1) === options.inputs, () =>
      `recurrent: x is ${show(xs?.shape)}; it must be ` +
      `[${batchFirst ? 'B, T' : 'T, B'}, ${options.inputs}], or [T, ${options.inputs}] for a single sequence`)
    if (xs.rank === 2) return runSingle(xs, runOptions)
    if (!batchFirst) return runLayers(xs, runOptions)
    const { outputs, state } = runLayers(transpose(xs, [1, 0, 2]), runOptions)
    return { outputs: transpose(outputs, [1, 0, 2]), state }
  }

  function runSingle(xs: Tensor, { state, ...rest }: RunOptions) {
    const withBatch = (s: RecurrentState) => mapState(s, (x) => reshape(x, [x.shape[0], 1, x.shape[1]]))
    const batch = reshape(xs, [xs.shape[0], 1, xs.shape[1]])
    const result = runLayers(batch, { ...rest, state: state && withBatch(state) })
    return {
      outputs: reshape(result.outputs, [xs.shape[0], -1]),
      state: mapState(result.state, (x) => reshape(x, [x.shape[0], x.shape[2]])),
    }
  }

  function ofRows(rows: Rows, runOptions: RunOptions = {}) {
    checkRows('recurrent', options.inputs, rows)
    checkKind('recurrent: the object of its options', runOptions, 'an object')
    return runLayers(rows, runOptions)
  }

  const outputs = cells[0].outputs * directions.length * (skip ? L : 1)
  const chain = { join, split: (given: RecurrentState) => takeApart(given, 1), outputs }
  const streamed = (state?: RecurrentState) => chained<RecurrentState>(
    cells.map((cell) => stream(cell)), state, skip ? { ...chain, wire: skipping } : chain)

  return Object.assign(run, {
    ...(!batchFirst && { ofRows }),
    ...(!bidirectional && { stream: streamed }),
    parameters,
    inputs: options.inputs,
    layers: L,
    outputs,
    initial: (batch: number) =>
      Object.fromEntries(names.map((name) => [name, zeros([cells.length, batch, sizes[name]], device)])),
  })
}

/** The size of each part of a cell's state. */
function sizesOf(cell: AnyCell): Record<string, number> {
  const state = unowned(() => cell.initial(1))
  const sizes = Object.entries(state).map(([name, x]) => [name, x.shape[1]])
  dispose(state)
  return Object.fromEntries(sizes) as Record<string, number>
}

function mapState(state: RecurrentState, f: (x: Tensor) => Tensor): RecurrentState {
  return Object.fromEntries(Object.entries(state).map(([name, x]) => [name, f(x)]))
}

// What is dropped inside a recurrent cell in training, and for how long the same. ~x is x ⊙ m / (1 - p), each
// value of the mask m being 0 with probability p; U is weight_hh; h^ and c^ are what a step gives.
//
//   inputDropout      W ~x_t             a mask for each sequence, for all t     Gal and Ghahramani 2016
//   stateDropout      U ~h_{t-1}         the same                                       (section 4)
//   weightDrop        (~U) h_{t-1}       one mask for all t and sequences        Merity et al. 2018, sect. 2
//   recurrentDropout  c_t = f c + i ~g   a mask for each t                       Semeniuta et al. 2016
//   zoneout           h_t = h_{t-1} where m = 0, else h^; zoneoutCell: c_t       Krueger et al. 2017, sect. 3
// Masks are drawn in this order, the same on every device. Next: layer-norm-lstm.ts.

import { checkThat, describe, UnrolledError } from '../check.ts'
import type { Device } from '../device.ts'
import { add, mul, where } from '../ops/elementwise.ts'
import { dropout } from '../ops/dropout.ts'
import type { Random } from '../random.ts'
import { unowned } from '../scope.ts'
import type { Shape } from '../shape.ts'
import { checkOptionNames } from '../suggest.ts'
import { dispose, ones, type Tensor } from '../tensor.ts'
import { type Changes, checkCell, type Named, type ProjectedCell, type Step } from './cell.ts'

/** Probabilities, each in [0, 1); 0, the default, for none. */
export interface Regularisers {
  inputDropout?: number
  stateDropout?: number
  weightDrop?: number
  recurrentDropout?: number
  /** of h; in evaluation h_t = p h_{t-1} + (1 - p) h^, the expectation */
  zoneout?: number
  /** of an LSTM's c, the same; h^ is made of the c^ that is not zoned out */
  zoneoutCell?: number
}

export const REGULARISERS = [
  'inputDropout', 'stateDropout', 'weightDrop', 'recurrentDropout', 'zoneout', 'zoneoutCell',
] as const satisfies readonly (keyof Regularisers)[]

/** The change inside a step that each of these needs. */
const NEEDS = { stateDropout: 'seen', weightDrop: 'weight_hh', recurrentDropout: 'written' } as const

/**
 * The same cell, with the same parameters, that drops in training: when unroll, or a layer, is given a
 * generator. In evaluation it is the cell itself, but for zoneout's expectation. Weight drop and input
 * dropout keep a fused sequence, since they are done before the first step; state dropout, recurrent dropout
 * and zoneout act between the products, so their steps are composed of elementary ops (zoneout's always).
 *
 *   const cell = regularised(lstm({ inputs, hidden, device, rng }), { weightDrop: 0.5, zoneoutCell: 0.5 })
 *   unroll(cell, xs, state, { rng: random(2) })
 *
 * @throws UnrolledError for a probability outside [0, 1), or one that the cell has no place for
 */
export function regularised<S extends Named>(
  cell: ProjectedCell<S>, options: Regularisers,
): ProjectedCell<S> {
  checkRegularisers('regularised', options)
  checkCell('regularised', cell, ['project', 'advance'])
  checkPlaces(cell, options)
  const { zoneout = 0, zoneoutCell = 0 } = options
  const plain = zoneout || zoneoutCell
    ? changed(cell, {}, (next, before, p) => add(mul(before, p), mul(next, 1 - p)), options)
    : cell
  return { ...plain, drawn: (batch, rng) => drawn(cell, options, batch, rng) }
}

/** The cell for one sequence of training. */
function drawn<S extends Named>(
  cell: ProjectedCell<S>, options: Regularisers, B: number, rng: Random,
): ProjectedCell<S> {
  const { inputDropout = 0, stateDropout = 0, weightDrop = 0, recurrentDropout = 0 } = options
  const { device } = cell.parameters.weight_ih
  const onInputs = inputDropout ? mask([B, cell.inputs], inputDropout, device, rng) : undefined
  const onStates = stateDropout ? mask([B, partsOf(cell).h], stateDropout, device, rng) : undefined
  const changes: Changes = {
    ...(onStates && { seen: (h: Tensor) => mul(h, onStates) }),
    ...(weightDrop && { weight_hh: dropout(cell.parameters.weight_hh, weightDrop, rng) }),
    ...(recurrentDropout && { written: (g: Tensor) => dropout(g, recurrentDropout, rng) }),
  }
  const zone: Zone = (next, before, p) => where(mask(next.shape, p, device, rng), next, before)
  const result = changed(cell, changes, zone, options)
  if (!onInputs) return result
  const project = (x: Tensor) => cell.project(mul(x, onInputs)) // the mask [B, D] is the same for all of T
  return { ...result, project, step: (x, state) => result.advance(project(x), state) }
}

/** 0 with probability p, else 1 / (1 - p): what dropout makes of ones. */
function mask(shape: Shape, p: number, device: Device, rng: Random): Tensor {
  return dropout(ones(shape, device), p, rng)
}

/** What becomes of a part of the state that a step gave as `next`. */
type Zone = (next: Tensor, before: Tensor, p: number) => Tensor

/** The cell with changes inside its step, and zoneout after it. */
function changed<S extends Named>(
  cell: ProjectedCell<S>, changes: Changes, zone: Zone, { zoneout = 0, zoneoutCell = 0 }: Regularisers,
): ProjectedCell<S> {
  const shares: { readonly [part: string]: number } = { h: zoneout, c: zoneoutCell }

  function advance(projected: Tensor, before: S): Step<S> {
    const { output, state } = cell.advance(projected, before, changes)
    if (!zoneout && !zoneoutCell) return { output, state }
    const zoned = Object.entries(state).map(([part, next]) =>
      [part, shares[part] ? zone(next, before[part], shares[part]) : next])
    const after = Object.fromEntries(zoned) as S
    return { output: output === state.h ? after.h : output, state: after }
  }

  const parts = cell.advance.sequence
  const betweenSteps = changes.seen || changes.written || zoneout || zoneoutCell
  const sequence: typeof parts = parts && !betweenSteps
    ? (projected, state) => parts(projected, state, changes.weight_hh)
    : undefined
  return {
    ...cell,
    advance: Object.assign(advance, { sequence }),
    step: (x, state) => advance(cell.project(x), state),
  }
}

/** @throws UnrolledError for a name that is unknown or a probability outside [0, 1) */
export function checkRegularisers(name: string, options: Regularisers): void {
  checkOptionNames(name, options, REGULARISERS)
  for (const key of REGULARISERS) {
    const p = options[key] ?? 0
    checkThat(typeof p === 'number' && p >= 0 && p < 1, () =>
      `${name}: ${key} is ${describe(p)}; it must lie in [0, 1)`)
  }
}

function checkPlaces<S extends Named>(cell: ProjectedCell<S>, options: Regularisers): void {
  const refuse = (key: string, reason: string): never => {
    throw new UnrolledError(`regularised: ${key} is ${options[key as keyof Regularisers]}; ${reason}`)
  }
  if (cell.drawn) refuse(REGULARISERS.find((key) => options[key]) ?? 'inputDropout',
    'the cell drops already; give all options in one call')
  const changeable = cell.advance.changeable ?? []
  for (const [key, change] of Object.entries(NEEDS)) {
    if (!options[key as keyof typeof NEEDS] || changeable.includes(change)) continue
    refuse(key, `this cell has no place for it; its steps take ${changeable.join(', ') || 'no changes'}`)
  }
  const parts = partsOf(cell)
  if (options.zoneout && !parts.h) refuse('zoneout', 'this cell has no h in its state')
  if (options.zoneoutCell && !parts.c) refuse('zoneoutCell', 'this cell has no c in its state')
}

/** The size of each part of a cell's state: of h, c, ... */
function partsOf<S extends Named>(cell: ProjectedCell<S>): { readonly [part: string]: number } {
  const state = unowned(() => cell.initial(1))
  const sizes = Object.entries(state).map(([part, x]) => [part, x.shape[1]] as const)
  dispose(state)
  return Object.fromEntries(sizes)
}

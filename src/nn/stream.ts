// Streaming: one sequence, one vector at a time, numbers in and numbers out; no memory is taken per step.
//
//   const stream = cell.stream()
//   const y = stream.step(x)          // y_t, state_t = step(x_t, state_{t-1})
//
// A cell that has a fused op takes its step by one call to the device (cpu/step.ts, kernels/simd/step.ts).
// Any other takes `step` itself, in memory of the device's pool. Layers step one after the other. The numbers
// are there at once, so a gpu, whose results need an await, has no streams. Next: recurrent.ts.

import { check, checkParts, checkThat, describe, ShapeError, show, UnrolledError } from '../check.ts'
import { mayFuse } from '../context.ts'
import type { Device, FloatArray, FloatType, View } from '../device.ts'
import { sameShape } from '../shape.ts'
import { unowned, untracked } from '../scope.ts'
import type { Stepper } from '../stepper.ts'
import { dispose, leaves, mapTree, Tensor, type Tree, zeros } from '../tensor.ts'
import type { Cell, ProjectedCell } from './cell.ts'
import type { SequenceLayer } from './sequence-layers.ts'

/** One sequence that is being read. */
export interface Stream<S extends Tree = Tree> {
  /** the size of x_t, and of y_t */
  readonly inputs: number
  readonly outputs: number
  /** the type of y's numbers */
  readonly dtype: FloatType
  /**
   * The next step: x_t -> y_t. The array is the same at every step: copy what you keep, write nothing to it.
   * @throws ShapeError if x has another size
   */
  step(x: ArrayLike<number>): FloatArray
  /** a copy of the state, of batch 1: yours to dispose */
  state(): S
  /** goes on from a state of batch 1, which is copied; from the cell's first one if none is given */
  reset(state?: S): void
  /** gives the memory back */
  dispose(): void
}

/** How a device takes a step at once: `step` is then advance(project(x), state), both the cell's own. */
export interface StepperParts {
  open(): Stepper
}

type AnyCell<S extends Tree> = Cell<S> & Partial<Pick<ProjectedCell<S>, 'project' | 'advance'>>

/**
 * A stream of a cell, or of layers that read forward, from a state of batch 1; the cell's first one if none
 * is given. Weights are read at every step: a change of them counts from the next step on.
 * @throws UnrolledError on a gpu, and for layers that read in reverse; ShapeError if the state does not fit
 */
export function stream<S extends Tree>(part: Cell<S> | SequenceLayer<S>, state?: S): Stream<S> {
  checkParts('stream: the cell', part, ['inputs', 'outputs'], 'a cell or layers, such as lstm() makes')
  if ('step' in part) return started(cellStream(part), state)
  checkThat(part.stream !== undefined, () =>
    'stream: these layers need the whole sequence, as all do that read in reverse; call them with it')
  return part.stream(state)
}

function started<S extends Tree>(one: Stream<S>, state: S | undefined): Stream<S> {
  if (state === undefined) return one
  try {
    one.reset(state)
    return one
  } catch (error) {
    one.dispose()
    throw error
  }
}

/** Places on the device that a step reads and writes. */
interface Places<S extends Tree> {
  /** [1, inputs], [1, outputs] */
  readonly x: Tensor
  readonly y: Tensor
  readonly state: S
  /** all there is to give back */
  readonly owned: Tree
  step(): void
}

function cellStream<S extends Tree>(cell: AnyCell<S>): Stream<S> {
  const { inputs, outputs } = cell
  const first = unowned(() => cell.initial(1))
  const { device } = [...Object.values(cell.parameters), ...leaves(first)][0]
  if (!device.numbers) {
    dispose(first)
    throw new UnrolledError(
      `stream: ${device.name} gives numbers only after an await; take the cell's steps: cell.step(x, state)`)
  }
  const places = placesOf(cell, device, first)
  const [x, y] = [places.x, places.y].map((place) => device.numbers!(place) as FloatArray)
  let isOpen = true
  const reset = (state: S = first) => copyState(state, places.state, device)
  reset()
  return {
    inputs,
    outputs,
    dtype: device.dtype,
    step(values) {
      if (!isOpen) throw new UnrolledError('stream: it was disposed; make another, cell.stream()')
      if (values?.length !== inputs || typeof values === 'string') throw wrongSize(values, inputs)
      x.set(values)
      places.step()
      return y
    },
    state: () => unowned(() => places.state),
    reset,
    dispose() {
      if (isOpen) dispose([first, places.owned])
      isOpen = false
    },
  }
}

function wrongSize(values: ArrayLike<number>, inputs: number): Error {
  const isList = typeof values === 'object' && typeof values?.length === 'number'
  const found = isList ? `has ${values.length} numbers` : `is ${describe(values)}`
  return new ShapeError(`stream: x ${found}; it must be a list of ${inputs} numbers`)
}

/** Where the cell's steps read and write; the first state is given back if there is no room for them. */
function placesOf<S extends Tree>(cell: AnyCell<S>, device: Device, first: S): Places<S> {
  const stepper = mayFuse() && cell.advance?.stepper
  try {
    return stepper && cell.advance?.beside === cell.project
      ? fusedPlaces<S>(stepper.open()) : composedPlaces(cell, device)
  } catch (error) {
    dispose(first)
    throw error
  }
}

/** The cell's step by one call to the device; its output is h. */
function fusedPlaces<S extends Tree>({ memory, x, h, c, step }: Stepper): Places<S> {
  const tensor = ({ offset, shape }: View) => new Tensor(memory, offset, shape)
  memory.device.unowned(memory)
  const y = tensor(h)
  const state = (c ? { h: y, c: tensor(c) } : { h: y }) as Tree as S
  return { x: tensor(x), y, state, owned: y, step }
}

/** The cell's own step: elementary ops, in memory that the device's pool lends for as long as the step. */
function composedPlaces<S extends Tree>(cell: Cell<S>, device: Device): Places<S> {
  const places = unowned(() => {
    const [x, y] = [cell.inputs, cell.outputs].map((size) => zeros([1, size], device))
    const first = cell.initial(1)
    return { x, y, state: first, next: first } // four copies
  })
  const { x, y, state, next } = places
  const [now, after] = [leaves(state), leaves(next)]
  const step = () => untracked(() => {
    const result = cell.step(x, state)
    device.copyInto(y, result.output)
    // by way of `next`: a part of the new state may be another part of the old one
    leaves(result.state).forEach((part, k) => device.copyInto(after[k], part))
    now.forEach((part, k) => device.copyInto(part, after[k]))
  })
  return { x, y, state, owned: places, step }
}

/** Copies a state into its place. */
function copyState(from: Tree, to: Tree, device: Device): void {
  const given = new Map<string, Tensor>()
  mapTree(from, (x, path) => {
    given.set(path, x)
    return x
  })
  const pairs: [Tensor, Tensor][] = []
  mapTree(to, (place, path) => {
    const x = given.get(path)
    check(x !== undefined && sameShape(x.shape, place.shape), () =>
      `stream: the state's ${path} is ${x ? show(x.shape) : 'missing'}; it must be ${show(place.shape)}`)
    pairs.push([place, x])
    return place
  })
  for (const [place, x] of pairs) device.copyInto(place, x)
}

interface Chain<S extends Tree> {
  /** the state of all from those of each; and back */
  join(states: readonly Tree[]): S
  split(state: S): readonly Tree[]
  /** from one step of each to the step of all; by default the numbers of each are the input of the next */
  wire?(parts: readonly Stream[], type: FloatType): Stream['step']
  outputs?: number
}

/** Streams one above the other. */
export function chained<S extends Tree>(
  parts: readonly Stream[], state: S | undefined, { join, split, wire = oneAboveTheOther, outputs }: Chain<S>,
): Stream<S> {
  return started({
    inputs: parts[0].inputs,
    outputs: outputs ?? parts[parts.length - 1].outputs,
    dtype: parts[0].dtype,
    step: wire(parts, parts[0].dtype),
    state() {
      const states = parts.map((part) => part.state())
      try {
        return unowned(() => join(states))
      } finally {
        dispose(states)
      }
    },
    reset: (given) => untracked(() => {
      const states = given === undefined ? [] : split(given)
      parts.forEach((part, k) => part.reset(states[k]))
    }),
    dispose: () => parts.forEach((part) => part.dispose()),
  }, state)
}

const oneAboveTheOther = (parts: readonly Stream[]): Stream['step'] => (x) => {
  let below = parts[0].step(x)
  for (let k = 1; k < parts.length; k++) below = parts[k].step(below)
  return below
}

/** Each but the first reads [x; what is below], and all are shown: sequence-layers.ts, skipConnected. */
export function skipping(parts: readonly Stream[], type: FloatType): Stream['step'] {
  const array = (n: number) => (type === 'float32' ? new Float32Array(n) : new Float64Array(n))
  const read = parts.map((part) => array(part.inputs))
  const shown = array(parts.reduce((total, part) => total + part.outputs, 0))
  return (x) => {
    let [below, at]: [ArrayLike<number>, number] = [parts[0].step(x), 0]
    for (let k = 0; ; k++) {
      shown.set(below, at)
      at += below.length
      if (k + 1 === parts.length) return shown
      read[k + 1].set(x)
      read[k + 1].set(below, x.length)
      below = parts[k + 1].step(read[k + 1])
    }
  }
}

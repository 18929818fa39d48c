// Unrolling: the loop over time that turns a cell into a net. One loop serves every cell.
//
//   for t = 0 .. T-1:  y_t, state_t = step(x_t, state_{t-1})        (reverse: t = T-1 .. 0)
//
// Run forward, each step appends its records to the tape; run backward over the tape, that is backpropagation
// through time. If the cell allows, the input product of all steps is one matmul before the loop; and where
// the inputs are rows of a table, as symbols' vectors are, each row is multiplied once:
//
//   E[s_t] W^T + b = (E W^T + b)[s_t]        V rows instead of T B, on the way there and back
//
// Sequences are [T, B, D]. With lengths, a sequence's state stands still outside its own steps and its
// outputs there are zero: so the final state is that of its own last step, and the reverse direction starts
// at its own end. Next: sequence-layers.ts; train/bptt.ts for truncation.

import { check, checkThat, show } from '../check.ts'
import { at, composed, currentWhere, isRecording, mayFuse, type Where } from '../context.ts'
import type { Device } from '../device.ts'
import { where } from '../ops/elementwise.ts'
import { gather } from '../ops/gather.ts'
import { reshape, slice, stack, unstack } from '../ops/move.ts'
import { alike, recurrences } from '../ops/recurrence.ts'
import type { Random } from '../random.ts'
import { sizeOf } from '../shape.ts'
import { untracked } from '../scope.ts'
import { checkChoice, checkOptionNames } from '../suggest.ts'
import { record, recordMany } from '../tape.ts'
import { leaves, mapTree, Tensor, tensor, type Tree } from '../tensor.ts'
import { type Cell, checkCell, isProjected, type ProjectedCell } from './cell.ts'

export interface UnrollOptions {
  /** the length of each sequence of the batch, 1 to T; all T by default */
  lengths?: ArrayLike<number>
  direction?: 'forward' | 'reverse'
  /** the number of this layer, for what is printed; that of `at` by default, or 0 */
  layer?: number
  /** draws the masks of a cell that drops (regularised.ts): pass it in training, not in evaluation */
  rng?: Random | undefined
}

export interface Unrolled<S extends Tree> {
  /** [T, B, outputs] */
  readonly outputs: Tensor
  /** after each sequence's last step (reverse: after its first) */
  readonly state: S
}

type Direction = NonNullable<UnrollOptions['direction']>

/** A sequence by the rows of a table: x_t of sequence b is table[index[t, b]], the vector of a symbol. */
export interface Rows {
  /** [V, D]; finite, also in rows that no step looks up: all of them are multiplied */
  readonly table: Tensor
  /** [T, B] int32, from 0 to V - 1, also behind the end of a sequence */
  readonly index: Tensor
}

/**
 * Runs a cell over a sequence xs [T, B, D], or the rows of a table, from a state (zeros if none is given).
 * @throws ShapeError if xs is not [T, B, D] with T >= 1, UnrolledError if a length is not in 1..T
 */
export function unroll<S extends Tree>(
  cell: Cell<S>, inputs: Tensor | Rows, state?: S, options: UnrollOptions = {},
): Unrolled<S> {
  checkOptionNames('unroll', options, ['lengths', 'direction', 'layer', 'rng'])
  checkCell('unroll', cell)
  const [T, B] = checkInputs(cell, inputs)
  const { lengths, direction = 'forward', rng } = options
  checkChoice('unroll: direction', direction, ['forward', 'reverse'])
  if (rng && cell.drawn) return unroll(cell.drawn(B, rng), inputs, state, { ...options, rng: undefined })
  if (isFused(cell)) return unrollFused([{ cell, state, direction }], inputs, options)[0]
  const xs = lookedUp(inputs)
  const place: Where = { layer: lowestLayer(options), direction }
  const mask = lengths && inside(lengths, T, B, xs.device) // [T, B, 1]
  const { step, masks } = at({ ...place, t: 'all' }, () => ({
    step: stepper(cell, mask ? where(mask, xs, 0) : xs), // whatever stands in the padding is not read
    masks: mask && unstack(mask), // per step [B, 1]
  }))
  const outputs = new Array<Tensor>(T)
  let current = state ?? cell.initial(B)
  for (let k = 0; k < T; k++) {
    const t = direction === 'forward' ? k : T - 1 - k
    at({ ...place, t }, () => {
      let { output, state: next } = step(t, current)
      if (isRecording()) next = mapTree(next, asState)
      if (masks) {
        next = zipTree(next, current, (now, before) => where(masks[t], now, before))
        output = where(masks[t], output, 0)
      }
      outputs[t] = output
      current = next
    })
  }
  return { outputs: at({ ...place, t: 'all' }, () => stack(outputs)), state: current }
}

/**
 * A cell forward and another one in reverse over the same sequence, from their states; the same as two calls
 * of unroll, but where a fused op serves both, their steps are done side by side.
 * @throws what unroll throws
 */
export function unrollBoth<S extends Tree>(
  [forward, reverse]: readonly [Cell<S>, Cell<S>], inputs: Tensor | Rows,
  [ahead, back]: readonly (S | undefined)[], { rng, ...options }: Omit<UnrollOptions, 'direction'>,
): readonly Unrolled<S>[] {
  const [, B] = checkInputs(forward, inputs)
  const draw = (cell: Cell<S>) => (rng && cell.drawn ? cell.drawn(B, rng) : cell)
  const run = (cell: Cell<S>, state: S | undefined, direction: Direction) =>
    unroll(cell, inputs, state, { ...options, direction })
  const first = draw(forward)
  // a cell that goes step by step may draw at each step: the other one's masks come after those
  if (!isFused(first)) return [run(first, ahead, 'forward'), run(draw(reverse), back, 'reverse')]
  const second = draw(reverse)
  if (!isFused(second)) return [run(first, ahead, 'forward'), run(second, back, 'reverse')]
  return unrollFused([
    { cell: first, state: ahead, direction: 'forward' }, { cell: second, state: back, direction: 'reverse' },
  ], inputs, options)
}

/** T and B, of inputs that fit the cell. */
function checkInputs({ inputs: D }: Cell, xs: Tensor | Rows): readonly [number, number] {
  if (!(xs instanceof Tensor)) {
    checkRows('unroll', D, xs)
    return timeAndBatch(xs)
  }
  check(xs.rank === 3 && xs.shape[0] >= 1 && xs.shape[2] === D, () =>
    `unroll: xs is ${show(xs.shape)}; it must be [T, B, ${D}], time first, with one step or more`)
  return timeAndBatch(xs)
}

/** @throws ShapeError unless the table is [V, D] and the index [T, B] */
export function checkRows(name: string, D: number, rows: Rows): void {
  const { table, index } = rows ?? {}
  checkThat(table instanceof Tensor && index instanceof Tensor, () =>
    `${name}: the inputs are neither a tensor [T, B, ${D}] nor { table, index }, the rows of a table`)
  check(table.rank === 2 && table.shape[1] === D, () =>
    `${name}: the table is ${show(table.shape)}; it must be [V, ${D}]`)
  check(index.rank === 2 && index.shape[0] >= 1, () =>
    `${name}: the index is ${show(index.shape)}; it must be [T, B], time first, with one step or more`)
}

export function timeAndBatch(inputs: Tensor | Rows): readonly [number, number] {
  const [T, B] = inputs instanceof Tensor ? inputs.shape : inputs.index.shape
  return [T, B]
}

/** The sequence itself, [T, B, D]. */
export function lookedUp(inputs: Tensor | Rows): Tensor {
  return inputs instanceof Tensor ? inputs : gather(inputs.table, inputs.index)
}

type FusedCell<S extends Tree> = ProjectedCell<S> & { advance: { sequence: object } }

/** Whether one op can do all steps of a cell now. */
function isFused<S extends Tree>(cell: Cell<S>): cell is FusedCell<S> {
  return isProjected(cell) && cell.advance.sequence !== undefined && mayFuse()
}

/** A cell, the state it begins with, and which way it goes. */
interface Side<S extends Tree> {
  readonly cell: FusedCell<S>
  readonly state: S | undefined
  readonly direction: Direction
}

/** What the cells multiply: the rows of a table if these are fewer, else all steps, without their padding. */
function multiplied<S extends Tree>(
  sides: readonly Side<S>[], inputs: Tensor | Rows, mask: Tensor | undefined,
): Tensor | Rows {
  if (!(inputs instanceof Tensor) && !mask && inputs.table.shape[0] < inputs.index.size) {
    // a cell made from another one may drop inputs, which is no function of the row alone
    if (sides.every(({ cell }) => cell.project === cell.advance.beside)) return inputs
  }
  const xs = lookedUp(inputs)
  return mask ? where(mask, xs, 0) : xs
}

/** The cell's product with the inputs of all steps, [T, B, width]. */
function projected(cell: ProjectedCell, inputs: Tensor | Rows): Tensor {
  return inputs instanceof Tensor ? cell.project(inputs) : gather(cell.project(inputs.table), inputs.index)
}

/** All steps by the op that equals the cells' `advance`, ops/recurrence.ts; of alike cells side by side. */
function unrollFused<S extends Tree>(
  sides: readonly Side<S>[], inputs: Tensor | Rows, options: UnrollOptions,
): Unrolled<S>[] {
  const [T, B] = timeAndBatch(inputs)
  const { device } = inputs instanceof Tensor ? inputs : inputs.index
  const layer = lowestLayer(options)
  const place = (direction?: Direction): Where => ({ layer, direction, t: 'all' })
  const mask = options.lengths && inside(options.lengths, T, B, device)
  const seen = at(place(), () => multiplied(sides, inputs, mask))
  const lengths = options.lengths && untracked(() =>
    tensor(Int32Array.from(options.lengths!), { dtype: 'int32', device }))
  const parts = sides.map(({ cell, state, direction }) => at(place(direction), () => ({
    ...cell.advance.sequence(projected(cell, seen), state ?? cell.initial(B)),
    reverse: direction === 'reverse',
  })))
  function run(first: number, end: number): Unrolled<S>[] {
    const chosen = sides.slice(first, end)
    const unfold = () => chosen.flatMap(({ cell, state, direction }) => {
      const again = composed(() => unroll(cell, inputs, state, { ...options, layer, direction }))
      return [again.outputs, ...leaves(again.state)]
    })
    return at(place(chosen.length === 1 ? chosen[0].direction : undefined), () =>
      recurrences(parts.slice(first, end), { lengths, unfold }).map(([outputs, h, c]) => ({
        outputs: mask ? where(mask, outputs, 0) : outputs,
        state: (c ? { h, c } : { h }) as Tree as S,
      })))
  }
  return alike(parts) ? run(0, sides.length) : sides.flatMap((_, k) => run(k, k + 1))
}

/** The cell's step by number; the input product of all steps is done beforehand if the cell can be split. */
function stepper<S extends Tree>(cell: Cell<S>, xs: Tensor) {
  if (!isProjected(cell)) {
    const inputs = unstack(xs) // T times [B, D]
    return (t: number, state: S) => cell.step(inputs[t], state)
  }
  const projected = steps(cell.project(xs), (t) => cell.project(oneStep(xs, t))) // T times [B, G]
  return (t: number, state: S) => cell.advance(projected[t], state)
}

/** x_t [B, D] of a sequence [T, B, D] */
function oneStep(xs: Tensor, t: number): Tensor {
  return reshape(slice(xs, 0, t, t + 1), xs.shape.slice(1))
}

/** unstack along time, with a way to compute one step's piece alone again. Views: no copy. */
function steps(x: Tensor, replay: (t: number) => Tensor): Tensor[] {
  const [T, ...rest] = x.shape
  const pieces = Array.from({ length: T }, (_, t) =>
    ({ memory: x.memory, offset: x.offset + t * sizeOf(rest), shape: rest }))
  return recordMany('steps', [x], pieces, (dys) => [() => stack(dys)], { replay })
}

/** The same tensor under a record of its own, `state h`, so that gradientFlow knows which is h_t. A view. */
function asState(x: Tensor, path: string): Tensor {
  return record(`state ${path}`, [x], x, (dy) => [() => dy])
}

/** 1 where a step lies inside its sequence, else 0: [T, B, 1]. */
function inside(lengths: ArrayLike<number>, T: number, B: number, device: Device): Tensor {
  const list = Array.from(lengths)
  checkThat(list.length === B && list.every((n) => Number.isInteger(n) && n >= 1 && n <= T), () =>
    `unroll: lengths is ${show(list)}; needed are ${B} whole numbers from 1 to ${T}, one for each sequence`)
  const flags = Array.from({ length: T }, (_, t) => list.map((length) => (t < length ? 1 : 0))).flat()
  return untracked(() => tensor(flags, { shape: [T, B, 1], device }))
}

/** One tree from two of the same form, by the names of their parts. */
function zipTree<S extends Tree>(a: S, b: S, f: (x: Tensor, y: Tensor) => Tensor): S {
  const others = new Map<string, Tensor>()
  mapTree(b, (y, path) => {
    others.set(path, y)
    return y
  })
  return mapTree(a, (x, path) => {
    const y = others.get(path)
    checkThat(y !== undefined, () =>
      `unroll: the cell's step gives a state with ${path}, which the state before it lacks`)
    return f(x, y)
  })
}

/** The number of the lowest layer of what runs now. */
export function lowestLayer({ layer }: { layer?: number }): number {
  return layer ?? currentWhere().layer ?? 0
}

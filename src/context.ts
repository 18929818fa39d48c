// What is open right now: which tapes record, who owns the memory that ops allocate, where in the net we are.
//
// Ownership. While a tape records, it owns everything that is computed, since its backward pass needs it (the
// outermost tape, if they are nested). Otherwise the innermost scope owns. With nothing open, a result
// belongs to whoever made it. Everything here is synchronous; `pushed` and `popped` refuse openings and
// closings that are out of order, so that two trainings that interleave across an await are told so and never
// mixed up. Next: scope.ts and tape.ts, which are what can be open.

import { checkKind, TapeError } from './check.ts'
import type { Memory } from './device.ts'

/** Where in an unrolled net an op was recorded. `t: 'all'` is a product over all time steps at once. */
export interface Where {
  readonly layer?: number
  readonly direction?: 'forward' | 'reverse'
  readonly t?: number | 'all'
}

export interface Owner {
  own(memory: Memory): void
  close(): void
}

export interface Recorder<R> extends Owner {
  readonly isClosed: boolean
  /** whether it wants to see each op's own values */
  readonly watches: boolean
  push(record: R): void
}

/** Open scopes and tapes, outermost first. */
const stack: Owner[] = []
/** The tapes that record now: those open whose backward pass is not running; none inside `untracked`. */
let recorders: readonly Recorder<unknown>[] = []
let where: Where = {}
/** Whether whole sequences are computed step by step, by elementary ops, even where one op could do it. */
let stepByStep = false

/** Gives memory that an op has just allocated to its owner. */
export function adopt(memory: Memory): void {
  const owner = recorders[0] ?? stack.at(-1)
  if (owner) owner.own(memory)
  else memory.device.unowned(memory)
}

/** Whether a tape or scope is open, so that what is computed now is given back by it. */
export function hasOwner(): boolean {
  return recorders.length > 0 || stack.length > 0
}

export function isRecording(): boolean {
  return recorders.length > 0
}

/** Appends a record to every tape that records. */
export function pushRecord<R>(record: R): void {
  for (const recorder of recorders) recorder.push(record)
}

export function pushed(owner: Owner): void {
  stack.push(owner)
}

/** Takes the innermost owner off the stack. Another one is an error: two users were interleaved. */
export function popped(owner: Owner): void {
  const at = stack.lastIndexOf(owner)
  if (at < 0) return // closed with all that was open
  stack.splice(at, 1)
  if (at !== stack.length) {
    throw new TapeError(
      'close: another tape or scope was opened inside this one and is still open; close the inner one ' +
      'first, and let no await of one training stand between the opening and closing of another')
  }
}

/** Closes all but the outermost `depth` owners, innermost first. */
export function closeInside(depth: number): void {
  while (stack.length > depth) stack.at(-1)!.close()
}

/** Records to these tapes only, while `fn` runs. If fn throws, what it opened and did not close is closed. */
export function recordingTo<T>(tapes: readonly Recorder<unknown>[], fn: () => T): T {
  const before = recorders
  const depth = stack.length
  recorders = tapes
  try {
    return fn()
  } catch (error) {
    closeInside(depth)
    throw error
  } finally {
    recorders = before.filter((tape) => !tape.isClosed) // fn may have closed one
  }
}

export function currentRecorders(): readonly Recorder<unknown>[] {
  return recorders
}

export function setRecorders(tapes: readonly Recorder<unknown>[]): void {
  recorders = tapes
}

export function currentWhere(): Where {
  return where
}

/**
 * Runs fn with a place in the net added to what is recorded:
 * at({ layer: 0, t: 3 }, () => cell.step(x, state))
 */
export function at<T>(place: Where, fn: () => T): T {
  checkKind('at: fn', fn, 'a function')
  const before = where
  where = { ...before, ...place }
  try {
    return fn()
  } finally {
    where = before
  }
}

/** How a place is printed: "layer 0, forward, t = 3". */
export function showWhere(place: Where): string {
  const parts: string[] = []
  if (place.layer !== undefined) parts.push(`layer ${place.layer}`)
  if (place.direction !== undefined) parts.push(place.direction)
  if (place.t !== undefined) parts.push(place.t === 'all' ? 'all steps' : `t = ${place.t}`)
  return parts.join(', ')
}

/**
 * Runs fn with every op composed of elementary ones: each step of a recurrent net on its own, the definition
 * that fused ops are held to. Slower, with the same results: composed(() => unroll(cell, xs))
 */
export function composed<T>(fn: () => T): T {
  checkKind('composed: fn', fn, 'a function')
  const before = stepByStep
  stepByStep = true
  try {
    return fn()
  } finally {
    stepByStep = before
  }
}

/**
 * Whether an op that does the work of many may be used now. Not on a nested tape, since such an op has no
 * second derivative; not on one that watches, which is to name the step at which a NaN was made.
 */
export function mayFuse(): boolean {
  return !stepByStep && recorders.length <= 1 && !recorders.some((tape) => tape.watches)
}

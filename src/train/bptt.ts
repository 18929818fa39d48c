// Backpropagation through time, whole and truncated, as explicit calls (Werbos 1990; Williams and Peng 1990).
//
//   bptt            one tape over the whole sequence: dLoss/dW = sum over t of every step's contribution
//   truncatedBptt   BPTT(k2; k1): every k1 steps an update from the last k1 losses, through the last k2 steps
//
//        t-k2            t-k1             t          k2 >= k1
//   ──────┼───────────────┼───────────────┼──────>
//       saved state    older steps,     new steps: their losses count, here and nowhere else
//       (a constant)   computed again
//
// The state carried over the windows stays as it was first computed. Steps before t-k1 are computed again
// from the state saved at t-k2, with today's weights, so the gradient is exact for the function that the tape
// saw: the last k1 losses, as a function of the weights, with the state at t-k2 frozen. So with k2 > k1 the
// new steps are computed twice as well: on the tape, and once more from the carried state to carry it on.
// With k1 = k2, the common form, nothing is computed twice. Next: loop.ts.

import { check, checkCount, checkParts, checkThat, show, UnrolledError } from '../check.ts'
import { add } from '../ops/elementwise.ts'
import { concat, slice } from '../ops/move.ts'
import { Scope, untracked } from '../scope.ts'
import { checkOptionNames } from '../suggest.ts'
import { checkTape, type GradientMap, Tape } from '../tape.ts'
import { checkTensor, dispose, type Tensor, type Tree } from '../tensor.ts'

/** A recurrent net as BPTT sees it. */
export interface Net<S extends Tree> {
  /** named, in order: parameters({ ... }) */
  readonly parameters: ReadonlyMap<string, Tensor>
  /** xs [T, B, ...] -> outputs [T, B, ...], and the state after the last step */
  run(xs: Tensor, state: S): { outputs: Tensor, state: S, activity?: Activity | undefined }
  /** a scalar from outputs and targets of the same steps */
  loss(outputs: Tensor, targets: Tensor): Tensor
  /** a scalar that is differentiated with the loss, and not told as a part of it: penalty.ts */
  penalty?(activity: Activity): Tensor
}

/** What the last layer of a net did, step by step. */
export interface Activity {
  /** its outputs [T, B, H] */
  readonly plain: Tensor
  /** the same as the head saw them, after dropout */
  readonly shown: Tensor
}

function checkNet<S extends Tree>(op: string, net: Net<S>): void {
  checkParts(`${op}: the net`, net, ['parameters', 'run', 'loss'], 'a model, such as sequenceModel() makes')
}

/** What gradients are taken of. */
function objective<S extends Tree>(net: Net<S>, loss: Tensor, activity: Activity | undefined): Tensor {
  if (!net.penalty) return loss
  checkThat(activity !== undefined, () => 'bptt: the net has a penalty, but its run gives no activity')
  return add(loss, net.penalty(activity))
}

export interface Bptt<S extends Tree> {
  readonly loss: Tensor
  readonly grads: GradientMap
  readonly outputs: Tensor
  readonly state: S
}

/**
 * Full BPTT: the loss of a whole sequence and its gradients, all on the given tape.
 * @param state the state before the first step; gradients stop there
 */
export function bptt<S extends Tree>(
  tape: Tape, net: Net<S>, xs: Tensor, targets: Tensor, state: S,
): Bptt<S> {
  checkTape('bptt', tape)
  checkNet('bptt', net)
  const { outputs, state: last, activity } = net.run(xs, state)
  const loss = net.loss(outputs, targets)
  const grads = tape.gradients(objective(net, loss, activity), net.parameters)
  return { loss, grads, outputs, state: last }
}

export interface TruncationOptions<S extends Tree> {
  /** k1: steps between two updates, the length of a window */
  every: number
  /** k2 >= k1: steps that gradients reach back from an update; k1 by default */
  horizon?: number
  /** the state before the first step; it is copied */
  initial: S
}

/** What truncated BPTT holds between two steps. */
export interface Held<S extends Tree> {
  /** steps since the start, or since the last reset */
  readonly time: number
  /** the state after them */
  readonly carried: S
  /** with a horizon beyond the window: the states from which later updates start, and when they were */
  readonly saved: readonly { readonly time: number, readonly state: S }[]
  /** and the inputs since the first of these; null when there are none, or no horizon */
  readonly past: Tensor | null
}

export interface TruncatedBptt<S extends Tree> {
  /** The loss of the next k1 steps, xs [k1, B, ...], and its gradients through up to k2 steps. */
  step(tape: Tape, xs: Tensor, targets: Tensor): { loss: Tensor, grads: GradientMap }
  /** the state after the steps so far, as first computed; it changes with the next step */
  readonly state: S
  /** Starts again from a state, with no past. */
  reset(initial: S): void
  /** All that the next step depends on. The tensors are its own and change with it: read or copy them. */
  held(): Held<S>
  /**
   * Takes over, by copying, what held() gave: training goes on bit for bit as it would have.
   * @throws UnrolledError if another `every` or `horizon` would hold other things at this time
   */
  load(held: Held<S>): void
  /** Gives back the states and inputs that it holds; it is of no more use then. */
  dispose(): void
}

/**
 * Truncated BPTT over a stream of windows. A net with dropout is run with fresh masks each time: with k2 > k1
 * the carried state comes of other masks than the taped steps, and steps computed again get new ones.
 *
 * With k1 = 4 and k2 = 10 updates come after 4, 8, 12, 16, ... steps, and look back to 0, 0, 2, 6, ...:
 *
 *   update at    tape runs from the state at    then the state is carried    kept for the next update
 *       4          0, over  4 steps               0 -> 2 -> 4                 states at 0, 2; inputs 0 .. 4
 *       8          0, over  8 steps               4 -> 6 -> 8                 states at 2, 6; inputs 2 .. 8
 *      12          2, over 10 steps               8 -> 10 -> 12               states at 6, 10; inputs 6 .. 12
 *
 * Each window is cut 2 steps after its start, since 4 m - 10 falls there, and the state is saved at the cut.
 * @throws UnrolledError if every or horizon is not a whole number of 1 or more, or horizon < every
 */
export function truncatedBptt<S extends Tree>(net: Net<S>, options: TruncationOptions<S>): TruncatedBptt<S> {
  checkNet('truncatedBptt', net)
  checkOptionNames('truncatedBptt', options, ['every', 'horizon', 'initial'])
  const { every: k1, horizon: k2 = k1, initial } = options
  checkCount('truncatedBptt: every', k1)
  checkCount('truncatedBptt: horizon', k2)
  if (k2 < k1) {
    throw new UnrolledError(
      `truncatedBptt: horizon is ${k2}, every is ${k1}; the horizon must not be shorter`)
  }
  /** where windows are cut: the updates look back to k1 m - k2, which is this many steps into a window */
  const cut = (k1 - (k2 % k1)) % k1
  let time = 0 // steps so far
  let carried = keep(initial)
  let saved = startsAt0(initial) // where later windows will start
  let past: Tensor | null = null // the inputs of the last k2 - k1 steps
  let outdated: Tree[] = [] // still used by the last step's tape: given back when the next one begins
  let disposed = false

  function startsAt0(state: S): { time: number, state: S }[] {
    return k2 === k1 ? [] : [{ time: 0, state: keep(state) }]
  }

  /** Takes the carried state over a window, with no tape, and saves it at the cut (or at the end). */
  function carry(xs: Tensor): void {
    const parts = cut === 0 ? [xs] : [slice(xs, 0, 0, cut), slice(xs, 0, cut)]
    for (const part of parts) {
      const next = untracked(() => net.run(part, carried).state)
      replaceCarried(next)
      time += part.shape[0]
      if ((time - cut) % k1 === 0) saved.push({ time, state: keep(carried) })
    }
  }

  function replaceCarried(state: S): void {
    outdated.push(carried)
    carried = keep(state)
  }

  /** Keeps the inputs xs too, and forgets what lies before the start of the next update's horizon. */
  function forget(xs: Tensor): void {
    const start = Math.max(0, time + k1 - k2) // the next update is at time + k1
    outdated.push(...saved.filter((s) => s.time < start).map((s) => s.state))
    saved = saved.filter((s) => s.time >= start)
    const all = untracked(() => {
      const known = past ? concat([past, xs]) : xs
      return slice(known, 0, Math.max(0, known.shape[0] - (time - start)))
    })
    if (past) outdated.push(past)
    past = keep(all)
  }

  function checkAlive(): void {
    checkThat(!disposed, () => 'truncatedBptt: it was disposed, and holds no state any more; make another')
  }

  function step(tape: Tape, xs: Tensor, targets: Tensor) {
    checkAlive()
    checkTensor('truncatedBptt', xs)
    check(xs.shape[0] === k1, () =>
      `truncatedBptt: xs is ${show(xs.shape)}; a window has ${k1} steps, time first`)
    sweep()
    if (k2 === k1) {
      const result = bptt(tape, net, xs, targets, carried)
      replaceCarried(result.state)
      time += k1
      return { loss: result.loss, grads: result.grads }
    }
    const { state: start } = saved[0]
    const { outputs, activity } = net.run(past ? concat([past, xs]) : xs, start)
    const recent = (x: Tensor) => slice(x, 0, x.shape[0] - k1)
    const loss = net.loss(recent(outputs), targets)
    const active = activity && { plain: recent(activity.plain), shown: recent(activity.shown) }
    const grads = tape.gradients(objective(net, loss, active), net.parameters)
    untracked(() => {
      carry(xs)
      forget(xs)
    })
    return { loss, grads }
  }

  function sweep(): void {
    outdated.forEach(dispose)
    outdated = []
  }

  /** Everything held is of no more use, but the last tape may still be asked. */
  function retire(): void {
    outdated.push(carried, ...saved.map((s) => s.state))
    if (past) outdated.push(past)
    past = null
    saved = []
  }

  return {
    step,
    get state() {
      checkAlive()
      return carried
    },
    reset(state: S): void {
      checkAlive()
      retire()
      time = 0
      carried = keep(state) // which may be the carried state itself: it lives until the next step
      saved = startsAt0(state)
    },
    held: () => ({ time, carried, saved: [...saved], past }),
    load(held: Held<S>): void {
      checkAlive()
      checkParts('truncatedBptt: what is loaded', held, ['time', 'carried', 'saved'], 'what held() gives')
      checkHeld(held, k1, k2)
      retire() // what was held lives until the next step, should it be what is loaded
      time = held.time
      carried = keep(held.carried)
      saved = held.saved.map((s) => ({ time: s.time, state: keep(s.state) }))
      past = held.past && keep(held.past)
    },
    dispose(): void {
      if (disposed) return
      retire()
      sweep()
      disposed = true
    },
  }
}

/** The times of the states that are saved after `time` steps, the first of them the start of what is past. */
function startTimes(time: number, k1: number, k2: number): number[] {
  if (k1 === k2) return []
  const first = Math.max(0, time + k1 - k2) // where the next update will look back to
  const cut = (k1 - (k2 % k1)) % k1
  const all = Array.from({ length: time - first + 1 }, (_, i) => first + i)
  return all.filter((t) => t === 0 || (t - cut) % k1 === 0)
}

function checkHeld({ time, saved, past }: Held<Tree>, k1: number, k2: number): void {
  checkCount('truncatedBptt: the time', time, 0)
  const wanted = startTimes(time, k1, k2)
  const steps = wanted.length > 0 ? time - wanted[0] : 0
  const found = saved.map((s) => s.time)
  if (time % k1 === 0 && show(found) === show(wanted) && (past?.shape[0] ?? 0) === steps) return
  throw new UnrolledError(
    `truncatedBptt: what is loaded has states saved at ${show(found)} and ${past?.shape[0] ?? 0} past ` +
    `inputs after ${time} steps; every ${k1} with horizon ${k2} has them at ${show(wanted)}, and ${steps}`)
}

/** A copy that no tape owns: from here on, the state is a constant. */
function keep<S extends Tree>(tree: S): S {
  const scope = new Scope()
  const copy = scope.keep(tree)
  scope.close()
  return copy
}

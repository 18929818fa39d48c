// Batches of a long text, so that state can be carried from window to window.
//
// Training: row b of B reads the contiguous stream ids[b L ... (b + 1) L), L = floor(n / B). The window at
// p gives inputs [p, p + T) and targets [p + 1, p + T + 1) of every row; the next one starts at p + T,
// where this one's state is the state to begin with. Held-out text: the same, but not one token may be lost
// or counted twice. Both are time-major, [T, B]: entry (t, b) is at t B + b. Read next: ../train, which
// feeds them to a network.

import { checkCount, checkKind, UnrolledError } from '../check.ts'
import { checkOptionNames } from '../suggest.ts'

/** One piece of each row: what the network reads, and what it should have said, both [T, B]. */
export interface Window {
  inputs: Int32Array
  targets: Int32Array
}

/** A text as B contiguous streams side by side; the last n - B L < B tokens are left out. */
export class Streams {
  readonly ids: Int32Array
  /** B, the number of rows */
  readonly batch: number
  /** L, the tokens in each row */
  readonly length: number

  /** @throws UnrolledError when a row would hold fewer than two tokens, one to read and one to predict */
  constructor(ids: Int32Array, batch: number) {
    checkCount('streams: batch', batch)
    this.ids = ids
    this.batch = batch
    this.length = Math.floor(ids.length / batch)
    if (this.length < 2) {
      throw new UnrolledError(`streams: ${ids.length} tokens are too few for batch ${batch}; ` +
        `${2 * batch} or more are needed`)
    }
  }

  /** Whether a window of T steps fits here. When not, the epoch is over: go to 0 and reset the state. */
  fits(position: number, T: number): boolean {
    return position >= 0 && position + T + 1 <= this.length
  }

  /** Windows of T steps in one epoch. */
  windows(T: number): number {
    checkCount('streams: window', T)
    return Math.floor((this.length - 1) / T)
  }

  /**
   * The window of T steps at `position` of every row.
   * @throws UnrolledError when it does not fit
   */
  window(position: number, T: number): Window {
    checkCount('streams: window', T)
    if (!Number.isInteger(position) || !this.fits(position, T)) {
      throw new UnrolledError(`streams: no window of ${T} at position ${position}; ${T + 1} tokens are ` +
        `needed and rows hold ${this.length}`)
    }
    const { ids, batch: B, length: L } = this
    const inputs = new Int32Array(T * B) // [T, B]
    const targets = new Int32Array(T * B) // [T, B]
    for (let t = 0; t < T; t++) {
      for (let b = 0; b < B; b++) {
        const at = b * L + position + t
        inputs[t * B + b] = ids[at]
        targets[t * B + b] = ids[at + 1]
      }
    }
    return { inputs, targets }
  }
}

/** A target that counts for nothing: past the end of its row. */
export const IGNORED = -1

/** A window of held-out text. */
export interface HeldOutWindow extends Window {
  /** the first window: begin with the zero state; at all others carry the state over */
  first: boolean
  /** targets in this window that are not IGNORED: the weight of its mean loss */
  count: number
}

/**
 * Windows in which every token of `ids` is a target exactly once, for counting the loss on held-out text.
 *
 * The first token needs something to be predicted from: `before`, the token that stands before it in the
 * text (for the validation part, the last one for training). Without it, the n - 1 others are targets. The
 * targets are dealt to B rows as contiguous pieces whose lengths differ by at most one; each row's first
 * input is the true token before its first target. Every window is [T, B]; past a row's end targets are
 * IGNORED and inputs repeat a valid id. Each row starts from the zero state, so a larger B costs a little
 * context: B = 1 reads the text as one.
 * @throws UnrolledError when there is nothing to predict
 */
export function heldOut(
  ids: Int32Array, options: { before?: number, batch: number, window: number },
): Iterable<HeldOutWindow> {
  checkKind('held-out text: the list of its symbols', ids, 'a list')
  checkOptionNames('heldOut', options, ['before', 'batch', 'window'])
  const { before, batch, window } = options
  checkCount('held-out text: batch', batch)
  checkCount('held-out text: window', window)
  const tokens = before === undefined ? ids : prepend(before, ids)
  if (tokens.length < 2) {
    const needed = before === undefined ? 2 : 1
    throw new UnrolledError(`held-out text: has ${ids.length} tokens; ${needed} or more are needed`)
  }
  return { [Symbol.iterator]: () => heldOutWindows(tokens, batch, window) } // can be walked again
}

// Targets are tokens[1 ... n); row b's are [starts[b], starts[b + 1]).
function* heldOutWindows(tokens: Int32Array, B: number, T: number): Generator<HeldOutWindow> {
  const targetCount = tokens.length - 1
  const starts: number[] = []
  for (let b = 0; b <= B; b++) starts.push(1 + b * Math.floor(targetCount / B) + Math.min(b, targetCount % B))
  const longest = starts[1] - starts[0] // the first rows take the remainder, so none is longer
  for (let position = 0; position < longest; position += T) {
    const inputs = new Int32Array(T * B).fill(tokens[0]) // [T, B]
    const targets = new Int32Array(T * B).fill(IGNORED) // [T, B]
    let count = 0
    for (let b = 0; b < B; b++) {
      const steps = Math.min(T, starts[b + 1] - starts[b] - position)
      for (let t = 0; t < steps; t++) {
        const at = starts[b] + position + t
        inputs[t * B + b] = tokens[at - 1]
        targets[t * B + b] = tokens[at]
        count++
      }
    }
    yield { inputs, targets, first: position === 0, count }
  }
}

function prepend(first: number, rest: Int32Array): Int32Array {
  const all = new Int32Array(rest.length + 1)
  all[0] = first
  all.set(rest, 1)
  return all
}

// to[...] = from[...] over four axes, each side with its own steps: slices, transposes, flips, repeats, pads
// and joins, of numbers of either type. Along the innermost axis: both sides go on by one number (a copy),
// `from` stands still (a fill), or any steps. CPU twin: src/cpu/move.ts, window and place. Next: gather.ts.

import { firstNumber, share, shareEnd } from './threads'

@unmanaged
export class Move {
  to: usize
  from: usize
  /** sizes, outermost first (1 where there is no such axis), and steps in bytes, which may be negative */
  size0: i32
  size1: i32
  size2: i32
  n: i32
  to0: usize
  to1: usize
  to2: usize
  toStep: usize
  from0: usize
  from1: usize
  from2: usize
  fromStep: usize
}

/** Threads share the runs; a single one is cut. */
export function move(p: Move, thread: i32, threads: i32): void {
  const runs = p.size0 * p.size1 * p.size2
  let first = 0, last = runs, begin = 0, end = p.n
  if (runs >= threads) {
    first = share(runs, thread, threads)
    last = shareEnd(runs, thread, threads)
  } else {
    begin = firstNumber(p.n, thread, threads)
    end = firstNumber(p.n, thread + 1, threads)
  }
  if (begin >= end) return
  for (let r = first; r < last; r++) {
    const i2 = <usize>(r % p.size2), outer = r / p.size2
    const i1 = <usize>(outer % p.size1), i0 = <usize>(outer / p.size1)
    const to = p.to + i0 * p.to0 + i1 * p.to1 + i2 * p.to2 + <usize>begin * p.toStep
    const from = p.from + i0 * p.from0 + i1 * p.from1 + i2 * p.from2 + <usize>begin * p.fromStep
    moveRun(to, p.toStep, from, p.fromStep, end - begin)
  }
}

function moveRun(to: usize, toStep: usize, from: usize, fromStep: usize, n: i32): void {
  if (toStep == 4 && fromStep == 4) copyRow(to, from, n)
  else if (toStep == 4 && fromStep == 0) fillRow(to, load<i32>(from), n)
  else for (; n > 0; n--, to += toStep, from += fromStep) store<i32>(to, load<i32>(from))
}

/** n numbers; from a few hundred on, the engine's own copy is faster. */
export function copyRow(to: usize, from: usize, n: i32): void {
  if (n > 256) {
    memory.copy(to, from, <usize>n << 2)
    return
  }
  for (; n >= 4; n -= 4, to += 16, from += 16) v128.store(to, v128.load(from))
  for (; n > 0; n--, to += 4, from += 4) store<i32>(to, load<i32>(from))
}

export function fillRow(to: usize, bits: i32, n: i32): void {
  const four = i32x4.splat(bits)
  for (; n >= 4; n -= 4, to += 16) v128.store(to, four)
  for (; n > 0; n--, to += 4) store<i32>(to, bits)
}

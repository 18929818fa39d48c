// One step of a recurrent cell for one sequence: streaming. Both products read their weights where they lie.
//
//   projected = x W_ih^T + b_ih,   u = h W_hh^T + b_hh,   then the gates; h and c are replaced in place
//
// Reading the weights takes nearly all the time, so the threads share their rows; the gates are the first
// thread's. CPU twin: src/cpu/step.ts. Next: few.ts.

import { multiplyFew } from './few'
import { Row } from './gates'
import { candidateForward } from './gates-gru-before'
import { forwardOf } from './recurrence'
import { meet, scratchRow, share, shareEnd } from './threads'

/** Rows of the weights that one thread takes at least: how many few.ts does at once. */
const ROWS: i32 = 8

/** What the host writes down (src/simd/step.ts). Addresses; 0 for what is not there. */
@unmanaged
export class Step {
  kind: i32
  D: i32
  H: i32
  /** the size of h */
  O: i32
  /** G H; and of these how many rows are of the product with h: not those of a candidate that waits */
  width: i32
  early: i32
  /** [D] */
  x: usize
  /** [G H, D], [G H], [G H, O], [G H], [3 H], the second product's [O, H] */
  input: usize
  inputBias: usize
  weight: usize
  bias: usize
  peepholes: usize
  second: usize
  /** the state [O] and [H] */
  h: usize
  c: usize
  /** scratch: [G H] twice; [H] with a second product; [S H] with a candidate */
  projected: usize
  u: usize
  shown: usize
  saved: usize
}

export function step(s: Step, thread: i32, threads: i32): void {
  const D = s.D, H = s.H, O = s.O, width = s.width, early = s.early
  const pieces = (width + ROWS - 1) / ROWS
  const first = share(pieces, thread, threads) * ROWS
  const last = min(width, shareEnd(pieces, thread, threads) * ROWS)
  multiplyFew(s.x, 0, 4, s.input, 4, <usize>D << 2, s.inputBias, 0, s.projected, 0, 1, D, first, last)
  multiplyFew(s.h, 0, 4, s.weight, 4, <usize>O << 2, s.bias, 0, s.u, 0, 1, O, first, min(last, early))
  if (!meet(threads) || thread != 0) return
  const waits = early < width
  const row = changetype<Row>(scratchRow())
  row.H = H
  row.x = s.projected
  row.u = s.u
  row.saved = s.saved
  row.hBefore = s.h
  row.seen = s.shown
  row.m = s.second && !waits ? s.shown : s.h
  row.cBefore = s.c
  row.c = s.c
  row.p = s.peepholes
  forwardOf(row, s.kind)
  if (!s.second) return
  const late = <usize>early << 2
  multiplyFew(s.shown, 0, 4, s.second, 4, <usize>H << 2, waits && s.bias ? s.bias + late : 0, 0,
    waits ? s.u + late : s.h, 0, 1, H, 0, O)
  if (waits) candidateForward(row)
}

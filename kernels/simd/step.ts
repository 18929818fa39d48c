// One step of a recurrent cell for one sequence: streaming. Both products read their weights where they lie.
//
//   projected = x W_ih^T + b_ih,   u = h W_hh^T + b_hh,   then the gates; h and c are replaced in place
//
// Reading the weights takes nearly all the time, so the threads share their rows; the gates are the first
// thread's. CPU twin: src/cpu/step.ts. Next: few.ts.

import { multiplyFew } from './few'
import { Row } from './gates'
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
  /** G H */
  width: i32
  /** [D] */
  x: usize
  /** [G H, D], [G H], [G H, O], [G H], [3 H], [P, H] */
  input: usize
  inputBias: usize
  weight: usize
  bias: usize
  peepholes: usize
  projection: usize
  /** the state [O] and [H] */
  h: usize
  c: usize
  /** scratch: [G H] twice; [H] with a projection */
  projected: usize
  u: usize
  shown: usize
}

export function step(s: Step, thread: i32, threads: i32): void {
  const D = s.D, O = s.O, width = s.width
  const pieces = (width + ROWS - 1) / ROWS
  const first = share(pieces, thread, threads) * ROWS
  const last = min(width, shareEnd(pieces, thread, threads) * ROWS)
  multiplyFew(s.x, 0, 4, s.input, 4, <usize>D << 2, s.inputBias, 0, s.projected, 0, 1, D, first, last)
  multiplyFew(s.h, 0, 4, s.weight, 4, <usize>O << 2, s.bias, 0, s.u, 0, 1, O, first, last)
  if (!meet(threads) || thread != 0) return
  const row = changetype<Row>(scratchRow())
  row.H = s.H
  row.x = s.projected
  row.u = s.u
  row.saved = 0
  row.hBefore = s.h
  row.m = s.projection ? s.shown : s.h
  row.cBefore = s.c
  row.c = s.c
  row.p = s.peepholes
  forwardOf(row, s.kind)
  if (!s.projection) return
  multiplyFew(s.shown, 0, 4, s.projection, 4, <usize>s.H << 2, 0, 0, s.h, 0, 1, s.H, 0, O)
}

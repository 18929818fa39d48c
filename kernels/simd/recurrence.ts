// A recurrent cell over a whole sequence, forwards and back: the skeleton that serves every cell.
//
//   forward    u_t = h_{t-1} W^T + b, then the gates row by row, then a projection or a candidate's product
//   backward   d(h_t) = dy_t + d(u_{t+1}) W + what passed by, then the gates' derivatives
//
// W is packed once, for all steps. The sequences of the batch do not depend on each other, so each thread
// takes some of them from the first step to the last: threads meet once, when W is packed. What differs from
// cell to cell is one loop over units in a file of its own (gates-*.ts).
// CPU twin: src/cpu/recurrence.ts. Next: gemm.ts.

import { multiplyFew } from './few'
import { blocksBackward, blocksForward } from './gates-blocks'
import { coupledBackward, coupledForward } from './gates-coupled'
import { elmanBackward, elmanForward } from './gates-elman'
import { gruBackward, gruForward } from './gates-gru'
import { candidateBackward, candidateForward, resetBackward, resetForward } from './gates-gru-before'
import { lstmBackward, lstmForward } from './gates-lstm'
import { peepholeBackward, peepholeForward } from './gates-peephole'
import { add, Row } from './gates'
import { groupsOf, multiplyPacked, panelsOf } from './gemm'
import { packGroups, packPanels } from './panels'
import { meet, scratchRow, share, shareEnd } from './threads'
import { GROUP } from './tile'

const LSTM: i32 = 3 // 0 to 2: gates-elman.ts
const GRU: i32 = 4
const PEEPHOLE: i32 = 5
const COUPLED: i32 = 6
const LSTM_1997: i32 = 7
const LSTM_2000: i32 = 8
const GRU_BEFORE: i32 = 9
const GRU_CHUNG: i32 = 10

/** What the host writes down (src/simd/recurrence.ts). Addresses; 0 for what is not there. */
@unmanaged
export class Sequence {
  kind: i32
  T: i32
  B: i32
  H: i32
  /** the size of h */
  O: i32
  /** G H; and of these how many columns are of the product with h: not those of a candidate that waits */
  width: i32
  early: i32
  reverse: i32
  /** [B] */
  lengths: usize
  /** [T, B, G H], [G H, O], [G H], [3 H]; of a step's second product [O, H]: a projection's, a candidate's */
  projected: usize
  weight: usize
  bias: usize
  peepholes: usize
  second: usize
  /** [T + 1, B, O] and [T + 1, B, H], with the first state in them */
  h: usize
  c: usize
  /** [T, B, S H] and its S H; [T, B, H], or one step's if it `saves` nothing */
  saved: usize
  savedWidth: i32
  shown: usize
  saves: i32
  /** scratch: [B, G H]; packed weights; packed rows, `groupsEach` bytes for each thread */
  u: usize
  panels: usize
  secondPanels: usize
  groups: usize
  groupsEach: i32
  /** backward: [T, B, O]; d(h_t) [T, B, O] if it is kept, else scratch [B, O] */
  dy: usize
  dh: usize
  keepsDh: i32
  /** [T, B, G H]; the same twice unless the gates split them */
  dx: usize
  du: usize
  /** the gradient of the last state [B, O]; of c, in the end before the first step [B, H] */
  dhLast: usize
  dc: usize
  /** scratch [B, H] with a second product; [B, O] where d(h) passes by the product */
  dm: usize
  pass: usize
  /** whether the gates write to pass */
  passes: i32
  /** whether nothing goes back in time through the product */
  truncated: i32
}

/** The sequences of the batch that are this thread's begin here: in parts of 4 rows, if there are enough. */
function firstRow(B: i32, thread: i32, threads: i32): i32 {
  const groups = groupsOf(B)
  return groups >= threads ? min(B, share(groups, thread, threads) * GROUP) : share(B, thread, threads)
}

@inline
function floats(n: i32): usize {
  return <usize>n << 2
}

export function recurrenceForward(s: Sequence, thread: i32, threads: i32): void {
  const B = s.B, H = s.H, O = s.O, width = s.width, early = s.early
  const panels = panelsOf(early)
  // W^T [O, G H]: its columns are W's rows
  packPanels(s.panels, s.weight, 4, floats(O), early, O,
    share(panels, thread, threads), shareEnd(panels, thread, threads))
  if (s.second && thread == 0) packPanels(s.secondPanels, s.second, 4, floats(H), O, H, 0, panelsOf(O))
  if (!meet(threads)) return
  const first = firstRow(B, thread, threads), last = firstRow(B, thread + 1, threads)
  const rows = last - first
  if (rows == 0) return
  const groups = s.groups + <usize>thread * s.groupsEach
  const u = s.u + floats(first * width)
  const row = changetype<Row>(scratchRow())
  row.H = H
  row.p = s.peepholes
  for (let k = 0; k < s.T; k++) {
    const t = s.reverse ? s.T - 1 - k : k
    const from = s.reverse ? t + 1 : t, to = s.reverse ? t : t + 1
    product(groups, s.h + floats((from * B + first) * O), O, O, rows, s.panels, early, s.bias, 0, u, width)
    for (let b = first; b < last; b++) {
      pointAt(row, s, t, b)
      if (stands(s, t, b)) stay(row, s)
      else forwardOf(row, s.kind)
    }
    if (s.second) {
      const seen = s.shown + floats(((s.saves ? t * B : 0) + first) * H)
      const waits = early < width
      product(groups, seen, H, H, rows, s.secondPanels, O, 0, 0,
        waits ? u + floats(early) : s.h + floats((to * B + first) * O), waits ? width : O)
      for (let b = first; waits && b < last; b++) {
        pointAt(row, s, t, b)
        if (!stands(s, t, b)) candidateForward(row)
      }
    }
    if (s.lengths) standStill(s, t, from, to, first, last)
  }
}

/** The gates of one step and sequence; all but a candidate that waits for its product. */
export function forwardOf(row: Row, kind: i32): void {
  if (kind == LSTM) lstmForward(row)
  else if (kind == GRU) gruForward(row)
  else if (kind == PEEPHOLE) peepholeForward(row)
  else if (kind == COUPLED) coupledForward(row)
  else if (kind == LSTM_1997 || kind == LSTM_2000) blocksForward(row, kind == LSTM_2000)
  else if (kind >= GRU_BEFORE) resetForward(row, signOf(kind))
  else elmanForward(row, kind)
}

/** How a gru with the reset before the product reads its gate z. */
@inline
function signOf(kind: i32): f32 {
  return kind == GRU_CHUNG ? -1 : 1
}

/** C [rows, N], rows `cRow` numbers apart, = start + A [rows, K] B, rows of A `aRow` numbers apart. */
function product(
  groups: usize, a: usize, aRow: i32, K: i32, rows: i32, panels: usize, N: i32, start: usize, startRow: usize,
  c: usize, cRow: i32,
): void {
  if (rows == 1) groups = a // one row is its own group
  else packGroups(groups, a, floats(aRow), 4, rows, K)
  multiplyPacked(groups, rows, panels, N, K, start, startRow, c, floats(cRow))
}

/** Whether sequence b has no step t. */
@inline
function stands(s: Sequence, t: i32, b: i32): bool {
  return s.lengths != 0 && t >= load<i32>(s.lengths + floats(b))
}

/** The rows of step t and sequence b that forward and backward both use. */
function pointAt(row: Row, s: Sequence, t: i32, b: i32): void {
  const B = s.B, H = s.H
  const from = s.reverse ? t + 1 : t, to = s.reverse ? t : t + 1
  const waits = s.early < s.width
  const at = (s.saves ? t * B : 0) + b
  row.x = s.projected + floats((t * B + b) * s.width)
  row.u = s.u + floats(b * s.width)
  row.saved = s.saves || waits ? s.saved + floats(at * s.savedWidth) : 0
  row.hBefore = s.h + floats((from * B + b) * s.O)
  row.cBefore = s.c + floats((from * B + b) * H)
  row.c = s.c + floats((to * B + b) * H)
  row.seen = s.shown ? s.shown + floats(at * H) : 0
  row.m = s.second && !waits ? row.seen : s.h + floats((to * B + b) * s.O)
}

/** c of a sequence that stands is what it was, and what it shows has no part in a gradient of weights. */
function stay(row: Row, s: Sequence): void {
  if (s.c) memory.copy(row.c, row.cBefore, floats(s.H))
  if (row.seen) memory.fill(row.seen, 0, floats(s.H))
}

/** h of the sequences that have ended (or have not begun, in reverse) is what it was. */
function standStill(s: Sequence, t: i32, from: i32, to: i32, first: i32, last: i32): void {
  for (let b = first; b < last; b++) {
    if (!stands(s, t, b)) continue
    memory.copy(s.h + floats((to * s.B + b) * s.O), s.h + floats((from * s.B + b) * s.O), floats(s.O))
  }
}

export function recurrenceBackward(s: Sequence, thread: i32, threads: i32): void {
  const B = s.B, H = s.H, O = s.O, width = s.width, early = s.early
  const panels = B == 1 ? 0 : panelsOf(O) // for one sequence W is read where it lies
  packPanels(s.panels, s.weight, floats(O), 4, O, early,
    share(panels, thread, threads), shareEnd(panels, thread, threads))
  if (s.second && thread == 0) packPanels(s.secondPanels, s.second, floats(H), 4, H, O, 0, panelsOf(H))
  if (!meet(threads)) return
  const first = firstRow(B, thread, threads), last = firstRow(B, thread + 1, threads)
  const rows = last - first
  if (rows == 0) return
  const groups = s.groups + <usize>thread * s.groupsEach
  const waits = early < width
  const row = changetype<Row>(scratchRow())
  row.H = H
  row.p = s.peepholes
  for (let k = s.T - 1; k >= 0; k--) {
    const t = s.reverse ? s.T - 1 - k : k
    const dh = s.dh + floats(((s.keepsDh ? t * B : 0) + first) * O)
    const dy = s.dy ? s.dy + floats((t * B + first) * O) : 0
    if (k == s.T - 1) {
      sum(dh, dy, s.dhLast + floats(first * O), rows * O)
    } else if (s.truncated) {
      if (dy) memory.copy(dh, dy, floats(rows * O))
      else memory.fill(dh, 0, floats(rows * O))
    } else {
      const after = s.reverse ? t - 1 : t + 1 // the step that came after
      const du = s.du + floats((after * B + first) * width)
      if (B == 1) multiplyFew(du, 0, 4, s.weight, floats(O), 4, dy, 0, dh, 0, 1, early, 0, O)
      else product(groups, du, width, early, rows, s.panels, O, dy, floats(O), dh, O)
    }
    if (s.pass && k < s.T - 1) sum(dh, dh, s.pass + floats(first * O), rows * O)
    for (let b = first; waits && b < last; b++) {
      pointBack(row, s, t, b, dh + floats((b - first) * O))
      if (!stands(s, t, b)) candidateBackward(row, signOf(s.kind))
    }
    if (s.second) {
      const d = waits ? s.du + floats((t * B + first) * width + early) : dh
      product(groups, d, waits ? width : O, O, rows, s.secondPanels, H, 0, 0, s.dm + floats(first * H), H)
    }
    for (let b = first; b < last; b++) backThrough(row, s, t, b, dh + floats((b - first) * O))
  }
}

/** The rows of step t and sequence b, given its d(h_t). */
function pointBack(row: Row, s: Sequence, t: i32, b: i32, dh: usize): void {
  pointAt(row, s, t, b)
  row.dseen = s.dm + floats(b * s.H)
  row.dm = s.second && s.early == s.width ? row.dseen : dh
  row.dx = s.dx + floats((t * s.B + b) * s.width)
  row.du = s.du + floats((t * s.B + b) * s.width)
  row.dc = s.dc + floats(b * s.H)
  row.pass = s.pass + floats(b * s.O)
}

/** The gates' derivatives of step t and sequence b, given d(h_t); all but a candidate's. */
function backThrough(row: Row, s: Sequence, t: i32, b: i32, dh: usize): void {
  pointBack(row, s, t, b, dh)
  if (stands(s, t, b)) {
    memory.fill(row.dx, 0, floats(s.width))
    memory.fill(row.du, 0, floats(s.width))
    memory.copy(row.pass, dh, floats(s.O))
    return
  }
  if (s.pass && !s.passes) memory.fill(row.pass, 0, floats(s.O))
  if (s.kind == LSTM) lstmBackward(row)
  else if (s.kind == GRU) gruBackward(row)
  else if (s.kind == PEEPHOLE) peepholeBackward(row)
  else if (s.kind == COUPLED) coupledBackward(row)
  else if (s.kind == LSTM_1997 || s.kind == LSTM_2000) blocksBackward(row, s.kind == LSTM_2000)
  else if (s.kind >= GRU_BEFORE) resetBackward(row)
  else elmanBackward(row, s.kind)
}

/** y = a + b for n numbers; a may be 0, for zeros. Whole vectors, then a rest one by one. */
function sum(y: usize, a: usize, b: usize, n: i32): void {
  if (a == 0) {
    memory.copy(y, b, floats(n))
    return
  }
  const whole = floats(n & ~3)
  let at: usize = 0
  for (; at < whole; at += 16) v128.store(y + at, add(v128.load(a + at), v128.load(b + at)))
  for (; at < floats(n); at += 4) store<f32>(y + at, load<f32>(a + at) + load<f32>(b + at))
}

// A recurrent cell over a whole sequence, forwards and back: the skeleton that serves every cell.
//
//   forward    u_t = h_{t-1} W^T + b, then the gates row by row     (src/device.ts has all equations)
//   backward   d(h_t) = dy_t + d(u_{t+1}) W + what passed by, then the gates' derivatives
//
// W is packed once, for all steps. The sequences of the batch do not depend on each other, so each thread
// takes some of them from the first step to the last: threads meet once, when W is packed. What differs from
// cell to cell is one loop over units in a file of its own (gates-*.ts).
// CPU twin: src/cpu/recurrence.ts. Next: gemm.ts.

import { multiplyFew } from './few'
import { coupledBackward, coupledForward } from './gates-coupled'
import { elmanBackward, elmanForward } from './gates-elman'
import { gruBackward, gruForward } from './gates-gru'
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

/** What the host writes down (src/simd/recurrence.ts). Addresses; 0 for what is not there. */
@unmanaged
export class Sequence {
  kind: i32
  T: i32
  B: i32
  H: i32
  /** the size of h */
  O: i32
  /** G H */
  width: i32
  reverse: i32
  /** [B] */
  lengths: usize
  /** [T, B, G H], [G H, O], [G H], [3 H], [P, H] */
  projected: usize
  weight: usize
  bias: usize
  peepholes: usize
  projection: usize
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
  projectionPanels: usize
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
  /** scratch [B, H] with a projection; [B, O] where d(h) passes by the product */
  dm: usize
  pass: usize
  /** whether the gates write to pass */
  passes: i32
}

/** The sequences of the batch that are this thread's begin here: in whole groups, if there are enough. */
function firstRow(B: i32, thread: i32, threads: i32): i32 {
  const groups = groupsOf(B)
  return groups >= threads ? min(B, share(groups, thread, threads) * GROUP) : share(B, thread, threads)
}

@inline
function floats(n: i32): usize {
  return <usize>n << 2
}

export function recurrenceForward(s: Sequence, thread: i32, threads: i32): void {
  const B = s.B, H = s.H, O = s.O, width = s.width
  const panels = panelsOf(width)
  // W^T [O, G H]: its columns are W's rows
  packPanels(s.panels, s.weight, 4, floats(O), width, O,
    share(panels, thread, threads), shareEnd(panels, thread, threads))
  if (s.projection && thread == 0) {
    packPanels(s.projectionPanels, s.projection, 4, floats(H), O, H, 0, panelsOf(O))
  }
  if (!meet(threads)) return
  const first = firstRow(B, thread, threads), last = firstRow(B, thread + 1, threads)
  const rows = last - first
  if (rows == 0) return
  const groups = s.groups + <usize>thread * s.groupsEach
  const row = changetype<Row>(scratchRow())
  row.H = H
  row.p = s.peepholes
  for (let k = 0; k < s.T; k++) {
    const t = s.reverse ? s.T - 1 - k : k
    const from = s.reverse ? t + 1 : t, to = s.reverse ? t : t + 1
    const at = s.saves ? t : 0
    product(groups, s.h + floats((from * B + first) * O), O, rows, s.panels, width, s.bias, 0,
      s.u + floats(first * width))
    for (let b = first; b < last; b++) {
      if (stands(s, t, b)) {
        if (s.shown) memory.fill(s.shown + floats((at * B + b) * H), 0, floats(H))
        if (s.c) memory.copy(s.c + floats((to * B + b) * H), s.c + floats((from * B + b) * H), floats(H))
        continue
      }
      pointAt(row, s, t, b)
      row.m = s.shown ? s.shown + floats((at * B + b) * H) : s.h + floats((to * B + b) * O)
      if (!s.saves) row.saved = 0
      forwardOf(row, s.kind)
    }
    if (s.projection) {
      product(groups, s.shown + floats((at * B + first) * H), H, rows, s.projectionPanels, O, 0, 0,
        s.h + floats((to * B + first) * O))
    }
    if (s.lengths) standStill(s, t, from, to, first, last)
  }
}

/** The gates of one step and sequence. */
export function forwardOf(row: Row, kind: i32): void {
  if (kind == LSTM) lstmForward(row)
  else if (kind == GRU) gruForward(row)
  else if (kind == PEEPHOLE) peepholeForward(row)
  else if (kind == COUPLED) coupledForward(row)
  else elmanForward(row, kind)
}

/** C [rows, N] = start + A [rows, K] B, for rows that lie one after another. */
function product(
  groups: usize, a: usize, K: i32, rows: i32, panels: usize, N: i32, start: usize, startRow: usize, c: usize,
): void {
  if (rows == 1) groups = a // one row is its own group
  else packGroups(groups, a, floats(K), 4, rows, K, 0, groupsOf(rows))
  multiplyPacked(groups, rows, panels, N, K, start, startRow, c, floats(N))
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
  row.x = s.projected + floats((t * B + b) * s.width)
  row.u = s.u + floats(b * s.width)
  row.saved = s.saved + floats((t * B + b) * s.savedWidth)
  row.hBefore = s.h + floats((from * B + b) * s.O)
  row.cBefore = s.c + floats((from * B + b) * H)
  row.c = s.c + floats((to * B + b) * H)
}

/** h of the sequences that have ended (or have not begun, in reverse) is what it was. */
function standStill(s: Sequence, t: i32, from: i32, to: i32, first: i32, last: i32): void {
  for (let b = first; b < last; b++) {
    if (!stands(s, t, b)) continue
    memory.copy(s.h + floats((to * s.B + b) * s.O), s.h + floats((from * s.B + b) * s.O), floats(s.O))
  }
}

export function recurrenceBackward(s: Sequence, thread: i32, threads: i32): void {
  const B = s.B, H = s.H, O = s.O, width = s.width
  const panels = B == 1 ? 0 : panelsOf(O) // for one sequence W is read where it lies
  packPanels(s.panels, s.weight, floats(O), 4, O, width,
    share(panels, thread, threads), shareEnd(panels, thread, threads))
  if (s.projection && thread == 0) {
    packPanels(s.projectionPanels, s.projection, floats(H), 4, H, O, 0, panelsOf(H))
  }
  if (!meet(threads)) return
  const first = firstRow(B, thread, threads), last = firstRow(B, thread + 1, threads)
  const rows = last - first
  if (rows == 0) return
  const groups = s.groups + <usize>thread * s.groupsEach
  const row = changetype<Row>(scratchRow())
  row.H = H
  row.p = s.peepholes
  for (let k = s.T - 1; k >= 0; k--) {
    const t = s.reverse ? s.T - 1 - k : k
    const dh = s.dh + floats(((s.keepsDh ? t * B : 0) + first) * O)
    const dy = s.dy ? s.dy + floats((t * B + first) * O) : 0
    if (k == s.T - 1) {
      sum(dh, dy, s.dhLast + floats(first * O), rows * O)
    } else {
      const after = s.reverse ? t - 1 : t + 1 // the step that came after
      const du = s.du + floats((after * B + first) * width)
      if (B == 1) multiplyFew(du, 0, 4, s.weight, floats(O), 4, dy, 0, dh, 0, 1, width, 0, O)
      else product(groups, du, width, rows, s.panels, O, dy, floats(O), dh)
      if (s.pass) sum(dh, dh, s.pass + floats(first * O), rows * O)
    }
    if (s.projection) {
      product(groups, dh, O, rows, s.projectionPanels, H, 0, 0, s.dm + floats(first * H))
    }
    for (let b = first; b < last; b++) backThrough(row, s, t, b, dh + floats((b - first) * O))
  }
}

/** The gates' derivatives of step t and sequence b, given d(h_t). */
function backThrough(row: Row, s: Sequence, t: i32, b: i32, dh: usize): void {
  const B = s.B, H = s.H, O = s.O
  const pass = s.pass + floats(b * O)
  const dx = s.dx + floats((t * B + b) * s.width), du = s.du + floats((t * B + b) * s.width)
  if (stands(s, t, b)) {
    memory.fill(dx, 0, floats(s.width))
    memory.fill(du, 0, floats(s.width))
    memory.copy(pass, dh, floats(O))
    return
  }
  pointAt(row, s, t, b)
  const to = s.reverse ? t : t + 1
  row.m = s.shown ? s.shown + floats((t * B + b) * H) : s.h + floats((to * B + b) * O)
  row.dm = s.projection ? s.dm + floats(b * H) : dh
  row.dx = dx
  row.du = du
  row.dc = s.dc + floats(b * H)
  row.pass = pass
  if (s.pass && !s.passes) memory.fill(pass, 0, floats(O))
  if (s.kind == LSTM) lstmBackward(row)
  else if (s.kind == GRU) gruBackward(row)
  else if (s.kind == PEEPHOLE) peepholeBackward(row)
  else if (s.kind == COUPLED) coupledBackward(row)
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

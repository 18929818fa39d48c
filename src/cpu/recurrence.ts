// A recurrent cell over a whole sequence, forwards and back: the skeleton that serves every cell.
//
//   forward    u_t = h_{t-1} W^T + b, then the gates row by row, then a projection or a candidate's product
//   backward   d(h_t) = dy_t + carry, then the gates' derivatives, then carry = d(u_t) W + what passed by
//
// All equations are in device.ts. What differs from cell to cell is one loop over units in a file of its own
// (gates-*.ts). Nothing is allocated per step. Kernel twins: kernels/recurrence_forward.wgsl,
// recurrence_backward.wgsl, simd/recurrence.ts. Next: gates.ts, matmul.ts.

import type { FloatArray, GateKind, NumberArray } from '../device.ts'
import { lstm1997Gates, lstm2000Gates } from './gates-blocks.ts'
import { coupledGates } from './gates-coupled.ts'
import { reluGates, sigmoidGates, tanhGates } from './gates-elman.ts'
import { gruGates } from './gates-gru.ts'
import { gruBeforeGates, gruChungGates } from './gates-gru-before.ts'
import { lstmGates } from './gates-lstm.ts'
import { peepholeGates } from './gates-peephole.ts'
import { earlyGates, type GateGradientRow, type GateRow, type Gates, type Tanh } from './gates.ts'
import { tanhOf32 } from './elementwise.ts'
import { matmul, type Matrix } from './matmul.ts'

export const gatesOf: Record<GateKind, Gates> = {
  tanh: tanhGates, relu: reluGates, sigmoid: sigmoidGates,
  lstm1997: lstm1997Gates, lstm2000: lstm2000Gates, lstm: lstmGates,
  peephole: peepholeGates, coupled: coupledGates,
  gru: gruGates, gruBefore: gruBeforeGates, gruChung: gruChungGates,
}

/** An array and where what is meant begins in it. */
export interface Part {
  readonly data: FloatArray
  readonly start: number
}

/** device.ts's Recurrence and its trace, as arrays. */
export interface SequenceArrays {
  readonly kind: GateKind
  readonly gates: Gates
  readonly T: number
  readonly B: number
  readonly H: number
  /** the size of h */
  readonly O: number
  readonly reverse: boolean
  readonly truncated: boolean
  /** the length of each sequence */
  readonly lengths: NumberArray | null
  readonly projected: Part
  readonly weight: Part
  readonly bias: Part | null
  readonly peepholes: Part | null
  readonly projection: Part | null
  /** [T + 1, B, O], with the first state in it */
  readonly h: FloatArray
  /** [T + 1, B, H], the same */
  readonly c: FloatArray | null
  /** [T, B, S H] and [T, B, H]; or one step's, [B, ...], if nothing is to be saved */
  readonly saved: FloatArray | null
  readonly shown: FloatArray | null
  readonly saves: boolean
}

/** A matrix whose rows lie one after another, or its transpose. */
export function matrixOf({ data, start }: Part, width: number, transposed = false): Matrix {
  const [rows, columns] = transposed ? [1, width] : [width, 1]
  return { data, offset: start, rows, columns }
}

/** @param u scratch [B, G H] */
export function recurrenceForward(s: SequenceArrays, u: FloatArray): void {
  const { gates, T, B, H, O, h, lengths } = s
  const { candidate } = gates
  const early = earlyGates(gates) * H
  const tanh: Tanh = u instanceof Float32Array ? tanhOf32 : Math.tanh
  const before = matrixOf({ data: h, start: 0 }, O)
  const weight = matrixOf(s.weight, O, true) // [O, G H], without the candidate's columns
  const second = secondOf(s)
  const then = second && matrixOf(second, H, true) // [H, O]
  const shown = matrixOf({ data: s.shown ?? h, start: 0 }, H)
  const row = forwardRow(s, u)
  for (let k = 0; k < T; k++) {
    const t = s.reverse ? T - 1 - k : k
    const [from, to] = s.reverse ? [t + 1, t] : [t, t + 1]
    before.offset = from * B * O
    matmul(u, 0, before, weight, B, early, O)
    if (s.bias) addToRows(u, s.bias, B, early)
    for (let b = 0; b < B; b++) {
      pointAt(row, s, t, b)
      if (stands(s, t, b)) stay(row, s)
      else gates.forward(row, tanh)
    }
    if (then) {
      shown.offset = s.saves ? t * B * H : 0
      if (candidate) matmul(u, B * early, shown, then, B, H, H)
      else matmul(h, to * B * O, shown, then, B, O, H)
    }
    for (let b = 0; candidate && b < B; b++) {
      pointAt(row, s, t, b)
      if (!stands(s, t, b)) candidate.forward(row, tanh)
    }
    if (lengths) standStill(h, from * B * O, to * B * O, O, t, lengths)
  }
}

/** The weights of a step's second product [O, H]: the projection's, or the candidate's. */
export function secondOf(
  { gates, H, O, weight, projection }: Pick<SequenceArrays, 'gates' | 'H' | 'O' | 'weight' | 'projection'>,
): Part | null {
  return gates.candidate ? { data: weight.data, start: weight.start + earlyGates(gates) * H * O } : projection
}

function forwardRow(s: SequenceArrays, u: FloatArray): GateRow {
  const { H, h, c, saved, shown, projected, peepholes, projection } = s
  return {
    H, x: projected.data, ix: 0, u, iu: 0, saved: saved ?? u, is: 0, hBefore: h, ihBefore: 0,
    m: projection ? shown! : h, im: 0, c: c ?? u, icBefore: 0, ic: 0,
    p: peepholes?.data ?? u, ip: peepholes?.start ?? 0, seen: shown ?? u, iseen: 0, v: u, iv: 0,
  }
}

/** The rows of step t and sequence b that forward and backward both use. */
function pointAt(row: GateRow, s: SequenceArrays, t: number, b: number): void {
  const { gates, B, H, O } = s
  const [from, to] = s.reverse ? [t + 1, t] : [t, t + 1]
  const early = earlyGates(gates) * H
  const at = (s.saves ? t : 0) * B + b
  row.ix = s.projected.start + (t * B + b) * gates.gates * H
  row.iu = b * early
  row.iv = B * early + b * H
  row.is = at * gates.saved * H
  row.ihBefore = (from * B + b) * O
  row.icBefore = (from * B + b) * H
  row.ic = (to * B + b) * H
  row.im = s.projection ? at * H : row.ic
  row.iseen = at * H
}

/** Whether sequence b has no step t. */
function stands({ lengths }: SequenceArrays, t: number, b: number): boolean {
  return lengths !== null && t >= lengths[b]
}

/** c of a sequence that stands is what it was, and what it shows has no part in a gradient of weights. */
function stay({ icBefore, ic, iseen }: GateRow, { c, shown, H }: SequenceArrays): void {
  c?.copyWithin(ic, icBefore, icBefore + H)
  shown?.fill(0, iseen, iseen + H)
}

/** h of the sequences that have ended (or have not begun, in reverse) is what it was. */
function standStill(
  h: FloatArray, from: number, to: number, O: number, t: number, lengths: ArrayLike<number>,
): void {
  for (let b = 0; b < lengths.length; b++) {
    if (t >= lengths[b]) h.copyWithin(to + b * O, from + b * O, from + (b + 1) * O)
  }
}

function addToRows(x: FloatArray, { data, start }: Part, rows: number, width: number): void {
  for (let r = 0, i = 0; r < rows; r++) {
    for (let j = 0; j < width; j++, i++) x[i] += data[start + j]
  }
}

/** What backward reads and fills beside the trace. */
export interface GradientArrays {
  /** [T, B, O], read; null for zeros */
  readonly dy: Part | null
  /** d(h_t) [T, B, O] if it is wanted, else scratch [B, O] */
  readonly dh: FloatArray
  readonly keepsDh: boolean
  /** [T, B, G H]; one array twice unless the gates split them */
  readonly projected: FloatArray
  readonly recurrent: FloatArray
  /** the gradient of the state after the last step, used up */
  readonly carry: FloatArray
  /** the same for c; in the end, of c before the first step */
  readonly c: FloatArray | null
  /** scratch: d(m) [B, H] with a projection; d(seen) with a candidate */
  readonly dm: FloatArray | null
  /** [B, O], where d(h) passes by the product: in the end, what reaches h before the first step so */
  readonly pass: FloatArray | null
}

export function recurrenceBackward(s: SequenceArrays, g: GradientArrays): void {
  const { gates, T, B, H, O } = s
  const { dy, dh, carry, pass } = g
  const width = gates.gates * H
  const early = earlyGates(gates) * H
  const tanh: Tanh = dh instanceof Float32Array ? tanhOf32 : Math.tanh
  const du = matrixOf({ data: g.recurrent, start: 0 }, width)
  const weight = matrixOf(s.weight, O) // [G H, O]
  const second = secondOf(s)
  const then = second && matrixOf(second, H) // [O, H]
  const dThen = gates.candidate ? matrixOf({ data: g.recurrent, start: 0 }, width)
    : matrixOf({ data: dh, start: 0 }, O)
  const row = gradientRow(s, g)
  for (let k = T - 1; k >= 0; k--) {
    const t = s.reverse ? T - 1 - k : k
    const start = g.keepsDh ? t * B * O : 0
    if (k < T - 1) {
      du.offset = (s.reverse ? t - 1 : t + 1) * B * width // of the step that came after
      if (s.truncated) carry.fill(0)
      else matmul(carry, 0, du, weight, B, O, early)
      if (pass) addUp(carry, 0, carry, 0, pass, B * O)
    }
    if (dy) addUp(dh, start, dy.data, dy.start + t * B * O, carry, B * O)
    else dh.set(carry, start)
    for (let b = 0; gates.candidate && b < B; b++) {
      pointBack(row, s, t, b)
      if (!stands(s, t, b)) gates.candidate.backward(row, tanh)
    }
    dThen.offset = gates.candidate ? t * B * width + early : start
    if (then) matmul(g.dm!, 0, dThen, then, B, H, O)
    for (let b = 0; b < B; b++) {
      pointBack(row, s, t, b)
      if (pass && !gates.passes) pass.fill(0, row.ipass, row.ipass + O)
      if (stands(s, t, b)) handOn(row, s, g, start + b * O)
      else gates.backward(row, tanh)
    }
  }
}

function gradientRow(s: SequenceArrays, g: GradientArrays): GateGradientRow {
  return {
    ...forwardRow(s, g.dh), dm: s.projection ? g.dm! : g.dh, idm: 0, dx: g.projected, idx: 0,
    du: g.recurrent, idu: 0, dc: g.c ?? g.dh, idc: 0, pass: g.pass ?? g.dh, ipass: 0,
    dseen: g.dm ?? g.dh, idseen: 0,
  }
}

function pointBack(row: GateGradientRow, s: SequenceArrays, t: number, b: number): void {
  const { gates, B, H, O } = s
  pointAt(row, s, t, b)
  row.idm = row.idc = row.idseen = b * H
  row.idx = row.idu = (t * B + b) * gates.gates * H
  row.ipass = b * O
}

/** d(h) of a sequence that stands goes on as it is; nothing comes to what it did not read. */
function handOn(row: GateGradientRow, { gates, H, O }: SequenceArrays, g: GradientArrays, dh: number): void {
  g.projected.fill(0, row.idx, row.idx + gates.gates * H)
  g.recurrent.fill(0, row.idu, row.idu + gates.gates * H)
  for (let j = 0; j < O; j++) g.pass![row.ipass + j] = g.dh[dh + j]
}

/** y = a + b for n numbers, b from its beginning */
function addUp(
  y: FloatArray, iy: number, a: FloatArray, ia: number, b: FloatArray, n: number,
): void {
  for (let i = 0; i < n; i++) y[iy + i] = a[ia + i] + b[i]
}

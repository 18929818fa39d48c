// What a cell's gate file gives to the skeleton of recurrence.ts: the arithmetic of one step's units.
//
// A unit j sees its own numbers only: its share of the projected input and of the recurrent product (one
// number for each of G gates, H apart), its h and c before the step, its peepholes. So one step of one
// sequence is a loop over j, which the skeleton calls row by row. The arrays are those of the whole sequence;
// the skeleton moves the offsets. Next: gates-lstm.ts.

import type { FloatArray } from '../device.ts'

/** Rows of one step and one sequence of the batch: an array, and where the row begins in it. */
export interface GateRow {
  /** the number of units */
  H: number
  /** the projected input [G H] */
  x: FloatArray
  ix: number
  /** the recurrent product [G H] */
  u: FloatArray
  iu: number
  /** what forward leaves for backward [S H] */
  saved: FloatArray
  is: number
  /** h before the step: [H], as no kind that reads it has a projection */
  hBefore: FloatArray
  ihBefore: number
  /** m, what the cell shows: h after the step, or what is projected to it [H] */
  m: FloatArray
  im: number
  /** c before and after the step [H] */
  c: FloatArray
  icBefore: number
  ic: number
  /** peepholes [3 H] */
  p: FloatArray
  ip: number
  /** of a kind with a `candidate`: what its product takes, written by `forward`, and what it gives [H] */
  seen: FloatArray
  iseen: number
  v: FloatArray
  iv: number
}

/** The same for backward, with gradients. */
export interface GateGradientRow extends GateRow {
  /** d(m) [H], read */
  dm: FloatArray
  idm: number
  /** d(projected) and d(u) [G H], written; one array if they are equal */
  dx: FloatArray
  idx: number
  du: FloatArray
  idu: number
  /** d(c): after the step when read, before it when written [H] */
  dc: FloatArray
  idc: number
  /** what of d(m) reaches h before the step past the recurrent product [H], written if the kind `passes` */
  pass: FloatArray
  ipass: number
  /** d(seen) [H], read by `backward` of a kind with a `candidate` */
  dseen: FloatArray
  idseen: number
}

/** tanh as this precision computes it: handed in, so that a file of gates is the same in both. */
export type Tanh = (x: number) => number

export interface Gates {
  /** G */
  readonly gates: number
  /** S, how many numbers a unit saves for backward */
  readonly saved: number
  /** whether there is a c beside h */
  readonly hasC: boolean
  /** whether h goes on past the product too, as the gru's z h_{t-1} does */
  readonly passes: boolean
  /** whether d(u) differs from d(projected) */
  readonly splits: boolean
  forward(row: GateRow, tanh: Tanh): void
  backward(row: GateGradientRow, tanh: Tanh): void
  /**
   * Of a kind whose last gate waits for the others: its product is with `seen`, which `forward` writes, not
   * with h. This comes after that product; backwards, before it.
   */
  readonly candidate?: Pick<Gates, 'forward' | 'backward'>
}

/** How many of the gates take part in the product with h. */
export const earlyGates = ({ gates, candidate }: Gates): number => (candidate ? gates - 1 : gates)

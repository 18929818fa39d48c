// What the skeleton of recurrence.ts and a cell's gates (gates-*.ts) say to each other: where one row of one
// step lies. Four units at a time; a rest of H % 4 reads whole vectors, past its row, and writes its part.
// CPU twin: src/cpu/gates.ts. Next: gates-lstm.ts.

/** Addresses of one step's rows for one sequence of the batch; names and shapes as in the CPU twin. */
@unmanaged
export class Row {
  H: i32
  /** the projected input and the recurrent product [G H] */
  x: usize
  u: usize
  /** what forward leaves for backward [S H] */
  saved: usize
  hBefore: usize
  /** what the cell shows [H] */
  m: usize
  cBefore: usize
  c: usize
  /** peepholes [3 H] */
  p: usize
  /** of a kind whose candidate has a product of its own: what that takes [H]; what it gives is in u */
  seen: usize
  /** backward: d(m) [H], read; d(projected) and d(u) [G H], written; d(c) [H], both */
  dm: usize
  dx: usize
  du: usize
  dc: usize
  /** backward: what reaches h before the step past the product [H] */
  pass: usize
  /** backward: d(seen) [H], read */
  dseen: usize
}

@inline
export function mul(a: v128, b: v128): v128 {
  return f32x4.mul(a, b)
}

@inline
export function add(a: v128, b: v128): v128 {
  return f32x4.add(a, b)
}

@inline
export function sub(a: v128, b: v128): v128 {
  return f32x4.sub(a, b)
}

/** 1 - x */
@inline
export function oneMinus(x: v128): v128 {
  return f32x4.sub(f32x4.splat(1), x)
}

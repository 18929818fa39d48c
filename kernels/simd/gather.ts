// Rows by index, which the host has found to be in range:
//
//   gather       y[n] = table[index_n]              table [V, D], y [N, D]
//   scatterAdd   y[index_n] += x[n], n = 0, 1, ...   x [N, D], y [V, D]
//   reverseTime  y[t, b] = x[lengths_b - 1 - t, b] for t < lengths_b, else x[t, b]     x [T, B, D]
//
// A row of y may get several rows of x; threads share the columns, so that their order stays.
// CPU twin: src/cpu/move.ts. Next: move.ts.

import { put } from './lanes'
import { copyRow } from './move'
import { firstNumber, share, shareEnd } from './threads'

@unmanaged
export class Rows {
  y: usize
  x: usize
  /** [N] int32 */
  index: usize
  N: i32
  D: i32
}

export function gather(p: Rows, thread: i32, threads: i32): void {
  const last = shareEnd(p.N, thread, threads)
  for (let n = share(p.N, thread, threads); n < last; n++) {
    const v = load<u32>(p.index + (<usize>n << 2))
    copyRow(p.y + (<usize>(n * p.D) << 2), p.x + (<usize>(v * p.D) << 2), p.D)
  }
}

export function scatterAdd(p: Rows, thread: i32, threads: i32): void {
  const first = firstNumber(p.D, thread, threads)
  const columns = firstNumber(p.D, thread + 1, threads) - first
  for (let n = 0; n < p.N; n++) {
    const v = load<u32>(p.index + (<usize>n << 2))
    let y = p.y + (<usize>(v * p.D + first) << 2), x = p.x + (<usize>(n * p.D + first) << 2)
    for (let k = columns; k > 0; k -= 4, y += 16, x += 16) put(y, f32x4.add(v128.load(y), v128.load(x)), k)
  }
}

@unmanaged
export class Reverse {
  y: usize
  x: usize
  /** [B] int32 */
  lengths: usize
  T: i32
  B: i32
  D: i32
}

export function reverseTime(p: Reverse, thread: i32, threads: i32): void {
  const last = shareEnd(p.T, thread, threads)
  const row = <usize>p.D << 2
  for (let t = share(p.T, thread, threads); t < last; t++) {
    for (let b = 0; b < p.B; b++) {
      const length = load<i32>(p.lengths + (<usize>b << 2))
      const from = t < length ? length - 1 - t : t
      copyRow(p.y + <usize>(t * p.B + b) * row, p.x + <usize>(from * p.B + b) * row, p.D)
    }
  }
}

// Products of 1 to 3 rows, where packing B would take as long as the product: B is read where it is.
//
//   B by rows, [K, N]      y[j..j+31] += x[k] B[k, j..j+31], 32 columns at a time
//   B by columns, [N, K]   y[j] = x . B[j], 8 columns at a time, 4 partial sums each
//
// Reading B is what takes the time: each number of it is used M times only. CPU twin: src/cpu/matmul.ts.
// Next: gemm.ts.

import { multiplyAdd } from './tile'

/**
 * Columns `first` to `last` of C [M, N] = start + A B, M rows one after another; `first` is a multiple of 4,
 * so that a column is summed in the same way at any number of threads.
 */
export function multiplyFew(
  a: usize, aRow: usize, aColumn: usize, b: usize, bRow: usize, bColumn: usize,
  start: usize, startRow: usize, c: usize, cRow: usize, M: i32, K: i32, first: i32, last: i32,
): void {
  for (let m = 0; m < M; m++, a += aRow, c += cRow, start += start ? startRow : 0) {
    let j = first
    if (aColumn == 4 && bRow == 4) {
      for (; j + 8 <= last; j += 8) {
        dots8(a, b + <usize>j * bColumn, bColumn, K, start ? start + (<usize>j << 2) : 0, c + (<usize>j << 2))
      }
      for (; j + 4 <= last; j += 4) {
        dots4(a, b + <usize>j * bColumn, bColumn, K, start ? start + (<usize>j << 2) : 0, c + (<usize>j << 2))
      }
    } else if (bColumn == 4) {
      for (; j + 32 <= last; j += 32) combine32(a, aColumn, b, bRow, start, c, K, <usize>j << 2)
      for (; j + 4 <= last; j += 4) combine4(a, aColumn, b, bRow, start, c, K, <usize>j << 2)
    }
    for (; j < last; j++) {
      const at = <usize>j << 2
      let sum: f32 = start ? load<f32>(start + at) : 0
      let x = a, y = b + <usize>j * bColumn
      for (let k = 0; k < K; k++, x += aColumn, y += bRow) sum += load<f32>(x) * load<f32>(y)
      store<f32>(c + at, sum)
    }
  }
}

/** c[0..7] = start + the products of x [K] with 8 rows of B: as many sums as keep the multipliers busy. */
function dots8(x: usize, b: usize, row: usize, K: i32, start: usize, c: usize): void {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0
  let b1 = b + row, b2 = b1 + row, b3 = b2 + row, b4 = b3 + row, b5 = b4 + row, b6 = b5 + row, b7 = b6 + row
  const end = x + (<usize>(K & ~3) << 2)
  for (; x < end; x += 16) {
    const v = v128.load(x)
    s0 = multiplyAdd(v, v128.load(b), s0); s1 = multiplyAdd(v, v128.load(b1), s1)
    s2 = multiplyAdd(v, v128.load(b2), s2); s3 = multiplyAdd(v, v128.load(b3), s3)
    s4 = multiplyAdd(v, v128.load(b4), s4); s5 = multiplyAdd(v, v128.load(b5), s5)
    s6 = multiplyAdd(v, v128.load(b6), s6); s7 = multiplyAdd(v, v128.load(b7), s7)
    b += 16; b1 += 16; b2 += 16; b3 += 16; b4 += 16; b5 += 16; b6 += 16; b7 += 16
  }
  finish(s0, s1, s2, s3, x, b, row, K & 3, start, c)
  finish(s4, s5, s6, s7, x, b4, row, K & 3, start ? start + 16 : 0, c + 16)
}

/** The same with 4 rows. */
function dots4(x: usize, b: usize, row: usize, K: i32, start: usize, c: usize): void {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0
  let b1 = b + row, b2 = b1 + row, b3 = b2 + row
  const end = x + (<usize>(K & ~3) << 2)
  for (; x < end; x += 16) {
    const v = v128.load(x)
    s0 = multiplyAdd(v, v128.load(b), s0); s1 = multiplyAdd(v, v128.load(b1), s1)
    s2 = multiplyAdd(v, v128.load(b2), s2); s3 = multiplyAdd(v, v128.load(b3), s3)
    b += 16; b1 += 16; b2 += 16; b3 += 16
  }
  finish(s0, s1, s2, s3, x, b, row, K & 3, start, c)
}

/** c[0..3] = start + four sums of four parts each + the last `rest` numbers of x and of 4 rows. */
@inline
function finish(
  s0: v128, s1: v128, s2: v128, s3: v128, x: usize, b: usize, row: usize, rest: i32, start: usize, c: usize,
): void {
  // transposed, so that the parts of each sum lie in one lane
  const low01 = v128.shuffle<f32>(s0, s1, 0, 4, 1, 5), low23 = v128.shuffle<f32>(s2, s3, 0, 4, 1, 5)
  const high01 = v128.shuffle<f32>(s0, s1, 2, 6, 3, 7), high23 = v128.shuffle<f32>(s2, s3, 2, 6, 3, 7)
  let sums = f32x4.add(
    f32x4.add(v128.shuffle<f32>(low01, low23, 0, 1, 4, 5), v128.shuffle<f32>(low01, low23, 2, 3, 6, 7)),
    f32x4.add(v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), v128.shuffle<f32>(high01, high23, 2, 3, 6, 7)),
  )
  for (let k = 0; k < rest; k++, x += 4, b += 4) {
    const upper = b + 2 * row
    const column = f32x4(load<f32>(b), load<f32>(b + row), load<f32>(upper), load<f32>(upper + row))
    sums = multiplyAdd(v128.load32_splat(x), column, sums)
  }
  v128.store(c, start ? f32x4.add(v128.load(start), sums) : sums)
}

/** c[at .. at + 128 bytes] = start + sum over k of x[k] B[k] */
function combine32(
  x: usize, step: usize, b: usize, row: usize, start: usize, c: usize, K: i32, at: usize,
): void {
  const from = start ? start + at : 0
  let s0 = part(from, 0), s1 = part(from, 16), s2 = part(from, 32), s3 = part(from, 48)
  let s4 = part(from, 64), s5 = part(from, 80), s6 = part(from, 96), s7 = part(from, 112)
  b += at
  for (let k = 0; k < K; k++, x += step, b += row) {
    const v = v128.load32_splat(x)
    // Both always hold; without them the V8 of Node 20 loads all before it multiplies, spills, and does half
    if (b) {
      s0 = multiplyAdd(v, v128.load(b), s0); s1 = multiplyAdd(v, v128.load(b, 16), s1)
      s2 = multiplyAdd(v, v128.load(b, 32), s2); s3 = multiplyAdd(v, v128.load(b, 48), s3)
    }
    if (x) {
      s4 = multiplyAdd(v, v128.load(b, 64), s4); s5 = multiplyAdd(v, v128.load(b, 80), s5)
      s6 = multiplyAdd(v, v128.load(b, 96), s6); s7 = multiplyAdd(v, v128.load(b, 112), s7)
    }
  }
  c += at
  v128.store(c, s0); v128.store(c, s1, 16); v128.store(c, s2, 32); v128.store(c, s3, 48)
  v128.store(c, s4, 64); v128.store(c, s5, 80); v128.store(c, s6, 96); v128.store(c, s7, 112)
}

function combine4(
  x: usize, step: usize, b: usize, row: usize, start: usize, c: usize, K: i32, at: usize,
): void {
  let sum = part(start ? start + at : 0, 0)
  b += at
  for (let k = 0; k < K; k++, x += step, b += row) {
    sum = multiplyAdd(v128.load32_splat(x), v128.load(b), sum)
  }
  v128.store(c + at, sum)
}

@inline
function part(from: usize, at: usize): v128 {
  return from ? v128.load(from + at) : f32x4.splat(0)
}

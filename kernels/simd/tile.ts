// The register tiles: a block of C that lives in vector registers while k runs, C = start + A B.
//
// A and B come packed (panels.ts): 5 rows of A (or 4, 2, 1) interleaved k by k, B in panels of 8 columns.
// V8 has 15 vector registers, and loads all that a block of code needs before it multiplies: the tile of 4
// rows and 8 columns takes 8 for its sums, 2 for a row of the panel and 4 for A; 6 x 8 would take 12 + 2 + 6,
// so it spills, and does half. 5 x 8, 10 + 2 + 5, fits when its block is cut in three. Fewer rows take more
// panels, so that there are 8 sums: as many as keep 2 multiply-adds a cycle with a latency of 4 just busy.
// Steps are in bytes. Next: gemm.ts.

/** Columns of a panel, and rows of a group: of as many as there can be, and of those that take the rest. */
export const PANEL: i32 = 8
export const TALL: i32 = 5
export const GROUP: i32 = 4

/** Whether tall groups pay: a product and a sum apart take a register more, and spill. */
export const HAS_TALL: bool = ASC_FEATURE_RELAXED_SIMD

/** c + a b: rounded once where the engine has relaxed SIMD and the machine the instruction, else twice. */
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c)
  return f32x4.add(c, f32x4.mul(a, b))
}

@inline
function startAt(from: usize, at: usize): v128 {
  return from ? v128.load(from + at) : f32x4.splat(0)
}

/**
 * C [5, 8] = start + A [5, K] B [K, 8], from A[k][5]; the rest as in tile4x8.
 */
export function tile5x8(
  a: usize, b: usize, K: i32, from: usize, stepFrom: usize, c: usize, stepC: usize,
): void {
  let s00 = startAt(from, 0), s01 = startAt(from, 16)
  let s10 = startAt(from, stepFrom), s11 = startAt(from, stepFrom + 16)
  let s20 = startAt(from, 2 * stepFrom), s21 = startAt(from, 2 * stepFrom + 16)
  let s30 = startAt(from, 3 * stepFrom), s31 = startAt(from, 3 * stepFrom + 16)
  let s40 = startAt(from, 4 * stepFrom), s41 = startAt(from, 4 * stepFrom + 16)
  const end = b + (<usize>K << 5)
  while (b < end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16)
    let x = v128.load32_splat(a)
    s00 = multiplyAdd(x, b0, s00); s01 = multiplyAdd(x, b1, s01)
    if (a) { // both always hold: they cut the block
      x = v128.load32_splat(a, 4)
      s10 = multiplyAdd(x, b0, s10); s11 = multiplyAdd(x, b1, s11)
      x = v128.load32_splat(a, 8)
      s20 = multiplyAdd(x, b0, s20); s21 = multiplyAdd(x, b1, s21)
    }
    if (b) {
      x = v128.load32_splat(a, 12)
      s30 = multiplyAdd(x, b0, s30); s31 = multiplyAdd(x, b1, s31)
      x = v128.load32_splat(a, 16)
      s40 = multiplyAdd(x, b0, s40); s41 = multiplyAdd(x, b1, s41)
    }
    a += 20
    b += 32
  }
  v128.store(c, s00); v128.store(c, s01, 16)
  v128.store(c + stepC, s10); v128.store(c + stepC, s11, 16)
  v128.store(c + 2 * stepC, s20); v128.store(c + 2 * stepC, s21, 16)
  v128.store(c + 3 * stepC, s30); v128.store(c + 3 * stepC, s31, 16)
  v128.store(c + 4 * stepC, s40); v128.store(c + 4 * stepC, s41, 16)
}

/**
 * C [4, 8] = start + A [4, K] B [K, 8].
 * @param a A[k][4]
 * @param b B[k][8]
 * @param from where the sums start, its rows stepFrom apart (0: one row for all); 0 for zeros
 */
export function tile4x8(
  a: usize, b: usize, K: i32, from: usize, stepFrom: usize, c: usize, stepC: usize,
): void {
  let s00 = startAt(from, 0), s01 = startAt(from, 16)
  let s10 = startAt(from, stepFrom), s11 = startAt(from, stepFrom + 16)
  let s20 = startAt(from, 2 * stepFrom), s21 = startAt(from, 2 * stepFrom + 16)
  let s30 = startAt(from, 3 * stepFrom), s31 = startAt(from, 3 * stepFrom + 16)
  const end = b + (<usize>K << 5)
  while (b < end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16)
    let x = v128.load32_splat(a)
    s00 = multiplyAdd(x, b0, s00); s01 = multiplyAdd(x, b1, s01)
    x = v128.load32_splat(a, 4)
    s10 = multiplyAdd(x, b0, s10); s11 = multiplyAdd(x, b1, s11)
    x = v128.load32_splat(a, 8)
    s20 = multiplyAdd(x, b0, s20); s21 = multiplyAdd(x, b1, s21)
    x = v128.load32_splat(a, 12)
    s30 = multiplyAdd(x, b0, s30); s31 = multiplyAdd(x, b1, s31)
    a += 16
    b += 32
  }
  v128.store(c, s00); v128.store(c, s01, 16)
  v128.store(c + stepC, s10); v128.store(c + stepC, s11, 16)
  v128.store(c + 2 * stepC, s20); v128.store(c + 2 * stepC, s21, 16)
  v128.store(c + 3 * stepC, s30); v128.store(c + 3 * stepC, s31, 16)
}

/** C [2, 16] = start + A [2, K] B [K, 16], from A[k][2] and two panels that are stepB apart. */
export function tile2x16(
  a: usize, b: usize, stepB: usize, K: i32, from: usize, stepFrom: usize, c: usize, stepC: usize,
): void {
  let s00 = startAt(from, 0), s01 = startAt(from, 16)
  let s02 = startAt(from, 32), s03 = startAt(from, 48)
  let s10 = startAt(from, stepFrom), s11 = startAt(from, stepFrom + 16)
  let s12 = startAt(from, stepFrom + 32), s13 = startAt(from, stepFrom + 48)
  const end = b + (<usize>K << 5)
  let d = b + stepB
  while (b < end) {
    const x = v128.load32_splat(a), y = v128.load32_splat(a, 4)
    let w = v128.load(b)
    s00 = multiplyAdd(x, w, s00); s10 = multiplyAdd(y, w, s10)
    w = v128.load(b, 16)
    s01 = multiplyAdd(x, w, s01); s11 = multiplyAdd(y, w, s11)
    w = v128.load(d)
    s02 = multiplyAdd(x, w, s02); s12 = multiplyAdd(y, w, s12)
    w = v128.load(d, 16)
    s03 = multiplyAdd(x, w, s03); s13 = multiplyAdd(y, w, s13)
    a += 8
    b += 32
    d += 32
  }
  v128.store(c, s00); v128.store(c, s01, 16); v128.store(c, s02, 32); v128.store(c, s03, 48)
  c += stepC
  v128.store(c, s10); v128.store(c, s11, 16); v128.store(c, s12, 32); v128.store(c, s13, 48)
}

/** C [1, 32] = start + A [1, K] B [K, 32], from a row of A and four panels that are stepB apart. */
export function tile1x32(a: usize, b: usize, stepB: usize, K: i32, from: usize, c: usize): void {
  let s0 = startAt(from, 0), s1 = startAt(from, 16), s2 = startAt(from, 32), s3 = startAt(from, 48)
  let s4 = startAt(from, 64), s5 = startAt(from, 80), s6 = startAt(from, 96), s7 = startAt(from, 112)
  let b1 = b + stepB, b2 = b1 + stepB, b3 = b2 + stepB
  const end = b + (<usize>K << 5)
  while (b < end) {
    const x = v128.load32_splat(a)
    s0 = multiplyAdd(x, v128.load(b), s0); s1 = multiplyAdd(x, v128.load(b, 16), s1)
    s2 = multiplyAdd(x, v128.load(b1), s2); s3 = multiplyAdd(x, v128.load(b1, 16), s3)
    s4 = multiplyAdd(x, v128.load(b2), s4); s5 = multiplyAdd(x, v128.load(b2, 16), s5)
    s6 = multiplyAdd(x, v128.load(b3), s6); s7 = multiplyAdd(x, v128.load(b3, 16), s7)
    a += 4
    b += 32; b1 += 32; b2 += 32; b3 += 32
  }
  v128.store(c, s0); v128.store(c, s1, 16); v128.store(c, s2, 32); v128.store(c, s3, 48)
  v128.store(c, s4, 64); v128.store(c, s5, 80); v128.store(c, s6, 96); v128.store(c, s7, 112)
}

// Four numbers at a time, where there are fewer: the end of a row, read as a whole vector (there is always
// room behind an array), of which only the first lanes count. Next: binary.ts, softmax.ts.

/** Numbers in a cache line: threads take their shares in such units, so that they never write to one line. */
export const LINE: i32 = 16

/** Writes the first `n` of 4 numbers, or all of them. */
@inline
export function put(to: usize, x: v128, n: i32): void {
  if (n >= 4) {
    v128.store(to, x)
    return
  }
  v128.store32_lane(to, x, 0)
  if (n > 1) v128.store32_lane(to, x, 1, 4)
  if (n > 2) v128.store32_lane(to, x, 2, 8)
}

/** All bits of the first `n` lanes, none of the others. */
@inline
export function firstLanes(n: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(n))
}

/** The sum of the four lanes. */
@inline
export function sumOf(x: v128): f32 {
  const pairs = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1))
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1)
}

/** The largest of the four lanes; NaN if one is NaN. */
@inline
export function largestOf(x: v128): f32 {
  const pairs = f32x4.max(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1))
  return max<f32>(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1))
}

// Philox 4x32-10 (Salmon et al. 2011, 3.3), four blocks at a time, a block in each lane:
//
//   uniform   y_i = the number in [0, 1) at position counter + i of the key's stream
//   dropout   y_i = x_i factor where that number is above limit, else x_i 0
//
// A block of counter c gives the numbers at positions 4 c to 4 c + 3, bit for bit those of src/random.ts.
// CPU twins: src/random.ts, fillUniform; src/ops/dropout.ts.

import { put } from './lanes'
import { aside, share, shareEnd } from './threads'

@unmanaged
export class Draw {
  y: usize
  n: i32
  key0: u32
  key1: u32
  /** the position of y[0]: low and high half */
  low: u32
  high: u32
  /** dropout: 0 for uniform alone */
  x: usize
  limit: f32
  factor: f32
}

/** Sixteen positions that begin at a multiple of 16 are a group: four blocks. Threads share the groups. */
export function draw(p: Draw, thread: i32, threads: i32): void {
  const start = (<u64>p.high << 32) | p.low
  const lead = <i32>(start & 15) // positions of the first group that lie before y[0]
  const groups = (lead + p.n + 15) / 16
  const last = shareEnd(groups, thread, threads)
  for (let g = share(groups, thread, threads); g < last; g++) {
    const numbers = aside()
    sixteen(numbers, (start >> 4 << 2) + 4 * <u64>g, p.key0, p.key1)
    const first = 16 * g - lead // of y
    for (let k = max(0, -first); k < min(16, p.n - first);) {
      const count = min(4, min(16, p.n - first) - k)
      const at = <usize>(first + k) << 2
      const u = v128.load(numbers + (<usize>k << 2))
      put(p.y + at, p.x ? dropped(v128.load(p.x + at), u, p) : u, count)
      k += count
    }
  }
}

@inline
function dropped(x: v128, u: v128, p: Draw): v128 {
  return f32x4.mul(x, v128.and(f32x4.gt(u, f32x4.splat(p.limit)), f32x4.splat(p.factor)))
}

/** The numbers of the blocks c to c + 3, c a multiple of 4. */
function sixteen(to: usize, c: u64, key0: u32, key1: u32): void {
  let c0 = i32x4.add(i32x4.splat(<i32>c), i32x4(0, 1, 2, 3)), c1 = i32x4.splat(<i32>(c >> 32))
  let c2 = i32x4.splat(0), c3 = c2
  const multiplier0 = i32x4.splat(0xd2511f53), multiplier1 = i32x4.splat(0xcd9e8d57)
  for (let round = 0; round < 10; round++) {
    const a = i64x2.extmul_low_i32x4_u(c0, multiplier0), b = i64x2.extmul_high_i32x4_u(c0, multiplier0)
    const d = i64x2.extmul_low_i32x4_u(c2, multiplier1), e = i64x2.extmul_high_i32x4_u(c2, multiplier1)
    c0 = v128.xor(v128.xor(v128.shuffle<i32>(d, e, 1, 3, 5, 7), c1), i32x4.splat(key0))
    c2 = v128.xor(v128.xor(v128.shuffle<i32>(a, b, 1, 3, 5, 7), c3), i32x4.splat(key1))
    c1 = v128.shuffle<i32>(d, e, 0, 2, 4, 6)
    c3 = v128.shuffle<i32>(a, b, 0, 2, 4, 6)
    key0 += 0x9e3779b9
    key1 += 0xbb67ae85
  }
  // 4 x 4 transposed: a block's four words lie side by side
  const low01 = v128.shuffle<i32>(c0, c1, 0, 4, 1, 5), low23 = v128.shuffle<i32>(c2, c3, 0, 4, 1, 5)
  const high01 = v128.shuffle<i32>(c0, c1, 2, 6, 3, 7), high23 = v128.shuffle<i32>(c2, c3, 2, 6, 3, 7)
  v128.store(to, inUnit(v128.shuffle<i32>(low01, low23, 0, 1, 4, 5)))
  v128.store(to, inUnit(v128.shuffle<i32>(low01, low23, 2, 3, 6, 7)), 16)
  v128.store(to, inUnit(v128.shuffle<i32>(high01, high23, 0, 1, 4, 5)), 32)
  v128.store(to, inUnit(v128.shuffle<i32>(high01, high23, 2, 3, 6, 7)), 48)
}

/** The upper 24 bits, as a number in [0, 1). */
@inline
function inUnit(word: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_u(i32x4.shr_u(word, 8)), f32x4.splat(1.0 / 16777216))
}

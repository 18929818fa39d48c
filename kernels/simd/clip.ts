// All gradients scaled together so that their common norm is at most `most`, written end to end:
//
//   norm = sqrt(sum of g^2),  scale = min(1, most / (norm + 1e-6)),  out = scale g
//
// Squares are summed in float64, chunk by chunk of 4,096, and the chunks in their order: the same bits at any
// number of threads. scalars [3]: norm, 1 if anything was changed, 1 if the norm is finite.
// CPU twin: src/train/clip.ts, clipByGlobalNorm. Next: update.ts.

import { firstLanes, put } from './lanes'
import { CHUNK, chunksOf, pieceAt } from './pieces'
import { meet, share, shareEnd } from './threads'

@unmanaged
export class Clip {
  pieces: usize
  count: i32
  most: f32
  out: usize
  scalars: usize
  /** float64, one for each chunk */
  sums: usize
  chunks: i32
}

export function clip(p: Clip, thread: i32, threads: i32): void {
  for (let k = 0; k < p.count; k++) {
    const piece = pieceAt(p.pieces, k)
    const chunks = chunksOf(piece.length), last = shareEnd(chunks, thread, threads)
    for (let c = share(chunks, thread, threads); c < last; c++) {
      const first = c * CHUNK
      const sum = sumOfSquares(piece.g + (<usize>first << 2), min(CHUNK, piece.length - first))
      store<f64>(p.sums + (<usize>(piece.chunk + c) << 3), sum)
    }
  }
  if (!meet(threads)) return
  let total: f64 = 0
  for (let c = 0; c < p.chunks; c++) total += load<f64>(p.sums + (<usize>c << 3))
  const norm = <f32>sqrt<f64>(total)
  const finite = norm - norm == 0
  // no quotient is needed where it would be above 1, and might be more than a float holds
  const within = finite && norm + 1e-6 <= p.most
  const scale: f32 = within ? 1 : min<f32>(p.most / (norm + 1e-6), 1)
  if (thread == 0) {
    store<f32>(p.scalars, norm)
    store<f32>(p.scalars, scale < 1 ? 1 : 0, 4)
    store<f32>(p.scalars, finite ? 1 : 0, 8)
  }
  for (let k = 0; k < p.count; k++) {
    const piece = pieceAt(p.pieces, k)
    const chunks = chunksOf(piece.length)
    const first = share(chunks, thread, threads) * CHUNK
    const n = min(piece.length, shareEnd(chunks, thread, threads) * CHUNK) - first
    const at = <usize>first << 2
    scaleRow(p.out + (<usize>piece.start << 2) + at, piece.g + at, n, scale)
  }
}

function sumOfSquares(x: usize, n: i32): f64 {
  let s0 = f64x2.splat(0), s1 = s0
  for (; n > 0; n -= 4, x += 16) {
    const v = v128.and(v128.load(x), firstLanes(n))
    const low = f64x2.promote_low_f32x4(v)
    const high = f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 2, 3))
    s0 = f64x2.add(s0, f64x2.mul(low, low))
    s1 = f64x2.add(s1, f64x2.mul(high, high))
  }
  const sum = f64x2.add(s0, s1)
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)
}

/** y = scale x; a scale of 1 leaves every bit */
function scaleRow(y: usize, x: usize, n: i32, scale: f32): void {
  const factor = f32x4.splat(scale)
  for (; n > 0; n -= 4, y += 16, x += 16) put(y, f32x4.mul(v128.load(x), factor), n)
}

// Matrix product: C [M, N] = start + A [M, K] B [K, N], all in bytes and strides, so a transpose is free.
//
// 256 rows of B at a time are packed in panels, each thread its share; then each thread takes its part of C,
// packs 256 rows of A (256 KiB, which stay in the second cache) and lets every panel (8 KiB, in the first) go
// past them. Every element is summed in the order of k, whoever computes it: one thread and eight give the
// same bits. CPU twin: src/cpu/matmul.ts. Next: tile.ts, panels.ts.

import { multiplyFew } from './few'
import { BLOCK_M, packGroups, packPanels, tallRows } from './panels'
import { aside, beat, firstNumber, meet, share, shareEnd } from './threads'
import { GROUP, PANEL, TALL, tile1x32, tile2x16, tile4x8, tile5x8 } from './tile'

const BLOCK_K: i32 = 256

/** What the host writes down for one product (src/simd/jobs.ts has the same order). Addresses and bytes. */
@unmanaged
export class Product {
  a: usize
  aRow: usize
  aColumn: usize
  b: usize
  bRow: usize
  bColumn: usize
  /** where the sums start, and its step from row to row (0: one row for all); 0 for zeros */
  start: usize
  startRow: usize
  c: usize
  cRow: usize
  M: i32
  N: i32
  K: i32
  /** memory for packed blocks: of A [256, 256] for each thread; of B [256, N + 31] twice */
  groups: usize
  panels: usize
}

export function product(p: Product, thread: i32, threads: i32): void {
  if (p.M < GROUP) {
    return multiplyFew(p.a, p.aRow, p.aColumn, p.b, p.bRow, p.bColumn, p.start, p.startRow, p.c, p.cRow,
      p.M, p.K, firstNumber(p.N, thread, threads), firstNumber(p.N, thread + 1, threads))
  }
  const groups = groupsOf(p.M), panels = panelsOf(p.N)
  const byRows = groups >= panels // the side that is longer is shared out
  const firstPanel = share(panels, thread, threads), lastPanel = shareEnd(panels, thread, threads)
  const first = byRows ? share(groups, thread, threads) * GROUP : 0
  const last = byRows ? min(p.M, shareEnd(groups, thread, threads) * GROUP) : p.M
  const j = byRows ? 0 : firstPanel * PANEL
  const columns = (byRows ? p.N : min(p.N, lastPanel * PANEL)) - j
  const mine = p.groups + <usize>thread * (BLOCK_M * BLOCK_K * 4)
  let odd: usize = 0
  for (let k = 0; k == 0 || k < p.K; k += BLOCK_K, odd ^= 1) {
    const depth = min(BLOCK_K, p.K - k)
    // two places in turn: who is ahead packs the next block while others still read this one
    const packed = p.panels + odd * (<usize>(BLOCK_K * (p.N + 31)) << 2)
    packPanels(packed, p.b + <usize>k * p.bRow, p.bRow, p.bColumn, p.N, depth, firstPanel, lastPanel)
    if (!meet(threads)) return
    for (let i = first; i < last; i += BLOCK_M) {
      const rows = min(BLOCK_M, last - i)
      packGroups(mine, p.a + <usize>i * p.aRow + <usize>k * p.aColumn, p.aRow, p.aColumn, rows, depth)
      const c = p.c + <usize>i * p.cRow + (<usize>j << 2)
      const start = p.start ? p.start + <usize>i * p.startRow + (<usize>j << 2) : 0
      // from the second block on, sums start where the first left them
      multiplyBlock(mine, rows, packed + (<usize>(j * depth) << 2), columns, depth, 0, depth,
        k == 0 ? start : c, k == 0 ? p.startRow : p.cRow, c, p.cRow)
      beat()
    }
  }
}

/** In how many parts M rows can be shared out. */
export function groupsOf(M: i32): i32 {
  return (M + GROUP - 1) / GROUP
}

export function panelsOf(N: i32): i32 {
  return (N + PANEL - 1) / PANEL
}

/** C [M, N] = start + A B by one thread, from an A and a B that are packed whole. */
export function multiplyPacked(
  groups: usize, M: i32, panels: usize, N: i32, K: i32,
  start: usize, startRow: usize, c: usize, cRow: usize,
): void {
  if (M <= 0 || N <= 0) return
  for (let k = 0; k == 0 || k < K; k += BLOCK_K) {
    const depth = min(BLOCK_K, K - k)
    // From the second block on, sums start where the first left them.
    const from = k == 0 ? start : c, fromRow = k == 0 ? startRow : cRow
    for (let i = 0; i < M; i += BLOCK_M) {
      const m = min(BLOCK_M, M - i)
      const below = <usize>i * cRow
      multiplyBlock(
        groups + (<usize>(i * K) << 2), m, panels, N, K, k, depth,
        from ? from + <usize>i * fromRow : 0, fromRow, c + below, cRow,
      )
      beat()
    }
  }
}

/** A block of at most BLOCK_M rows and the numbers from k to k + depth. */
function multiplyBlock(
  groups: usize, M: i32, panels: usize, N: i32, K: i32, k: i32, depth: i32,
  from: usize, fromRow: usize, c: usize, cRow: usize,
): void {
  const tall = tallRows(M), full = tall + (M - tall) / GROUP * GROUP
  if (full > 0) multiplyGroups(groups, tall, full, panels, N, K, k, depth, from, fromRow, c, cRow)
  if (full == M) return
  multiplyRest(groups + (<usize>(full * K) << 2), M - full, panels, N, K, k, depth,
    from ? from + <usize>full * fromRow : 0, fromRow, c + <usize>full * cRow, cRow)
}

/** M rows in whole groups, the first `tall` of them in tall ones: panel by panel, down the rows. */
function multiplyGroups(
  groups: usize, tall: i32, M: i32, panels: usize, N: i32, K: i32, k: i32, depth: i32,
  from: usize, fromRow: usize, c: usize, cRow: usize,
): void {
  const a = groups + (<usize>(k * TALL) << 2), lower = groups + (<usize>(tall * K + k * GROUP) << 2)
  const fromLower = from ? from + <usize>tall * fromRow : 0, toLower = c + <usize>tall * cRow
  for (let j = 0; j < N; j += PANEL) {
    const b = panels + (<usize>(j * K) << 2) + (<usize>k << 5)
    const at = <usize>j << 2, columns = min(PANEL, N - j)
    down(TALL, tall, a, b, K, depth, from ? from + at : 0, fromRow, c + at, cRow, columns)
    down(GROUP, M - tall, lower, b, K, depth, from ? fromLower + at : 0, fromRow, toLower + at, cRow, columns)
  }
}

/** One panel and M rows of A, in groups of `rows`. */
@inline
function down(
  rows: i32, M: i32, a: usize, b: usize, K: i32, depth: i32,
  from: usize, fromRow: usize, c: usize, cRow: usize, columns: i32,
): void {
  const stepA = <usize>(rows * K) << 2, stepC = <usize>rows * cRow
  const stepFrom = from ? <usize>rows * fromRow : 0
  for (let i = 0; i < M; i += rows, a += stepA, c += stepC, from += stepFrom) {
    if (columns == PANEL) tile(rows, a, b, 0, depth, from, fromRow, c, cRow)
    else edge(a, rows, b, 0, depth, from, fromRow, c, cRow, columns)
  }
}

/** The 1 to 3 rows after the last whole group. */
function multiplyRest(
  group: usize, rows: i32, panels: usize, N: i32, K: i32, k: i32, depth: i32,
  from: usize, fromRow: usize, c: usize, cRow: usize,
): void {
  const stepB = <usize>(PANEL * K) << 2
  const filled = rows == 3 ? GROUP : rows
  const width = PANEL * GROUP / filled // 8, 16 or 32 columns at a time
  const a = group + (<usize>(k * filled) << 2)
  for (let j = 0; j < N; j += width) {
    const b = panels + (<usize>(j * K) << 2) + (<usize>k << 5)
    const to = c + (<usize>j << 2), start = from ? from + (<usize>j << 2) : 0
    if (rows == filled && N - j >= width) tile(rows, a, b, stepB, depth, start, fromRow, to, cRow)
    else edge(a, rows, b, stepB, depth, start, fromRow, to, cRow, min(width, N - j))
  }
}

/** A tile of which only `rows` and `columns` exist: computed aside where it would write past the edge. */
function edge(
  a: usize, rows: i32, b: usize, stepB: usize, K: i32,
  from: usize, fromRow: usize, c: usize, cRow: usize, columns: i32,
): void {
  const scratch = aside()
  const filled = rows == 3 ? GROUP : rows
  const width = filled >= GROUP ? PANEL : PANEL * GROUP / filled
  const scratchRow = <usize>width << 2
  if (from) copyRows(scratch, scratchRow, from, fromRow, rows, columns)
  tile(filled, a, b, stepB, K, from ? scratch : 0, scratchRow, scratch, scratchRow)
  copyRows(c, cRow, scratch, scratchRow, rows, columns)
}

/** A whole tile of 5, 4, 2 or 1 rows. */
@inline
function tile(
  rows: i32, a: usize, b: usize, stepB: usize, K: i32, from: usize, fromRow: usize, c: usize, cRow: usize,
): void {
  if (rows == TALL) tile5x8(a, b, K, from, fromRow, c, cRow)
  else if (rows == GROUP) tile4x8(a, b, K, from, fromRow, c, cRow)
  else if (rows == 2) tile2x16(a, b, stepB, K, from, fromRow, c, cRow)
  else tile1x32(a, b, stepB, K, from, c)
}

function copyRows(to: usize, toRow: usize, from: usize, fromRow: usize, rows: i32, columns: i32): void {
  for (let r = 0; r < rows; r++, to += toRow, from += fromRow) memory.copy(to, from, <usize>columns << 2)
}

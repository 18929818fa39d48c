// Packing: the lines of a matrix interleaved, so that a tile reads what it multiplies straight through.
//
//   group of A   5 rows:     group[k][5]       as many as there can be
//                4 rows:     group[k][4]       a rest of 3 rows is filled up with zeros; of 2 or 1, left so
//   panel of B   8 columns:  panel[k][8]       filled up with zeros
//
// A "line" is a row of A or a column of B: `line` bytes from one to the next, `step` bytes from k to k + 1.
// Where either is 4 the numbers lie side by side, and are moved four at a time. Next: tile.ts.

import { GROUP, HAS_TALL, PANEL, TALL } from './tile'

/** Rows of A that are packed at a time: 256 KiB of them stay in the second cache. */
export const BLOCK_M: i32 = 256

/** How many of the M rows of a block, M <= BLOCK_M, are in groups of 5: they come first. */
export function tallRows(M: i32): i32 {
  if (!HAS_TALL) return 0
  const rest = M % TALL
  return rest == 3 ? max(0, M - 2 * GROUP) : M - rest // 5 + 3 rows are better off as 4 + 4
}

/** to[k][..4..] = 4 lines from k = 0 to K, in rows that are `width` bytes apart. */
function packFour(to: usize, width: usize, x: usize, line: usize, step: usize, K: i32): void {
  if (line == 4) { // side by side across lines: rows are copied
    for (let k = 0; k < K; k++, x += step, to += width) v128.store(to, v128.load(x))
    return
  }
  const x1 = x + line, x2 = x1 + line, x3 = x2 + line
  let at: usize = 0
  let k = 0
  if (step == 4) { // side by side along lines: 4 x 4 blocks are transposed
    for (; k + 4 <= K; k += 4, at += 16, to += 4 * width) {
      const r0 = v128.load(x + at), r1 = v128.load(x1 + at), r2 = v128.load(x2 + at), r3 = v128.load(x3 + at)
      const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5)
      const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7), high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7)
      v128.store(to, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5))
      v128.store(to + width, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7))
      v128.store(to + 2 * width, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5))
      v128.store(to + 3 * width, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7))
    }
  }
  for (; k < K; k++, at += step, to += width) {
    store<f32>(to, load<f32>(x + at))
    store<f32>(to, load<f32>(x1 + at), 4)
    store<f32>(to, load<f32>(x2 + at), 8)
    store<f32>(to, load<f32>(x3 + at), 12)
  }
}

/** The same for fewer lines, in `filled` columns: those past the last line are zero. */
function packFew(
  to: usize, width: usize, filled: i32, x: usize, line: usize, step: usize, lines: i32, K: i32,
): void {
  for (let r = 0; r < filled; r++, x += line) {
    let from = x, at = to + (<usize>r << 2)
    for (let k = 0; k < K; k++, from += step, at += width) store<f32>(at, r < lines ? load<f32>(from) : 0)
  }
}

/**
 * Four groups at once of an A whose rows lie side by side: of each k the numbers of all are read together.
 * Group by group every cache line would be read again, from afar: where columns are a power of two apart they
 * drive each other out of the first cache.
 */
@inline
function packTogether(rows: i32, to: usize, x: usize, step: usize, K: i32): void {
  const width = <usize>rows << 2, block = width * K
  let to1 = to + block, to2 = to1 + block, to3 = to2 + block
  for (let k = 0; k < K; k++, x += step) {
    copyRows(rows, to, x); copyRows(rows, to1, x + width)
    copyRows(rows, to2, x + 2 * width); copyRows(rows, to3, x + 3 * width)
    to += width; to1 += width; to2 += width; to3 += width
  }
}

/** The numbers of one k. */
@inline
function copyRows(rows: i32, to: usize, x: usize): void {
  v128.store(to, v128.load(x))
  if (rows == TALL) store<f32>(to, load<f32>(x, 16), 16)
}

/** The groups of A [M, K], block by block. */
export function packGroups(to: usize, a: usize, row: usize, column: usize, M: i32, K: i32): void {
  for (let i = 0; i < M; i += BLOCK_M) {
    packBlock(to + (<usize>(i * K) << 2), a + <usize>i * row, row, column, min(BLOCK_M, M - i), K)
  }
}

function packBlock(to: usize, a: usize, row: usize, column: usize, M: i32, K: i32): void {
  const tall = packWhole(TALL, to, a, row, column, 0, tallRows(M), K)
  const i = packWhole(GROUP, to, a, row, column, tall, M, K)
  const rows = M - i
  const filled = rows == 3 ? GROUP : rows
  packFew(to + (<usize>(i * K) << 2), <usize>filled << 2, filled, a + <usize>i * row, row, column, rows, K)
}

/** Whole groups of rows from i on; returns the row after the last of them. */
@inline
function packWhole(
  rows: i32, to: usize, a: usize, row: usize, column: usize, i: i32, last: i32, K: i32,
): i32 {
  for (; row == 4 && i + 4 * rows <= last; i += 4 * rows) {
    packTogether(rows, to + (<usize>(i * K) << 2), a + (<usize>i << 2), column, K)
  }
  for (; i + rows <= last; i += rows) {
    const at = to + (<usize>(i * K) << 2), x = a + <usize>i * row
    packFour(at, <usize>rows << 2, x, row, column, K)
    if (rows == TALL) packFew(at + 16, 4 * TALL, 1, x + 4 * row, row, column, 1, K)
  }
  return i
}

/** Panels `first` to `last` of B [K, N]. */
export function packPanels(
  to: usize, b: usize, row: usize, column: usize, N: i32, K: i32, first: i32, last: i32,
): void {
  let p = first
  for (; column == 4 && p + 2 <= last && (p + 2) * PANEL <= N; p += 2) {
    packPair(to + (<usize>(p * PANEL * K) << 2), b + (<usize>(p * PANEL) << 2), row, K)
  }
  for (; p < last; p++) {
    const j = p * PANEL
    const columns = N - j
    const at = to + (<usize>(j * K) << 2)
    const x = b + <usize>j * column
    packHalf(at, x, column, row, columns, K)
    packHalf(at + 16, x + 4 * column, column, row, columns - 4, K)
  }
}

/** Two panels at once of a B whose columns lie side by side, for the same reason. */
function packPair(to: usize, x: usize, step: usize, K: i32): void {
  let next = to + (<usize>(PANEL * K) << 2)
  for (let k = 0; k < K; k++, x += step, to += 32, next += 32) {
    v128.store(to, v128.load(x)); v128.store(to, v128.load(x, 16), 16)
    v128.store(next, v128.load(x, 32)); v128.store(next, v128.load(x, 48), 16)
  }
}

function packHalf(to: usize, x: usize, line: usize, step: usize, lines: i32, K: i32): void {
  if (lines >= 4) packFour(to, 32, x, line, step, K)
  else packFew(to, 32, 4, x, line, step, lines, K)
}

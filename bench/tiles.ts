// Register tiles for bench/simd-tiles.bench.ts: AssemblyScript written for any number of rows and columns,
// compiled here and called on packed panels, so that nothing but the tile is in the time.
//
//   C [M, N] = A [M, K] B [K, N]      A in groups [k][rows], B in panels [k][columns]
//
// Beside them the ceilings they run against: sums that stay in registers, reads, and the clock.
// The tile that the simd device uses is kernels/simd/tile.ts. Read next: simd-tiles.bench.ts.

import asc from 'assemblyscript/asc'
import { prepareEngine } from '#simd-threads'

export interface Tile {
  readonly rows: number
  readonly columns: number
  /** how many rows each block of code has; all in one by default */
  readonly cut?: readonly number[]
}

/** The device's own, with multiply-add and without: kernels/simd/tile.ts. */
export const OWN = {
  one: { rows: 5, columns: 8, cut: [1, 2, 2] }, two: { rows: 4, columns: 8 },
} as const

export const nameOf = ({ rows, columns, cut }: Tile): string =>
  `${rows} x ${columns}${cut ? `, cut ${cut.join(' + ')}` : ''}`

/**
 * Vectors of a tile: its sums; and all of them, with what one number k needs of A and of B. V8 loads all that
 * a block of code needs before it multiplies, in whatever order it was written down.
 */
export function vectorsOf({ rows, columns, cut = [rows] }: Tile): { sums: number, all: number } {
  const sums = rows * columns / 4
  return { sums, all: sums + Math.max(...cut) + columns / 4 }
}

/** Columns of a panel: 8, as the device has them, unless the tile is not made of such. */
export const panelOf = ({ columns }: Tile): number => (columns % 8 === 0 ? 8 : columns)

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/**
 * For one k: the shorter side is held in vectors, the numbers of the longer one pass by. A condition that
 * always holds begins a new block.
 */
function multiplications({ rows, columns, cut = [rows] }: Tile, multiplyAdd: boolean): string {
  const wide = columns / 4
  const add = (r: number, v: number, x: string, y: string) => (multiplyAdd
    ? `s${r}_${v} = f32x4.relaxed_madd(${x}, ${y}, s${r}_${v})`
    : `s${r}_${v} = f32x4.add(s${r}_${v}, f32x4.mul(${x}, ${y}))`)
  const x = (r: number) => `v128.load32_splat(a, ${4 * r})`
  const perPanel = panelOf({ rows, columns }) / 4
  const y = (v: number) => `v128.load(b${Math.floor(v / perPanel)}, ${16 * (v % perPanel)})`
  const lines = rows < wide
    ? [
        ...range(rows).map((r) => `const x${r} = ${x(r)}`),
        ...range(wide).flatMap((v) => [`y = ${y(v)}`, ...range(rows).map((r) => add(r, v, `x${r}`, 'y'))]),
      ]
    : [
        ...range(wide).map((v) => `const y${v} = ${y(v)}`),
        ...blocks(cut).map((block, k) => {
          const text = block.flatMap((r) =>
            [`x = ${x(r)}`, ...range(wide).map((v) => add(r, v, 'x', `y${v}`))])
          return k === 0 ? text.join('\n') : `if (${k % 2 ? 'a' : 'b0'}) {\n${text.join('\n')}\n}`
        }),
      ]
  return lines.join('\n        ')
}

/** The numbers of the rows of each block. */
function blocks(cut: readonly number[]): number[][] {
  let next = 0
  return cut.map((rows) => range(rows).map(() => next++))
}

/** What a tile's function is called. */
export const exportOf = ({ rows, columns, cut }: Tile) =>
  `tile${rows}x${columns}${cut ? 'cut' : ''}` as const

/** A function that lets every panel of B go past every group of A. */
function tileText(tile: Tile, multiplyAdd: boolean): string {
  const { rows, columns } = tile
  const width = panelOf(tile)
  const pointers = range(columns / width).map((p) => `b${p}`)
  const sums = range(rows).flatMap((r) => range(columns / 4).map((v) => ({ r, v, name: `s${r}_${v}` })))
  return `
export function ${exportOf(tile)}(A: usize, B: usize, C: usize, M: i32, N: i32, K: i32): void {
  for (let j = 0; j < N; j += ${columns}) {
    for (let i = 0; i < M; i += ${rows}) {
      let a = A + (<usize>(i * K) << 2), b0 = B + (<usize>(j * K) << 2)
      const panel = <usize>K * ${4 * width}, end = b0 + panel
      ${pointers.slice(1).map((b, p) => `let ${b} = b${p} + panel`).join('\n      ')}
      let x = f32x4.splat(0), y = x
      let ${sums.map(({ name }) => `${name} = f32x4.splat(0)`).join(', ')}
      while (b0 < end) {
        ${multiplications(tile, multiplyAdd)}
        a += ${4 * rows}
        ${pointers.map((b) => `${b} += ${4 * width}`).join('; ')}
      }
      const c = C + (<usize>(i * N + j) << 2), row = <usize>N << 2
      ${sums.map(({ r, v, name }) => `v128.store(c + ${r} * row, ${name}, ${16 * v})`).join('\n      ')}
    }
  }
}
`
}

/** As many chains as hide the latency of a product and a sum, one after the other; without x and y: 14. */
const CHAINS = 12

function ceilingsText(multiplyAdd: boolean): string {
  const chains = range(CHAINS).map((k) => `s${k}`)
  const step = (s: string) => (multiplyAdd
    ? `${s} = f32x4.relaxed_madd(${s}, x, y)` : `${s} = f32x4.add(f32x4.mul(${s}, x), y)`)
  return `
export function registers(to: usize, n: i32): void {
  const x = v128.load(to), y = v128.load(to, 16)
  let ${chains.map((s, k) => `${s} = f32x4.splat(${k})`).join(', ')}
  for (let i = 0; i < n; i++) {
    ${chains.map(step).join('\n    ')}
  }
  ${chains.map((s, k) => `v128.store(to, ${s}, ${16 * k})`).join('; ')}
}

export function read(from: usize, bytes: usize, times: i32): f32 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0
  for (let n = 0; n < times; n++) {
    const end = from + bytes
    for (let at = from; at < end; at += 64) {
      ${range(4).map((k) => `s${k} = v128.or(s${k}, v128.load(at, ${16 * k}))`).join('\n      ')}
    }
  }
  const sum = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3))
  return f32x4.extract_lane(sum, 0)
}

export function cycles(n: i32, y: i64): i64 { // 16 a turn: each waits for the one before, and takes one
  let x: i64 = 0
  for (let i = 0; i < n; i++) {
    ${range(8).map(() => 'x = (x + y) ^ y').join('\n    ')}
  }
  return x
}
`
}

export const SUMS_OF_CEILING = CHAINS
export const CYCLES_A_TURN = 16

/** What the compiled text exports. */
export interface TileKernels {
  readonly [tile: ReturnType<typeof exportOf>]:
    (a: number, b: number, c: number, M: number, N: number, K: number) => void
  registers(to: number, n: number): void
  read(from: number, bytes: number, times: number): number
  cycles(n: number, y: bigint): bigint
}

/** Compiles all tiles, with multiply-add as one instruction or as two. */
export async function compileTiles(
  tiles: readonly Tile[], multiplyAdd: boolean, memory: WebAssembly.Memory,
): Promise<TileKernels> {
  prepareEngine()
  const text = tiles.map((tile) => tileText(tile, multiplyAdd)).join('') + ceilingsText(multiplyAdd)
  const made = new Map<string, string | Uint8Array>()
  const args = [
    'tiles.ts', '-o', 'tiles.wasm', '-O3', '--runtime', 'stub', '--importMemory', '--noAssert',
    '--enable', 'simd', '--enable', 'relaxed-simd',
  ]
  const { error, stderr } = await asc.main(args, {
    readFile: (name) => (name === 'tiles.ts' ? text : null),
    writeFile: (name, contents) => void made.set(name, contents),
    listFiles: () => [],
  })
  if (error) throw new Error(`tiles: ${error.message}\n${stderr.toString()}`)
  const module = await WebAssembly.compile(made.get('tiles.wasm') as BufferSource)
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } })
  return exports as { [name: string]: WebAssembly.ExportValue } & TileKernels
}

/** Rows in groups of `size`, interleaved: what a tile reads. Line i begins at i * line, steps by `step`. */
export function packed(
  x: ArrayLike<number>, lines: number, depth: number, size: number, line: number, step: number,
): Float32Array {
  const y = new Float32Array(lines * depth)
  for (let i = 0; i < lines; i++) {
    const start = (i - i % size) * depth + i % size
    for (let k = 0; k < depth; k++) y[start + k * size] = x[i * line + k * step]
  }
  return y
}

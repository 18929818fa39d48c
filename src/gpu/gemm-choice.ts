// Which product kernel for which shape, and over what grid. One function decides; its choice can be printed.
//
//   naive    one thread for each element                          the reference; tiny products in software
//   block    4 x 4 elements for each thread                       software without subgroups of eight
//   lanes    up to 32 x 32 for a subgroup of eight                software: reads are dear, exchanges cheap
//   tiled    64 x 64 or 128 x 128 for a workgroup, shared memory  hardware
//   skinny   up to 4 rows of 64, k dealt out within a workgroup   few rows
//
// Where C is small and K long (weight gradients), K is cut into slices, each a workgroup of its own, whose
// sums are added in a second dispatch. Next: matmul.ts.

import type { GpuDevice } from './device.ts'
import { gridFor, type Grid } from './recorder.ts'

export type GemmKernel = 'naive' | 'block' | 'lanes' | 'tiled' | 'skinny'

/** C [M, N] = op(A) op(B), sums over K; `count` of them. */
export interface Product {
  readonly M: number
  readonly N: number
  readonly K: number
  readonly count: number
  readonly transposeA: boolean
  readonly transposeB: boolean
}

/** What an adapter is, as far as products care. */
export interface Traits {
  /** whether a processor plays the GPU */
  readonly software: boolean
  /** whether subgroups have eight lanes, always */
  readonly eightLanes: boolean
}

export interface Choice {
  readonly kernel: GemmKernel
  /** rows and columns of C that a workgroup makes */
  readonly rows: number
  readonly columns: number
  readonly threads: number
  /** pieces that K is cut into, and how long each is */
  readonly slices: number
  readonly depth: number
  readonly grid: Grid
}

/** What a test may insist on. */
export interface Wish {
  readonly kernel?: GemmKernel
  /** rows of a tile: 64 or 128; of lanes 8, 16 or 32 */
  readonly side?: 8 | 16 | 32 | 64 | 128
  readonly slices?: number
}

/** M N K up to which one thread for each element is fast enough in software, where compiling takes long. */
const TINY = 2 ** 14
export const FEW_ROWS = 32
/** Workgroups that keep every processor of a large GPU busy: WebGPU does not tell how many it has. */
const BUSY = 264
/** The same in software. */
const AT_ONCE = 8
/** The shortest slice of K that is worth a workgroup. */
const SHORTEST = 128

export function traitsOf({ gpu, adapter }: GpuDevice): Traits {
  const { subgroupMinSize, subgroupMaxSize } = gpu.adapterInfo
  return {
    software: adapter.kind !== 'hardware',
    eightLanes: gpu.features.has('subgroups') && subgroupMinSize === 8 && subgroupMaxSize === 8,
  }
}

export function chooseGemm(product: Product, traits: Traits, wish: Wish = {}): Choice {
  const kernel = wish.kernel ?? kernelFor(product, traits)
  const { rows, columns, threads } = tileOf(kernel, product, traits, wish.side)
  const { M, N, K, count } = product
  const tiles = Math.ceil(M / rows) * Math.ceil(N / columns) * count
  const most = Math.max(1, Math.floor(K / SHORTEST))
  const busy = traits.software ? 1 : BUSY
  const best = Math.min(most, Math.ceil(busy / Math.max(1, tiles)))
  const wanted = kernel === 'naive' ? 1 : wish.slices ?? best
  const depth = Math.max(16, Math.ceil(K / wanted / 16) * 16)
  const slices = Math.max(1, Math.ceil(K / depth))
  const grid = kernel === 'naive' ? gridFor(M * N * count, threads) : gridFor(tiles * slices, 1)
  return { kernel, rows, columns, threads, slices, depth, grid }
}

function kernelFor({ M, N, K, count }: Product, { software, eightLanes }: Traits): GemmKernel {
  if (!software) return M <= FEW_ROWS ? 'skinny' : 'tiled'
  if (M * N * K * count <= TINY) return 'naive'
  if (eightLanes) return 'lanes'
  return M <= 4 ? 'skinny' : 'block'
}

function tileOf(
  kernel: GemmKernel, product: Product, { software }: Traits, side?: number,
): { rows: number, columns: number, threads: number } {
  const { M, N, count } = product
  switch (kernel) {
    case 'naive': return { rows: 1, columns: 64, threads: 64 }
    case 'block': return { rows: 32, columns: 32, threads: 64 }
    case 'lanes': return { rows: side ?? rowsOfLanes(M, Math.ceil(N / 32) * count), columns: 32, threads: 8 }
    case 'skinny': return { rows: M > 2 ? 4 : Math.max(1, M), columns: 64, threads: software ? 64 : 256 }
    case 'tiled': {
      const large = Math.floor(M / 128) * Math.floor(N / 128) * count >= BUSY / 2
      const size = side ?? (large ? 128 : 64)
      return { rows: size, columns: size, threads: 2 * size }
    }
  }
}

/**
 * Rows of a tile of lanes. The more, the more often each number of B is used; but not more than a quarter of
 * them for nothing, nor so many that processors stay idle. `across` is the number of tiles side by side.
 */
export function rowsOfLanes(M: number, across: number): number {
  const tiles = (rows: number) => Math.ceil(M / rows)
  const fits = (rows: number) => rows * tiles(rows) <= 1.25 * 8 * tiles(8) && across * tiles(rows) >= AT_ONCE
  return [32, 16].find(fits) ?? 8
}

/** One line for people: 'tiled 64 x 64, 128 threads, grid 8 x 1, K in 4 slices of 512' */
export function showChoice({ kernel, rows, columns, threads, slices, depth, grid }: Choice): string {
  const tile = kernel === 'naive' ? kernel : `${kernel} ${rows} x ${columns}`
  const cut = slices > 1 ? `, K in ${slices} slices of ${depth}` : ''
  return `${tile}, ${threads} threads, grid ${grid.x} x ${grid.y}${cut}`
}

// Matrix products on the simd device: C = start + A B as one job. Twin: ../cpu/matmul.ts.
// Next: ../../kernels/simd/gemm.ts.

import type { Matrix } from '../cpu/matmul.ts'
import type { FloatArray } from '../device.ts'
import type { Heap } from './heap.ts'
import { addressOf, type Jobs, Kind } from './jobs.ts'
import { Scratch } from './scratch.ts'

/** How many rows and how deep a block is that kernels/simd/gemm.ts packs. */
const BLOCK = 256

export class Products {
  private readonly jobs: Jobs
  private readonly groups: Scratch
  private readonly panels: Scratch

  constructor(heap: Heap, jobs: Jobs) {
    this.jobs = jobs
    this.groups = new Scratch(heap)
    this.panels = new Scratch(heap)
  }

  /**
   * C [M, N] = start + A [M, K] B [K, N]
   * @param start where a row [N] lies that every row of C starts from; 0 for zeros
   */
  multiply(
    c: FloatArray, ic: number, a: Matrix, b: Matrix, M: number, N: number, K: number, start = 0,
  ): void {
    const { jobs, groups, panels } = this
    jobs.run(Kind.product, 2 * M * N * K, [
      addressOf(a.data, a.offset), 4 * a.rows, 4 * a.columns,
      addressOf(b.data, b.offset), 4 * b.rows, 4 * b.columns,
      start, 0, addressOf(c, ic), 4 * N, M, N, K,
      groups.take(BLOCK * BLOCK * jobs.threads), panels.take(2 * BLOCK * (N + 31)),
    ])
  }
}

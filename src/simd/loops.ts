// The loops of the simd device: the names and arguments of the cpu's (../cpu/instance.ts), done by kernels.
// An array's byteOffset is its address in the kernels' memory. What has no kernel stays the cpu's plain loop,
// which sees the same memory. Next: jobs.ts; ../../kernels/simd/gemm.ts.

import cpu from '../cpu/instance.ts?float32'
import type { Matrix } from '../cpu/matmul.ts'
import type { Loops } from '../cpu/parts.ts'
import type { FloatArray } from '../device.ts'
import type { Heap } from './heap.ts'
import { elementwiseLoops } from './elementwise.ts'
import { addressOf, type Jobs, Kind } from './jobs.ts'
import { lossLoops } from './loss.ts'
import { movingLoops } from './move.ts'
import { draw } from './random.ts'
import { SimdRecurrence } from './recurrence.ts'
import { Scratch } from './scratch.ts'

/** How many rows and how deep a block is that kernels/simd/gemm.ts packs. */
const BLOCK = 256

export function simdLoops(heap: Heap, jobs: Jobs): Loops {
  const groups = new Scratch(heap)
  const panels = new Scratch(heap)
  const recurrence = new SimdRecurrence(heap, jobs)

  function matmul(c: FloatArray, ic: number, a: Matrix, b: Matrix, M: number, N: number, K: number): void {
    jobs.run(Kind.product, 2 * M * N * K, [
      addressOf(a.data, a.offset), 4 * a.rows, 4 * a.columns,
      addressOf(b.data, b.offset), 4 * b.rows, 4 * b.columns,
      0, 0, addressOf(c, ic), 4 * N, M, N, K,
      groups.take(BLOCK * BLOCK * jobs.threads), panels.take(2 * BLOCK * (N + 31)),
    ])
  }

  return {
    ...cpu, matmul, ...elementwiseLoops(jobs), ...movingLoops(jobs), ...lossLoops(jobs),
    fillUniform: (y, key, counter) => draw(jobs, y, key, counter),
    recurrenceForward: recurrence.forward, recurrenceBackward: recurrence.backward,
  }
}

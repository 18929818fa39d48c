// The loops of the simd device: the names and arguments of the cpu's (../cpu/instance.ts), done by kernels.
// An array's byteOffset is its address in the kernels' memory. What has no kernel stays the cpu's plain loop,
// which sees the same memory. Next: jobs.ts; ../../kernels/simd/gemm.ts.

import cpu from '../cpu/instance.ts?float32'
import type { Matrix } from '../cpu/matmul.ts'
import type { Loops } from '../cpu/parts.ts'
import type { FloatArray, NumberArray } from '../device.ts'
import type { Heap } from './heap.ts'
import { type Jobs, Kind } from './jobs.ts'

/** Where element i of an array lies. */
const at = (x: NumberArray, i: number): number => x.byteOffset + 4 * i

/** Memory of the kernels' own, which is made larger when a job needs more. */
class Scratch {
  private readonly heap: Heap
  private array: NumberArray

  constructor(heap: Heap) {
    this.heap = heap
    this.array = heap.allocate('float32', 0)
  }

  /** The address of `length` numbers at least; what they are is undefined. */
  take(length: number): number {
    if (this.array.length < length) {
      this.heap.release(this.array)
      this.array = this.heap.allocate('float32', length)
    }
    return this.array.byteOffset
  }
}

export function simdLoops(heap: Heap, jobs: Jobs): Loops {
  const groups = new Scratch(heap)
  const panels = new Scratch(heap)

  function matmul(c: FloatArray, ic: number, a: Matrix, b: Matrix, M: number, N: number, K: number): void {
    jobs.run(Kind.product, 2 * M * N * K, [
      at(a.data, a.offset), 4 * a.rows, 4 * a.columns,
      at(b.data, b.offset), 4 * b.rows, 4 * b.columns,
      0, 0, at(c, ic), 4 * N, M, N, K,
      groups.take((M + 3) * K), panels.take(K * (N + 31)),
    ])
  }

  return { ...cpu, matmul }
}

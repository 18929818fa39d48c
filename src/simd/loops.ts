// The loops of the simd device: the names and arguments of the cpu's (../cpu/instance.ts), done by kernels.
// An array's byteOffset is its address in the kernels' memory. What has no kernel stays the cpu's plain loop,
// which sees the same memory. Next: jobs.ts; ../../kernels/simd/gemm.ts.

import cpu from '../cpu/instance.ts?float32'
import type { Loops } from '../cpu/parts.ts'
import type { Heap } from './heap.ts'
import { elementwiseLoops } from './elementwise.ts'
import type { Jobs } from './jobs.ts'
import { lossLoops } from './loss.ts'
import { movingLoops } from './move.ts'
import type { Products } from './product.ts'
import { draw } from './random.ts'
import { SimdRecurrence } from './recurrence.ts'
import { stepOf } from './step.ts'

export function simdLoops(heap: Heap, jobs: Jobs, products: Products): Loops {
  const recurrence = new SimdRecurrence(heap, jobs)
  return {
    ...cpu, ...elementwiseLoops(jobs), ...movingLoops(jobs), ...lossLoops(jobs),
    matmul: (c, ic, a, b, M, N, K) => products.multiply(c, ic, a, b, M, N, K),
    fillUniform: (y, key, counter) => draw(jobs, y, key, counter),
    recurrenceForward: recurrence.forward, recurrenceBackward: recurrence.backward,
    stepOf: (arrays) => stepOf(jobs, arrays),
  }
}

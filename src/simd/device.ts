// The simd device: the cpu device with its tensors in one WebAssembly memory, and loops that are kernels in
// WebAssembly SIMD, shared out to threads. Next: loops.ts; heap.ts; open.ts, which opens one.

import { CpuDevice } from '../cpu/device.ts'
import { Pool } from '../cpu/pool.ts'
import type { Device } from '../device.ts'
import type { Heap } from './heap.ts'
import type { Jobs } from './jobs.ts'
import { simdLoops } from './loops.ts'

/** A device that computes with WebAssembly SIMD. */
export interface Simd extends Device {
  readonly threads: number
  /** whether a product and a sum are one instruction, rounded once */
  readonly multiplyAdd: boolean
  /** Ends the threads; the device and its tensors are of no more use. A process may also just end. */
  close(): void
}

export class SimdDevice extends CpuDevice implements Simd {
  readonly threads: number
  readonly multiplyAdd: boolean
  private readonly jobs: Jobs

  constructor(heap: Heap, jobs: Jobs, multiplyAdd: boolean) {
    const scalar = () => heap.allocate('float32', 1) as Float32Array
    super('float32', {
      name: 'simd', pool: new Pool(heap), loops: simdLoops(heap, jobs), scalars: [scalar(), scalar()],
    })
    this.jobs = jobs
    this.threads = jobs.threads
    this.multiplyAdd = multiplyAdd
  }

  close(): void {
    this.jobs.close()
  }
}

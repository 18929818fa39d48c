// Memory of a kernel's own between its jobs, made larger when a job needs more. Next: loops.ts.

import type { NumberArray } from '../device.ts'
import type { Heap } from './heap.ts'

export class Scratch {
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

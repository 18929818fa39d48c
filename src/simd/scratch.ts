// Memory of a kernel's own between its jobs, made larger when a job needs more. Next: loops.ts.

import type { NumberArray } from '../device.ts'
import type { Heap } from './heap.ts'

export class Scratch {
  private readonly heap: Heap
  private array: NumberArray | null = null

  constructor(heap: Heap) {
    this.heap = heap
  }

  /** The address of `length` numbers at least; what they are is undefined. */
  take(length: number): number {
    const { heap, array } = this
    if (array && array.length >= length) return array.byteOffset
    this.array = null // and so it stays where there is no room for a larger one
    if (array) heap.release(array)
    this.array = heap.allocate('float32', length)
    return this.array.byteOffset
  }
}

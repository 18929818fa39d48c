// Memory of the cpu device: typed arrays that are used again. A training step asks for the same sizes each
// time, so a free list per (type, length) makes a step allocate nothing after the first, and keeps its
// working set warm in the cache. Next: ../scope.ts, which says when memory comes back here.

import { TapeError } from '../check.ts'
import type { Device, DType, Memory, MemoryReport, NumberArray } from '../device.ts'

/** A typed array and its bookkeeping: a new one for each use, so that a stale holder is recognised. */
export class CpuMemory implements Memory {
  readonly device: Device
  readonly dtype: DType
  readonly length: number
  readonly data: NumberArray
  version = 0
  freed = false
  parameter = false

  constructor(device: Device, dtype: DType, data: NumberArray) {
    this.device = device
    this.dtype = dtype
    this.length = data.length
    this.data = data
  }
}

/** What is left of memory whose holder is gone. */
type Lost = Pick<CpuMemory, 'dtype' | 'data'>

/** Where a pool has its arrays from, and where those go that it keeps no longer. */
export interface Source {
  allocate(dtype: DType, length: number): NumberArray
  release(data: NumberArray): void
}

/** Arrays of their own, which the garbage collector takes. */
const host: Source = {
  allocate(dtype, length) {
    if (dtype === 'int32') return new Int32Array(length)
    return dtype === 'float32' ? new Float32Array(length) : new Float64Array(length)
  },
  release() {},
}

export class Pool {
  private readonly source: Source
  /** by type and length */
  private readonly lists: Record<DType, Map<number, NumberArray[]>> = {
    float32: new Map(), float64: new Map(), int32: new Map(),
  }
  private readonly lost = new FinalizationRegistry<Lost>((lost) => this.recycle(lost))
  private live = 0
  private peak = 0
  /** the most bytes ever in use: unlike the peak, it is never reset */
  private most = 0
  private pooled = 0
  private buffers = 0

  constructor(source: Source = host) {
    this.source = source
  }

  /** An array of `length` numbers; what it holds is undefined. */
  take(device: Device, dtype: DType, length: number): CpuMemory {
    const list = this.lists[dtype].get(length)
    const data = list?.pop()
    if (data) this.pooled -= data.byteLength
    const memory = new CpuMemory(device, dtype, data ?? this.source.allocate(dtype, length))
    this.count(memory.data.byteLength, 1)
    return memory
  }

  give(memory: CpuMemory): void {
    if (memory.freed) throw new TapeError(`free: memory of ${memory.length} numbers was given back twice`)
    memory.freed = true
    this.lost.unregister(memory)
    this.recycle(memory)
  }

  private recycle({ dtype, data }: Lost): void {
    const bytes = data.byteLength
    this.count(-bytes, -1)
    // Sizes that never come back must not pile up. A steady loop keeps somewhat more than the most it uses,
    // since not all of its sizes are in use at once; a bound at that most would empty the pool in every step.
    if (this.pooled + bytes > 2 * this.most) this.empty()
    const lists = this.lists[dtype]
    const list = lists.get(data.length)
    if (list) list.push(data)
    else lists.set(data.length, [data])
    this.pooled += bytes
  }

  /** Memory that nobody promised to free: it comes back when the garbage collector takes its holder. */
  watch(memory: CpuMemory): void {
    this.lost.register(memory, { dtype: memory.dtype, data: memory.data }, memory)
  }

  report(): MemoryReport {
    return { live: this.live, peak: this.peak, pooled: this.pooled, buffers: this.buffers }
  }

  resetPeak(): void {
    this.peak = this.live
  }

  /** Gives back what is kept for later. */
  empty(): void {
    for (const lists of Object.values(this.lists)) {
      for (const list of lists.values()) for (const data of list) this.source.release(data)
      lists.clear()
    }
    this.pooled = 0
  }

  private count(bytes: number, buffers: number): void {
    this.live += bytes
    this.buffers += buffers // counted apart from bytes: an empty tensor has none
    this.peak = Math.max(this.peak, this.live)
    this.most = Math.max(this.most, this.live)
  }
}

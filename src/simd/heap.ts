// The memory of the simd device: one WebAssembly memory, of which tensors are typed arrays. Their byteOffset
// is the address that kernels take.
//
// Shared by threads, it grows and leaves what was made of it standing. A page without threads has a memory
// that would pull its arrays from under us by growing, so there it has its whole size from the beginning
// (the system gives a page of memory when it is first written). Next: ../cpu/pool.ts, which asks for arrays
// here once and then uses them again.

import { UnrolledError } from '../check.ts'
import type { DType, NumberArray } from '../device.ts'
import type { Source } from '../cpu/pool.ts'

const PAGE = 65536
/** 4 GiB: what a 32-bit address reaches */
const MOST_PAGES = 65536
const FIRST_PAGES = 256
/** Sizes that a memory that cannot grow is tried with: 2 GiB, 1 GiB, ... */
const WHOLE_PAGES = [32768, 16384, 8192, 4096, 1024]
/** A cache line: threads that write to different arrays must not meet on one. */
const LINE = 64

interface Free {
  start: number
  end: number
}

/** A memory for threads to share, or a whole one for a single thread. */
export function makeMemory(shared: boolean): WebAssembly.Memory {
  if (shared) return new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MOST_PAGES, shared: true })
  for (const pages of WHOLE_PAGES) {
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: pages })
    } catch {
      // too much for this page; half of it may do
    }
  }
  throw new UnrolledError('simd: there is no memory left here, not even 64 MiB')
}

/** Which parts of a WebAssembly memory are free, in the order of their addresses. */
export class Heap implements Source {
  readonly memory: WebAssembly.Memory
  private readonly free: Free[] = []
  private end: number

  constructor(memory: WebAssembly.Memory, base: number) {
    this.memory = memory
    this.end = memory.buffer.byteLength
    this.free.push({ start: roundUp(base), end: this.end })
  }

  allocate(dtype: DType, length: number): NumberArray {
    if (dtype === 'float64') throw new UnrolledError('simd: this device holds float32 and int32')
    const start = this.take(sizeOf(4 * length))
    const { buffer } = this.memory
    return dtype === 'int32' ? new Int32Array(buffer, start, length) : new Float32Array(buffer, start, length)
  }

  release({ byteOffset, byteLength }: NumberArray): void {
    const start = byteOffset
    const end = start + sizeOf(byteLength)
    const { free } = this
    let k = free.findIndex((part) => part.start > start)
    if (k < 0) k = free.length
    free.splice(k, 0, { start, end })
    // neighbours that touch become one
    if (k + 1 < free.length && free[k + 1].start === end) free[k].end = free.splice(k + 1, 1)[0].end
    if (k > 0 && free[k - 1].end === start) free[k - 1].end = free.splice(k, 1)[0].end
  }

  /** The address of the first free part that is large enough. */
  private take(bytes: number): number {
    let k = this.free.findIndex(({ start, end }) => end - start >= bytes)
    if (k < 0) k = this.grow(bytes)
    const part = this.free[k]
    const { start } = part
    part.start += bytes
    if (part.start === part.end) this.free.splice(k, 1)
    return start
  }

  /** More memory at the end; the last free part, which is then large enough. */
  private grow(bytes: number): number {
    const { free, end } = this
    const last = free.at(-1)
    const there = last?.end === end ? end - last.start : 0
    const missing = Math.ceil((bytes - there) / PAGE)
    // by an eighth at least, so that growing stays rare
    const wanted = Math.max(missing, Math.min(Math.ceil(end / PAGE / 8), MOST_PAGES - end / PAGE))
    try {
      this.memory.grow(wanted)
    } catch {
      throw new UnrolledError(`simd: out of memory: ${bytes} bytes more are wanted, ${end} are held; ` +
        'take a smaller batch or window; the cpu device is not bound to 4 GiB')
    }
    this.end = end + wanted * PAGE
    if (there > 0) last!.end = this.end
    else free.push({ start: end, end: this.end })
    return free.length - 1
  }
}

const roundUp = (bytes: number): number => Math.ceil(bytes / LINE) * LINE

/** What an array takes: 32 bytes more than it holds, since kernels read whole vectors. */
const sizeOf = (bytes: number): number => roundUp(bytes + 32)

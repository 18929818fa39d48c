// The memory of the simd device: one WebAssembly memory, of which tensors are typed arrays. Their byteOffset
// is the address that kernels take.
//
// It has its whole size from the beginning, as much address space as there is up to 4 GiB, and never grows:
// growing would pull the arrays from under a page that may not share memory, and a thread that waits
// inside a kernel does not learn of it (V8 in Node 20 then calls its loads out of bounds). The system gives
// a page of real memory when it is first written. Next: ../cpu/pool.ts, which asks for arrays here once and
// then uses them again.

import { UnrolledError } from '../check.ts'
import type { DType, NumberArray } from '../device.ts'
import type { Source } from '../cpu/pool.ts'

/** Sizes that are tried, in pages of 64 KiB: 4 GiB, which is all that a 32-bit address reaches, 2 GiB, ... */
const PAGES = [65536, 32768, 16384, 8192, 4096, 1024]
/** A cache line: threads that write to different arrays must not meet on one. */
const LINE = 64

interface Free {
  start: number
  end: number
}

/** A memory for threads to share, or for one. */
export function makeMemory(shared: boolean): WebAssembly.Memory {
  for (const pages of PAGES) {
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: pages, shared })
    } catch {
      // too much for this machine or page; half of it may do
    }
  }
  throw new UnrolledError('simd: no WebAssembly memory can be had here, not even 64 MiB; use cpu(), or, ' +
    'where address space is limited (ulimit -v), node --disable-wasm-trap-handler')
}

/** Which parts of a WebAssembly memory are free, in the order of their addresses. */
export class Heap implements Source {
  readonly memory: WebAssembly.Memory
  /** asks whoever keeps arrays for later to give them back */
  whenFull = (): void => {}
  private readonly free: Free[] = []

  constructor(memory: WebAssembly.Memory, base: number) {
    this.memory = memory
    this.free.push({ start: roundUp(base), end: memory.buffer.byteLength })
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
    const find = () => this.free.findIndex(({ start, end }) => end - start >= bytes)
    let k = find()
    if (k < 0) {
      this.whenFull()
      k = find()
    }
    if (k < 0) {
      throw new UnrolledError(`simd: out of memory: ${bytes} bytes more are wanted of ` +
        `${this.memory.buffer.byteLength}; take a smaller batch or window, or cpu(), which has no such bound`)
    }
    const part = this.free[k]
    const { start } = part
    part.start += bytes
    if (part.start === part.end) this.free.splice(k, 1)
    return start
  }
}

const roundUp = (bytes: number): number => Math.ceil(bytes / LINE) * LINE

/** What an array takes: 32 bytes more than it holds, since kernels read whole vectors. */
const sizeOf = (bytes: number): number => roundUp(bytes + 32)

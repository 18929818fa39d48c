// Memory of the gpu device: buffers that are used again. A buffer is costly to make and its memory is
// invisible to the garbage collector, so those given back wait in size classes (2^k and 1.5 x 2^k bytes) for
// the next request. Of those that wait, the oldest is taken first: a training step that asks for the same
// sizes in the same order gets the same buffers each time, and finds its bind groups in the cache.
//
// Indices (int32) live on the host, where they are checked and sorted, and go to the device when a kernel
// first asks for them. Next: recorder.ts, which enqueues work on buffers.

import { TapeError, thousands, UnrolledError } from '../check.ts'
import type { Device, DType, Memory, MemoryReport } from '../device.ts'
import type { Troubles } from './troubles.ts'

/** A GPUBuffer under a number of its own: bind groups are cached by these. */
export interface Buffer {
  readonly gpu: GPUBuffer
  readonly id: number
  /** bytes */
  readonly size: number
  /** the number of the last command buffer that uses it, see recorder.ts */
  used: number
  /** whether there was no memory for it: known only later, so that it may be in use */
  broken: boolean
}

/** A piece of the pool and its bookkeeping: a new one for each use, so that a stale holder is recognised. */
export class GpuMemory implements Memory {
  readonly device: Device
  readonly dtype: DType
  readonly length: number
  /** null for indices that no kernel has asked for yet */
  buffer: Buffer | null
  /** indices: what they are, on the host */
  readonly host: Int32Array | null
  version = 0
  freed = false
  parameter = false

  constructor(device: Device, dtype: DType, length: number, of: { buffer?: Buffer, host?: Int32Array }) {
    this.device = device
    this.dtype = dtype
    this.length = length
    this.buffer = of.buffer ?? null
    this.host = of.host ?? null
  }

  get bytes(): number {
    return 4 * this.length
  }
}

const SMALLEST = 256 // bytes

/** The size class that holds so many bytes: 256, 384, 512, 768, 1024, ... */
export function sizeClass(bytes: number): number {
  let size = SMALLEST
  while (size < bytes) size *= 2
  return size > SMALLEST && (size / 4) * 3 >= bytes ? (size / 4) * 3 : size
}

export class BufferPool {
  private readonly gpu: GPUDevice
  private readonly troubles: Troubles
  /** buffers that wait, by size class, in the order of their numbers */
  private readonly waiting = new Map<number, Buffer[]>()
  private readonly lost = new FinalizationRegistry<{ buffer: Buffer | null, bytes: number }>((held) => {
    this.count(-held.bytes, -1)
    if (held.buffer) this.giveBuffer(held.buffer)
  })
  /** told of buffers that are no more */
  private readonly onDestroy: (buffer: Buffer) => void
  private nextId = 1
  private live = 0
  private peak = 0
  /** the most bytes ever in use: unlike the peak, it is never reset */
  private most = 0
  private pooled = 0
  private buffers = 0

  constructor(gpu: GPUDevice, troubles: Troubles, onDestroy: (buffer: Buffer) => void) {
    this.gpu = gpu
    this.troubles = troubles
    this.onDestroy = onDestroy
  }

  /** The most bytes of one buffer. */
  get largest(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.gpu.limits
    return Math.min(maxBufferSize, maxStorageBufferBindingSize)
  }

  /** Memory for floats; what it holds is undefined. `busy` buffers, if given, are not taken. */
  take(device: Device, length: number, busy: (buffer: Buffer) => boolean = () => false): GpuMemory {
    const buffer = this.takeBuffer(4 * length, busy)
    const memory = new GpuMemory(device, device.dtype, length, { buffer })
    this.count(memory.bytes, 1)
    return memory
  }

  /** Memory for indices, whose numbers stay with the host. */
  indices(device: Device, host: Int32Array): GpuMemory {
    const memory = new GpuMemory(device, 'int32', host.length, { host })
    this.count(memory.bytes, 1)
    return memory
  }

  takeBuffer(bytes: number, busy: (buffer: Buffer) => boolean = () => false): Buffer {
    const size = sizeClass(bytes)
    const list = this.waiting.get(size) ?? []
    const at = list.findIndex((buffer) => !busy(buffer))
    if (at < 0) return this.make(size)
    this.pooled -= size
    return list.splice(at, 1)[0]
  }

  give(memory: GpuMemory): void {
    if (memory.freed) throw new TapeError(`free: memory of ${memory.length} numbers was given back twice`)
    memory.freed = true
    this.lost.unregister(memory)
    this.count(-memory.bytes, -1)
    if (memory.buffer) this.giveBuffer(memory.buffer)
    memory.buffer = null
  }

  giveBuffer(buffer: Buffer): void {
    if (buffer.broken) return this.destroy(buffer)
    // Sizes that never come back must not pile up: bounded as in the cpu's pool, and for the same reason.
    if (this.pooled + buffer.size > Math.max(2 * this.most, 2 ** 20)) this.empty()
    const list = this.waiting.get(buffer.size)
    this.pooled += buffer.size
    if (!list) {
      this.waiting.set(buffer.size, [buffer])
      return
    }
    let at = list.length
    while (at > 0 && list[at - 1].id > buffer.id) at--
    list.splice(at, 0, buffer)
  }

  /** Memory that nobody promised to free: its buffer comes back when the garbage collector takes it. */
  watch(memory: GpuMemory): void {
    this.lost.register(memory, { buffer: memory.buffer, bytes: memory.bytes }, memory)
  }

  /** Indices get a buffer when a kernel first asks for them, and lose it when they change. */
  setBuffer(memory: GpuMemory, buffer: Buffer | null): void {
    if (memory.buffer) this.giveBuffer(memory.buffer)
    memory.buffer = buffer
    if (this.lost.unregister(memory)) this.watch(memory) // it is this buffer that comes back
  }

  report(): MemoryReport {
    return { live: this.live, peak: this.peak, pooled: this.pooled, buffers: this.buffers }
  }

  resetPeak(): void {
    this.peak = this.live
  }

  /** Destroys what waits. */
  empty(): void {
    for (const list of this.waiting.values()) {
      for (const buffer of list) this.destroy(buffer)
    }
    this.waiting.clear()
    this.pooled = 0
  }

  private make(size: number): Buffer {
    const most = this.largest
    if (size > most) {
      throw new UnrolledError(`gpu: a tensor of ${thousands(size)} bytes is more than this ` +
        `adapter holds in one buffer (${thousands(most)}); take a smaller batch or window`)
    }
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage
    this.gpu.pushErrorScope('out-of-memory')
    const gpu = this.gpu.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST })
    const buffer = { gpu, id: this.nextId++, size, used: 0, broken: false }
    this.troubles.expect('memory', this.gpu.popErrorScope().then((error) => {
      if (error) this.break(buffer)
      return error
    }))
    return buffer
  }

  /** It is used no more; and what waits goes, to make room. */
  private break(buffer: Buffer): void {
    buffer.broken = true
    this.empty()
  }

  private destroy(buffer: Buffer): void {
    this.onDestroy(buffer)
    buffer.gpu.destroy()
  }

  private count(bytes: number, buffers: number): void {
    this.live += bytes
    this.buffers += buffers // counted apart from bytes: an empty tensor has none
    this.peak = Math.max(this.peak, this.live)
    this.most = Math.max(this.most, this.live)
  }
}

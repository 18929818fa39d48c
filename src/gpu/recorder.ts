// Work for the device, in the order of the calls: dispatches and copies go into one command buffer, submitted
// when somebody reads. So a whole training step (forward, backward, clip, update) is one submission.
//
// What differs from one dispatch to the next (sizes, offsets, numbers) are 32-bit words. Up to 16 of them
// travel in the command itself (immediates); more, or all where immediates are missing, go into slots of a
// uniform buffer, written once per submission. Next: kernels.ts, which makes pipelines; device.ts.

import type { Buffer } from './memory.ts'
import type { Kernel } from './kernels.ts'
import type { Troubles } from './troubles.ts'

/** Bytes of a slot: uniform buffers are bound at multiples of this. */
const SLOT = 256
const SLOTS = 256

/** Bind groups in the cache: more than a step of a thousand dispatches has many times over. */
const MOST_GROUPS = 2 ** 16

/** A block of slots: those of one submission that is being recorded. */
interface Block {
  readonly gpu: GPUBuffer
  readonly words: Uint32Array<ArrayBuffer>
  readonly group: GPUBindGroup
  used: number
}

export class Recorder {
  private readonly gpu: GPUDevice
  private readonly uniforms: GPUBindGroupLayout
  private readonly troubles: Troubles
  private encoder: GPUCommandEncoder | null = null
  private pass: GPUComputePassEncoder | null = null
  private pipeline: GPUComputePipeline | null = null
  private readonly groups = new Map<string, GPUBindGroup>()
  /** the keys in `groups` that name a buffer */
  private readonly keys = new Map<number, Set<string>>()
  private blocks: Block[] = []
  /** the block in use; those before it are full */
  private block = 0
  /** dispatches since the beginning, and submissions: what benchmarks count */
  dispatches = 0
  submissions = 0
  /** told of each command buffer, when it is begun and before it ends: a place for clocks (bench/) */
  watch: ((commands: GPUCommandEncoder, edge: 'begin' | 'end') => void) | null = null

  constructor(gpu: GPUDevice, uniforms: GPUBindGroupLayout, troubles: Troubles) {
    this.gpu = gpu
    this.uniforms = uniforms
    this.troubles = troubles
  }

  /** Whether work that is not yet submitted uses this buffer. */
  readonly isBusy = (buffer: Buffer): boolean => buffer.used === this.troubles.serial

  /** Bind groups in the cache. */
  get bindGroups(): number {
    return this.groups.size
  }

  /**
   * Runs a kernel over a grid of workgroups.
   * @param words what the kernel's struct Params holds, in its order
   */
  dispatch(kernel: Kernel, buffers: readonly Buffer[], words: Uint32Array<ArrayBuffer>, grid: Grid): void {
    if (grid.x === 0 || grid.y === 0 || grid.z === 0) return
    const pass = this.open()
    const { pipeline } = kernel
    if (this.pipeline !== pipeline) {
      pass.setPipeline(pipeline)
      this.pipeline = pipeline
    }
    pass.setBindGroup(0, this.group(kernel, buffers))
    for (const buffer of buffers) buffer.used = this.troubles.serial
    if (kernel.immediates) pass.setImmediates(0, words)
    else if (words.length > 0) this.uniform(pass, words)
    pass.dispatchWorkgroups(grid.x, grid.y, grid.z)
    this.dispatches++
  }

  /** Copies elements (4 bytes each) from one buffer to another. */
  copy(from: Buffer, start: number, to: Buffer, at: number, length: number): void {
    if (length === 0) return
    this.endPass()
    this.commands().copyBufferToBuffer(from.gpu, 4 * start, to.gpu, 4 * at, 4 * length)
    from.used = to.used = this.troubles.serial
  }

  /** Sets elements to 0. */
  clear(buffer: Buffer, at: number, length: number): void {
    if (length === 0) return
    this.endPass()
    this.commands().clearBuffer(buffer.gpu, 4 * at, 4 * length)
    buffer.used = this.troubles.serial
  }

  /** Copies to a buffer of another usage: one for reading. */
  copyOut(from: Buffer, start: number, to: GPUBuffer, length: number, at = 0): void {
    this.endPass()
    this.commands().copyBufferToBuffer(from.gpu, 4 * start, to, 4 * at, 4 * length)
    from.used = this.troubles.serial
  }

  /** Writes host numbers. The buffer must not be busy: this write would come before what is recorded. */
  write(buffer: Buffer, data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>): void {
    if (this.isBusy(buffer)) this.flush()
    if (data.length > 0) this.gpu.queue.writeBuffer(buffer.gpu, 0, data)
  }

  /** Submits what is recorded. */
  flush(): void {
    this.endPass()
    if (!this.encoder) return
    this.watch?.(this.encoder, 'end')
    for (const { gpu, words, used } of this.blocks) {
      if (used > 0) this.gpu.queue.writeBuffer(gpu, 0, words, 0, used * SLOT / 4)
    }
    this.gpu.queue.submit([this.encoder.finish()])
    for (const block of this.blocks) block.used = 0
    this.block = 0
    this.encoder = null
    this.troubles.next()
    this.submissions++
  }

  /** Forgets the bind groups of a buffer that is about to be destroyed; what still uses it is submitted. */
  forget(buffer: Buffer): void {
    if (this.isBusy(buffer)) this.flush()
    for (const key of this.keys.get(buffer.id) ?? []) {
      this.groups.delete(key)
      const [, ...others] = key.split(',')
      for (const id of others) this.keys.get(Number(id))?.delete(key) // weights outlive many a partner
    }
    this.keys.delete(buffer.id)
  }

  private commands(): GPUCommandEncoder {
    if (this.encoder) return this.encoder
    this.encoder = this.gpu.createCommandEncoder()
    this.watch?.(this.encoder, 'begin')
    return this.encoder
  }

  private open(): GPUComputePassEncoder {
    this.pass ??= this.commands().beginComputePass()
    return this.pass
  }

  private endPass(): void {
    this.pass?.end()
    this.pass = null
    this.pipeline = null
  }

  private group(kernel: Kernel, buffers: readonly Buffer[]): GPUBindGroup {
    let key = kernel.signature
    for (const { id } of buffers) key += `,${id}`
    const known = this.groups.get(key)
    if (known) return known
    const group = this.gpu.createBindGroup({
      layout: kernel.layout,
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer: buffer.gpu } })),
    })
    if (this.groups.size >= MOST_GROUPS) this.forgetAll()
    this.groups.set(key, group)
    for (const { id } of buffers) {
      const keys = this.keys.get(id)
      if (keys) keys.add(key)
      else this.keys.set(id, new Set([key]))
    }
    return group
  }

  /** Where shapes change from step to step, ever new buffers meet: what has piled up is made anew. */
  private forgetAll(): void {
    this.groups.clear()
    this.keys.clear()
  }

  private uniform(pass: GPUComputePassEncoder, words: Uint32Array): void {
    let block = this.blocks[this.block]
    if (block?.used === SLOTS) block = this.blocks[++this.block]
    if (!block) {
      block = this.makeBlock()
      this.blocks.push(block)
    }
    const offset = block.used++ * SLOT
    block.words.set(words, offset / 4)
    pass.setBindGroup(1, block.group, [offset])
  }

  private makeBlock(): Block {
    const size = SLOT * SLOTS
    const gpu = this.gpu.createBuffer({ size, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST })
    const group = this.gpu.createBindGroup({
      layout: this.uniforms, entries: [{ binding: 0, resource: { buffer: gpu, size: SLOT } }],
    })
    return { gpu, words: new Uint32Array(size / 4), group, used: 0 }
  }
}

/** Numbers of workgroups. */
export interface Grid {
  readonly x: number
  readonly y: number
  readonly z: number
}

/** The most workgroups along one axis, everywhere. */
let most = 65_535

/** A grid for n things of which one workgroup does `each`: what does not fit along x goes on along y. */
export function gridFor(n: number, each: number): Grid {
  const groups = Math.ceil(n / each)
  const x = Math.min(groups, most)
  return { x, y: x === 0 ? 0 : Math.ceil(groups / x), z: 1 }
}

/** For tests: runs fn with grids that are no wider than this, so that little work has to go on along y. */
export async function inNarrowGrids<T>(width: number, fn: () => Promise<T>): Promise<T> {
  const before = most
  most = width
  try {
    return await fn()
  } finally {
    most = before
  }
}

// The gpu device: the contract of ../device.ts kept by kernels in WGSL, float32. A primitive finds its
// buffers, takes one for its result from the pool, and records a dispatch; nothing runs until somebody reads.
// Indices stay on the host, where they are checked, so that a wrong one is refused at once, as on the cpu.
//
// Here are memory, reading and launching; elementwise.ts, move.ts, rows.ts, reduce.ts and matmul.ts are the
// primitives, kernels/*.wgsl the arithmetic; memory.ts and recorder.ts say what becomes of buffers and of
// commands. Next: open.ts, how a device is found.

import { check, show, TapeError, UnrolledError } from '../check.ts'
import type {
  BinaryOp, DType, FlatOps, FusedOps, LossOps, Memory, MemoryReport, NumberArray, RowOps, UnaryOp,
  View,
} from '../device.ts'
import { type Shape, sizeOf } from '../shape.ts'
import type { AdapterInfo } from './adapter.ts'
import * as elementwise from './elementwise.ts'
import type { Halves } from './halves.ts'
import { type Blanks, type KernelName, Kernels } from './kernels.ts'
import { GpuFlat } from './flat.ts'
import { GpuLoss } from './loss.ts'
import { affine, matmul } from './matmul.ts'
import { type Buffer, BufferPool, GpuMemory } from './memory.ts'
import * as move from './move.ts'
import type { Gpu } from './open.ts'
import { Packer } from './packing.ts'
import { type Grid, Recorder } from './recorder.ts'
import { GpuFused } from './recurrence.ts'
import { reduce } from './reduce.ts'
import { Troubles } from './troubles.ts'
import { GpuRows } from './row-ops.ts'
import * as rows from './rows.ts'
import { type Float, words } from './words.ts'

/** What a kernel launch is made of; `values` are its Params in order. */
export interface Launch {
  readonly kernel: KernelName
  /** names the filling of the kernel's blanks */
  readonly variant?: string
  readonly blanks?: () => Blanks
  readonly buffers: readonly Buffer[]
  readonly values: readonly (number | Float)[]
  readonly grid: Grid
}

/** What a GpuDevice is told of its adapter, and of what is asked of it. */
interface Abilities {
  readonly adapter: AdapterInfo
  readonly immediates: boolean
  readonly halves?: Halves
  /** told of a promise that is awaited, where waiting costs */
  readonly rest?: ((promise: Promise<unknown>) => void) | null
}

export class GpuDevice implements Gpu {
  readonly name: string
  readonly adapter: AdapterInfo
  readonly dtype = 'float32'
  readonly gpu: GPUDevice
  readonly troubles: Troubles
  readonly kernels: Kernels
  readonly recorder: Recorder
  readonly pool: BufferPool
  readonly packer: Packer
  /** what weights are read as where a product waits for them */
  readonly halves: Halves
  readonly fused: FusedOps
  readonly loss: LossOps
  readonly flat: FlatOps
  readonly rows: RowOps
  private readonly rest: (promise: Promise<unknown>) => void
  /** why this device is of no more use */
  private failure: UnrolledError | null = null

  constructor(gpu: GPUDevice, { adapter, immediates, halves = null, rest = null }: Abilities) {
    const name = `gpu (${adapter.name}${adapter.kind === 'software' ? ', a software adapter' : ''})`
    this.name = name
    this.adapter = adapter
    this.gpu = gpu
    this.troubles = new Troubles(gpu, name)
    this.kernels = new Kernels(gpu, immediates, this.troubles)
    this.recorder = new Recorder(gpu, this.kernels.uniforms, this.troubles)
    this.halves = halves
    this.rest = rest ?? (() => {})
    this.packer = new Packer(this)
    this.fused = new GpuFused(this)
    this.pool = new BufferPool(gpu, this.troubles, (buffer) => this.recorder.forget(buffer))
    this.loss = new GpuLoss(this)
    this.flat = new GpuFlat(this)
    this.rows = new GpuRows(this)
    void gpu.lost.then(({ reason, message }) => {
      this.failure ??= reason === 'destroyed' ? this.closed() : new UnrolledError(
        `${name}: the device was lost (${message.split('\n')[0]}); start again from what was saved`)
    })
    gpu.onuncapturederror = (event) => {
      event.preventDefault()
      this.troubles.expect('use', Promise.resolve(event.error))
    }
  }

  /** Gives everything back; the device is of no more use. */
  close(): void {
    this.failure ??= this.closed()
    this.pool.empty()
    this.gpu.destroy()
  }

  // Memory

  memory(): MemoryReport {
    return this.pool.report()
  }

  resetPeak(): void {
    this.pool.resetPeak()
  }

  upload(values: ArrayLike<number>, dtype: DType): Memory {
    check(dtype !== 'float64', () =>
      "upload: a gpu holds float32 and int32; the values are float64; open cpu({ precision: 'float64' })")
    if (dtype === 'int32') return this.pool.indices(this, Int32Array.from(values))
    const memory = this.pool.take(this, values.length, this.recorder.isBusy)
    this.recorder.write(memory.buffer!, Float32Array.from(values))
    return memory
  }

  free(memory: Memory): void {
    const own = this.own(memory)
    this.pool.give(own)
    this.packer.drop(own)
  }

  unowned(memory: Memory): void {
    this.pool.watch(this.own(memory))
  }

  async read(x: View): Promise<NumberArray> {
    const memory = this.live(x)
    const length = sizeOf(x.shape)
    if (memory.host) return memory.host.slice(x.offset, x.offset + length)
    if (length === 0) return new Float32Array(0)
    const { marked } = this.packer
    const { told } = this.troubles
    const staging = this.gpu.createBuffer({
      size: 4 * (length + (marked ? 1 : 0)), usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    })
    this.recorder.copyOut(memory.buffer!, x.offset, staging, length)
    if (marked) this.recorder.copyOut(marked, 0, staging, 1, length)
    this.recorder.flush()
    const last = this.troubles.serial - 1
    try {
      const mapped = staging.mapAsync(GPUMapMode.READ).then(() => null, (error: unknown) =>
        new UnrolledError(`${this.name}: reading failed: ${String(error)}`))
      this.rest(mapped)
      const refused = await mapped
      if (this.failure) throw this.failure
      await this.troubles.check(told, last)
      if (refused) throw refused
      const range = staging.getMappedRange()
      if (marked) this.failure ??= this.packer.complaint(new Uint32Array(range, 4 * length, 1)[0])
      if (this.failure) throw this.failure
      return new Float32Array(range, 0, length).slice()
    } finally {
      staging.destroy()
    }
  }

  // The primitives, each in a file of its kind

  fill(length: number, value: number): Memory {
    return elementwise.fill(this, length, value)
  }

  unary(op: UnaryOp, x: View): Memory {
    return elementwise.unary(this, op, x)
  }

  binary(op: BinaryOp, a: View | number, b: View | number, shape: Shape): Memory {
    return elementwise.binary(this, op, a, b, shape)
  }

  select(condition: View, a: View | number, b: View | number, shape: Shape): Memory {
    return elementwise.select(this, condition, a, b, shape)
  }

  uniform(length: number, key: readonly [number, number], counter: number): Memory {
    return elementwise.uniform(this, length, key, counter)
  }

  dropout(
    x: View, limit: number, factor: number, key: readonly [number, number], counter: number,
  ): Memory {
    return elementwise.dropout(this, x, limit, factor, key, counter)
  }

  accumulate(target: View, x: View): void {
    target.memory.version++
    elementwise.accumulate(this, target, x)
  }

  reduce(op: 'sum' | 'max', x: View, axes: readonly number[]): Memory {
    return reduce(this, op, x, axes)
  }

  matmul(a: View, b: View, transposeA: boolean, transposeB: boolean): Memory {
    const [A, B] = [this.floats('matmul', a), this.floats('matmul', b)]
    return matmul(this,
      { buffer: A, view: a, transpose: transposeA }, { buffer: B, view: b, transpose: transposeB })
  }

  affine(x: View, weight: View, bias: View): Memory {
    return affine(this, x, weight, bias)
  }

  window(x: View, start: number, strides: readonly number[], shape: Shape): Memory {
    return move.window(this, x, start, strides, shape)
  }

  place(x: View, start: number, strides: readonly number[], shape: Shape): Memory {
    return move.place(this, x, start, strides, shape)
  }

  concat(parts: readonly View[], axis: number): Memory {
    return move.concat(this, parts, axis)
  }

  reverseTime(x: View, lengths: View): Memory {
    return move.reverseTime(this, x, lengths)
  }

  copyInto(target: View, x: View): void {
    target.memory.version++
    move.copyInto(this, target, x)
  }

  gatherRows(table: View, index: View): Memory {
    return rows.gatherRows(this, table, index)
  }

  scatterAddRows(x: View, index: View, count: number): Memory {
    return rows.scatterAddRows(this, x, index, count)
  }

  oneHot(index: View, count: number, ignore: number | undefined, op: string): Memory {
    return rows.oneHot(this, index, count, ignore, op)
  }

  // What the primitives are made with

  /** Memory for floats; what it holds is undefined. */
  take(length: number): GpuMemory {
    return this.pool.take(this, length)
  }

  launch({ kernel, variant = '', blanks = () => ({}), buffers, values, grid }: Launch): void {
    if (this.failure) throw this.failure
    this.recorder.dispatch(this.kernels.get(kernel, variant, blanks), buffers, words(values), grid)
  }

  /** The memory of a view, which must be this device's and not given back. */
  live(x: View): GpuMemory {
    const memory = this.own(x.memory)
    if (memory.freed) {
      throw new TapeError(
        `a tensor of shape ${show(x.shape)} is used after the tape or scope that owned it was closed; ` +
        'keep(x), before closing, copies a result out')
    }
    return memory
  }

  /** The buffer of floats that a view looks at. */
  floats(op: string, x: View): Buffer {
    check(x.memory.dtype === this.dtype, () =>
      `${op}: a tensor of shape ${show(x.shape)} is ${x.memory.dtype}; it must be ${this.dtype}`)
    return this.live(x).buffer!
  }

  /** A buffer with the indices that the host holds. */
  indexBuffer(memory: GpuMemory): Buffer {
    if (memory.buffer) return memory.buffer
    const buffer = this.pool.takeBuffer(memory.bytes, this.recorder.isBusy)
    this.recorder.write(buffer, Int32Array.from(memory.host!))
    this.pool.setBuffer(memory, buffer)
    return buffer
  }

  private closed(): UnrolledError {
    return new UnrolledError(`${this.name}: it was closed; open another`)
  }

  private own(memory: Memory): GpuMemory {
    if (memory instanceof GpuMemory && memory.device === this) return memory
    throw new UnrolledError(`${this.name}: this tensor lives on another device; read it and upload it here`)
  }
}

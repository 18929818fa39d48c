// The gpu device: the contract of ../device.ts kept by kernels in WGSL, float32. Every primitive finds its
// buffers, takes one for its result from the pool, and records a dispatch; nothing runs before somebody reads.
// Indices stay on the host, where they are checked, so that a wrong one is refused at once, as on the cpu.
//
// Next: memory.ts and recorder.ts for what happens to buffers and commands; matmul.ts for the products;
// kernels/*.wgsl for the arithmetic; open.ts for how a device is found.

import { check, show, TapeError, UnrolledError } from '../check.ts'
import { reverseTimeLengths, checkRows, rowsByIndex, windowOfIndices } from './indices.ts'
import type {
  BinaryOp, Device, DType, Memory, MemoryReport, NumberArray, UnaryOp, View,
} from '../device.ts'
import { broadcastStrides, sameShape, type Shape, sizeOf, stridesOf } from '../shape.ts'
import { type Access, accessExpression, binaryExpressions, unaryExpressions } from './expressions.ts'
import { type KernelName, Kernels, type Blanks } from './kernels.ts'
import { matmul } from './matmul.ts'
import { type Buffer, BufferPool, GpuMemory } from './memory.ts'
import { type Grid, gridFor, Recorder } from './recorder.ts'
import { reduce } from './reduce.ts'
import { walkOver } from './strides.ts'
import { type Float, float, words } from './words.ts'

const WORKGROUP = 64 // threads, as in every elementwise kernel

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

export class GpuDevice implements Device {
  readonly name: string
  readonly dtype = 'float32'
  readonly gpu: GPUDevice
  readonly kernels: Kernels
  readonly recorder: Recorder
  private readonly pool: BufferPool
  /** why this device is of no more use */
  private failure: UnrolledError | null = null

  constructor(gpu: GPUDevice, { name, immediates }: { name: string, immediates: boolean }) {
    this.name = name
    this.gpu = gpu
    this.kernels = new Kernels(gpu, immediates)
    this.recorder = new Recorder(gpu, this.kernels.uniforms)
    this.pool = new BufferPool(gpu, (buffer) => this.recorder.forget(buffer))
    void gpu.lost.then(({ reason, message }) => {
      this.failure ??= new UnrolledError(reason === 'destroyed' ? `${name}: it was closed; open another`
        : `${name}: the device was lost (${message.split('\n')[0]}); start again from what was saved`)
    })
    gpu.onuncapturederror = (event) => {
      event.preventDefault()
      const text = event.error.message.split('\n')[0]
      this.failure ??= new UnrolledError(event.error instanceof GPUOutOfMemoryError
        ? `${name}: the device has no memory left (${text}); take a smaller net, batch or window`
        : `${name}: ${text}`)
    }
  }

  /** Gives everything back; the device is of no more use. */
  close(): void {
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
      'upload: a gpu holds float32 and int32; the values are float64; open cpu({ precision: \'float64\' })')
    if (dtype === 'int32') return this.pool.indices(this, Int32Array.from(values))
    const memory = this.pool.take(this, values.length, this.recorder.isBusy)
    this.recorder.write(memory.buffer!, Float32Array.from(values))
    return memory
  }

  free(memory: Memory): void {
    this.pool.give(this.own(memory))
  }

  unowned(memory: Memory): void {
    this.pool.watch(this.own(memory))
  }

  async read(x: View): Promise<NumberArray> {
    const memory = this.live(x)
    const length = sizeOf(x.shape)
    if (memory.host) return memory.host.slice(x.offset, x.offset + length)
    if (length === 0) return new Float32Array(0)
    const staging = this.gpu.createBuffer({
      size: 4 * length, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    })
    this.recorder.copyOut(memory.buffer!, x.offset, staging, length)
    this.recorder.flush()
    try {
      await this.kernels.checkCompiled()
      await staging.mapAsync(GPUMapMode.READ).catch((error: unknown) => {
        throw this.failure ?? new UnrolledError(`${this.name}: reading failed: ${String(error)}`)
      })
      if (this.failure) throw this.failure
      return new Float32Array(staging.getMappedRange()).slice()
    } finally {
      staging.destroy()
    }
  }

  // Elementwise

  fill(length: number, value: number): Memory {
    const y = this.take(length)
    this.fillBuffer(y, value)
    return y
  }

  unary(op: UnaryOp, x: View): Memory {
    const length = sizeOf(x.shape)
    const X = this.floats(op, x)
    const y = this.take(length)
    this.launch({
      kernel: 'unary', variant: op, blanks: () => ({ f: unaryExpressions[op] }),
      buffers: [X, y.buffer!], values: [length, x.offset], grid: gridFor(length, WORKGROUP),
    })
    return y
  }

  binary(op: BinaryOp, a: View | number, b: View | number, shape: Shape): Memory {
    const length = sizeOf(shape)
    const [A, B] = [this.operand(op, a), this.operand(op, b)]
    const y = this.take(length)
    if (length === 0) return y
    const [accessA, accessB] = [accessOf(a, shape), accessOf(b, shape)]
    const { sizes: [, n1, n2, n3], strides: [sa, sb] } = walkOver(shape, [a, b].map((x) => stridesIn(x, shape)))
    this.launch({
      kernel: 'binary', variant: `${op} ${accessA} ${accessB}`,
      blanks: () => ({
        f: binaryExpressions[op], a: accessExpression('a', accessA), b: accessExpression('b', accessB),
      }),
      // a number has no buffer, but its binding needs one
      buffers: [A ?? B ?? y.buffer!, B ?? A ?? y.buffer!, y.buffer!],
      values: [length, offsetOf(a), offsetOf(b), valueOf(a), valueOf(b), n1, n2, n3, ...sa, ...sb],
      grid: gridFor(length, WORKGROUP),
    })
    return y
  }

  select(condition: View, a: View | number, b: View | number, shape: Shape): Memory {
    const length = sizeOf(shape)
    const C = this.floats('where', condition)
    const [A, B] = [this.operand('where', a), this.operand('where', b)]
    const y = this.take(length)
    if (length === 0) return y
    const [c, u, v] = [accessOf(condition, shape), accessOf(a, shape), accessOf(b, shape)]
    const { sizes: [, n1, n2, n3], strides: [sc, sa, sb] } =
      walkOver(shape, [condition, a, b].map((x) => stridesIn(x, shape)))
    this.launch({
      kernel: 'select', variant: `${c} ${u} ${v}`,
      blanks: () => ({
        c: accessExpression('c', c), a: accessExpression('a', u), b: accessExpression('b', v),
      }),
      buffers: [C, A ?? C, B ?? C, y.buffer!],
      values: [
        length, condition.offset, offsetOf(a), offsetOf(b), valueOf(a), valueOf(b), n1, n2, n3,
        ...sc, ...sa, ...sb,
      ],
      grid: gridFor(length, WORKGROUP),
    })
    return y
  }

  // Reductions and products

  reduce(op: 'sum' | 'max', x: View, axes: readonly number[]): Memory {
    return reduce(this, op, this.floats(op, x), x, axes)
  }

  matmul(a: View, b: View, transposeA: boolean, transposeB: boolean): Memory {
    const [A, B] = [this.floats('matmul', a), this.floats('matmul', b)]
    return matmul(this, { buffer: A, view: a, transpose: transposeA }, { buffer: B, view: b, transpose: transposeB })
  }

  // Moving

  window(x: View, start: number, strides: readonly number[], shape: Shape): Memory {
    const memory = this.live(x)
    if (memory.host) return this.pool.indices(this, windowOfIndices(memory.host, x.offset + start, strides, shape))
    const length = sizeOf(shape)
    const y = this.take(length)
    if (length === 0) return y
    const { sizes: [, n1, n2, n3], strides: [s] } = walkOver(shape, [strides])
    this.launch({
      kernel: 'window', buffers: [memory.buffer!, y.buffer!],
      values: [length, x.offset + start, n1, n2, n3, ...s], grid: gridFor(length, WORKGROUP),
    })
    return y
  }

  place(x: View, start: number, strides: readonly number[], shape: Shape): Memory {
    const X = this.floats('pad', x)
    const y = this.take(sizeOf(shape))
    this.fillBuffer(y, 0)
    this.placeInto(y, X, x, start, strides)
    return y
  }

  concat(parts: readonly View[], axis: number): Memory {
    const shape = [...parts[0].shape]
    shape[axis] = parts.reduce((sum, part) => sum + part.shape[axis], 0)
    const strides = stridesOf(shape)
    const memories = parts.map((part) => this.live(part))
    if (memories[0].host) return this.concatIndices(parts, axis, shape)
    const y = this.take(sizeOf(shape))
    let start = 0
    parts.forEach((part, k) => {
      this.placeInto(y, memories[k].buffer!, part, start, strides)
      start += part.shape[axis] * strides[axis]
    })
    return y
  }

  reverseTime(x: View, lengths: View): Memory {
    const [T = 1, B = 1, ...rest] = x.shape
    const X = this.floats('reverseTime', x)
    const list = this.live(lengths)
    reverseTimeLengths(list.host!, lengths.offset, T, B)
    const length = sizeOf(x.shape)
    const y = this.take(length)
    this.launch({
      kernel: 'reverseTime', buffers: [X, this.indexBuffer(list), y.buffer!],
      values: [length, B, sizeOf(rest), x.offset, lengths.offset], grid: gridFor(length, WORKGROUP),
    })
    return y
  }

  // Rows by index

  gatherRows(table: View, index: View): Memory {
    const [V = 1, D = 1] = table.shape
    const N = sizeOf(index.shape)
    const rows = this.floats('gather', table)
    const list = this.live(index)
    checkRows('gather', list.host!, index.offset, N, V)
    const y = this.take(N * D)
    this.launch({
      kernel: 'gather', buffers: [rows, this.indexBuffer(list), y.buffer!],
      values: [N * D, D, table.offset, index.offset], grid: gridFor(N * D, WORKGROUP),
    })
    return y
  }

  scatterAddRows(rows: View, index: View, count: number): Memory {
    const [N = 1, D = 1] = rows.shape
    const R = this.floats('scatterAdd', rows)
    const host = this.live(index).host!
    checkRows('scatterAdd', host, index.offset, N, count)
    const order = this.pool.takeBuffer(4 * (N + count + 1), this.recorder.isBusy)
    this.recorder.write(order, rowsByIndex(host, index.offset, N, count))
    const y = this.take(count * D)
    this.launch({
      kernel: 'scatterAdd', buffers: [R, order, y.buffer!],
      values: [count * D, N, D, rows.offset], grid: gridFor(count * D, WORKGROUP),
    })
    this.pool.giveBuffer(order)
    return y
  }

  oneHot(index: View, count: number, ignore: number | undefined, op: string): Memory {
    const N = sizeOf(index.shape)
    const list = this.live(index)
    checkRows(op, list.host!, index.offset, N, count, ignore)
    const y = this.take(N * count)
    // An ignored index inside 0 .. V - 1 would be marked: it is moved out of the range.
    const masked = ignore !== undefined && ignore >= 0 && ignore < count
    const from = masked ? this.pool.indices(this, list.host!.map((v) => (v === ignore ? -1 : v))) : list
    this.launch({
      kernel: 'oneHot', buffers: [this.indexBuffer(from), y.buffer!],
      values: [N * count, count, index.offset], grid: gridFor(N * count, WORKGROUP),
    })
    if (masked) this.pool.give(from)
    return y
  }

  // Random numbers

  uniform(length: number, key: readonly [number, number], counter: number): Memory {
    const y = this.take(length)
    this.launch({
      kernel: 'uniform', buffers: [y.buffer!],
      values: [length, ...key, counter >>> 0, Math.floor(counter / 2 ** 32)], grid: gridFor(length, WORKGROUP),
    })
    return y
  }

  // In place

  copyInto(target: View, x: View): void {
    const [to, from] = [this.live(target), this.live(x)]
    const length = sizeOf(x.shape)
    target.memory.version++
    if (to.host) {
      to.host.set(from.host!.subarray(x.offset, x.offset + length), target.offset)
      if (to.buffer) this.pool.giveBuffer(to.buffer) // outdated; the next kernel that asks gets the new numbers
      to.buffer = null
      return
    }
    this.copy(from.buffer!, x.offset, to.buffer!, target.offset, length)
  }

  accumulate(target: View, x: View): void {
    const [to, from] = [this.floats('accumulate', target), this.floats('accumulate', x)]
    const length = sizeOf(x.shape)
    target.memory.version++
    const add = (buffer: Buffer, offset: number) => this.launch({
      kernel: 'accumulate', buffers: [buffer, to], values: [length, offset, target.offset],
      grid: gridFor(length, WORKGROUP),
    })
    if (from !== to) return add(from, x.offset)
    // One buffer cannot be read and written under two bindings.
    const copy = this.pool.takeBuffer(4 * length)
    this.recorder.copy(from, x.offset, copy, 0, length)
    add(copy, 0)
    this.pool.giveBuffer(copy)
  }

  // What the parts of this device share

  /** Memory for floats; what it holds is undefined. */
  take(length: number): GpuMemory {
    return this.pool.take(this, length)
  }

  giveBack(memory: GpuMemory): void {
    this.pool.give(memory)
  }

  launch({ kernel, variant = '', blanks = () => ({}), buffers, values, grid }: Launch): void {
    if (this.failure) throw this.failure
    this.recorder.dispatch(this.kernels.get(kernel, variant, blanks), buffers, words(values), grid)
  }

  private fillBuffer(y: GpuMemory, value: number): void {
    this.launch({
      kernel: 'fill', buffers: [y.buffer!], values: [y.length, float(value)], grid: gridFor(y.length, WORKGROUP),
    })
  }

  private placeInto(y: GpuMemory, X: Buffer, x: View, start: number, strides: readonly number[]): void {
    const length = sizeOf(x.shape)
    if (length === 0) return
    const { sizes: [, n1, n2, n3], strides: [s] } = walkOver(x.shape, [strides])
    this.launch({
      kernel: 'place', buffers: [X, y.buffer!], values: [length, x.offset, start, n1, n2, n3, ...s],
      grid: gridFor(length, WORKGROUP),
    })
  }

  private concatIndices(parts: readonly View[], axis: number, shape: readonly number[]): Memory {
    const all = new Int32Array(sizeOf(shape))
    const row = sizeOf(shape.slice(axis))
    let start = 0
    for (const part of parts) {
      const { host } = this.live(part)
      const piece = sizeOf(part.shape.slice(axis))
      for (let k = 0; k * piece < sizeOf(part.shape); k++) {
        all.set(host!.subarray(part.offset + k * piece, part.offset + (k + 1) * piece), k * row + start)
      }
      start += piece
    }
    return this.pool.indices(this, all)
  }

  private copy(from: Buffer, start: number, to: Buffer, at: number, length: number): void {
    if (from !== to) return this.recorder.copy(from, start, to, at, length)
    const between = this.pool.takeBuffer(4 * length)
    this.recorder.copy(from, start, between, 0, length)
    this.recorder.copy(between, 0, to, at, length)
    this.pool.giveBuffer(between)
  }

  private indexBuffer(memory: GpuMemory): Buffer {
    if (memory.buffer) return memory.buffer
    const buffer = this.pool.takeBuffer(memory.bytes, this.recorder.isBusy)
    this.recorder.write(buffer, Int32Array.from(memory.host!))
    memory.buffer = buffer
    return buffer
  }

  private own(memory: Memory): GpuMemory {
    if (memory instanceof GpuMemory && memory.device === this) return memory
    throw new UnrolledError(`${this.name}: this tensor lives on another device; read it and upload it here`)
  }

  private live(x: View): GpuMemory {
    const memory = this.own(x.memory)
    if (memory.freed) {
      throw new TapeError(
        `a tensor of shape ${show(x.shape)} is used after the tape or scope that owned it was closed; ` +
        'keep(x), before closing, copies a result out')
    }
    return memory
  }

  private floats(op: string, x: View): Buffer {
    check(x.memory.dtype === this.dtype, () =>
      `${op}: a tensor of shape ${show(x.shape)} is ${x.memory.dtype}; it must be ${this.dtype}`)
    return this.live(x).buffer!
  }

  private operand(op: string, x: View | number): Buffer | null {
    return typeof x === 'number' ? null : this.floats(op, x)
  }
}

function accessOf(x: View | number, shape: Shape): Access {
  if (typeof x === 'number') return 'number'
  if (sameShape(x.shape, shape)) return 'same'
  if (sizeOf(x.shape) === 1) return 'one'
  // leading axes of size 1 change nothing: [B, H] is read by [1, B, H] as it is
  return sizeOf(x.shape) === sizeOf(shape) ? 'same' : 'strided'
}

const offsetOf = (x: View | number): number => (typeof x === 'number' ? 0 : x.offset)
const valueOf = (x: View | number): Float => float(typeof x === 'number' ? x : 0)
const stridesIn = (x: View | number, shape: Shape): readonly number[] =>
  typeof x === 'number' ? shape.map(() => 0) : broadcastStrides(x.shape, shape)

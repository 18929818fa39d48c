// The cpu device: the contract of ../device.ts kept in plain loops, in float32 or, for judging gradients, in
// float64. It is the reference: finite differences judge float64, float64 judges float32, float32 judges
// every other device. Here each primitive finds its arrays and asks the pool for its output.
// Next: elementwise.ts, matmul.ts, move.ts for the arithmetic; operands.ts for strides; pool.ts for memory.

import { check, checkThat, show, TapeError, UnrolledError } from '../check.ts'
import type {
  BinaryOp, Device, DType, FloatArray, FloatType, FusedOps, LossOps, Memory, MemoryReport, NumberArray,
  UnaryOp, View,
} from '../device.ts'
import {
  broadcastShapes, broadcastStrides, reducedShape, sameShape, type Shape, sizeOf, stridesOf,
} from '../shape.ts'
import { checkOptionNames } from '../suggest.ts'
import { CpuFused, CpuLoss, type Lent } from './fused.ts'
import { lastTwo, matrix, offsetOf, operandStrides, sizeOfOperand } from './operands.ts'
import { type CpuParts, type Loops, partsOf } from './parts.ts'
import { CpuMemory, type Pool } from './pool.ts'

export class CpuDevice implements Device {
  readonly name: string
  readonly dtype: FloatType
  readonly fused: FusedOps
  readonly loss: LossOps
  /** what ops in files of their own need of it */
  protected readonly lent: Lent
  private readonly pool: Pool
  private readonly loops: Loops
  private readonly scalars: CpuParts['scalars']

  constructor(dtype: FloatType, { name, pool, loops, scalars }: CpuParts = partsOf(dtype)) {
    this.dtype = dtype
    this.name = name
    this.pool = pool
    this.loops = loops
    this.scalars = scalars
    this.lent = {
      loops: this.loops,
      made: (op) => this.made(op),
      give: (memory: Memory) => this.free(memory),
      data: (x: View) => this.data(x),
      floats: (op: string, x: View) => this.floatsOf(op, x),
    }
    this.fused = new CpuFused(this.lent)
    this.loss = new CpuLoss(this.lent)
  }

  // Memory

  memory(): MemoryReport {
    return this.pool.report()
  }

  resetPeak(): void {
    this.pool.resetPeak()
  }

  upload(values: ArrayLike<number>, dtype: DType): Memory {
    check(dtype === 'int32' || dtype === this.dtype, () =>
      `upload: this device holds ${this.dtype} and int32; the values are ${dtype}; ` +
      `open cpu({ precision: '${dtype}' })`)
    return this.written(this.take(values.length, dtype), (data) => data.set(values))
  }

  free(memory: Memory): void {
    this.pool.give(this.own(memory))
  }

  unowned(memory: Memory): void {
    this.pool.watch(this.own(memory))
  }

  async read(x: View): Promise<NumberArray> {
    return this.data(x).slice(x.offset, x.offset + sizeOf(x.shape))
  }

  numbers(x: View): NumberArray {
    return this.data(x).subarray(x.offset, x.offset + sizeOf(x.shape))
  }

  // Elementwise

  fill(length: number, value: number): Memory {
    return this.written(this.take(length), (y) => void y.fill(value))
  }

  unary(op: UnaryOp, x: View): Memory {
    const X = this.floatsOf(op, x)
    const n = sizeOf(x.shape)
    return this.written(this.take(n), (y) => this.loops.unaryLoops[op](y, X, x.offset, n))
  }

  binary(op: BinaryOp, a: View | number, b: View | number, shape: Shape): Memory {
    const A = this.operand(op, a, 0)
    const B = this.operand(op, b, 1)
    const [ia, ib] = [offsetOf(a), offsetOf(b)]
    const wholeA = typeof a !== 'number' && sameShape(a.shape, shape)
    const wholeB = typeof b !== 'number' && sameShape(b.shape, shape)
    // The common cases need no walk: equal shapes, or one side a scalar.
    const plain = (wholeA || sizeOfOperand(a) === 1) && (wholeB || sizeOfOperand(b) === 1)
    return this.written(this.take(sizeOf(shape)), (y) => {
      if (plain) this.loops.binaryLoops[op](y, 0, A, ia, Number(wholeA), B, ib, Number(wholeB), y.length)
      else {
        this.loops.broadcastBinary(
          op, y, shape, A, ia, operandStrides(a, shape), B, ib, operandStrides(b, shape))
      }
    })
  }

  select(condition: View, a: View | number, b: View | number, shape: Shape): Memory {
    const C = this.floatsOf('where', condition)
    const A = this.operand('where', a, 0)
    const B = this.operand('where', b, 1)
    const [ia, ib] = [offsetOf(a), offsetOf(b)]
    const strides = [condition, a, b].map((x) => operandStrides(x, shape))
    return this.written(this.take(sizeOf(shape)), (y) =>
      this.loops.eachRun(shape, strides, (iy, [oc, oa, ob], [sc, sa, sb], n) =>
        this.loops.selectLoop(
          y, iy, C, condition.offset + oc!, sc!, A, ia + oa!, sa!, B, ib + ob!, sb!, n)))
  }

  // Reductions and products

  reduce(op: 'sum' | 'max', x: View, axes: readonly number[]): Memory {
    const X = this.floatsOf(op, x)
    return this.written(this.take(sizeOf(reducedShape(x.shape, axes, false))), (y) =>
      this.loops.reduce(op, y, X, x.offset, x.shape, axes))
  }

  matmul(a: View, b: View, transposeA: boolean, transposeB: boolean): Memory {
    const [M, K] = lastTwo(a.shape, transposeA)
    const [, N] = lastTwo(b.shape, transposeB)
    const A = matrix(this.floatsOf('matmul', a), a, transposeA)
    const B = matrix(this.floatsOf('matmul', b), b, transposeB)
    const alone = a.shape.length === 2 && b.shape.length === 2
    if (alone) return this.written(this.take(M * N), (c) => this.loops.matmul(c, 0, A, B, M, N, K))
    const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2))
    const [startA, startB] = [A.offset, B.offset]
    const strides = [a, b].map((x) => broadcastStrides(x.shape.slice(0, -2), batch))
    const sizes = [M * K, K * N]
    return this.written(this.take(sizeOf(batch) * M * N), (c) =>
      this.loops.eachRun(batch, strides, (i, [oa, ob], [sa, sb], n) => {
        for (let k = 0; k < n; k++) {
          A.offset = startA + (oa! + k * sa!) * sizes[0]
          B.offset = startB + (ob! + k * sb!) * sizes[1]
          this.loops.matmul(c, (i + k) * M * N, A, B, M, N, K)
        }
      }))
  }

  // Moving

  window(x: View, start: number, strides: readonly number[], shape: Shape): Memory {
    const X = this.data(x)
    return this.written(this.take(sizeOf(shape), x.memory.dtype), (y) =>
      this.loops.window(y, X, x.offset + start, strides, shape))
  }

  place(x: View, start: number, strides: readonly number[], shape: Shape): Memory {
    const X = this.floatsOf('pad', x)
    return this.written(this.fill(sizeOf(shape), 0), (y) =>
      this.loops.place(y, X, x.offset, start, strides, x.shape))
  }

  concat(parts: readonly View[], axis: number): Memory {
    const shape = [...parts[0].shape]
    shape[axis] = parts.reduce((sum, part) => sum + part.shape[axis], 0)
    const strides = stridesOf(shape)
    const arrays = parts.map((part) => this.data(part))
    let start = 0
    return this.written(this.take(sizeOf(shape), parts[0].memory.dtype), (y) => parts.forEach((part, k) => {
      this.loops.place(y, arrays[k], part.offset, start, strides, part.shape)
      start += part.shape[axis] * strides[axis]
    }))
  }

  reverseTime(x: View, lengths: View): Memory {
    const [T = 1, B = 1, ...rest] = x.shape
    const X = this.floatsOf('reverseTime', x)
    return this.written(this.take(sizeOf(x.shape)), (y) =>
      this.loops.reverseTime(y, X, x.offset, this.data(lengths), lengths.offset, T, B, sizeOf(rest)))
  }

  // Rows by index

  gatherRows(table: View, index: View): Memory {
    const [V = 1, D = 1] = table.shape
    const N = sizeOf(index.shape)
    const rows = this.floatsOf('gather', table)
    return this.written(this.take(N * D), (y) =>
      this.loops.gatherRows(y, rows, table.offset, this.data(index), index.offset, N, V, D))
  }

  scatterAddRows(rows: View, index: View, count: number): Memory {
    const [N = 1, D = 1] = rows.shape
    const R = this.floatsOf('scatterAdd', rows)
    return this.written(this.fill(count * D, 0), (y) =>
      this.loops.scatterAddRows(y, R, rows.offset, this.data(index), index.offset, N, count, D))
  }

  oneHot(index: View, count: number, ignore: number | undefined, op: string): Memory {
    const N = sizeOf(index.shape)
    return this.written(this.fill(N * count, 0), (y) =>
      this.loops.oneHot(y, this.data(index), index.offset, N, count, ignore, op))
  }

  // Random numbers

  uniform(length: number, key: readonly [number, number], counter: number): Memory {
    return this.written(this.take(length), (y) => this.loops.fillUniform(y, key, counter))
  }

  // In place

  copyInto(target: View, x: View): void {
    const n = sizeOf(x.shape)
    this.data(target).set(this.data(x).subarray(x.offset, x.offset + n), target.offset)
    target.memory.version++
  }

  accumulate(target: View, x: View): void {
    const y = this.floatsOf('accumulate', target)
    this.loops.accumulateLoop(y, target.offset, this.floatsOf('accumulate', x), x.offset, sizeOf(x.shape))
    target.memory.version++
  }

  // Finding arrays

  /** Throws where the device is of no use any more; this one always is. */
  protected checkUsable(): void {}

  private take(length: number, dtype: DType = this.dtype): CpuMemory {
    this.checkUsable()
    return this.pool.take(this, dtype, length)
  }

  /** What an op makes of memory that it takes; all of that is given back if it fails half-way. */
  private made<T>(op: (take: (length: number) => CpuMemory) => T): T {
    const taken: CpuMemory[] = []
    try {
      return op((length) => {
        const memory = this.take(length)
        taken.push(memory)
        return memory
      })
    } catch (error) {
      for (const memory of taken) if (!memory.freed) this.free(memory)
      throw error
    }
  }

  /** Memory that `write` fills; given back if it fails: an index out of range, no room for its scratch. */
  private written(memory: Memory, write: (y: FloatArray) => void): Memory {
    try {
      write(this.own(memory).data as FloatArray)
      return memory
    } catch (error) {
      this.free(memory)
      throw error
    }
  }

  private own(memory: Memory): CpuMemory {
    if (memory instanceof CpuMemory && memory.device === this) return memory
    throw new UnrolledError(`${this.name}: this tensor lives on another device; read it and upload it here`)
  }

  private data(x: View): NumberArray {
    this.checkUsable()
    const memory = this.own(x.memory)
    if (memory.freed) {
      throw new TapeError(
        `a tensor of shape ${show(x.shape)} is used after the tape or scope that owned it was closed; ` +
        'keep(x), before closing, copies a result out')
    }
    return memory.data
  }

  private floatsOf(op: string, x: View): FloatArray {
    check(x.memory.dtype === this.dtype, () =>
      `${op}: a tensor of shape ${show(x.shape)} is ${x.memory.dtype}; it must be ${this.dtype}`)
    return this.data(x) as FloatArray
  }

  private operand(op: string, x: View | number, place: 0 | 1): FloatArray {
    if (typeof x !== 'number') return this.floatsOf(op, x)
    this.scalars[place][0] = x
    return this.scalars[place]
  }
}

/** The cpu device: plain loops, the reference; in float32, or in float64, which checking gradients needs. */
export function cpu(options: { precision?: FloatType } = {}): Device {
  checkOptionNames('cpu', options, ['precision'])
  const precision = options.precision ?? 'float32'
  checkThat(precision === 'float32' || precision === 'float64', () =>
    `cpu: precision is ${String(precision)}; it must be float32 or float64`)
  return new CpuDevice(precision)
}

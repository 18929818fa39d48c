// The contract that every device keeps (cpu here; a WGSL and a WebAssembly device fit it unchanged).
//
// Rules. Every primitive only enqueues: it returns at once with the memory its result will be in. `read` is
// the only thing that is awaited. A primitive allocates its own output from the device's pool; nobody but the
// tape, a scope or the user frees it. Inputs are contiguous row-major views (memory + offset); outputs start
// at offset 0. Indices are int32, everything else is the device's own float type. One equation each; each
// gradient is stated once, above this line (ops/).
// Next: cpu/device.ts keeps this contract in plain loops; tensor.ts wraps a view; ops/ calls the primitives.

import type { Shape } from './shape.ts'

export type FloatType = 'float32' | 'float64'
export type DType = FloatType | 'int32'
export type FloatArray = Float32Array | Float64Array
export type NumberArray = FloatArray | Int32Array

/** A piece of a device's memory. Only its device knows what is inside. */
export interface Memory {
  readonly device: Device
  readonly dtype: DType
  /** elements, not bytes */
  readonly length: number
  /** counts in-place writes, so that a tape can tell that a parameter changed under it */
  version: number
  /** set when it went back to the pool: whoever still holds it is told so */
  freed: boolean
}

/** A contiguous row-major window on a memory, starting at `offset` elements. Tensors are views. */
export interface View {
  readonly memory: Memory
  readonly offset: number
  readonly shape: Shape
}

export type UnaryOp =
  | 'neg' | 'abs' | 'sign' | 'exp' | 'expm1' | 'log' | 'log1p' | 'sqrt' | 'square'
  | 'tanh' | 'sigmoid' | 'relu' | 'softplus'
  | 'isFinite' // 1 where x is finite, else 0

export type BinaryOp =
  | 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'maximum' | 'minimum'
  | 'equal' | 'greater' // 1 where it holds, else 0

/** Bytes held on a device. `pooled` is memory given back and kept for the next request. */
export interface MemoryReport {
  readonly live: number
  readonly peak: number
  readonly pooled: number
  readonly buffers: number
}

export interface Device {
  readonly name: string
  /** the type of its floating-point tensors */
  readonly dtype: FloatType

  // Memory
  /** Bytes in use now, the most so far, in the pool, and the number of live buffers. */
  memory(): MemoryReport
  /** Forgets the peak, so that the next report speaks of what follows. */
  resetPeak(): void
  /** Copies numbers from the host; values are rounded to the dtype. */
  upload(values: ArrayLike<number>, dtype: DType): Memory
  /** Gives memory back to the pool. */
  free(memory: Memory): void
  /** Tells that no tape or scope owns this memory: it is counted out if it is garbage-collected. */
  unowned(memory: Memory): void
  /** Copies to the host, after everything enqueued so far. The only wait. */
  read(x: View): Promise<NumberArray>

  // Elementwise
  /** y_i = value */
  fill(length: number, value: number): Memory
  /** y_i = f(x_i) */
  unary(op: UnaryOp, x: View): Memory
  /** y_i = f(a_i, b_i), a and b broadcast to `shape`; a number stands for a scalar */
  binary(op: BinaryOp, a: View | number, b: View | number, shape: Shape): Memory
  /** y_i = condition_i != 0 ? a_i : b_i, all three broadcast to `shape` */
  select(condition: View, a: View | number, b: View | number, shape: Shape): Memory

  // Reductions and products
  /** y = sum (or max) of x over the axes; the reduced axes are left out of the result */
  reduce(op: 'sum' | 'max', x: View, axes: readonly number[]): Memory
  /**
   * C = op(A) op(B) for the last two axes, leading axes broadcast; op transposes if asked.
   * C is [...batch, M, N]
   */
  matmul(a: View, b: View, transposeA: boolean, transposeB: boolean): Memory

  // Moving
  /** y[i...] = x[start + sum i_k strides_k], for y of `shape`: transpose, slice, broadcast and flip in one */
  window(x: View, start: number, strides: readonly number[], shape: Shape): Memory
  /** the adjoint: y of `shape` is zero but for y[start + sum i_k strides_k] = x[i...] */
  place(x: View, start: number, strides: readonly number[], shape: Shape): Memory
  /** the parts one after another along the axis; all other axes are equal */
  concat(parts: readonly View[], axis: number): Memory
  /** y[t, b] = x[lengths_b - 1 - t, b] for t < lengths_b, else x[t, b]; x [T, B, ...], lengths [B] int32 */
  reverseTime(x: View, lengths: View): Memory

  // Rows by index
  /** y[n] = table[index_n]; table [V, D], index [N] int32, y [N, D]; an index outside 0..V-1 is an error */
  gatherRows(table: View, index: View): Memory
  /** y[v] = sum of rows[n] over the n with index_n = v; rows is [N, D], y [V, D] */
  scatterAddRows(rows: View, index: View, count: number): Memory
  /**
   * y[n, v] = 1 where v = index_n, else 0; a row of zeros where index_n = ignore;
   * any other index outside 0..V-1 is an error, which names `op`
   */
  oneHot(index: View, count: number, ignore: number | undefined, op: string): Memory

  // Random numbers
  /** y_i = the uniform number in [0, 1) that Philox (random.ts) draws at position counter + i of the key */
  uniform(length: number, key: readonly [number, number], counter: number): Memory

  // In place: the only two, for parameters and for sums of gradients
  /** target = x, element by element */
  copyInto(target: View, x: View): void
  /** target += x, element by element */
  accumulate(target: View, x: View): void
}

// The contract that every device keeps. Every primitive only enqueues: it returns at once with the memory its
// result will be in. `read` is the only thing that is awaited. A primitive allocates its own output from the
// device's pool; nobody but the tape, a scope or the user frees it. Inputs are contiguous row-major views
// (memory + offset); outputs start at offset 0. Indices are int32, all else is the device's own float type.
// One equation each; each gradient is stated once, above this line (ops/). Next: cpu/device.ts; tensor.ts.

import type { Shape } from './shape.ts'
import type { StepCell, Stepper } from './stepper.ts'

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
  /** set on what training changes, of which a device may keep copies in a layout or precision of its own */
  parameter: boolean
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
  /** The numbers themselves, not a copy, where the device's memory is the host's too. */
  numbers?(x: View): NumberArray

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
  /** C [...batch, M, N] = op(A) op(B) for the last two axes, the others broadcast; op transposes if asked */
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

  // Ops that do the work of many; without them the same is composed of the primitives above
  /** y = x weight^T + bias; x [N, in], weight [out, in], bias [out], y [N, out] */
  affine?(x: View, weight: View, bias: View): Memory
  /** y_i = x_i (u_i > limit ? factor : 0), with u as `uniform` draws it */
  dropout?(x: View, limit: number, factor: number, key: readonly [number, number], counter: number): Memory
  readonly fused?: FusedOps
  readonly loss?: LossOps
  readonly flat?: FlatOps
  readonly rows?: RowOps
}

// The second table. Each of these ops has a composed form, which is its definition; a device may lack them.

/** How a unit of a cell computes: each is a file of its own (cpu/gates-*.ts, kernels/gates_*.wgsl). */
export type GateKind =
  'tanh' | 'relu' | 'sigmoid' | 'lstm1997' | 'lstm2000' | 'lstm' | 'peephole' | 'coupled' |
  'gru' | 'gruBefore' | 'gruChung'

/** A cell's run over a sequence: its weights, its input, its first state. */
export interface Run {
  /** x W^T + b of all steps [T, B, G H] */
  readonly projected: View
  /** [G H, O], and [P, H] */
  readonly weight: View
  readonly projection: View | null
  /** [G H], for a cell whose gates need u_t with a bias of its own */
  readonly bias: View | null
  /** [3 H], what the gates i, f and o of each unit take of its c, for a peephole lstm */
  readonly peepholes: View | null
  /** the state before the first step [B, O], and [B, H] if the cell has a c */
  readonly h: View
  readonly c: View | null
  readonly reverse: boolean
}

/**
 * A cell over a whole sequence. In the order of its steps (t = 0 .. T-1, reverse: T-1 .. 0), with G gates:
 *   u_t      = h_{t-1} weight^T + bias                    [B, G H]
 *   m_t, c_t = gates(projected_t, u_t, h_{t-1}, c_{t-1})  [B, H] each, unit by unit; c for lstms only
 *   h_t      = m_t, or with a projection m_t projection^T
 * Where t >= lengths_b, sequence b stands still: h_t = h_{t-1}, c_t = c_{t-1}.
 * Of gruBefore and gruChung the last H of u_t come of r ⊙ h_{t-1} in place of h_{t-1}; r is their first gate.
 * S runs go side by side, none of which sees another: the two directions of a layer.
 */
export interface Recurrence {
  readonly kind: GateKind
  readonly T: number
  readonly B: number
  readonly H: number
  /** O, the size of h: H, or P with a projection */
  readonly outputs: number
  /** [B] int32 */
  readonly lengths: View | null
  /** d(h_t) is dy_t alone: what goes back in time goes through c */
  readonly truncated: boolean
  /** what is null in one is null in all */
  readonly runs: readonly Run[]
}

/**
 * What the steps leave behind. A history has T + 1 rows: the states at the edges between the steps, in the
 * order of t. Step t lies between rows t and t + 1, of which it reads the first and writes the second
 * (reverse: reads the second, writes the first).
 */
export interface RecurrenceTrace {
  /** [S, T + 1, B, O], and [S, T + 1, B, H] */
  readonly h: Memory
  readonly c: Memory | null
  /** for backward only: the gates' values, if the kind saves n of a unit [S, T, B, n H] */
  readonly gates: Memory | null
  /** for backward only [S, T, B, H]: with a projection, m; of gruBefore and gruChung, r ⊙ h_{t-1} */
  readonly shown: Memory | null
}

/** Gradients of what a run gives; null if nothing depends on it. d stands for dLoss/d. */
export interface RunGradients {
  /** of the states that the steps wrote [T, B, O] */
  readonly y: View | null
  /** of the state after the last step [B, O], [B, H] */
  readonly h: View | null
  readonly c: View | null
}

export interface RecurrenceGradients {
  /** d(projected) [S, T, B, G H] */
  readonly projected: Memory
  /** d(u) [S, T, B, G H]: the same memory unless the kind treats u_t in a way of its own (gru) */
  readonly recurrent: Memory
  /** d(h_t) by all ways [S, T, B, O], with a projection only, whose own gradient is made of it */
  readonly outputs: Memory | null
  /** what of d(h) before the first step comes past u [S, B, O], if anything does; the rest is d(u) weight */
  readonly passed: View | null
  /** d(c) before the first step [S, B, H] */
  readonly c: View | null
}

export interface FusedOps {
  /** what a recurrence can be of here; the steps of other cells are composed */
  readonly kinds: readonly GateKind[]
  /** `save` says whether backward will follow; without it, gates and shown are null. */
  recurrenceForward(recurrence: Recurrence, save: boolean): RecurrenceTrace
  /**
   * Backwards through the steps. With d(h_t) = dy_t + what step t + 1 hands back, the gates' derivatives give
   * d(u_t), d(projected_t), d(c_{t-1}); d(u_t) weight goes on to d(h_{t-1}). At a step at which sequence b
   * stands still, d(u) and d(projected) are 0, and d(h), d(c) pass. `given` has one for each run.
   */
  recurrenceBackward(
    recurrence: Recurrence, trace: RecurrenceTrace, given: readonly RunGradients[],
  ): RecurrenceGradients
  /** Only where a device has `numbers`. */
  stepper?(cell: StepCell): Stepper
}

/** Cross-entropy of rows of logits [N, V] with targets [N] int32; rows whose target is `ignore` give 0. */
export interface LossOps {
  /** how many targets are not `ignore`; one outside 0..V-1 is an error, which names crossEntropy */
  countTargets(targets: View, classes: number, ignore: number): number
  /**
   * losses_n = log(sum) - (x[n, target_n] - m) with m the largest x of the row (0 if that is
   * infinite) and sum that of e^(x - m). For backward: m and sum [N, 2].
   */
  crossEntropyForward(logits: View, targets: View, ignore: number): { losses: Memory, sums: Memory }
  /** the sum of losses, times factor: a scalar */
  total(losses: Memory, factor: number): Memory
  /** dx[n, v] = factor (e^(x - m) / sum - onehot) dy_n; dy is [N], or one number for all rows */
  crossEntropyBackward(
    logits: View, targets: View, ignore: number, factor: number, sums: Memory, dy: View,
  ): Memory
}

/** A step of an optimiser for all parameters at once, train/rule.ts. */
export interface FlatUpdate {
  /** whose equations: kernels/update_*.wgsl */
  readonly rule: 'sgd' | 'rmsprop' | 'adagrad' | 'adam'
  readonly constants: Readonly<Record<string, number>>
  readonly rate: number
  readonly parameters: readonly View[]
  readonly gradients: readonly View[]
  /** what is kept for all parameters, each slot in one piece, in the order of the parameters */
  readonly slots: Readonly<Record<string, View>>
  /** the number of steps before this one, a scalar; it is counted up */
  readonly step: View
  /** where this scalar is 0, nothing changes */
  readonly applyIf: View | null
}

/** What a training step does with all parameters at once; on the way they lie in one memory, end to end. */
export interface FlatOps {
  /** whether one memory can hold so many numbers */
  fits(length: number): boolean
  /**
   * The gradients, end to end, scaled so that their common norm is at most `max` (train/clip.ts), and
   * three scalars: the norm before, 1 if anything was changed, 1 if the norm is finite.
   */
  clip(gradients: readonly View[], max: number): { gradients: Memory, scalars: Memory }
  update(update: FlatUpdate): void
}

/** y = (x - mean) / sqrt(mean((x - mean)^2) + eps) weight + bias along rows; not centred, the mean is 0. */
export interface Norm {
  /** [N, D] */
  readonly x: View
  /** [D] */
  readonly weight: View | null
  readonly bias: View | null
  readonly eps: number
  readonly centred: boolean
}

/** What works along rows, forward and back: ops/softmax.ts and ops/norm.ts define it. */
export interface RowOps {
  /** softmax, or its logarithm, of each row of x [N, D] */
  softmax(x: View, log: boolean): Memory
  /** dx, from y and dy [N, D] */
  softmaxGradient(y: Memory, dy: View, log: boolean): Memory
  /** and the mean and 1 / sqrt(...) of each row, for the gradient */
  norm(norm: Norm): { y: Memory, moments: Memory }
  /** dx, and dy (x - mean) / sqrt(...), whose sum over the rows is d(weight) [N, D] */
  normGradient(norm: Norm, moments: Memory, dy: View): { dx: Memory, scaled: Memory }
}

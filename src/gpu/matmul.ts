// Matrix products on the gpu: C = op(A) op(B), a batch of them, with a bias row or added to what is there.
//
// Next: gemm-choice.ts (which kernel), gemm-parts.ts (how operands are read), kernels/matmul_naive.wgsl (the
// reference), then matmul_block, matmul_lanes, matmul_tiled, matmul_skinny: each a step up from the last.

import { UnrolledError } from '../check.ts'
import type { Memory, View } from '../device.ts'
import { broadcastShapes, broadcastStrides, sizeOf } from '../shape.ts'
import type { GpuDevice, Launch } from './device.ts'
import { type Choice, chooseGemm, FEW_ROWS, type GemmKernel, traitsOf, type Wish } from './gemm-choice.ts'
import { biasBinding, type Form, formName, type Layout, partsFor } from './gemm-parts.ts'
import type { Halves } from './halves.ts'
import type { KernelName } from './kernels.ts'
import type { Buffer } from './memory.ts'
import { fourUnits } from './packing.ts'
import { gridFor } from './recorder.ts'

/** A factor: its buffer, the view on it, whether its matrices are transposed. */
export interface Factor {
  readonly buffer: Buffer
  readonly view: View
  readonly transpose: boolean
  /** whether the buffer holds float16 */
  readonly halves?: Halves
}

/** A piece of a buffer, from an element on. */
export interface Place {
  readonly buffer: Buffer
  readonly offset: number
}

/** What happens to a product besides being stored. */
export interface Extras {
  /** a row [N], added to every row of C */
  readonly bias?: Place
  /** whether it is added to what C holds */
  readonly add?: boolean
}

/** A product with everything a kernel wants to know: see kernels/matmul_parts.wgsl. */
interface Job {
  readonly M: number
  readonly N: number
  readonly K: number
  /** matrices, and the size of the inner of their two axes */
  readonly count: number
  readonly inner: number
  readonly strides: readonly [number, number, number, number]
  readonly a: Factor
  readonly b: Factor
  readonly C: Place
  readonly extras: Extras
}

const files: Record<GemmKernel, KernelName> = {
  naive: 'matmulNaive', block: 'matmulBlock', lanes: 'matmulLanes', tiled: 'matmulTiled',
  skinny: 'matmulSkinny',
}

/** C = op(A) op(B) for the last two axes; leading axes broadcast. */
export function matmul(device: GpuDevice, a: Factor, b: Factor): Memory {
  const batch = broadcastShapes('matmul', a.view.shape.slice(0, -2), b.view.shape.slice(0, -2))
  const c = device.take(sizeOf(batch) * lastTwo(a)[0] * lastTwo(b)[1])
  multiply(device, a, b, { buffer: c.buffer!, offset: 0 })
  return c
}

/** y = x W^T + bias in one product, for x [N, in], W [out, in]. */
export function affine(device: GpuDevice, x: View, weight: View, bias: View): Memory {
  const [X, W, row] = [x, weight, bias].map((view) => device.floats('affine', view))
  const y = device.take(x.shape[0] * weight.shape[0])
  multiply(device,
    { buffer: X, view: x, transpose: false }, { buffer: W, view: weight, transpose: true },
    { buffer: y.buffer!, offset: 0 }, { bias: { buffer: row, offset: bias.offset } })
  return y
}

/**
 * op(A) op(B) into a piece of a buffer, C [...batch, M, N], which is neither A's nor B's.
 * @param wish a kernel to be taken whatever the shape: for tests and benchmarks
 */
export function multiply(
  device: GpuDevice, a: Factor, b: Factor, C: Place, extras: Extras = {}, wish: Wish = {},
): void {
  if (C.buffer === a.buffer || C.buffer === b.buffer) {
    throw new UnrolledError(
      'matmul: the product would overwrite one of its factors; give it a buffer of its own')
  }
  const given = jobOf(a, b, C, extras)
  const job = mayHalve(device, given) ? { ...given, b: halved(device, b) } : given
  const product = { ...job, transposeA: a.transpose, transposeB: b.transpose }
  const traits = traitsOf(device)
  const needsMore = extras.bias !== undefined || extras.add === true || job.b.halves !== undefined
  const first = chooseGemm(product, traits, wish)
  const choice = first.kernel === 'naive' && needsMore
    ? chooseGemm(product, traits, { kernel: 'block' }) : first
  if (choice.kernel === 'naive') launchNaive(device, job, choice)
  else if (choice.slices > 1) launchSlices(device, job, choice)
  else launch(device, job, choice)
}

/** Sizes and strides. Rows of several matrices that meet the same B are rows of one. */
function jobOf(a: Factor, b: Factor, C: Place, extras: Extras): Job {
  const [M, K] = lastTwo(a)
  const [, N] = lastTwo(b)
  const [leadA, leadB] = [a.view.shape.slice(0, -2), b.view.shape.slice(0, -2)]
  const batch = broadcastShapes('matmul', leadA, leadB)
  const count = sizeOf(batch)
  const common = { N, K, a, b, C, extras }
  if (!a.transpose && sizeOf(leadB) === 1 && sizeOf(leadA) === count) {
    return { ...common, M: count * M, count: 1, inner: 1, strides: [0, 0, 0, 0] }
  }
  // of the (at most two) leading axes, in elements
  const strides = (lead: readonly number[], size: number) =>
    [0, 0, ...broadcastStrides(lead, batch).map((n) => n * size)].slice(-2) as [number, number]
  return {
    ...common, M, count, inner: batch.at(-1) ?? 1,
    strides: [...strides(leadA, M * K), ...strides(leadB, K * N)],
  }
}

/** Few rows wait for what they are multiplied with; and a parameter will be asked for again. */
function mayHalve({ halves }: GpuDevice, { M, count, a, b }: Job): boolean {
  const { memory, shape } = b.view
  return halves !== null && M <= FEW_ROWS && count === 1 && !a.transpose && shape.length === 2 &&
    memory.parameter
}

/** The same matrix in float16, each of its rows filled up with zeros to a multiple of four. */
function halved(device: GpuDevice, { view, transpose }: Factor): Factor {
  const [rows, width] = view.shape as [number, number]
  const N = Math.ceil(width / 4)
  const buffer = device.packer.keep({
    w: view, K: rows, N, strides: [width, 4, 1], columns: fourUnits(width),
  })
  return { buffer, view: { ...view, offset: 0, shape: [rows, 4 * N] }, transpose, halves: device.halves }
}

function launch(device: GpuDevice, job: Job, choice: Choice): void {
  const { M, N, K, a, b, C, extras, count, inner, strides } = job
  device.launch({
    ...kernelFor(choice, formOf(job, choice)),
    buffers: [a.buffer, b.buffer, C.buffer, ...(extras.bias ? [extras.bias.buffer] : [])],
    values: [
      M, N, K, choice.depth, a.view.offset, b.view.offset, C.offset, extras.bias?.offset ?? 0,
      a.view.shape.at(-1)!, b.view.shape.at(-1)!, count, inner, ...strides,
    ],
    grid: choice.grid,
  })
}

/** The file of a kernel and what fills its blanks. */
export function kernelFor(
  { kernel, rows, threads }: Pick<Choice, 'kernel' | 'rows' | 'threads'>, form: Form,
): Pick<Launch, 'kernel' | 'variant' | 'blanks'> {
  return {
    kernel: files[kernel],
    variant: `${rows} ${threads} ${formName(form)}`,
    blanks: () => ({ parts: partsFor(form), side: rows, rows, slices: threads / 16 }),
  }
}

/** Slices of K: products of their own, then their sum. */
function launchSlices(device: GpuDevice, job: Job, choice: Choice): void {
  const { N, C, extras: { bias, add = false } } = job
  const size = job.count * job.M * N
  const { slices } = choice
  const parts = device.take(slices * size)
  launch(device, { ...job, C: { buffer: parts.buffer!, offset: 0 }, extras: {} }, choice)
  const store = `c[params.offsetC + i] = ${add ? 'c[params.offsetC + i] + ' : ''}total` +
    (bias ? ' + bias[params.offsetBias + i % params.N];' : ';')
  device.launch({
    kernel: 'matmulJoin', variant: `${bias ? 'bias' : ''} ${add ? 'add' : ''}`,
    blanks: () => ({ bias: biasBinding(bias !== undefined, 2), store }),
    buffers: [parts.buffer!, C.buffer, ...(bias ? [bias.buffer] : [])],
    values: [size, N, slices, C.offset, bias?.offset ?? 0], grid: gridFor(size, 64),
  })
  device.free(parts)
}

function launchNaive(device: GpuDevice, job: Job, { grid }: Choice): void {
  const { M, N, K, a, b, C, count, inner, strides } = job
  device.launch({
    kernel: 'matmulNaive', buffers: [a.buffer, b.buffer, C.buffer],
    values: [
      M, N, K, a.view.offset, b.view.offset, C.offset, ...steps(a), ...steps(b), count, inner, ...strides,
    ],
    grid,
  })
}

function formOf({ N, K, a, b, C, extras }: Job, { kernel }: Choice): Form {
  const step = kernel === 'tiled' ? 16 : 4
  // Only blocks are read along the lines; single rows of a transposed A are not.
  const A = layoutOf(a, !a.transpose)
  return {
    A: kernel === 'tiled' ? A : { ...A, vectors: A.vectors && A.alongK },
    B: { ...layoutOf(b, b.transpose), ...(b.halves ? { halves: b.halves } : {}) },
    vectorsC: N % 4 === 0 && C.offset % 4 === 0,
    ragged: K % step !== 0,
    bias: extras.bias !== undefined,
    add: extras.add ?? false,
  }
}

/** Four neighbours are a vec4 if every line, and every matrix, begins at a multiple of four. */
function layoutOf({ view }: Factor, alongK: boolean): Layout {
  return { alongK, vectors: view.offset % 4 === 0 && view.shape.at(-1)! % 4 === 0 }
}

/** [rows, columns], after the transpose. */
function lastTwo({ view, transpose }: Factor): [number, number] {
  const [rows, columns] = view.shape.slice(-2) as [number, number]
  return transpose ? [columns, rows] : [rows, columns]
}

/** How far one row, and one column, is from the next. */
function steps({ view, transpose }: Factor): [number, number] {
  const width = view.shape.at(-1)!
  return transpose ? [1, width] : [width, 1]
}

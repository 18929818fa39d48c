// Kernel by kernel, cpu against gpu, in the shapes of a recurrent net: T steps, batch B, D inputs, H units,
// an LSTM's four gates, V symbols. Checked, then timed: gpu-compare.ts says how.

import { lstm } from '../src/nn/lstm.ts'
import { unroll } from '../src/nn/unroll.ts'
import type { Device } from '../src/device.ts'
import { mul, sigmoid } from '../src/ops/elementwise.ts'
import { gather, scatterAdd } from '../src/ops/gather.ts'
import { crossEntropy } from '../src/ops/loss.ts'
import { matmul } from '../src/ops/matmul.ts'
import { sum } from '../src/ops/reduce.ts'
import { logSoftmax } from '../src/ops/softmax.ts'
import { random } from '../src/random.ts'
import { Scope } from '../src/scope.ts'
import { type Shape, sizeOf } from '../src/shape.ts'
import { Tape } from '../src/tape.ts'
import { tensor, type Tensor } from '../src/tensor.ts'
import { openGpus } from './gpu-adapter.ts'
import { compare, type Series, type Size } from './gpu-compare.ts'
import { printMachine } from './harness.ts'

const V = 89

const nets: readonly Size[] = [
  { T: 8, B: 2, D: 16, H: 32 }, { T: 32, B: 8, D: 32, H: 64 }, { T: 64, B: 16, D: 64, H: 128 },
  { T: 64, B: 32, D: 128, H: 256 }, { T: 64, B: 32, D: 512, H: 512 }, { T: 128, B: 64, D: 1024, H: 1024 },
]
/** T B = D = 4 H = n: the product of all steps is one of n x n matrices */
const squares: readonly Size[] =
  [64, 128, 256, 512, 1024, 2048].map((n) => ({ T: 1, B: n, D: n, H: n / 4 }))

function normal(device: Device, shape: Shape, seed: number): Tensor {
  return tensor(random(seed).normal(sizeOf(shape)), { shape, device })
}

function symbols(device: Device, n: number, seed: number): Tensor {
  const values = Int32Array.from(random(seed).uniform(n), (u) => Math.floor(u * V))
  return tensor(values, { shape: [n], dtype: 'int32', device })
}

/** An op without gradients; its result is the answer. */
function plain(op: () => Tensor) {
  return () => {
    const scope = new Scope()
    const answer = op()
    return { results: [answer], answer, close: () => scope.close() }
  }
}

interface Product { M: number, N: number, K: number, transposeA?: boolean, transposeB?: boolean }

function product(name: string, sizes: readonly Size[], shapes: (size: Size) => Product): Series {
  return {
    name, sizes,
    flops: (size) => { const { M, N, K } = shapes(size); return 2 * M * N * K },
    numbers: (size) => { const { M, N, K } = shapes(size); return M * N + N * K + M * K },
    prepare(device, size) {
      const { M, N, K, transposeA = false, transposeB = false } = shapes(size)
      const a = normal(device, transposeA ? [K, M] : [M, K], 1)
      const b = normal(device, transposeB ? [N, K] : [K, N], 2)
      return plain(() => matmul(a, b, { transposeA, transposeB }))
    },
  }
}

/** An op on the gates of all steps, x [T B, 4H]. */
function onGates(
  name: string, moved: (size: Size) => number, op: (x: Tensor, other: Tensor) => Tensor,
): Series {
  return {
    name, sizes: nets, flops: () => 0, numbers: moved,
    prepare(device, { T, B, H }) {
      const [x, other] = [normal(device, [T * B, 4 * H], 1), normal(device, [T * B, 4 * H], 2)]
      return plain(() => op(x, other))
    },
  }
}

const gates = ({ T, B, H }: Size) => 4 * T * B * H

/** Softmax and cross-entropy with the gradient of the logits [T B, V]. */
const loss: Series = {
  name: `Softmax and cross-entropy of logits [T B, ${V}], and their gradient`,
  sizes: nets, flops: () => 0, numbers: ({ T, B }) => 2 * T * B * V,
  prepare(device, { T, B }) {
    const [logits, targets] = [normal(device, [T * B, V], 1), symbols(device, T * B, 2)]
    return () => {
      const tape = new Tape()
      const answer = crossEntropy(logits, targets)
      const [gradient] = tape.gradients(answer, [logits]).values()
      return { results: [answer, gradient], answer, close: () => tape.close() }
    }
  },
}

const tables: Series[] = [
  {
    name: `Embedding: rows of a table [${V}, D], one for each of T B symbols`,
    sizes: nets, flops: () => 0, numbers: ({ T, B, D }) => 2 * T * B * D,
    prepare(device, { T, B, D }) {
      const [table, index] = [normal(device, [V, D], 1), symbols(device, T * B, 2)]
      return plain(() => gather(table, index))
    },
  },
  {
    name: `Its gradient: T B rows added into a table [${V}, D]`,
    sizes: nets, flops: () => 0, numbers: ({ T, B, D }) => (T * B + V) * D,
    prepare(device, { T, B, D }) {
      const [rows, index] = [normal(device, [T * B, D], 1), symbols(device, T * B, 2)]
      return plain(() => scatterAdd(rows, index, V))
    },
  },
]

const recurrence: Series = {
  name: 'An LSTM over T steps, forward, nothing saved',
  sizes: nets,
  flops: ({ T, B, D, H }) => 2 * T * B * 4 * H * (D + H),
  numbers: ({ T, B, D, H }) => T * B * (D + H) + 4 * H * (D + H),
  prepare(device, { T, B, D, H }) {
    const cell = lstm({ inputs: D, hidden: H, device, rng: random(1) })
    const xs = normal(device, [T, B, D], 2)
    return plain(() => unroll(cell, xs).outputs)
  },
}

const all: readonly Series[] = [
  product('matmul n x n x n, T B = D = 4 H = n', squares, ({ T, B, D, H }) =>
    ({ M: T * B, N: 4 * H, K: D, transposeB: true })),
  product('matmul of all steps: x W^T, [T B, D] by [4H, D]^T', nets, ({ T, B, D, H }) =>
    ({ M: T * B, N: 4 * H, K: D, transposeB: true })),
  product('matmul of one step: h W^T, [B, H] by [4H, H]^T', nets, ({ B, H }) =>
    ({ M: B, N: 4 * H, K: H, transposeB: true })),
  product('matmul of a weight gradient: dW = dgates^T x, [T B, 4H]^T by [T B, D]', nets, ({ T, B, D, H }) =>
    ({ M: 4 * H, N: D, K: T * B, transposeA: true })),
  onGates('Elementwise: a product of two tensors [T B, 4H]', (size) => 3 * gates(size), mul),
  onGates('Elementwise: sigmoid of [T B, 4H]', (size) => 2 * gates(size), sigmoid),
  onGates('Reduce: sum over the rows of [T B, 4H]', (size) => gates(size) + 4 * size.H, (x) => sum(x, 0)),
  onGates('Reduce: sum over the columns of [T B, 4H]', (size) => gates(size) + size.T * size.B,
    (x) => sum(x, 1)),
  onGates('Softmax over the columns of [T B, 4H], its logarithm', (size) => 2 * gates(size),
    (x) => logSoftmax(x)),
  loss, ...tables, recurrence,
]

printMachine()
for (const device of await openGpus()) {
  for (const series of all) await compare(series, device)
  device.close()
}
process.exit()

// Unrolled's side of the comparison: a layer forward and backward, with everything read back.
// run.mjs bundles this page. Read next: tfjs.mjs, the other side.

import type { GpuDevice } from '../../src/gpu/device.ts'
import { describeAdapter, requestAdapter } from '../../src/gpu/node-provider.ts'
import { openGpu } from '../../src/gpu/open.ts'
import type { Cell } from '../../src/nn/cell.ts'
import { gru } from '../../src/nn/gru.ts'
import { lstm } from '../../src/nn/lstm.ts'
import { unroll } from '../../src/nn/unroll.ts'
import { mul } from '../../src/ops/elementwise.ts'
import { sum } from '../../src/ops/reduce.ts'
import { random } from '../../src/random.ts'
import { sizeOf } from '../../src/shape.ts'
import { Tape } from '../../src/tape.ts'
import { tensor } from '../../src/tensor.ts'

export { describeAdapter, openGpu, requestAdapter }

export interface Size {
  readonly T: number
  readonly B: number
  readonly D: number
  readonly H: number
}

/** PyTorch's names and order of gates; x [T, B, D], dy [T, B, H]. */
export type Operands = Readonly<Record<string, { shape: number[], values: Float32Array }>>

const makers = { LSTM: lstm, GRU: gru }
export type Layer = keyof typeof makers

/** Random operands. `plainReset`: a GRU whose reset gates are 1/2, where the two forms of it are the same. */
export function operands(layer: Layer, { T, B, D, H }: Size, plainReset: boolean): Operands {
  const G = layer === 'LSTM' ? 4 : 3
  let seed = 1
  const draw = (shape: number[], scale: number) =>
    ({ shape, values: Float32Array.from(random(seed++).normal(sizeOf(shape)), (v) => v * scale) })
  const scale = 1 / Math.sqrt(H)
  const all = {
    x: draw([T, B, D], 1), dy: draw([T, B, H], 1),
    weight_ih: draw([G * H, D], scale), weight_hh: draw([G * H, H], scale),
    bias_ih: draw([G * H], scale),
    // the other library knows one bias
    bias_hh: { shape: [G * H], values: new Float32Array(G * H) },
  }
  if (plainReset) for (const name of ['weight_ih', 'weight_hh', 'bias_ih'] as const) {
    const { values, shape } = all[name]
    values.fill(0, 0, H * (shape[1] ?? 1)) // r comes first
  }
  return all
}

/** The layer on a device; each call gives { loss, dx, dW... } as numbers of the host. */
export function ours(layer: Layer, { T, B, D, H }: Size, given: Operands, device: GpuDevice) {
  const cell: Cell = makers[layer]({ inputs: D, hidden: H, device, rng: random(1) })
  for (const [name, x] of Object.entries(cell.parameters)) {
    x.assign(tensor(given[name].values, { shape: given[name].shape, device }))
  }
  const xs = tensor(given.x.values, { shape: [T, B, D], device })
  const dy = tensor(given.dy.values, { shape: [T, B, H], device })
  const { weight_ih, weight_hh, bias_ih } = cell.parameters
  const wanted = new Map(Object.entries({ x: xs, weight_ih, weight_hh, bias_ih }))
  return async (): Promise<Record<string, ArrayLike<number>>> => {
    const tape = new Tape()
    const loss = sum(mul(unroll(cell, xs).outputs, dy))
    const gradients = tape.gradients(loss, wanted)
    const reading = [loss.read(), ...[...gradients.values()].map((x) => x.read())]
    tape.close()
    const [first, ...rest] = await Promise.all(reading)
    return { loss: first, ...Object.fromEntries([...gradients.keys()].map((name, i) => [name, rest[i]])) }
  }
}

// One recurrent layer on a device, forward and backward through time, for the benchmarks of layers.
//
// Answer: the loss, sum of y * dy with a fixed dy. Gradients: of x and of every parameter.
// Read next: simd-layers.bench.ts, gpu-layers.bench.ts.

import type { Device } from '../src/device.ts'
import type { Cell } from '../src/nn/cell.ts'
import { coupled } from '../src/nn/coupled.ts'
import { elman } from '../src/nn/elman.ts'
import { gruBefore } from '../src/nn/gru-before.ts'
import { gru } from '../src/nn/gru.ts'
import { lstm1997 } from '../src/nn/lstm-1997.ts'
import { lstm2000 } from '../src/nn/lstm-2000.ts'
import { lstm } from '../src/nn/lstm.ts'
import { peephole } from '../src/nn/peephole.ts'
import { unroll } from '../src/nn/unroll.ts'
import { mul } from '../src/ops/elementwise.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { type Tensor, tensor } from '../src/tensor.ts'
import type { Size, Work } from './gpu-compare.ts'

const makers = {
  LSTM: lstm, GRU: gru, Elman: elman,
  'LSTM 1997': lstm1997, 'LSTM 2000': lstm2000, peepholes: peephole, coupled, 'GRU, reset before': gruBefore,
}
export type LayerName = keyof typeof makers
export const LAYERS: readonly LayerName[] = ['LSTM', 'GRU', 'Elman']
/** The others that a fused op does. */
export const OTHERS: readonly LayerName[] = [
  'LSTM 1997', 'LSTM 2000', 'peepholes', 'coupled', 'GRU, reset before',
]
export const GATES: Readonly<Record<LayerName, number>> = {
  LSTM: 4, GRU: 3, Elman: 1, 'LSTM 1997': 3, 'LSTM 2000': 4, peepholes: 4, coupled: 3, 'GRU, reset before': 3,
}

/** What a layer shows of xs [T, B, D]: [T, B, width] */
export type Run = (xs: Tensor) => Tensor

/** Operations: forward, and twice that backward: for the inputs of each product, and for its weights. */
export const flopsOf = (name: LayerName, { T, B, D, H }: Size): number =>
  3 * 2 * T * B * GATES[name] * H * (D + H)

/** A layer on a device, and the function that runs it forward and backward. */
export function layer(name: LayerName, device: Device, size: Size): () => Work {
  const cell = cellOf(name, device, size, 1)
  return trained(device, size, [cell], (xs) => unroll(cell, xs).outputs)
}

export const cellOf = (name: LayerName, device: Device, { D, H }: Size, seed: number): Cell =>
  makers[name]({ inputs: D, hidden: H, device, rng: random(seed) })

/** The same for cells of one's own, by how they are run; parameters are theirs. */
export function trained(device: Device, { T, B, D, H }: Size, cells: readonly Cell[], run: Run): () => Work {
  const xs = tensor(random(2).normal(T * B * D), { shape: [T, B, D], device })
  const width = cells.length * H
  const dy = tensor(random(3).normal(T * B * width), { shape: [T, B, width], device })
  const parameters = cells.flatMap((cell, s) =>
    Object.entries(cell.parameters).map(([key, x]): [string, Tensor] => [`${key} ${s}`, x]))
  const wanted = new Map([['x', xs], ...parameters])
  return () => {
    const tape = new Tape()
    const outputs = run(xs)
    const answer = sum(mul(outputs, dy))
    const gradients = tape.gradients(answer, wanted)
    return { results: [outputs, ...gradients.values()], answer, close: () => tape.close() }
  }
}

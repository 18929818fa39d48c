// Unrolled's side of the comparisons: a layer forward and backward on any device.
// Read next: tfjs.mjs, another side; unrolled-cpu.ts, whole training steps and streaming.

import type { Device } from '../../src/device.ts'
import type { Cell } from '../../src/nn/cell.ts'
import { elman } from '../../src/nn/elman.ts'
import { gru } from '../../src/nn/gru.ts'
import { lstm } from '../../src/nn/lstm.ts'
import { unroll } from '../../src/nn/unroll.ts'
import { mul } from '../../src/ops/elementwise.ts'
import { sum } from '../../src/ops/reduce.ts'
import { random } from '../../src/random.ts'
import { sizeOf } from '../../src/shape.ts'
import { Tape } from '../../src/tape.ts'
import { dispose, tensor, type Tensor } from '../../src/tensor.ts'

export interface Size {
  readonly T: number
  readonly B: number
  readonly D: number
  readonly H: number
}

/** PyTorch's names and order of gates; x [T, B, D], dy [T, B, H]. */
export type Operands = Readonly<Record<string, { shape: number[], values: Float32Array }>>

export type Numbers = Record<string, ArrayLike<number>>

const makers = { LSTM: lstm, GRU: gru, RNN: elman }
const gates = { LSTM: 4, GRU: 3, RNN: 1 }
export type Layer = keyof typeof makers

/** Random operands. `plainReset`: a GRU whose reset gates are 1/2, where the two forms of it are the same. */
export function operands(layer: Layer, { T, B, D, H }: Size, plainReset = false): Operands {
  const G = gates[layer]
  let seed = 1
  const draw = (shape: number[], scale: number) =>
    ({ shape, values: Float32Array.from(random(seed++).normal(sizeOf(shape)), (v) => v * scale) })
  const scale = 1 / Math.sqrt(H)
  const all = {
    x: draw([T, B, D], 1), dy: draw([T, B, H], 1),
    weight_ih: draw([G * H, D], scale), weight_hh: draw([G * H, H], scale),
    bias_ih: draw([G * H], scale),
    // other libraries know one bias
    bias_hh: { shape: [G * H], values: new Float32Array(G * H) },
  }
  if (plainReset) for (const name of ['weight_ih', 'weight_hh', 'bias_ih'] as const) {
    const { values, shape } = all[name]
    values.fill(0, 0, H * (shape[1] ?? 1)) // r comes first
  }
  return all
}

/** A cell of D inputs and H units on the device, with its parameters among the operands. */
export function cellOf(
  layer: Layer, { D, H }: { D: number, H: number }, given: Operands, device: Device,
): Cell {
  const cell: Cell = makers[layer]({ inputs: D, hidden: H, device, rng: random(1) })
  for (const [name, x] of Object.entries(cell.parameters)) {
    x.assign(tensor(given[name].values, { shape: given[name].shape, device }))
  }
  return cell
}

/**
 * The layer on a device. `all` computes loss and gradients and gives them as numbers of the host; `lossOnly`
 * computes the same and reads the loss.
 */
export function ours(layer: Layer, size: Size, given: Operands, device: Device) {
  const cell = cellOf(layer, size, given, device)
  const [xs, dy] = [given.x, given.dy].map(({ values, shape }) => tensor(values, { shape, device }))
  const wanted = new Map(Object.entries({ x: xs, ...cell.parameters }))
  const step = async (read: (x: Tensor) => Promise<ArrayLike<number>> | undefined): Promise<Numbers> => {
    const tape = new Tape()
    const loss = sum(mul(unroll(cell, xs).outputs, dy))
    const gradients = tape.gradients(loss, wanted)
    const reading = [...gradients].map(([name, x]) => [name, read(x)] as const)
    const first = loss.read()
    tape.close()
    const found: Numbers = { loss: await first }
    for (const [name, numbers] of reading) if (numbers) found[name] = await numbers
    return found
  }
  return {
    all: () => step((x) => x.read()),
    lossOnly: () => step(() => undefined),
    dispose: () => { dispose([xs, dy, cell.parameters]) },
  }
}

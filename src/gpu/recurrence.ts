// A recurrent cell over a whole sequence on the gpu: its weights packed once, then a dispatch for each step
// (two with a projection), or one for all steps where a workgroup can hold all units of a few sequences.
//
//   forward    recurrence_pack, then T times recurrence_forward  (with a projection: and recurrence_project)
//   backward   recurrence_pack, then T times recurrence_backward (before it: recurrence_hand_back)
//
// All steps share a pipeline and a bind group; the number of the step travels in the command.
// Next: kernels/recurrence_forward.wgsl; ../cpu/recurrence.ts, its twin.

import type {
  FusedOps, GateKind, Recurrence, RecurrenceGradients, RecurrenceTrace, View,
} from '../device.ts'
import { sizeOf } from '../shape.ts'
import type { GpuDevice } from './device.ts'
import type { Blanks } from './kernels.ts'
import type { Buffer, GpuMemory } from './memory.ts'
import { gridFor, type Grid } from './recorder.ts'
import { sources } from './sources.ts'

/** What this device must know of a cell; all else is in the cell's own file of gates. */
interface Gates {
  /** G, the number of gates */
  readonly gates: number
  readonly saves: boolean
  readonly passes: boolean
  readonly splits: boolean
  readonly text: string
}

const elman = (f: string, slope: string): Gates => ({
  gates: 1, saves: false, passes: false, splits: false, text: fill(sources.gatesElman, { f, slope }),
})

const gatesOf: Record<GateKind, Gates> = {
  tanh: elman('tanhOf(a)', '(1.0 - m * m)'),
  relu: elman('select(a, 0.0, a < 0.0)', 'select(0.0, 1.0, m > 0.0)'),
  sigmoid: elman('sigmoid(a)', '(m * (1.0 - m))'),
  lstm: { gates: 4, saves: true, passes: false, splits: false, text: sources.gatesLstm },
  gru: { gates: 3, saves: true, passes: true, splits: true, text: sources.gatesGru },
}

/** How the threads of a workgroup share a product [B, K] x [K, N columns]. */
interface Tile {
  readonly columns: number
  readonly slices: number
  readonly rows: number
  /** whether one workgroup holds all columns, so that all steps can go into one dispatch */
  readonly persistent: boolean
}

const THREADS = 256
const SHARED = 16_384 / 16 // vec4s

export class GpuFused implements FusedOps {
  private readonly device: GpuDevice

  constructor(device: GpuDevice) {
    this.device = device
  }

  recurrenceForward(sequence: Recurrence, save: boolean): RecurrenceTrace {
    const { T, B, H, outputs: O, kind, projection, reverse, projected } = sequence
    const { device } = this
    const gates = gatesOf[kind]
    const steps = save ? T : 1
    const h = device.take((T + 1) * B * O)
    const c = sequence.c && device.take((T + 1) * B * H)
    const saved = gates.saves && save ? device.take(4 * steps * B * H) : null
    const shown = projection && device.take(steps * B * H)
    const first = reverse ? T : 0
    this.copyIn(sequence.h, h, first * B * O)
    if (sequence.c) this.copyIn(sequence.c, c!, first * B * H)
    const spare = new Spare(device)
    const packed = this.packForward(sequence, spare)
    const units = gates.gates === 1 ? 4 : 1
    const N = Math.ceil(H / units)
    const tile = tileFor(B, N, projection === null)
    const grid = gridOf(tile, B, N)
    const [lengths, ...masks] = this.lengthsOf(sequence, spare)
    const buffers = [
      device.floats('recurrence', projected), packed, lengths, h.buffer!, c?.buffer ?? spare.take(),
      saved?.buffer ?? spare.take(), shown?.buffer ?? spare.take(),
    ]
    const project = projection && this.projector(sequence, shown!, h, lengths, masks, save, spare)
    for (let k = 0; k < T; k += tile.persistent ? T : 1) {
      device.launch({
        kernel: 'recurrenceForward', variant: `${kind} ${nameOf(tile)} ${projection !== null}`,
        blanks: () => ({
          gates: gates.text, product: productText(tile, 'h'), projects: String(projection !== null), units,
        }),
        buffers, grid,
        values: [
          k, tile.persistent ? T : k + 1, T, B, H, O, N, projected.offset, Number(reverse), Number(save), ...masks,
        ],
      })
      project?.(reverse ? T - 1 - k : k)
    }
    spare.give()
    if (!save && shown) device.free(shown)
    return { h, c, gates: saved, shown: save ? shown : null }
  }

  recurrenceBackward(
    sequence: Recurrence, trace: RecurrenceTrace, dy: View | null, last: { h: View | null, c: View | null },
  ): RecurrenceGradients {
    const { T, B, H, outputs: O, kind, projection, reverse, lengths } = sequence
    const { device } = this
    const gates = gatesOf[kind]
    const width = gates.gates * H
    const projected = device.take(T * B * width)
    const recurrent = gates.splits ? device.take(T * B * width) : projected
    const outputs = projection && device.take(T * B * O)
    const carry = device.take(B * O + (trace.c ? B * H : 0))
    if (last.h) this.copyIn(last.h, carry, 0)
    if (last.c) this.copyIn(last.c, carry, B * O)
    const spare = new Spare(device)
    const [K, N] = [projection ? O : width, Math.ceil(H / 4)]
    const weight = projection ?? sequence.weight
    const packed = this.pack(spare, weight, K, N, [H, 4, 1], { parts: 4, perColumn: 4, perPart: 1, units: H })
    const tile = tileFor(B, N, projection === null)
    const [lengthBuffer, ...masks] = this.lengthsOf(sequence, spare)
    const dyBuffer = dy ? device.floats('recurrence', dy) : spare.take()
    const source = gates.splits ? 'du' : 'dx'
    const buffers = [
      outputs?.buffer ?? dyBuffer, packed, bufferOf(trace.gates) ?? spare.take(),
      bufferOf(trace.c) ?? bufferOf(trace.h)!, lengthBuffer, projected.buffer!,
      gates.splits ? recurrent.buffer! : spare.take(), carry.buffer!,
    ]
    const flags = [Number(dy !== null), Number(last.h !== null), Number(last.c !== null)]
    const handBack = outputs && this.handerBack(sequence,
      [dyBuffer, lengthBuffer, projected.buffer!, outputs.buffer!, carry.buffer!], dy?.offset ?? 0, flags, masks, spare)
    for (let k = T; k > 0; k -= tile.persistent ? T : 1) {
      handBack?.(k - 1)
      device.launch({
        kernel: 'recurrenceBackward', variant: `${kind} ${nameOf(tile)} ${projection !== null}`,
        blanks: () => ({
          gates: gates.text, product: productText(tile, projection ? 'dy' : source),
          projects: String(projection !== null),
        }),
        buffers, grid: gridOf(tile, B, N),
        values: [
          tile.persistent ? 0 : k - 1, k, T, B, H, K, N, dy?.offset ?? 0, Number(reverse), ...flags, ...masks, B * O,
        ],
      })
    }
    spare.give()
    return {
      projected, recurrent, outputs,
      passed: gates.passes || lengths ? { memory: carry, offset: 0, shape: [B, O] } : null,
      c: trace.c && { memory: carry, offset: B * O, shape: [B, H] },
    }
  }

  /** h_t = m_t P^T for one step. */
  private projector(
    { B, H, outputs: O, projection, reverse }: Recurrence, shown: GpuMemory, h: GpuMemory, lengths: Buffer,
    masks: readonly number[], save: boolean, spare: Spare,
  ): (t: number) => void {
    const N = Math.ceil(O / 4)
    const packed = this.pack(spare, projection!, H, N, [1, 4 * H, H], { parts: 4, perColumn: 4, perPart: 1, units: O })
    const tile = tileFor(B, N, false)
    return (t) => this.device.launch({
      kernel: 'recurrenceProject', variant: nameOf(tile),
      blanks: () => ({ product: productText(tile, 'shown') }),
      buffers: [shown.buffer!, packed, lengths, h.buffer!], grid: gridOf(tile, B, N),
      values: [t, B, H, O, N, Number(reverse), Number(save), ...masks],
    })
  }

  /** d(h_t) = dy_t + d(u) W + what passed, for step k of the order. */
  private handerBack(
    { kind, T, B, H, outputs: O, weight, reverse }: Recurrence,
    [dy, lengths, du, dh, carry]: readonly Buffer[], offset: number, [hasDy, hasLastH]: readonly number[],
    masks: readonly number[], spare: Spare,
  ): (k: number) => void {
    const [K, N] = [gatesOf[kind].gates * H, Math.ceil(O / 4)]
    const packed = this.pack(spare, weight, K, N, [O, 4, 1], { parts: 4, perColumn: 4, perPart: 1, units: O })
    const tile = tileFor(B, N, false)
    return (k) => this.device.launch({
      kernel: 'recurrenceHandBack', variant: nameOf(tile),
      blanks: () => ({ product: productText(tile, 'du') }),
      buffers: [dy, packed, lengths, du, dh, carry], grid: gridOf(tile, B, N),
      values: [
        reverse ? T - 1 - k : k, B, O, K, N, offset, Number(reverse), Number(k === T - 1), hasDy, hasLastH,
        ...masks,
      ],
    })
  }

  private packForward({ kind, H, outputs: O, weight, bias }: Recurrence, spare: Spare): Buffer {
    const G = gatesOf[kind].gates
    return G === 1
      ? this.pack(spare, weight, O, Math.ceil(H / 4), [1, 4 * O, O],
        { parts: 4, perColumn: 4, perPart: 1, units: H }, bias, [4, 1])
      : this.pack(spare, weight, O, H, [1, O, H * O],
        { parts: G, perColumn: 1, perPart: 0, units: H }, bias, [1, H])
  }

  /** [K + 1, N] vec4s of a weight matrix, and its bias below them; strides of k, n and the parts in it. */
  private pack(
    spare: Spare, w: View, K: number, N: number, strides: readonly number[],
    { parts, perColumn, perPart, units }: { parts: number, perColumn: number, perPart: number, units: number },
    bias: View | null = null, biasStrides: readonly number[] = [0, 0],
  ): Buffer {
    const count = (K + 1) * N
    const packed = spare.take(count * 4)
    const weights = this.device.floats('recurrence', w)
    this.device.launch({
      kernel: 'recurrencePack',
      buffers: [weights, bias ? this.device.floats('recurrence', bias) : weights, packed],
      values: [
        count, K, N, w.offset, ...strides, parts, perColumn, perPart, units,
        Number(bias !== null), bias?.offset ?? 0, ...biasStrides,
      ],
      grid: gridFor(count, 64),
    })
    return packed
  }

  /** The buffer of lengths, whether there are any, and where they begin. */
  private lengthsOf({ lengths }: Recurrence, spare: Spare): [Buffer, number, number] {
    if (!lengths) return [spare.take(), 0, 0]
    return [this.device.indexBuffer(this.device.live(lengths)), 1, lengths.offset]
  }

  private copyIn(x: View, to: GpuMemory, at: number): void {
    this.device.recorder.copy(this.device.floats('recurrence', x), x.offset, to.buffer!, at, sizeOf(x.shape))
  }
}

/** Buffers for the time of one call; each is another one, since no two bindings may share one. */
class Spare {
  private readonly device: GpuDevice
  private readonly taken: Buffer[] = []

  constructor(device: GpuDevice) {
    this.device = device
  }

  take(length = 1): Buffer {
    const buffer = this.device.pool.takeBuffer(4 * length)
    this.taken.push(buffer)
    return buffer
  }

  give(): void {
    for (const buffer of this.taken) this.device.pool.giveBuffer(buffer)
  }
}

function bufferOf(memory: RecurrenceTrace['c']): Buffer | null {
  return memory && (memory as GpuMemory).buffer
}

function tileFor(B: number, N: number, alone: boolean): Tile {
  const rows = Math.min(4, B)
  const persistent = alone && N <= 32
  const columns = persistent ? N : Math.min(32, N)
  const slices = Math.max(1, Math.min(Math.floor(THREADS / columns), 8, Math.floor(SHARED / (rows * columns))))
  return { columns, slices, rows, persistent }
}

const nameOf = ({ columns, slices, rows }: Tile) => `${columns} x ${slices}, ${rows} rows`

function gridOf({ columns, rows }: Tile, B: number, N: number): Grid {
  return { x: Math.ceil(N / columns), y: Math.ceil(B / rows), z: 1 }
}

function productText({ columns, slices, rows }: Tile, source: string): string {
  return fill(sources.recurrenceProduct, { columns, slices, rows, source, partials: columns * slices * rows })
}

function fill(text: string, blanks: Blanks): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => String(blanks[name]))
}

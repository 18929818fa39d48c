// A recurrent cell over a whole sequence on the gpu: its weights packed once, then a dispatch for each step
// (two with a projection), or one for all steps where a workgroup can hold all units of a few sequences.
//
//   forward    recurrence_pack, then T times recurrence_forward  (with a projection: and recurrence_project)
//   backward   recurrence_pack, then T times recurrence_backward (before it: recurrence_hand_back)
//
// All steps share a pipeline and a bind group; the number of the step travels in the command.
// Next: kernels/recurrence_forward.wgsl; ../cpu/recurrence.ts, its twin.

import type {
  FusedOps, Recurrence, RecurrenceGradients, RecurrenceTrace, View,
} from '../device.ts'
import { sizeOf } from '../shape.ts'
import type { GpuDevice } from './device.ts'
import { type Traits, traitsOf } from './gemm-choice.ts'
import type { Blanks } from './kernels.ts'
import type { Buffer, GpuMemory } from './memory.ts'
import { fourUnits, type Packing } from './packing.ts'
import { gatesOf, gridOf, nameOf, productBlanks, SMALL, type Tile, tileFor } from './recurrence-kernels.ts'

/** What the launches of one backward run share. */
interface BackwardJob {
  readonly sequence: Recurrence
  readonly spare: Spare
  /** whether there are lengths, and where they begin */
  readonly masks: readonly number[]
  /** whether there is a gradient of the outputs, of the last h, of the last c */
  readonly given: readonly number[]
  /** where that of the outputs begins */
  readonly offset: number
}

export class GpuFused implements FusedOps {
  private readonly device: GpuDevice
  private readonly traits: Traits

  constructor(device: GpuDevice) {
    this.device = device
    this.traits = traitsOf(device)
  }

  recurrenceForward(sequence: Recurrence, save: boolean): RecurrenceTrace {
    const { T, B, H, outputs: O, kind, projection, reverse, projected } = sequence
    const { text, gates: G } = gatesOf[kind]
    const { h, c, gates: saved, shown } = this.traceFor(sequence, save)
    const spare = new Spare(this.device)
    const units = G === 1 ? 4 : 1
    const N = Math.ceil(H / units)
    const tile = tileFor(this.traits, B, N, projection === null && H <= SMALL)
    const [lengths, ...masks] = this.lengthsOf(sequence, spare)
    const buffers = [
      this.device.floats('recurrence', projected), this.packForward(sequence, spare, save), lengths,
      h.buffer!, c?.buffer ?? spare.take(), saved?.buffer ?? spare.take(), shown?.buffer ?? spare.take(),
    ]
    const project = shown && this.projector(sequence, [shown.buffer!, lengths, h.buffer!], masks, save, spare)
    const projects = String(projection !== null)
    for (let k = 0; k < T; k += tile.persistent ? T : 1) {
      const end = tile.persistent ? T : k + 1
      this.device.launch({
        kernel: 'recurrenceForward', variant: `${kind} ${nameOf(tile)} ${projects}`,
        blanks: () => ({ gates: text, ...this.product(tile, 'h'), projects, units }),
        buffers, grid: gridOf(tile, B, N),
        values: [k, end, T, B, H, O, N, projected.offset, Number(reverse), Number(save), ...masks],
      })
      project?.(reverse ? T - 1 - k : k)
    }
    spare.give()
    if (!save && shown) this.device.free(shown)
    return { h, c, gates: saved, shown: save ? shown : null }
  }

  /** Memory for what the steps leave behind, with the first state in it. */
  private traceFor({ T, B, H, outputs: O, kind, projection, reverse, h, c }: Recurrence, save: boolean) {
    const take = (length: number) => this.device.take(length)
    const trace = {
      h: take((T + 1) * B * O),
      c: c && take((T + 1) * B * H),
      gates: gatesOf[kind].saves && save ? take(4 * T * B * H) : null,
      shown: projection && take((save ? T : 1) * B * H),
    }
    const first = reverse ? T : 0
    this.copyIn(h, trace.h, first * B * O)
    if (c) this.copyIn(c, trace.c!, first * B * H)
    return trace
  }

  recurrenceBackward(
    sequence: Recurrence, trace: RecurrenceTrace, dy: View | null, last: { h: View | null, c: View | null },
  ): RecurrenceGradients {
    const { T, B, H, outputs: O, kind, projection, lengths } = sequence
    const { device } = this
    const { gates: G, splits, passes } = gatesOf[kind]
    const projected = device.take(T * B * G * H)
    const recurrent = splits ? device.take(T * B * G * H) : projected
    const outputs = projection && device.take(T * B * O)
    const carry = device.take(B * O + (trace.c ? B * H : 0))
    if (last.h) this.copyIn(last.h, carry, 0)
    if (last.c) this.copyIn(last.c, carry, B * O)
    const spare = new Spare(device)
    const [lengthBuffer, ...masks] = this.lengthsOf(sequence, spare)
    const dyBuffer = dy ? device.floats('recurrence', dy) : spare.take()
    const job: BackwardJob = {
      sequence, spare, masks, offset: dy?.offset ?? 0,
      given: [Number(dy !== null), Number(last.h !== null), Number(last.c !== null)],
    }
    const handBack = outputs && this.handerBack(job,
      [dyBuffer, lengthBuffer, projected.buffer!, outputs.buffer!, carry.buffer!])
    this.backwardSteps(job, [
      outputs?.buffer ?? dyBuffer, bufferOf(trace.gates) ?? spare.take(),
      bufferOf(trace.c) ?? bufferOf(trace.h)!, lengthBuffer, projected.buffer!,
      splits ? recurrent.buffer! : spare.take(), carry.buffer!,
    ], handBack)
    spare.give()
    return {
      projected, recurrent, outputs,
      passed: passes || lengths ? { memory: carry, offset: 0, shape: [B, O] } : null,
      c: trace.c && { memory: carry, offset: B * O, shape: [B, H] },
    }
  }

  private backwardSteps(
    { sequence, spare, masks, given, offset }: BackwardJob, [dy, ...others]: readonly Buffer[],
    handBack: ((k: number) => void) | null,
  ): void {
    const { T, B, H, outputs: O, kind, weight, projection, peepholes, reverse } = sequence
    const { text, gates: G, splits } = gatesOf[kind]
    const [K, N] = [projection ? O : G * H, Math.ceil(H / 4)]
    const packed = this.pack(
      {
        w: projection ?? weight, K, N, strides: [H, 4, 1], columns: fourUnits(H),
        below: peepholes && { x: peepholes, rows: 3, parts: 4, strides: [H, 4, 1] },
      }, spare, true)
    const tile = tileFor(this.traits, B, N, projection === null && H <= SMALL)
    const projects = String(projection !== null)
    const source = projection ? 'dy' : splits ? 'du' : 'dx'
    for (let k = T; k > 0; k -= tile.persistent ? T : 1) {
      handBack?.(k - 1)
      const first = tile.persistent ? 0 : k - 1
      this.device.launch({
        kernel: 'recurrenceBackward', variant: `${kind} ${nameOf(tile)} ${projects}`,
        blanks: () => ({ gates: text, ...this.product(tile, source), projects }),
        buffers: [dy, packed, ...others], grid: gridOf(tile, B, N),
        values: [first, k, T, B, H, K, N, offset, Number(reverse), ...given, ...masks, B * O],
      })
    }
  }

  /** h_t = m_t P^T for one step. */
  private projector(
    { B, H, outputs: O, projection, reverse }: Recurrence, [shown, lengths, h]: readonly Buffer[],
    masks: readonly number[], save: boolean, spare: Spare,
  ): (t: number) => void {
    const N = Math.ceil(O / 4)
    const packed = this.pack(
      { w: projection!, K: H, N, strides: [1, 4 * H, H], columns: fourUnits(O) }, spare, save)
    const tile = tileFor(this.traits, B, N)
    return (t) => this.device.launch({
      kernel: 'recurrenceProject', variant: nameOf(tile), blanks: () => this.product(tile, 'shown'),
      buffers: [shown, packed, lengths, h], grid: gridOf(tile, B, N),
      values: [t, B, H, O, N, Number(reverse), Number(save), ...masks],
    })
  }

  /** d(h_t) = dy_t + d(u) W + what passed, for step k of the order. */
  private handerBack(
    { sequence: { kind, T, B, H, outputs: O, weight, reverse }, spare, masks, given, offset }: BackwardJob,
    [dy, lengths, du, dh, carry]: readonly Buffer[],
  ): (k: number) => void {
    const [K, N] = [gatesOf[kind].gates * H, Math.ceil(O / 4)]
    const packed = this.pack({ w: weight, K, N, strides: [O, 4, 1], columns: fourUnits(O) }, spare, true)
    const tile = tileFor(this.traits, B, N)
    return (k) => this.device.launch({
      kernel: 'recurrenceHandBack', variant: nameOf(tile), blanks: () => this.product(tile, 'du'),
      buffers: [dy, packed, lengths, du, dh, carry], grid: gridOf(tile, B, N),
      values: [
        reverse ? T - 1 - k : k, B, O, K, N, offset, Number(reverse), Number(k === T - 1),
        given[0], given[1], ...masks,
      ],
    })
  }

  private packForward(
    { kind, H, outputs: O, weight, bias, peepholes }: Recurrence, spare: Spare, save: boolean,
  ): Buffer {
    const { gates: G } = gatesOf[kind]
    const common = { w: weight, K: O }
    if (G === 1) {
      const below = bias && { x: bias, rows: 1, parts: 4, strides: [0, 4, 1] } as const
      return this.pack(
        { ...common, N: Math.ceil(H / 4), strides: [1, 4 * O, O], columns: fourUnits(H), below }, spare, save)
    }
    const [x, parts] = peepholes ? [peepholes, 3] : [bias, G] // a peephole lstm has no bias of its own
    return this.pack({
      ...common, N: H, strides: [1, O, H * O], columns: { parts: G, perColumn: 1, perPart: 0, units: H },
      below: x && { x, rows: 1, parts, strides: [0, 1, H] },
    }, spare, save)
  }

  private product(tile: Tile, source: string): Blanks {
    return productBlanks(tile, source, this.device.halves)
  }

  /** Weights laid out anew: for this call; or, where no backward pass follows, for as long as they last. */
  private pack(packing: Packing, spare: Spare, save: boolean): Buffer {
    const { packer } = this.device
    if (!save) return packer.keep(packing)
    const packed = spare.take(packer.sizeOf(packing))
    packer.pack(packing, packed)
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
  private readonly taken: GpuMemory[] = []

  constructor(device: GpuDevice) {
    this.device = device
  }

  take(length = 1): Buffer {
    const memory = this.device.take(length)
    this.taken.push(memory)
    return memory.buffer!
  }

  give(): void {
    for (const memory of this.taken) this.device.free(memory)
  }
}

function bufferOf(memory: RecurrenceTrace['c']): Buffer | null {
  return memory && (memory as GpuMemory).buffer
}

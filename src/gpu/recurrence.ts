// A recurrent cell over a whole sequence on the gpu: its weights packed once, then a dispatch for each step
// (two with a projection), or one for all steps where a workgroup can hold all units of a few sequences.
//
//   forward    recurrence_pack, then T times recurrence_forward  (with a projection: and recurrence_project)
//   backward   recurrence_pack, then T times recurrence_backward (before it: recurrence_hand_back)
//
// All steps share a pipeline and a bind group; the number of the step travels in the command. Runs side by
// side share their dispatches, each with workgroups of its own: so their weights, and what else is read for
// all of them, are brought together first. Next: kernels/recurrence_forward.wgsl; ../cpu/recurrence.ts, its
// twin.

import type {
  FusedOps, GateKind, Recurrence, RecurrenceGradients, RecurrenceTrace, Run, RunGradients, View,
} from '../device.ts'
import { sizeOf } from '../shape.ts'
import type { GpuDevice } from './device.ts'
import { type Traits, traitsOf } from './gemm-choice.ts'
import type { Blanks } from './kernels.ts'
import type { Place } from './matmul.ts'
import type { Buffer, GpuMemory } from './memory.ts'
import { fourUnits, type Packing } from './packing.ts'
import { gatesOf, gridOf, nameOf, productBlanks, SMALL, type Tile, tileFor } from './recurrence-kernels.ts'

/** What the launches of one backward run share. */
interface BackwardJob {
  readonly recurrence: Recurrence
  readonly spare: Spare
  /** whether there are lengths, and where they begin */
  readonly masks: readonly number[]
  /** whether there is a gradient of the outputs, of the last h, of the last c */
  readonly given: readonly number[]
  /** where that of the outputs begins */
  readonly offset: number
}

export class GpuFused implements FusedOps {
  readonly kinds = Object.keys(gatesOf) as GateKind[]
  private readonly device: GpuDevice
  private readonly traits: Traits

  constructor(device: GpuDevice) {
    this.device = device
    this.traits = traitsOf(device)
  }

  recurrenceForward(recurrence: Recurrence, save: boolean): RecurrenceTrace {
    const { T, B, H, outputs: O, kind, runs } = recurrence
    const { text, gates: G } = gatesOf[kind]
    const { h, c, gates: saved, shown } = this.traceFor(recurrence, save)
    const spare = new Spare(this.device)
    const units = G === 1 ? 4 : 1
    const N = Math.ceil(H / units)
    const tile = tileFor(this.traits, runs.length, B, N, !shown && H <= SMALL)
    const [lengths, ...masks] = this.lengthsOf(recurrence, spare)
    const projected = this.together(runs.map((run) => run.projected), T * B * G * H, spare)
    const buffers = [
      projected.buffer, this.packForward(recurrence, spare, save), lengths,
      h.buffer!, c?.buffer ?? spare.take(), saved?.buffer ?? spare.take(), shown?.buffer ?? spare.take(),
    ]
    const project = shown &&
      this.projector(recurrence, [shown.buffer!, lengths, h.buffer!], masks, save, spare)
    const projects = String(shown !== null)
    for (let k = 0; k < T; k += tile.persistent ? T : 1) {
      const end = tile.persistent ? T : k + 1
      this.device.launch({
        kernel: 'recurrenceForward', variant: `${kind} ${nameOf(tile)} ${projects}`,
        blanks: () => ({ gates: text, ...this.product(tile, 'h'), projects, units }),
        buffers, grid: gridOf(tile, runs.length, B, N),
        values: [k, end, T, B, H, O, N, projected.offset, reverseBits(runs), Number(save), ...masks],
      })
      project?.(k)
    }
    spare.give()
    if (!save && shown) this.device.free(shown)
    return { h, c, gates: saved, shown: save ? shown : null }
  }

  /** Memory for what the steps leave behind, with the first states in it. */
  private traceFor({ T, B, H, outputs: O, kind, runs }: Recurrence, save: boolean) {
    const S = runs.length
    const take = (length: number) => this.device.take(length)
    const trace = {
      h: take(S * (T + 1) * B * O),
      c: runs[0].c && take(S * (T + 1) * B * H),
      gates: gatesOf[kind].saves && save ? take(4 * S * T * B * H) : null,
      shown: runs[0].projection && take(S * (save ? T : 1) * B * H),
    }
    runs.forEach(({ h, c, reverse }, s) => {
      const first = s * (T + 1) + (reverse ? T : 0)
      this.copyIn(h, trace.h.buffer!, first * B * O)
      if (c) this.copyIn(c, trace.c!.buffer!, first * B * H)
    })
    return trace
  }

  recurrenceBackward(
    recurrence: Recurrence, trace: RecurrenceTrace, given: readonly RunGradients[],
  ): RecurrenceGradients {
    const { T, B, H, outputs: O, kind, lengths, runs } = recurrence
    const { device } = this
    const { gates: G, splits, passes } = gatesOf[kind]
    const S = runs.length
    const projected = device.take(S * T * B * G * H)
    const recurrent = splits ? device.take(S * T * B * G * H) : projected
    const outputs = runs[0].projection && device.take(S * T * B * O)
    const carry = device.take(S * B * O + (trace.c ? S * B * H : 0))
    const hasLastH = this.gather(given.map(({ h }) => h), B * O, carry.buffer!, 0)
    const hasLastC = this.gather(given.map(({ c }) => c), B * H, carry.buffer!, S * B * O)
    const spare = new Spare(device)
    const [lengthBuffer, ...masks] = this.lengthsOf(recurrence, spare)
    const dy = this.together(given.map(({ y }) => y), T * B * O, spare)
    const hasDy = Number(given.some(({ y }) => y !== null))
    const job = { recurrence, spare, masks, offset: dy.offset, given: [hasDy, hasLastH, hasLastC] }
    const handBack = outputs && this.handerBack(job,
      [dy.buffer, lengthBuffer, projected.buffer!, outputs.buffer!, carry.buffer!])
    this.backwardSteps(job, [
      outputs?.buffer ?? dy.buffer, bufferOf(trace.gates) ?? spare.take(),
      bufferOf(trace.c) ?? bufferOf(trace.h)!, lengthBuffer, projected.buffer!,
      splits ? recurrent.buffer! : spare.take(), carry.buffer!,
    ], handBack)
    spare.give()
    return {
      projected, recurrent, outputs,
      passed: passes || lengths ? { memory: carry, offset: 0, shape: [S, B, O] } : null,
      c: trace.c && { memory: carry, offset: S * B * O, shape: [S, B, H] },
    }
  }

  private backwardSteps(
    { recurrence, spare, masks, given, offset }: BackwardJob, [dy, ...others]: readonly Buffer[],
    handBack: ((k: number) => void) | null,
  ): void {
    const { T, B, H, outputs: O, kind, truncated, runs } = recurrence
    const { text, gates: G, splits } = gatesOf[kind]
    const S = runs.length
    const hasProjection = runs[0].projection !== null
    const [K, N] = [hasProjection ? O : G * H, Math.ceil(H / 4)]
    const packed = this.pack(runs.map(({ weight, projection, peepholes }) => ({
      w: projection ?? weight, K, N, strides: [H, 4, 1], columns: fourUnits(H),
      below: peepholes && { x: peepholes, rows: 3, parts: 4, strides: [H, 4, 1] },
    })), spare, true)
    const tile = tileFor(this.traits, S, B, N, !hasProjection && H <= SMALL)
    const projects = String(hasProjection)
    const source = hasProjection ? 'dy' : splits ? 'du' : 'dx'
    for (let k = T; k > 0; k -= tile.persistent ? T : 1) {
      handBack?.(k - 1)
      const first = tile.persistent ? 0 : k - 1
      this.device.launch({
        kernel: 'recurrenceBackward', variant: `${kind} ${nameOf(tile)} ${projects}`,
        blanks: () => ({ gates: text, ...this.product(tile, source), projects }),
        buffers: [dy, packed, ...others], grid: gridOf(tile, S, B, N),
        values: [first, k, T, B, H, K, N, offset, reverseBits(runs), ...given, ...masks, S * B * O,
          Number(truncated)],
      })
    }
  }

  /** h_t = m_t P^T, for step k of the order. */
  private projector(
    { T, B, H, outputs: O, runs }: Recurrence, [shown, lengths, h]: readonly Buffer[],
    masks: readonly number[], save: boolean, spare: Spare,
  ): (k: number) => void {
    const N = Math.ceil(O / 4)
    const packed = this.pack(runs.map(({ projection }) =>
      ({ w: projection!, K: H, N, strides: [1, 4 * H, H], columns: fourUnits(O) })), spare, save)
    const tile = tileFor(this.traits, runs.length, B, N)
    return (k) => this.device.launch({
      kernel: 'recurrenceProject', variant: nameOf(tile), blanks: () => this.product(tile, 'shown'),
      buffers: [shown, packed, lengths, h], grid: gridOf(tile, runs.length, B, N),
      values: [k, T, B, H, O, N, reverseBits(runs), Number(save), ...masks],
    })
  }

  /** d(h_t) = dy_t + d(u) W + what passed, for step k of the order. */
  private handerBack(
    { recurrence: { kind, T, B, H, outputs: O, runs }, spare, masks, given, offset }: BackwardJob,
    [dy, lengths, du, dh, carry]: readonly Buffer[],
  ): (k: number) => void {
    const [K, N] = [gatesOf[kind].gates * H, Math.ceil(O / 4)]
    const packed = this.pack(runs.map(({ weight }) =>
      ({ w: weight, K, N, strides: [O, 4, 1], columns: fourUnits(O) })), spare, true)
    const tile = tileFor(this.traits, runs.length, B, N)
    return (k) => this.device.launch({
      kernel: 'recurrenceHandBack', variant: nameOf(tile), blanks: () => this.product(tile, 'du'),
      buffers: [dy, packed, lengths, du, dh, carry], grid: gridOf(tile, runs.length, B, N),
      values: [k, T, B, O, K, N, offset, reverseBits(runs), given[0], given[1], ...masks],
    })
  }

  private packForward(
    { kind, H, outputs: O, runs }: Recurrence, spare: Spare, save: boolean,
  ): Buffer {
    const { gates: G } = gatesOf[kind]
    return this.pack(runs.map(({ weight, bias, peepholes }): Packing => {
      const common = { w: weight, K: O }
      if (G === 1) {
        const below = bias && { x: bias, rows: 1, parts: 4, strides: [0, 4, 1] } as const
        return { ...common, N: Math.ceil(H / 4), strides: [1, 4 * O, O], columns: fourUnits(H), below }
      }
      const [x, parts] = peepholes ? [peepholes, 3] : [bias, G] // a peephole lstm has no bias of its own
      return {
        ...common, N: H, strides: [1, O, H * O], columns: { parts: G, perColumn: 1, perPart: 0, units: H },
        below: x && { x, rows: 1, parts, strides: [0, 1, H] },
      }
    }), spare, save)
  }

  private product(tile: Tile, source: string): Blanks {
    return productBlanks(tile, source, this.device.halves)
  }

  /**
   * The weights of all runs laid out anew: for this call; or, of one run where no backward pass follows, for
   * as long as they last.
   */
  private pack(list: readonly Packing[], spare: Spare, save: boolean): Buffer {
    const { packer } = this.device
    if (!save && list.length === 1) return packer.keep(list[0])
    const packed = spare.take(list.length * packer.sizeOf(list[0]))
    list.forEach((packing, s) => packer.pack(packing, packed, s))
    return packed
  }

  /** Where the views of all runs lie one after another, `length` each: that of one run where it is. */
  private together(views: readonly (View | null)[], length: number, spare: Spare): Place {
    const [first] = views
    if (views.length === 1 && first) {
      return { buffer: this.device.floats('recurrence', first), offset: first.offset }
    }
    const buffer = spare.take(views.some((view) => view) ? views.length * length : 1)
    this.gather(views, length, buffer, 0)
    return { buffer, offset: 0 }
  }

  /** Copies views one after another to `at`, zeros for null, and returns 1; 0 and nothing if all are null. */
  private gather(views: readonly (View | null)[], length: number, to: Buffer, at: number): number {
    if (views.every((view) => view === null)) return 0
    views.forEach((view, s) => {
      if (view) this.copyIn(view, to, at + s * length)
      else this.device.recorder.clear(to, at + s * length, length)
    })
    return 1
  }

  /** The buffer of lengths, whether there are any, and where they begin. */
  private lengthsOf({ lengths }: Recurrence, spare: Spare): [Buffer, number, number] {
    if (!lengths) return [spare.take(), 0, 0]
    return [this.device.indexBuffer(this.device.live(lengths)), 1, lengths.offset]
  }

  private copyIn(x: View, to: Buffer, at: number): void {
    this.device.recorder.copy(this.device.floats('recurrence', x), x.offset, to, at, sizeOf(x.shape))
  }
}

/** Bit s says whether run s begins at the last t. */
function reverseBits(runs: readonly Run[]): number {
  return runs.reduce((bits, { reverse }, s) => bits | (Number(reverse) << s), 0)
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

// The fused ops of the cpu device: finds the arrays of what they are given, takes memory for what they make,
// and lets recurrence.ts and loss.ts do the arithmetic. Next: recurrence.ts.

import type {
  FloatArray, FusedOps, LossOps, Memory, NumberArray, Recurrence, RecurrenceGradients, RecurrenceTrace, View,
} from '../device.ts'
import { sizeOf } from '../shape.ts'
import type float32 from './instance.ts?float32'
import type { Rows } from './loss.ts'
import type { CpuMemory } from './pool.ts'
import type { Part, SequenceArrays } from './recurrence.ts'

/** What the device lends to its fused ops. */
export interface Lent {
  readonly loops: typeof float32
  take(length: number): CpuMemory
  give(memory: Memory): void
  data(x: View): NumberArray
  floats(op: string, x: View): FloatArray
}

const floatsOf = (memory: Memory | null) => (memory ? (memory as CpuMemory).data as FloatArray : null)

export class CpuFused implements FusedOps {
  private readonly device: Lent

  constructor(device: Lent) {
    this.device = device
  }

  recurrenceForward(sequence: Recurrence, save: boolean): RecurrenceTrace {
    const { T, B, H, outputs: O, kind, projection, h, c, reverse } = sequence
    const { loops } = this.device
    const { gates: G, saved: S } = loops.gatesOf[kind]
    const take = (length: number) => this.device.take(length)
    const steps = save ? T : 1
    const trace = {
      h: take((T + 1) * B * O),
      c: c && take((T + 1) * B * H),
      gates: S > 0 ? take(steps * B * S * H) : null,
      shown: projection && take(steps * B * H),
    }
    const first = reverse ? T : 0
    floatsOf(trace.h)!.set(this.numbers(h), first * B * O)
    if (c) floatsOf(trace.c)!.set(this.numbers(c), first * B * H)
    const u = take(B * G * H)
    loops.recurrenceForward(this.arrays(sequence, trace, save), floatsOf(u)!)
    this.device.give(u)
    if (save) return trace
    for (const memory of [trace.gates, trace.shown]) if (memory) this.device.give(memory)
    return { h: trace.h, c: trace.c, gates: null, shown: null }
  }

  recurrenceBackward(
    sequence: Recurrence, trace: RecurrenceTrace, dy: View | null, last: { h: View | null, c: View | null },
  ): RecurrenceGradients {
    const { T, B, H, outputs: O, kind, projection, lengths } = sequence
    const { loops } = this.device
    const { gates: G, splits, passes } = loops.gatesOf[kind]
    const take = (length: number) => this.device.take(length)
    const projected = take(T * B * G * H)
    const recurrent = splits ? take(T * B * G * H) : projected
    const outputs = projection && take(T * B * O)
    const carry = this.copy(last.h, B * O)
    const c = trace.c && this.copy(last.c, B * H)
    const dh = outputs ?? take(B * O)
    const dm = projection && take(B * H)
    const pass = passes || lengths ? take(B * O) : null
    loops.recurrenceBackward(this.arrays(sequence, trace, true), {
      dy: dy && this.part(dy), dh: floatsOf(dh)!, keepsDh: outputs !== null, projected: floatsOf(projected)!,
      recurrent: floatsOf(recurrent)!, carry: floatsOf(carry)!, c: floatsOf(c), dm: floatsOf(dm),
      pass: floatsOf(pass),
    })
    for (const memory of [outputs ? null : dh, dm, carry]) if (memory) this.device.give(memory)
    return {
      projected, recurrent, outputs,
      passed: pass && { memory: pass, offset: 0, shape: [B, O] },
      c: c && { memory: c, offset: 0, shape: [B, H] },
    }
  }

  private arrays(sequence: Recurrence, trace: RecurrenceTrace, saves: boolean): SequenceArrays {
    const { kind, T, B, H, outputs: O, reverse, projected, weight, bias } = sequence
    const { peepholes, projection, lengths } = sequence
    return {
      kind, gates: this.device.loops.gatesOf[kind], T, B, H, O, reverse, saves,
      lengths: lengths && this.device.data(lengths).subarray(lengths.offset, lengths.offset + B),
      projected: this.part(projected),
      weight: this.part(weight),
      bias: bias && this.part(bias),
      peepholes: peepholes && this.part(peepholes),
      projection: projection && this.part(projection),
      h: floatsOf(trace.h)!,
      c: floatsOf(trace.c),
      saved: floatsOf(trace.gates),
      shown: floatsOf(trace.shown),
    }
  }

  private part(x: View): Part {
    return { data: this.device.floats('recurrence', x), start: x.offset }
  }

  private numbers(x: View): FloatArray {
    return this.device.floats('recurrence', x).subarray(x.offset, x.offset + sizeOf(x.shape))
  }

  /** A copy, or zeros. */
  private copy(x: View | null, length: number): CpuMemory {
    const memory = this.device.take(length)
    if (x) memory.data.set(this.numbers(x))
    else memory.data.fill(0)
    return memory
  }
}

export class CpuLoss implements LossOps {
  private readonly device: Lent

  constructor(device: Lent) {
    this.device = device
  }

  countTargets(targets: View, classes: number, ignore: number): number {
    const list = this.device.data(targets)
    return this.device.loops.countTargets(list, targets.offset, sizeOf(targets.shape), classes, ignore)
  }

  crossEntropyForward(
    logits: View, targets: View, ignore: number,
  ): { losses: CpuMemory, sums: CpuMemory } {
    const rows = this.rows(logits, targets, ignore)
    const [losses, sums] = [this.device.take(rows.N), this.device.take(2 * rows.N)]
    this.device.loops.crossEntropyForward(rows, floatsOf(losses)!, floatsOf(sums)!)
    return { losses, sums }
  }

  total(losses: Memory, factor: number): CpuMemory {
    const y = this.device.take(1)
    const sum = floatsOf(y)!
    this.device.loops.reduce('sum', sum, floatsOf(losses)!, 0, [losses.length], [0])
    sum[0] *= factor
    return y
  }

  crossEntropyBackward(
    logits: View, targets: View, ignore: number, factor: number, sums: Memory, dy: View,
  ): CpuMemory {
    const rows = this.rows(logits, targets, ignore)
    const dx = this.device.take(rows.N * rows.V)
    const D = this.device.floats('crossEntropy', dy)
    const step = sizeOf(dy.shape) === rows.N ? 1 : 0
    this.device.loops.crossEntropyBackward(
      rows, factor, floatsOf(sums)!, D, dy.offset, step, floatsOf(dx)!)
    return dx
  }

  private rows(logits: View, targets: View, ignore: number): Rows {
    const [N, V] = logits.shape
    return {
      N, V, x: this.device.floats('crossEntropy', logits), ix: logits.offset,
      targets: this.device.data(targets), it: targets.offset, ignore,
    }
  }
}

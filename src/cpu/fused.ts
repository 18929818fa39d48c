// The fused ops of the cpu device: finds the arrays of what they are given, takes memory for what they make,
// and lets recurrence.ts and loss.ts do the arithmetic. Next: recurrence.ts.

import type {
  FloatArray, FusedOps, GateKind, LossOps, Memory, NumberArray, Recurrence, RecurrenceGradients,
  RecurrenceTrace, RunGradients, View,
} from '../device.ts'
import { sizeOf } from '../shape.ts'
import type { StepCell, Stepper } from '../stepper.ts'
import type float32 from './instance.ts?float32'
import type { Rows } from './loss.ts'
import type { CpuMemory } from './pool.ts'
import type { Part, SequenceArrays } from './recurrence.ts'

type Take = (length: number) => CpuMemory

/** What the device lends to its fused ops. */
export interface Lent {
  readonly loops: typeof float32
  /** What an op makes of memory that it takes; all of that is given back if it fails half-way. */
  made<T>(op: (take: Take) => T): T
  give(memory: Memory): void
  data(x: View): NumberArray
  floats(op: string, x: View): FloatArray
}

const floatsOf = (memory: Memory | null) => (memory ? (memory as CpuMemory).data as FloatArray : null)

/** Piece s of S equal ones. */
function piece(memory: Memory | null, s: number, S: number): FloatArray | null {
  const all = floatsOf(memory)
  return all && all.subarray(s * (all.length / S), (s + 1) * (all.length / S))
}

export class CpuFused implements FusedOps {
  readonly kinds: FusedOps['kinds']
  private readonly device: Lent

  constructor(device: Lent) {
    this.device = device
    this.kinds = Object.keys(device.loops.gatesOf) as GateKind[]
  }

  recurrenceForward(recurrence: Recurrence, save: boolean): RecurrenceTrace {
    return this.device.made((take) => this.forward(recurrence, save, take))
  }

  private forward(recurrence: Recurrence, save: boolean, take: Take): RecurrenceTrace {
    const { T, B, H, outputs: O, kind, runs } = recurrence
    const { loops } = this.device
    const { gates: G, saved: n, candidate } = loops.gatesOf[kind]
    const S = runs.length
    const steps = S * (save ? T : 1)
    const trace = {
      h: take(S * (T + 1) * B * O),
      c: runs[0].c && take(S * (T + 1) * B * H),
      gates: n > 0 ? take(steps * B * n * H) : null,
      shown: runs[0].projection || candidate ? take(steps * B * H) : null,
    }
    const u = take(B * G * H)
    runs.forEach(({ h, c, reverse }, s) => {
      const arrays = this.arrays(recurrence, s, trace, save)
      const first = reverse ? T : 0
      arrays.h.set(this.numbers(h), first * B * O)
      if (c) arrays.c!.set(this.numbers(c), first * B * H)
      loops.recurrenceForward(arrays, floatsOf(u)!)
    })
    this.device.give(u)
    if (save) return trace
    for (const memory of [trace.gates, trace.shown]) if (memory) this.device.give(memory)
    return { h: trace.h, c: trace.c, gates: null, shown: null }
  }

  recurrenceBackward(
    recurrence: Recurrence, trace: RecurrenceTrace, given: readonly RunGradients[],
  ): RecurrenceGradients {
    return this.device.made((take) => this.backward(recurrence, trace, given, take))
  }

  private backward(
    recurrence: Recurrence, trace: RecurrenceTrace, given: readonly RunGradients[], take: Take,
  ): RecurrenceGradients {
    const { T, B, H, outputs: O, kind, lengths, runs } = recurrence
    const { loops } = this.device
    const { gates: G, splits, passes, candidate } = loops.gatesOf[kind]
    const S = runs.length
    const { projection } = runs[0]
    const projected = take(S * T * B * G * H)
    const recurrent = splits ? take(S * T * B * G * H) : projected
    const outputs = projection && take(S * T * B * O)
    const pass = passes || lengths ? take(S * B * O) : null
    const c = trace.c && take(S * B * H)
    const [carry, dh] = [take(B * O), outputs ? null : take(B * O)]
    const dm = projection || candidate ? take(B * H) : null
    given.forEach(({ y, h: dhLast, c: dcLast }, s) => {
      const own = (memory: Memory | null) => piece(memory, s, S)
      this.copy(dhLast, floatsOf(carry)!)
      if (c) this.copy(dcLast, own(c)!)
      loops.recurrenceBackward(this.arrays(recurrence, s, trace, true), {
        dy: y && this.part(y), dh: own(outputs) ?? floatsOf(dh)!, keepsDh: outputs !== null,
        projected: own(projected)!, recurrent: own(recurrent)!, carry: floatsOf(carry)!, c: own(c),
        dm: floatsOf(dm), pass: own(pass),
      })
    })
    for (const memory of [dh, dm, carry]) if (memory) this.device.give(memory)
    return {
      projected, recurrent, outputs,
      passed: pass && { memory: pass, offset: 0, shape: [S, B, O] },
      c: c && { memory: c, offset: 0, shape: [S, B, H] },
    }
  }

  stepper(cell: StepCell): Stepper {
    return this.device.made((take) => this.stepperIn(cell, take))
  }

  /** All that the steps need lies in one memory, each part from a multiple of 16 numbers on. */
  private stepperIn(cell: StepCell, take: Take): Stepper {
    const { inputs: D, H, outputs: O, kind, weight, bias, peepholes, projection } = cell
    const gates = this.device.loops.gatesOf[kind]
    const width = gates.gates * H
    const shows = projection !== null || gates.candidate !== undefined
    const sizes = [D, O, gates.hasC ? H : 0, width, width, shows ? H : 0, gates.saved * H]
    const starts = [0]
    for (const size of sizes) starts.push(starts.at(-1)! + Math.ceil(size / 16) * 16)
    const memory = take(starts.at(-1)!)
    memory.data.fill(0)
    const view = (k: number): View => ({ memory, offset: starts[k], shape: [1, sizes[k]] })
    const [x, h, c, projected, u, shown, saved] = sizes.map((_, k) => this.numbers(view(k)))
    const part = (given: View | null) => given && this.part(given)
    const run = this.device.loops.stepOf({
      kind, gates, D, H, O, x, h, c: gates.hasC ? c : null, projected, u, shown: shows ? shown : null,
      saved, input: this.part(cell.input), inputBiases: cell.inputBiases.map((given) => this.part(given)),
      weight: this.part(weight), bias: part(bias), peepholes: part(peepholes), projection: part(projection),
    })
    const given = [cell.input, ...cell.inputBiases, weight, bias, peepholes, projection]
    const weights = given.filter((view) => view !== null)
    const step = () => {
      for (const view of weights) this.device.data(view) // an error, if it was given back meanwhile
      run()
    }
    return { memory, x: view(0), h: view(1), c: gates.hasC ? view(2) : null, step }
  }

  /** What the loops see of run s. */
  private arrays(
    { kind, T, B, H, outputs: O, lengths, truncated, runs }: Recurrence, s: number, trace: RecurrenceTrace,
    saves: boolean,
  ): SequenceArrays {
    const { reverse, projected, weight, bias, peepholes, projection } = runs[s]
    const own = (memory: Memory | null) => piece(memory, s, runs.length)
    return {
      kind, gates: this.device.loops.gatesOf[kind], T, B, H, O, reverse, truncated, saves,
      lengths: lengths && this.device.data(lengths).subarray(lengths.offset, lengths.offset + B),
      projected: this.part(projected),
      weight: this.part(weight),
      bias: bias && this.part(bias),
      peepholes: peepholes && this.part(peepholes),
      projection: projection && this.part(projection),
      h: own(trace.h)!,
      c: own(trace.c),
      saved: own(trace.gates),
      shown: own(trace.shown),
    }
  }

  private part(x: View): Part {
    return { data: this.device.floats('recurrence', x), start: x.offset }
  }

  private numbers(x: View): FloatArray {
    return this.device.floats('recurrence', x).subarray(x.offset, x.offset + sizeOf(x.shape))
  }

  /** A copy, or zeros. */
  private copy(x: View | null, to: FloatArray): void {
    if (x) to.set(this.numbers(x))
    else to.fill(0)
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
    return this.device.made((take) => {
      const [losses, sums] = [take(rows.N), take(2 * rows.N)]
      this.device.loops.crossEntropyForward(rows, floatsOf(losses)!, floatsOf(sums)!)
      return { losses, sums }
    })
  }

  total(losses: Memory, factor: number): CpuMemory {
    return this.device.made((take) => {
      const y = take(1)
      const sum = floatsOf(y)!
      this.device.loops.reduce('sum', sum, floatsOf(losses)!, 0, [losses.length], [0])
      sum[0] *= factor
      return y
    })
  }

  crossEntropyBackward(
    logits: View, targets: View, ignore: number, factor: number, sums: Memory, dy: View,
  ): CpuMemory {
    const rows = this.rows(logits, targets, ignore)
    const D = this.device.floats('crossEntropy', dy)
    const step = sizeOf(dy.shape) === rows.N ? 1 : 0
    return this.device.made((take) => {
      const dx = take(rows.N * rows.V)
      this.device.loops.crossEntropyBackward(
        rows, factor, floatsOf(sums)!, D, dy.offset, step, floatsOf(dx)!)
      return dx
    })
  }

  private rows(logits: View, targets: View, ignore: number): Rows {
    const [N, V] = logits.shape
    return {
      N, V, x: this.device.floats('crossEntropy', logits), ix: logits.offset,
      targets: this.device.data(targets), it: targets.offset, ignore,
    }
  }
}

// Writes down a recurrent layer's run through the steps, or back, for the kernels: the words of `Sequence` in
// ../../kernels/simd/recurrence.ts, in its order. Twin: ../cpu/recurrence.ts.

import { earlyGates } from '../cpu/gates.ts'
import { type GradientArrays, type Part, secondOf, type SequenceArrays } from '../cpu/recurrence.ts'
import type { FloatArray, GateKind } from '../device.ts'
import type { Heap } from './heap.ts'
import { addressOf, type Jobs, Kind } from './jobs.ts'
import { Scratch } from './scratch.ts'

/** As numbered in kernels/simd/recurrence.ts and gates-elman.ts. */
export const KINDS: Readonly<Record<GateKind, number>> = {
  tanh: 0, relu: 1, sigmoid: 2, lstm: 3, gru: 4, peephole: 5, coupled: 6,
  lstm1997: 7, lstm2000: 8, gruBefore: 9, gruChung: 10,
}

const orZero = (x: FloatArray | null): number => (x ? addressOf(x, 0) : 0)

export class SimdRecurrence {
  private readonly jobs: Jobs
  private readonly panels: Scratch
  private readonly secondPanels: Scratch
  private readonly groups: Scratch

  constructor(heap: Heap, jobs: Jobs) {
    this.jobs = jobs
    this.panels = new Scratch(heap)
    this.secondPanels = new Scratch(heap)
    this.groups = new Scratch(heap)
  }

  readonly forward = (s: SequenceArrays, u: FloatArray): void => {
    this.run(Kind.recurrenceForward, s, [
      addressOf(u, 0), ...this.packed(s, earlyGates(s.gates) * s.H, s.O),
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ])
  }

  readonly backward = (s: SequenceArrays, g: GradientArrays): void => {
    this.run(Kind.recurrenceBackward, s, [
      0, ...this.packed(s, s.O, earlyGates(s.gates) * s.H),
      g.dy ? addressOf(g.dy.data, g.dy.start) : 0, addressOf(g.dh, 0), Number(g.keepsDh),
      addressOf(g.projected, 0), addressOf(g.recurrent, 0), addressOf(g.carry, 0),
      orZero(g.c), orZero(g.dm), orZero(g.pass), Number(s.gates.passes),
      Number(s.truncated),
    ])
  }

  /** Scratch for the weights [K, N] in panels, the second product's, and each thread's rows in groups. */
  private packed(s: SequenceArrays, N: number, K: number): number[] {
    const { H, O, B } = s
    const rows = (B + 3) * Math.max(K, H, O)
    return [
      this.panels.take(K * (N + 31)),
      s.projection || s.gates.candidate ? this.secondPanels.take(H * O + 31 * Math.max(H, O)) : 0,
      this.groups.take(rows * this.jobs.threads), 4 * rows,
    ]
  }

  private run(kind: number, s: SequenceArrays, rest: readonly number[]): void {
    const { T, B, H, O, gates, reverse, lengths } = s
    const part = (x: Part | null) => (x ? addressOf(x.data, x.start) : 0)
    const width = gates.gates * H
    // The sequences of the batch are shared out: one alone is one thread's.
    const work = B === 1 ? 0 : 2 * T * B * width * O
    this.jobs.run(kind, work, [
      KINDS[s.kind], T, B, H, O, width, earlyGates(gates) * H, Number(reverse),
      lengths ? lengths.byteOffset : 0, part(s.projected), part(s.weight), part(s.bias), part(s.peepholes),
      part(secondOf(s)), addressOf(s.h, 0), orZero(s.c), orZero(s.saved), gates.saved * H,
      orZero(s.shown), Number(s.saves), ...rest,
    ])
  }
}

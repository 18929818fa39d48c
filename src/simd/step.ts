// Writes down one step of a recurrent cell for the kernels, once for all steps: the words of `Step` in
// ../../kernels/simd/step.ts, in its order. Twin: ../cpu/step.ts.

import { earlyGates } from '../cpu/gates.ts'
import { type Part, secondOf } from '../cpu/recurrence.ts'
import type { StepArrays } from '../cpu/step.ts'
import { addressOf, type Jobs, Kind } from './jobs.ts'
import { KINDS } from './recurrence.ts'

export function stepOf(jobs: Jobs, s: StepArrays): () => void {
  const { D, H, O, inputBiases } = s
  const width = s.gates.gates * H
  const part = (x: Part | null | undefined) => (x ? addressOf(x.data, x.start) : 0)
  const words = [
    KINDS[s.kind], D, H, O, width, earlyGates(s.gates) * H,
    s.x.byteOffset, part(s.input), part(inputBiases[0]),
    // a second bias of the sums is as good beside the other product
    part(s.weight), part(s.bias ?? inputBiases[1]), part(s.peepholes), part(secondOf(s)),
    s.h.byteOffset, s.c?.byteOffset ?? 0, s.projected.byteOffset, s.u.byteOffset, s.shown?.byteOffset ?? 0,
    s.gates.candidate ? s.saved.byteOffset : 0,
  ]
  // The next step comes when it comes: who shares one wakes a thread that sleeps, for a part that is short.
  const work = width * (D + O) / 10
  return () => jobs.run(Kind.step, work, words)
}

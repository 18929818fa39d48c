// One step of a recurrent cell for one sequence: streaming, one vector in, one out, nothing allocated.
//
//   projected = x W_ih^T + b_ih + b_hh,   u = h W^T + b,   then the gates; h and c are replaced in place
//
// The products and the gates are those of recurrence.ts, in the same order: the same bits as a sequence's.
// Next: ../nn/stream.ts, who asks for it.

import type { FloatArray, GateKind } from '../device.ts'
import { tanhOf32 } from './elementwise.ts'
import { earlyGates, type GateRow, type Gates, type Tanh } from './gates.ts'
import { matmul } from './matmul.ts'
import { matrixOf, type Part, secondOf } from './recurrence.ts'

/** device.ts's StepCell as arrays, and those that a step works in. */
export interface StepArrays {
  readonly kind: GateKind
  readonly gates: Gates
  readonly D: number
  readonly H: number
  /** the size of h */
  readonly O: number
  /** [G H, D], [G H] each, [G H, O], [G H], [3 H], [P, H] */
  readonly input: Part
  readonly inputBiases: readonly Part[]
  readonly weight: Part
  readonly bias: Part | null
  readonly peepholes: Part | null
  readonly projection: Part | null
  /** [D], read; the state [O] and [H], replaced */
  readonly x: FloatArray
  readonly h: FloatArray
  readonly c: FloatArray | null
  /** scratch: [G H] twice, [H] with a projection or a candidate, [S H] */
  readonly projected: FloatArray
  readonly u: FloatArray
  readonly shown: FloatArray | null
  readonly saved: FloatArray
}

/** The step as a function. */
export function stepOf(s: StepArrays): () => void {
  const { gates, D, H, O, x, h, u, projected, shown, bias, inputBiases: [first, second] } = s
  const width = gates.gates * H
  const early = earlyGates(gates) * H
  const tanh: Tanh = u instanceof Float32Array ? tanhOf32 : Math.tanh
  const whole = (data: FloatArray) => matrixOf({ data, start: 0 }, data.length)
  const input = matrixOf(s.input, D, true) // [D, G H]
  const weight = matrixOf(s.weight, O, true) // [O, G H]
  const late = secondOf(s)
  const then = late && matrixOf(late, H, true) // [H, O]
  const [xRow, hRow, shownRow] = [whole(x), whole(h), whole(shown ?? h)]
  const row: GateRow = {
    H, x: projected, ix: 0, u, iu: 0, saved: s.saved, is: 0, hBefore: h, ihBefore: 0,
    m: s.projection ? shown! : h, im: 0,
    c: s.c ?? u, icBefore: 0, ic: 0, p: s.peepholes?.data ?? u, ip: s.peepholes?.start ?? 0,
    seen: shown ?? u, iseen: 0, v: u, iv: early,
  }
  return () => {
    matmul(projected, 0, xRow, input, 1, width, D)
    if (first) {
      for (let j = 0; j < width; j++) u[j] = first.data[first.start + j]
      if (second) for (let j = 0; j < width; j++) u[j] += second.data[second.start + j]
      for (let j = 0; j < width; j++) projected[j] += u[j]
    }
    matmul(u, 0, hRow, weight, 1, early, O)
    if (bias) for (let j = 0; j < early; j++) u[j] += bias.data[bias.start + j]
    gates.forward(row, tanh)
    if (then) matmul(gates.candidate ? u : h, gates.candidate ? early : 0, shownRow, then, 1, O, H)
    gates.candidate?.forward(row, tanh)
  }
}

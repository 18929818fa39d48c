// A recurrent cell over a whole sequence as one op, with the gradients of backpropagation through time.
//
//   u_t = h_{t-1} W^T + b,   m_t, c_t = gates(projected_t, u_t, h_{t-1}, c_{t-1}),   h_t = m_t or m_t P^T
//
// The device runs through the steps and back, one product a step, and hands out d(projected) and d(u) of all
// steps. What is shared over time needs no steps: one product (or sum) over all T B rows at once.
//   dW = d(u)^T h_before        db = sum of d(u)        dP = d(h)^T m        dp = sum of d(u) ⊙ c
// Its definition is the composed form, nn/unroll.ts over a cell's `advance`; test/fused.test.ts holds both
// equal. It has no second derivative. Next: cpu/recurrence.ts, how it is computed.

import { check, show, TapeError } from '../check.ts'
import { adopt, isRecording } from '../context.ts'
import type {
  FusedOps, GateKind, Memory, Recurrence, RecurrenceGradients, RecurrenceTrace,
} from '../device.ts'
import { type Shape, sizeOf } from '../shape.ts'
import { recordSparse, type Replays } from '../tape.ts'
import { checkFloats, commonDevice, Tensor } from '../tensor.ts'
import { add, checkIndices, mul } from './elementwise.ts'
import { matmul } from './matmul.ts'
import { concat, split } from './move.ts'
import { sum } from './reduce.ts'

export interface RecurrenceParts {
  readonly kind: GateKind
  /** x W_ih^T + b of all steps [T, B, G H] */
  readonly projected: Tensor
  /** [G H, O] */
  readonly weight_hh: Tensor
  /** [G H], where the gates need it by itself: inside the reach of a gru's r */
  readonly bias_hh?: Tensor | undefined
  /** [3 H], for a peephole lstm: of the gates i, f and o */
  readonly weight_ch?: Tensor | undefined
  /** [P, H], for an lstm, with peepholes or without */
  readonly weight_hr?: Tensor | undefined
  /** the state before the first step [B, O], and, of lstms, [B, H] */
  readonly h: Tensor
  readonly c?: Tensor | undefined
}

export interface RecurrenceOptions extends Pick<Replays, 'unfold'> {
  /** from t = T - 1 to 0 */
  reverse?: boolean
  /** [B] int32: a sequence's state stands still at t >= its length */
  lengths?: Tensor | undefined
}

const GATES: Record<GateKind, number> = { tanh: 1, relu: 1, sigmoid: 1, lstm: 4, peephole: 4, gru: 3 }

/**
 * All steps of a cell. Returns every state h_t [T, B, O], the last h [B, O], and for lstms the last c.
 * @throws ShapeError if sizes do not fit, TapeError if the device has no such op, or when a second derivative
 * is asked for
 */
export function recurrence(parts: RecurrenceParts, options: RecurrenceOptions = {}): Tensor[] {
  const { projected, weight_hh, bias_hh, weight_ch, weight_hr, h, c } = parts
  const named = Object.entries({ projected, weight_hh, bias_hh, weight_ch, weight_hr, h, c })
  const given = named.flatMap(([name, x]) => (x ? [[name as Name, x] as const] : []))
  const inputs = given.map(([, x]) => x)
  checkFloats('recurrence', ...inputs)
  const device = commonDevice('recurrence', options.lengths ? [...inputs, options.lengths] : inputs)
  const { fused } = device
  if (!fused) throw new TapeError(`recurrence: ${device.name} has no such op; unroll the cell step by step`)
  const sequence = sequenceOf(parts, options)
  const save = isRecording()
  const trace = fused.recurrenceForward(sequence, save)
  const { T, B, H, outputs: O, reverse } = sequence
  const end = reverse ? 0 : T
  const results = [
    { memory: trace.h, offset: reverse ? 0 : B * O, shape: [T, B, O] },
    // copies, so that a state may be kept or given back without the outputs
    { memory: rowOf(trace.h, end, [B, O]), shape: [B, O] },
    ...(trace.c ? [{ memory: rowOf(trace.c, end, [B, H]), shape: [B, H] }] : []),
  ]
  if (save) for (const memory of [trace.c, trace.gates, trace.shown]) if (memory) adopt(memory)
  if (!save && trace.c) device.free(trace.c)
  return recordSparse('recurrence', inputs, results, (dys) => {
    const gradients = gradientsOf(weight_hh, fused, sequence, trace, dys)
    return given.map(([name]) => gradients[name])
  }, { unfold: options.unfold })
}

type Name = Exclude<keyof RecurrenceParts, 'kind'>

/** Row t of a history, in memory of its own. */
function rowOf(memory: Memory, t: number, shape: Shape): Memory {
  const size = sizeOf(shape)
  return memory.device.window({ memory, offset: t * size, shape }, 0, [1], [size])
}

function sequenceOf(parts: RecurrenceParts, { reverse = false, lengths }: RecurrenceOptions): Recurrence {
  const { kind, projected, weight_hh, bias_hh, weight_ch, weight_hr, h, c } = parts
  const G = GATES[kind]
  check(projected.rank === 3 && projected.shape[0] > 0 && projected.shape[2] % G === 0, () =>
    `recurrence: projected is ${show(projected.shape)}; it must be [T, B, ${G} H], with one step or more`)
  const [T, B, width] = projected.shape
  const H = width / G
  const outputs = weight_hr ? weight_hr.shape[0] : H
  const need = (name: string, x: Tensor | undefined, shape: Shape) =>
    check(!x || show(x.shape) === show(shape), () =>
      `recurrence: ${name} is ${show(x!.shape)}; it must be ${show(shape)}`)
  need('weight_hh', weight_hh, [width, outputs])
  need('bias_hh', bias_hh, [width])
  need('weight_ch', weight_ch, [3 * H])
  need('weight_hr', weight_hr, [outputs, H])
  need('h', h, [B, outputs])
  need('c', c, [B, H])
  need('lengths', lengths, [B])
  if (lengths) checkIndices('recurrence', lengths)
  const hasC = kind === 'lstm' || kind === 'peephole'
  check((c !== undefined) === hasC && (hasC || !weight_hr), () =>
    `recurrence: kind is ${kind}; an lstm needs c, and no other kind takes c or weight_hr`)
  check((weight_ch !== undefined) === (kind === 'peephole') && !(weight_ch && bias_hh), () =>
    `recurrence: kind is ${kind}; peephole needs weight_ch, takes no bias_hh (put it into projected), ` +
    'and no other kind takes weight_ch')
  return {
    kind, T, B, H, outputs, projected, weight: weight_hh, bias: bias_hh ?? null,
    peepholes: weight_ch ?? null, projection: weight_hr ?? null, h, c: c ?? null,
    lengths: lengths ?? null, reverse,
  }
}

/** How each input's gradient is computed. The run through the steps is done once, when the first is asked. */
function gradientsOf(
  weight_hh: Tensor, fused: FusedOps, sequence: Recurrence, trace: RecurrenceTrace,
  [dy, dh, dc]: readonly (Tensor | null)[],
): Record<Name, () => Tensor> {
  if (isRecording()) {
    throw new TapeError('recurrence: it has no second derivative; record the steps one by one: ' +
      'composed(() => unroll(cell, xs))')
  }
  const { T, B, H, outputs: O, reverse } = sequence
  const width = sequence.weight.shape[0]
  let found: RecurrenceGradients | undefined
  function steps(): RecurrenceGradients {
    if (found) return found
    found = fused.recurrenceBackward(sequence, trace, dy, { h: dh, c: dc ?? null })
    const { projected, recurrent, outputs, passed, c } = found
    const all = [projected, recurrent, outputs, passed?.memory, c?.memory]
    for (const memory of new Set(all)) if (memory) adopt(memory)
    return found
  }
  const view = (memory: Memory | null, ...shape: number[]) => new Tensor(memory!, 0, shape)
  const du = () => view(steps().recurrent, T * B, width)
  const before = () => new Tensor(trace.h, reverse ? B * O : 0, [T * B, O]) // h before each step
  function beforeFirst(): Tensor {
    const { recurrent, passed } = steps()
    const first = new Tensor(recurrent, reverse ? (T - 1) * B * width : 0, [B, width])
    const through = matmul(first, weight_hh)
    return passed ? add(through, new Tensor(passed.memory, passed.offset, [B, O])) : through
  }
  return {
    projected: () => view(steps().projected, T, B, width),
    weight_hh: () => matmul(du(), before(), { transposeA: true }),
    bias_hh: () => sum(du(), 0),
    weight_ch: () => peepholeGradient(view(steps().projected, T * B, width), trace, sequence),
    weight_hr: () =>
      matmul(view(steps().outputs, T * B, O), view(trace.shown, T * B, H), { transposeA: true }),
    h: beforeFirst,
    c: () => {
      const { memory, offset } = steps().c!
      return new Tensor(memory, offset, [B, H])
    },
  }
}

/** Of i and f with the c before each step, of o with the c after it, summed over all steps and sequences. */
function peepholeGradient(du: Tensor, { c }: RecurrenceTrace, { B, H, reverse }: Recurrence): Tensor {
  const rows = du.shape[0]
  const before = new Tensor(c!, reverse ? B * H : 0, [rows, H])
  const after = new Tensor(c!, reverse ? 0 : B * H, [rows, H])
  const [i, f, , o] = split(du, [H, H, H, H], 1)
  return concat([sum(mul(i, before), 0), sum(mul(f, before), 0), sum(mul(o, after), 0)])
}

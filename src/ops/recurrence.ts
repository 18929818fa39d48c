// A recurrent cell over a whole sequence as one op, with the gradients of backpropagation through time.
//
//   u_t = h_{t-1} W^T + b,   m_t, c_t = gates(projected_t, u_t, h_{t-1}, c_{t-1}),   h_t = m_t or m_t P^T
//
// The device runs through the steps and back, one product a step, and hands out d(projected) and d(u) of all
// steps. What is shared over time needs no steps: one product (or sum) over all T B rows at once.
//   dW = d(u)^T h_before        db = sum of d(u)        dP = d(h)^T m        dp = sum of d(u) ⊙ c
// Runs of one kind and size go side by side, as the two directions of a layer do: a device may step them
// together. The definition is the composed form, nn/unroll.ts over a cell's `advance`; test/fused.test.ts
// holds both equal. It has no second derivative. Next: cpu/recurrence.ts, how it is computed.

import { check, checkKind, show, TapeError } from '../check.ts'
import { adopt, isRecording } from '../context.ts'
import type {
  FusedOps, GateKind, Memory, Recurrence, RecurrenceGradients, RecurrenceTrace, Run,
} from '../device.ts'
import { sameShape, type Shape, sizeOf } from '../shape.ts'
import { recordSparse, type Replays, type Result } from '../tape.ts'
import { checkFloats, commonDevice, Tensor, zeros } from '../tensor.ts'
import { add, checkIndices, mul } from './elementwise.ts'
import { matmul } from './matmul.ts'
import { concat, slice, split } from './move.ts'
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
  /** from t = T - 1 to 0 */
  readonly reverse?: boolean | undefined
  /** nothing goes back in time through u_t, only through an lstm's c: nn/memory-blocks.ts; default false */
  readonly truncated?: boolean | undefined
}

export interface RecurrenceOptions extends Pick<Replays, 'unfold'> {
  /** [B] int32: a sequence's state stands still at t >= its length */
  lengths?: Tensor | undefined
}

/** G */
export const GATES: Record<GateKind, number> = {
  tanh: 1, relu: 1, sigmoid: 1, lstm1997: 3, lstm2000: 4, lstm: 4, peephole: 4, coupled: 3,
  gru: 3, gruBefore: 3, gruChung: 3,
}

/** The kinds that have a c beside h. */
const LSTMS: readonly GateKind[] = ['lstm1997', 'lstm2000', 'lstm', 'peephole', 'coupled']

/** Whether the last gate's product is with r ⊙ h, not with h. */
const resetsBefore = (kind: GateKind) => kind === 'gruBefore' || kind === 'gruChung'

/**
 * All steps of a cell. Returns every state h_t [T, B, O], the last h [B, O], and for lstms the last c.
 * @throws ShapeError if sizes do not fit, TapeError if the device has no such op, or when a second derivative
 * is asked for
 */
export function recurrence(parts: RecurrenceParts, options: RecurrenceOptions = {}): Tensor[] {
  checkKind('recurrence: the object of its parts', parts, 'an object')
  return recurrences([parts], options)[0]
}

/**
 * Runs that are alike, side by side: what `recurrence` returns for each. Their states h_t lie in one memory.
 * @throws ShapeError if they are not alike, and what `recurrence` throws
 */
export function recurrences(
  list: readonly RecurrenceParts[], options: RecurrenceOptions = {},
): Tensor[][] {
  checkKind('recurrences: the list of runs', list, 'a list')
  checkKind('recurrence: the object of its options', options, 'an object')
  const { lengths, unfold } = options
  const given = list.flatMap(tensorsOf)
  const inputs = given.map(({ x }) => x)
  checkFloats('recurrence', ...inputs)
  const device = commonDevice('recurrence', lengths ? [...inputs, lengths] : inputs)
  const { fused } = device
  if (!fused?.kinds.includes(list[0].kind)) {
    throw new TapeError(`recurrence: ${device.name} has no such op; unroll the cell step by step`)
  }
  const whole = recurrenceOf(list, lengths)
  const save = isRecording()
  const trace = fused.recurrenceForward(whole, save)
  const results = allResults(whole, trace)
  if (save) for (const memory of [trace.c, trace.gates, trace.shown]) if (memory) adopt(memory)
  if (!save && trace.c) device.free(trace.c)
  const each = <X>(flat: readonly X[]) =>
    results.map(({ length }, s) => flat.slice(s * length, (s + 1) * length))
  return each(recordSparse('recurrence', inputs, results.flat(), (dys) => {
    const gradients = gradientsOf(fused, whole, trace, list, each(dys))
    return given.map(({ s, name }) => gradients[s][name])
  }, { unfold }))
}

/** Whether runs may go side by side: of one kind, each part of one size. */
export function alike(list: readonly RecurrenceParts[]): boolean {
  return list.slice(1).every((parts) => formOf(parts) === formOf(list[0]))
}

function formOf(parts: RecurrenceParts): string {
  const kind = parts.truncated ? `${parts.kind} truncated` : parts.kind
  return [kind, ...tensorsOf(parts, 0).map(({ name, x }) => `${name} ${show(x.shape)}`)].join(', ')
}

type Name = Exclude<keyof RecurrenceParts, 'kind' | 'reverse' | 'truncated'>
const NAMES = ['projected', 'weight_hh', 'bias_hh', 'weight_ch', 'weight_hr', 'h', 'c'] as const

/** The parts that there are of run s. */
function tensorsOf(
  parts: RecurrenceParts, s: number,
): { readonly s: number, readonly name: Name, readonly x: Tensor }[] {
  return NAMES.filter((name) => parts[name]).map((name) => ({ s, name, x: parts[name]! }))
}

/** Of each run; the trace is given back if there is no room for them. */
function allResults(whole: Recurrence, trace: RecurrenceTrace): Result[][] {
  const taken = [trace.h, trace.c, trace.gates, trace.shown].filter((memory) => memory !== null)
  try {
    return whole.runs.map((_, s) => resultsOf(whole, trace, s, taken))
  } catch (error) {
    for (const memory of taken) memory.device.free(memory)
    throw error
  }
}

/** Of run s: all states, and the last one. What is taken for them is added to `taken`. */
function resultsOf(
  { T, B, H, outputs: O, runs }: Recurrence, { h, c }: RecurrenceTrace, s: number, taken: Memory[],
): Result[] {
  const { reverse } = runs[s]
  const edge = s * (T + 1) // the first row of its history
  const end = edge + (reverse ? 0 : T)
  function last(history: Memory, size: number): Result {
    const memory = rowOf(history, end, [B, size])
    taken.push(memory)
    return { memory, shape: [B, size] }
  }
  return [
    { memory: h, offset: (edge + (reverse ? 0 : 1)) * B * O, shape: [T, B, O] },
    // copies, so that a state may be kept or given back without the outputs
    last(h, O),
    ...(c ? [last(c, H)] : []),
  ]
}

/** Row t of a history, in memory of its own. */
function rowOf(memory: Memory, t: number, shape: Shape): Memory {
  const size = sizeOf(shape)
  return memory.device.window({ memory, offset: t * size, shape }, 0, [1], [size])
}

function recurrenceOf(list: readonly RecurrenceParts[], lengths: Tensor | undefined): Recurrence {
  const [{ kind, projected, weight_hr, truncated = false }] = list
  const G = GATES[kind]
  check(projected.rank === 3 && projected.shape[0] > 0 && projected.shape[2] % G === 0, () =>
    `recurrence: projected is ${show(projected.shape)}; it must be [T, B, ${G} H], with one step or more`)
  const [T, B, width] = projected.shape
  const H = width / G
  const outputs = weight_hr ? weight_hr.shape[0] : H
  checkSize('lengths', lengths, [B])
  if (lengths) checkIndices('recurrence', lengths)
  check(alike(list), () =>
    `recurrence: runs side by side must be alike; these are ${list.map(formOf).join(' and ')}`)
  const runs = list.map((parts) => runOf(parts, [B, H, outputs, width]))
  return { kind, T, B, H, outputs, lengths: lengths ?? null, truncated, runs }
}

function checkSize(name: string, x: Tensor | undefined, shape: Shape): void {
  check(!x || sameShape(x.shape, shape), () =>
    `recurrence: ${name} is ${show(x!.shape)}; it must be ${show(shape)}`)
}

function runOf(parts: RecurrenceParts, [B, H, outputs, width]: readonly number[]): Run {
  const { kind, projected, weight_hh, bias_hh, weight_ch, weight_hr, h, c, reverse = false } = parts
  checkSize('weight_hh', weight_hh, [width, outputs])
  checkSize('bias_hh', bias_hh, [width])
  checkSize('weight_ch', weight_ch, [3 * H])
  checkSize('weight_hr', weight_hr, [outputs, H])
  checkSize('h', h, [B, outputs])
  checkSize('c', c, [B, H])
  const hasC = LSTMS.includes(kind)
  check((c !== undefined) === hasC && (hasC || !weight_hr), () =>
    `recurrence: kind is ${kind}; an lstm needs c, and no other kind takes c or weight_hr`)
  check((weight_ch !== undefined) === (kind === 'peephole') && !(weight_ch && bias_hh), () =>
    `recurrence: kind is ${kind}; peephole needs weight_ch, takes no bias_hh (put it into projected), ` +
    'and no other kind takes weight_ch')
  check(!parts.truncated || (hasC && !weight_hr), () =>
    `recurrence: kind is ${kind}, truncated; only an lstm without weight_hr has no other way back than c`)
  check(!resetsBefore(kind) || !bias_hh, () =>
    `recurrence: kind is ${kind}; it takes no bias_hh (put it into projected)`)
  return {
    projected, weight: weight_hh, bias: bias_hh ?? null, peepholes: weight_ch ?? null,
    projection: weight_hr ?? null, h, c: c ?? null, reverse,
  }
}

/** How each run's inputs' gradients are computed. The way back is gone once, when the first is asked. */
function gradientsOf(
  fused: FusedOps, whole: Recurrence, trace: RecurrenceTrace, list: readonly RecurrenceParts[],
  dys: readonly (readonly (Tensor | null)[])[],
): Record<Name, () => Tensor>[] {
  if (isRecording()) {
    throw new TapeError('recurrence: it has no second derivative; record the steps one by one: ' +
      'composed(() => unroll(cell, xs))')
  }
  let found: RecurrenceGradients | undefined
  function steps(): RecurrenceGradients {
    if (found) return found
    found = fused.recurrenceBackward(whole, trace, dys.map(([y, h, c]) => ({ y, h, c: c ?? null })))
    const { projected, recurrent, outputs, passed, c } = found
    const all = [projected, recurrent, outputs, passed?.memory, c?.memory]
    for (const memory of new Set(all)) if (memory) adopt(memory)
    return found
  }
  return list.map(({ weight_hh }, s) => runGradients(whole, trace, s, weight_hh, steps))
}

/** The gradients of run s, given those of the steps of all runs. */
function runGradients(
  { kind, T, B, H, outputs: O, truncated, runs }: Recurrence, trace: RecurrenceTrace, s: number,
  weight_hh: Tensor, steps: () => RecurrenceGradients,
): Record<Name, () => Tensor> {
  const { reverse } = runs[s]
  const width = weight_hh.shape[0]
  /** piece s of what lies in a memory from `start` on */
  const piece = (memory: Memory | null, shape: Shape, start = 0) =>
    new Tensor(memory!, start + s * sizeOf(shape), shape)
  /** the state at the edge before, or after, each step */
  const edges = (memory: Memory | null, size: number, after: boolean) =>
    new Tensor(memory!, (s * (T + 1) + (after !== reverse ? 1 : 0)) * B * size, [T * B, size])
  const du = () => piece(steps().recurrent, [T * B, width])
  function beforeFirst(): Tensor {
    const { recurrent, passed } = steps()
    const past = passed && piece(passed.memory, [B, O], passed.offset)
    if (truncated) return past ?? zeros([B, O], weight_hh.device)
    const first = new Tensor(recurrent, (s * T + (reverse ? T - 1 : 0)) * B * width, [B, width])
    const through = resetsBefore(kind) ? matmul(slice(first, 1, 0, 2 * H), slice(weight_hh, 0, 0, 2 * H))
      : matmul(first, weight_hh)
    return past ? add(through, past) : through
  }
  /** d(u)^T times what was multiplied: h before each step, or the r ⊙ h of a candidate */
  function ofWeight(): Tensor {
    const before = edges(trace.h, O, false)
    if (!resetsBefore(kind)) return matmul(du(), before, { transposeA: true })
    const [early, late] = split(du(), [2 * H, H], 1)
    const seen = piece(trace.shown, [T * B, H])
    return concat([matmul(early, before, { transposeA: true }), matmul(late, seen, { transposeA: true })])
  }
  /** of i and f with the c before each step, of o with the c after it, summed over all steps and sequences */
  function ofPeepholes(): Tensor {
    const [before, after] = [edges(trace.c, H, false), edges(trace.c, H, true)]
    const [i, f, , o] = split(piece(steps().projected, [T * B, width]), [H, H, H, H], 1)
    return concat([sum(mul(i, before), 0), sum(mul(f, before), 0), sum(mul(o, after), 0)])
  }
  return {
    projected: () => piece(steps().projected, [T, B, width]),
    weight_hh: ofWeight,
    bias_hh: () => sum(du(), 0),
    weight_ch: ofPeepholes,
    weight_hr: () =>
      matmul(piece(steps().outputs, [T * B, O]), piece(trace.shown, [T * B, H]), { transposeA: true }),
    h: beforeFirst,
    c: () => piece(steps().c!.memory, [B, H], steps().c!.offset),
  }
}

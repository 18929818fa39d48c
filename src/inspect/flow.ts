// Gradient flow: what backpropagation through time sums, made visible.
//
//   dLoss/dh_t       for every layer, direction and t: how strongly the loss still depends on that state, by
//                    all ways: through later steps, this step's output, and for an LSTM's c_t through its h_t
//   contributions    each step's own term of a shared weight's gradient: dLoss/dW = sum over t of these
//
// Where a gradient vanishes, dLoss/dh_t falls off exponentially as t goes back from the loss; where it
// explodes, it grows (Bengio et al. 1994; Pascanu et al. 2013). What was done for all steps at once is looked
// at step by step: of an input product, each step's own gradient (`replay`); a fused layer is done again by
// elementary ops (`unfold`). Next: nn/unroll.ts, where both are made.

import { checkKind } from '../check.ts'
import { showWhere, type Where } from '../context.ts'
import { add, mul, sqrt, square } from '../ops/elementwise.ts'
import { sum } from '../ops/reduce.ts'
import { untracked } from '../scope.ts'
import { checkTape, Tape, type TapeRecord } from '../tape.ts'
import { checkTensor, dispose, namedTensors, type Tensor, type Tensors } from '../tensor.ts'

export interface FlowEntry {
  /** h, c, ... for a state; the name for a parameter */
  readonly name: string
  readonly layer: number
  readonly direction: 'forward' | 'reverse'
  readonly t: number
  /** the Euclidean norm over all values (and the batch) */
  readonly norm: number
}

export interface GradientFlow {
  /** dLoss/d(state_t) */
  readonly states: readonly FlowEntry[]
  /** each step's own contribution to each parameter's gradient */
  readonly contributions: readonly FlowEntry[]
}

/** A norm that is still on the device; none where the loss does not depend on the state at all. */
interface Measured {
  name: string
  where: Where
  norm?: Tensor
}

/**
 * The norms of dLoss/dh_t and of each step's contribution to each parameter, by name, layer, direction and t.
 * @param tape the tape that recorded the loss: still open, not stale
 * @param params the parameters whose contributions are wanted: a list, or by name; none, if left out
 */
export async function gradientFlow(
  tape: Tape, loss: Tensor, params: Tensors = [],
): Promise<GradientFlow> {
  checkTape('gradientFlow', tape)
  checkTensor('gradientFlow', loss)
  const named = namedTensors('gradientFlow', params)
  const isFolded = tape.records.some((record) => record.unfold)
  if (named.length === 0 && !isFolded) {
    return { states: await statesAlone(tape, loss, statesOf(tape)), contributions: [] }
  }
  const contributions = new Contributions(tape, named)
  const states: Measured[] = []
  follow(tape, loss, (x) => measure(tape, x), states, contributions)
  contributions.flush()
  return { states: await readAll(states), contributions: await readAll(contributions.measured) }
}

/** Goes through a tape's records and measures what they say of single steps. */
function follow(
  tape: Tape, loss: Tensor, norm: (x: Tensor) => Tensor, found: Measured[], contributions: Contributions,
): void {
  const states = statesOf(tape)
  found.push(...states.values())
  const folded = new Set(tape.records.filter((record) => record.unfold))
  tape.backward(loss, outsiders(tape), (record, dys, dxs) => {
    const { where } = record
    record.outputs.forEach((y, k) => {
      const state = states.get(y)
      if (state && dys[k]) state.norm = norm(dys[k])
    })
    if (folded.delete(record)) {
      unfolded(record, (inner, again) => follow(inner, again, norm, found, contributions), dys)
    } else if (record.replay) {
      contributions.addReplayed(record, dys)
    } else if (typeof where.t === 'number') {
      record.inputs.forEach((x, k) => contributions.add(where, x, dxs[k]))
    }
  })
  // no gradient came to these; their states are to be named all the same
  for (const record of folded) unfolded(record, (inner) => found.push(...statesOf(inner).values()))
}

/**
 * An op that did many steps at once, step by step on a tape of its own: with the gradients dys of its
 * outputs, the loss sum_k y_k dy_k has the same gradients for all that went into it.
 */
function unfolded(
  { unfold }: TapeRecord, seen: (inner: Tape, loss: Tensor) => void, dys: readonly (Tensor | null)[] = [],
): void {
  untracked(() => {
    const inner = new Tape()
    const ys = unfold!()
    const terms = ys.flatMap((y, k) => (dys[k] ? [sum(mul(y, dys[k]))] : []))
    seen(inner, terms.length > 0 ? terms.reduce(add) : sum(ys[0]))
    inner.close()
  })
}

/** The states' norms without going on to the parameters, which would cost half as much again. */
async function statesAlone(
  tape: Tape, loss: Tensor, states: ReadonlyMap<Tensor, Measured>,
): Promise<FlowEntry[]> {
  const wanted = [...states]
  const dstates = tape.gradients(loss, wanted.map(([state]) => state))
  wanted.forEach(([, state], k) => { state.norm = measure(tape, dstates[k]) })
  return readAll([...states.values()])
}

/** All that the tape did not compute: parameters, inputs, the first state. Gradients are followed to them. */
function outsiders(tape: Tape): Tensor[] {
  const computed = new Set(tape.records.flatMap((record) => record.outputs))
  const inputs = tape.records.flatMap((record) => record.inputs)
  return [...new Set(inputs)].filter((x) => !computed.has(x) && x.dtype !== 'int32')
}

/**
 * Every state, by the tensor whose gradient is dLoss/dstate_t. That is the one which step t computed, since
 * the step's output may be made from it too; a part of the state that was only handed on has its `state`
 * record alone.
 */
function statesOf(tape: Tape): Map<Tensor, Measured> {
  const made = new Map<Tensor, string>() // by which step
  const states = new Map<Tensor, Measured>()
  for (const { op, inputs: [x], outputs, where } of tape.records) {
    const place = showWhere(where)
    outputs.forEach((y) => made.set(y, place))
    if (!op.startsWith('state ')) continue
    states.set(made.get(x) === place ? x : outputs[0], { name: op.slice(6), where })
  }
  return states
}

function measure(tape: Tape, x: Tensor): Tensor {
  return tape.keep(untracked(() => sqrt(sum(square(x)))))
}

/** Sums what the ops of one step contribute to each parameter, and measures it when the next step begins. */
class Contributions {
  readonly measured: Measured[] = []
  private readonly tape: Tape
  private readonly names: Map<Tensor, string>
  private sums = new Map<Tensor, Tensor>()
  private place: Where = {}

  constructor(tape: Tape, params: readonly [string, Tensor][]) {
    this.tape = tape
    this.names = new Map(params.map(([name, x]) => [x, name]))
  }

  add(where: Where, x: Tensor, dx: Tensor | null): void {
    if (!dx || !this.names.has(x)) return
    if (showWhere(where) !== showWhere(this.place)) this.flush()
    this.place = where
    const sum = this.sums.get(x)
    this.sums.set(x, this.tape.keep(sum ? untracked(() => add(sum, dx)) : dx, sum))
  }

  /** The input product of all steps: each step's part, from that step's pre-activation gradient alone. */
  addReplayed({ where, replay }: TapeRecord, dys: readonly (Tensor | null)[]): void {
    const wanted = [...this.names.keys()]
    dys.forEach((dy, t) => untracked(() => {
      const inner = new Tape()
      const loss = sum(mul(replay!(t), dy ?? 0))
      const used = new Set(inner.records.flatMap((record) => record.inputs))
      const mine = wanted.filter((x) => used.has(x))
      inner.gradients(loss, mine).forEach((dx, k) => this.add({ ...where, t }, mine[k], dx))
      inner.close()
    }))
  }

  flush(): void {
    for (const [x, sum] of this.sums) {
      this.measured.push({ name: this.names.get(x)!, where: this.place, norm: measure(this.tape, sum) })
      dispose(sum)
    }
    this.sums = new Map()
  }
}

async function readAll(measured: readonly Measured[]): Promise<FlowEntry[]> {
  const entries: FlowEntry[] = []
  for (const { name, where: { layer = 0, direction = 'forward', t }, norm } of measured) {
    entries.push({ name, layer, direction, t: Number(t), norm: norm ? await norm.item() : 0 })
    if (norm) dispose(norm)
  }
  const order = ({ name, layer, direction, t }: FlowEntry) =>
    `${name} ${String(layer).padStart(4)} ${direction} ${String(t).padStart(9)}`
  return entries.sort((a, b) => (order(a) < order(b) ? -1 : 1))
}

/** A bar chart in text, one line per step; bars are logarithmic, from 1e-12 of the largest norm up to it. */
export function formatFlow(entries: readonly FlowEntry[], width = 40): string {
  checkKind('formatFlow: the list of its entries', entries, 'a list')
  const largest = entries.reduce((most, { norm }) => Math.max(most, norm), 0)
  const lines: string[] = []
  let title = ''
  for (const { name, layer, direction, t, norm } of entries) {
    const place = `${name}, layer ${layer}, ${direction}`
    if (place !== title) lines.push(place)
    title = place
    const share = norm > 0 && largest < Infinity ? Math.max(0, 1 + Math.log10(norm / largest) / 12) : 0
    const bar = '█'.repeat(Math.round(share * width))
    lines.push(`${String(t).padStart(6)}  ${norm.toExponential(3)}  ${bar}`.trimEnd())
  }
  return lines.join('\n')
}

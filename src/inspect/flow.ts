// Gradient flow: what backpropagation through time sums, made visible.
//
//   dLoss/dh_t          for every layer, direction and t: how strongly the loss still depends on that state
//   contributions       each step's own term of a shared weight's gradient: dLoss/dW = sum over t of contribution_t
//
// In a net whose gradient vanishes, dLoss/dh_t falls off exponentially as t goes back from the loss; where it explodes, it
// grows (Bengio et al. 1994; Pascanu et al. 2013). A cell whose input product is done for all steps at once has one gradient
// for the product; each step's part of it comes from that step's pre-activation gradient (`replay` in nn/unroll.ts).

import { showWhere, type Where } from '../context.ts'
import { add, mul, sqrt, square } from '../ops/elementwise.ts'
import { sum } from '../ops/reduce.ts'
import { Tape, type TapeRecord, untracked } from '../tape.ts'
import { dispose, Tensor } from '../tensor.ts'

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

/** A norm that is still on the device. */
interface Measured {
  name: string
  where: Where
  norm: Tensor
}

/**
 * The norms of dLoss/dh_t and of each step's contribution to each parameter, ordered by name, layer, direction and t.
 * @param tape the tape that recorded the loss: still open, not stale
 * @param params the parameters whose contributions are wanted; none, if left out
 */
export async function gradientFlow(
  tape: Tape, loss: Tensor, params: ReadonlyMap<string, Tensor> = new Map(),
): Promise<GradientFlow> {
  const states: Measured[] = []
  const contributions = new Contributions(tape, params)
  tape.backward(loss, outsiders(tape), (record, dys, dxs) => {
    const { op, where } = record
    if (op.startsWith('state ')) states.push({ name: op.slice(6), where, norm: measure(tape, dys[0]) })
    if (record.replay) contributions.addReplayed(record, dys)
    else if (typeof where.t === 'number') record.inputs.forEach((x, k) => contributions.add(where, x, dxs[k]))
  })
  contributions.flush()
  return { states: await readAll(states), contributions: await readAll(contributions.measured) }
}

/** Everything that the tape did not compute: parameters, inputs, the first state. Gradients are followed down to them. */
function outsiders(tape: Tape): Tensor[] {
  const computed = new Set(tape.records.flatMap((record) => record.outputs))
  const inputs = tape.records.flatMap((record) => record.inputs)
  return [...new Set(inputs)].filter((x) => !computed.has(x) && x.dtype !== 'int32')
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

  constructor(tape: Tape, params: ReadonlyMap<string, Tensor>) {
    this.tape = tape
    this.names = new Map([...params].map(([name, x]) => [x, name]))
  }

  add(where: Where, x: Tensor, dx: Tensor | null): void {
    if (!dx || !this.names.has(x)) return
    if (showWhere(where) !== showWhere(this.place)) this.flush()
    this.place = where
    const sum = this.sums.get(x)
    this.sums.set(x, this.tape.keep(sum ? untracked(() => add(sum, dx)) : dx, sum))
  }

  /** The input product of all steps: each step's part, from the gradient of that step's pre-activations alone. */
  addReplayed({ where, replay }: TapeRecord, dys: readonly Tensor[]): void {
    const wanted = [...this.names.keys()]
    dys.forEach((dy, t) => untracked(() => {
      const inner = new Tape()
      const loss = sum(mul(replay!(t), dy))
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
    entries.push({ name, layer, direction, t: Number(t), norm: await norm.item() })
    dispose(norm)
  }
  const order = (e: FlowEntry) => `${e.name} ${e.direction} ${String(e.layer).padStart(4)} ${String(e.t).padStart(9)}`
  return entries.sort((a, b) => (order(a) < order(b) ? -1 : 1))
}

/** A bar chart in text, one line per step; the bars are logarithmic, from 1e-12 to the largest norm. */
export function formatFlow(entries: readonly FlowEntry[], width = 40): string {
  const largest = Math.max(...entries.map((e) => e.norm), 1e-12)
  const lines: string[] = []
  let title = ''
  for (const { name, layer, direction, t, norm } of entries) {
    const place = `${name}, layer ${layer}, ${direction}`
    if (place !== title) lines.push(place)
    title = place
    const share = norm > 0 ? 1 - Math.log(norm / largest) / Math.log(1e-12 / largest) : 0
    lines.push(`${String(t).padStart(6)}  ${norm.toExponential(3)}  ${'█'.repeat(Math.max(0, Math.round(share * width)))}`)
  }
  return lines.join('\n')
}

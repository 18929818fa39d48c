// The gradients on their way back: one running sum per tensor, freed as soon as nothing needs it.
//
// A gradient is needed from the first op that contributes to it until its tensor's own record is passed;
// after that it is freed, unless it was asked for. So a backward pass through T steps holds a few steps'
// worth of gradients, not all of them, and the gradient of a shared weight is one buffer into which every
// step is added. None of this may happen while an outer tape records the backward pass (second derivatives):
// then sums are ops like any other, and the outer tape owns them. Next: ops/elementwise.ts, the first vjps.

import { check, checkThat, show } from './check.ts'
import { popped, pushed } from './context.ts'
import type { Memory } from './device.ts'
import { sameShape } from './shape.ts'
import { ones, Tensor, zeros } from './tensor.ts'
import { record, type TapeRecord, type Visitor } from './tape.ts'

export class Backward {
  private readonly sums = new Map<Tensor, Tensor>()
  /** memory allocated by this pass, with the number of sums (and results) that look at it */
  private readonly holders = new Map<Memory, number>()
  /** memory that no sum looks at, unless one took it up since */
  private readonly loose: Memory[] = []
  private readonly wrt: readonly Tensor[]
  private readonly asked: Set<Tensor>
  private readonly found = new Map<Tensor, Tensor>()
  /** who gets the results in the end; null if an outer tape records, and owns everything already */
  private readonly heir: { own(memory: Memory): void } | null

  constructor(wrt: readonly Tensor[], heir: { own(memory: Memory): void } | null) {
    this.wrt = wrt
    this.asked = new Set(wrt)
    this.heir = heir
    pushed(this)
  }

  /** As the innermost owner, it is told of all memory that vjps allocate. */
  own(memory: Memory): void {
    this.holders.set(memory, 0)
    this.loose.push(memory)
  }

  seed(loss: Tensor): void {
    this.add('gradients', loss, ones(loss.shape, loss.device))
  }

  /** The gradients of a record's outputs; null if it needs no visit: no gradient arrives, or none leaves. */
  take(record: TapeRecord, reached: ReadonlySet<Tensor>): Tensor[] | null {
    const { outputs } = record
    if (!outputs.some((y) => this.sums.has(y))) return null
    const passes = record.inputs.some((x) => reached.has(x))
    if (!passes && !outputs.some((y) => this.asked.has(y))) return null
    return outputs.map((y) => {
      const dy = this.sums.get(y)
      if (dy && this.asked.has(y)) this.hold(this.found, y, dy)
      return dy ?? zeros(y.shape, y.device)
    })
  }

  /** Runs a record's vjp, adds what it gives to the inputs' sums, and frees what is no longer needed. */
  step(
    record: TapeRecord, dys: readonly Tensor[], reached: ReadonlySet<Tensor>,
    watch: (dx: Tensor, k: number) => void, visit?: Visitor,
  ): void {
    const thunks = record.vjp(dys)
    checkThat(thunks.length === record.inputs.length, () =>
      `${record.op}: its vjp gives ${thunks.length} gradients for ${record.inputs.length} inputs; ` +
      'each input needs one, or null')
    const dxs = record.inputs.map((x, k) => {
      const thunk = thunks[k]
      if (!thunk || !reached.has(x)) return null
      const dx = thunk()
      watch(dx, k)
      return dx
    })
    visit?.(record, dys, dxs)
    dxs.forEach((dx, k) => { if (dx) this.add(record.op, record.inputs[k], dx) })
    for (const y of record.outputs) this.release(y)
    this.sweep()
  }

  /** The gradients that were asked for, now the tape's; zeros where the loss does not depend on them. */
  results(): Tensor[] {
    for (const [x, dx] of this.sums) if (this.asked.has(x)) this.hold(this.found, x, dx)
    const results = this.wrt.map((x) => this.found.get(x) ?? zeros(x.shape, x.device))
    if (this.heir) {
      for (const memory of new Set(results.map((x) => x.memory))) {
        if (this.holders.delete(memory)) this.heir.own(memory)
      }
    }
    return results
  }

  close(): void {
    popped(this)
    for (const memory of this.holders.keys()) memory.device.free(memory)
  }

  private add(op: string, x: Tensor, dx: Tensor): void {
    check(sameShape(x.shape, dx.shape), () =>
      `${op}: its vjp gives a gradient of shape ${show(dx.shape)} for an input of shape ${show(x.shape)}; ` +
      'they must be equal')
    const sum = this.sums.get(x)
    if (!sum) return this.hold(this.sums, x, dx)
    if (this.holders.get(sum.memory) === 1 && dx.memory !== sum.memory) return x.device.accumulate(sum, dx)
    this.release(x)
    this.hold(this.sums, x, addTensors(sum, dx))
  }

  private hold(into: Map<Tensor, Tensor>, x: Tensor, dx: Tensor): void {
    into.set(x, dx)
    const count = this.holders.get(dx.memory)
    if (count !== undefined) this.holders.set(dx.memory, count + 1)
  }

  private release(x: Tensor): void {
    const dx = this.sums.get(x)
    if (!dx) return
    this.sums.delete(x)
    const count = this.holders.get(dx.memory)
    if (count === undefined) return
    this.holders.set(dx.memory, count - 1)
    if (count === 1) this.loose.push(dx.memory)
  }

  /** Frees all memory of this pass that no sum looks at. */
  private sweep(): void {
    for (const memory of this.loose) {
      if (this.holders.get(memory) !== 0) continue
      this.holders.delete(memory)
      memory.device.free(memory)
    }
    this.loose.length = 0
  }
}

/** a + b for gradients of equal shape; an op of its own, since this floor is below ops/. */
function addTensors(a: Tensor, b: Tensor): Tensor {
  const result = { memory: a.device.binary('add', a, b, a.shape), shape: a.shape }
  return record('add', [a, b], result, (dy) => [() => dy, () => dy])
}

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
  private readonly wrt: readonly Tensor[]
  private readonly wanted: Set<Tensor>
  /** who owns the results in the end; null if an outer tape records, and owns everything already */
  private readonly owner: { own(memory: Memory): void } | null
  /** for each tensor, the sum of the gradients that have arrived so far */
  private readonly sums = new Map<Tensor, Tensor>()
  /**
   * How many sums lie in each memory that this pass allocated, or are about to. It can be more than one: the
   * vjp of a reshape gives a view of dy, that of an addition gives dy itself to both sides. A memory may be
   * freed when no sum is left in it, and added to in place while there is only one.
   */
  private readonly uses = new Map<Memory, number>()
  /** memory without a sum in it when it was put here: freed after the step, if that is still so */
  private readonly unused: Memory[] = []

  constructor(wrt: readonly Tensor[], owner: { own(memory: Memory): void } | null) {
    this.wrt = wrt
    this.wanted = new Set(wrt)
    this.owner = owner
    pushed(this)
  }

  /** As the innermost owner, it is told of all memory that vjps allocate. */
  own(memory: Memory): void {
    this.uses.set(memory, 0)
    this.unused.push(memory)
  }

  seed(loss: Tensor): void {
    this.add('gradients', loss, ones(loss.shape, loss.device))
  }

  /** The gradients of a record's outputs; null if it needs no visit: no gradient arrives, or none goes on. */
  take({ inputs, outputs }: TapeRecord, reached: ReadonlySet<Tensor>): (Tensor | null)[] | null {
    const arrives = outputs.some((y) => this.sums.has(y))
    const goesOn = inputs.some((x) => reached.has(x))
    if (!arrives || !goesOn) return null
    return outputs.map((y) => this.sums.get(y) ?? null)
  }

  /** Runs a record's vjp, adds what it gives to the inputs' sums, and frees what is no longer needed. */
  step(
    record: TapeRecord, dys: readonly (Tensor | null)[], reached: ReadonlySet<Tensor>,
    watch: ((record: TapeRecord, dx: Tensor, k: number) => void) | null, visit?: Visitor,
  ): void {
    const thunks = record.vjp(dys, record.outputs)
    checkThat(thunks.length === record.inputs.length, () =>
      `${record.op}: its vjp gives ${thunks.length} gradients for ${record.inputs.length} inputs; ` +
      'each input needs one, or null')
    const dxs = record.inputs.map((x, k) => {
      const thunk = thunks[k]
      if (!thunk || !reached.has(x)) return null
      const dx = thunk()
      watch?.(record, dx, k)
      return dx
    })
    visit?.(record, dys, dxs)
    // One result may be meant for two inputs: until it is added everywhere, nothing is added to it in place.
    for (const dx of dxs) if (dx) this.count(dx, 1)
    dxs.forEach((dx, k) => {
      if (!dx) return
      this.count(dx, -1)
      this.add(record.op, record.inputs[k], dx)
    })
    // All ops that used y come after its own, and have been passed: its sum is complete.
    for (const y of record.outputs) if (!this.wanted.has(y)) this.remove(y)
    this.freeUnused()
  }

  /** The gradients that were asked for, now the owner's; zeros where the loss does not depend on them. */
  results(): Tensor[] {
    const results = this.wrt.map((x) => this.sums.get(x) ?? zeros(x.shape, x.device))
    if (this.owner) {
      for (const memory of new Set(results.map((x) => x.memory))) {
        if (this.uses.delete(memory)) this.owner.own(memory)
      }
    }
    return results
  }

  /** Frees what is left, whether the pass came to its end or threw. */
  close(): void {
    popped(this)
    for (const memory of this.uses.keys()) memory.device.free(memory)
    this.uses.clear()
  }

  /** Adds dx to the sum of x: in place if no other sum lies in the same memory, else as a new sum. */
  private add(op: string, x: Tensor, dx: Tensor): void {
    check(sameShape(x.shape, dx.shape), () =>
      `${op}: its vjp gives a gradient of shape ${show(dx.shape)} for an input of shape ${show(x.shape)}; ` +
      'they must be equal')
    const sum = this.sums.get(x)
    if (!sum) return this.put(x, dx)
    if (this.uses.get(sum.memory) === 1 && dx.memory !== sum.memory) return x.device.accumulate(sum, dx)
    this.remove(x)
    this.put(x, addTensors(sum, dx))
  }

  /** Makes dx the sum of x. What is not this pass's (an outer tape's, an input's) is not counted or freed. */
  private put(x: Tensor, dx: Tensor): void {
    this.sums.set(x, dx)
    this.count(dx, 1)
  }

  private count({ memory }: Tensor, by: number): void {
    const count = this.uses.get(memory)
    if (count !== undefined) this.uses.set(memory, count + by)
  }

  private remove(x: Tensor): void {
    const dx = this.sums.get(x)
    if (!dx) return
    this.sums.delete(x)
    const count = this.uses.get(dx.memory)
    if (count === undefined) return
    this.uses.set(dx.memory, count - 1)
    if (count === 1) this.unused.push(dx.memory)
  }

  private freeUnused(): void {
    for (const memory of this.unused) {
      if (this.uses.get(memory) !== 0) continue // a sum was put into it since, or it is freed already
      this.uses.delete(memory)
      memory.device.free(memory)
    }
    this.unused.length = 0
  }
}

/** a + b for gradients of equal shape; an op of its own, since this floor is below ops/. */
function addTensors(a: Tensor, b: Tensor): Tensor {
  const result = { memory: a.device.binary('add', a, b, a.shape), shape: a.shape }
  return record('add', [a, b], result, (dy) => [() => dy, () => dy])
}

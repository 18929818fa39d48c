// The tape: reverse-mode automatic differentiation, in one short file.
//
// Every op appends a record { op, inputs, outputs, vjp, where }. The order of calls already is a topological
// order, so the backward pass is a loop over the records from last to first. With dy = dLoss/dy for a
// record's output y, its vjp (vector-Jacobian product) gives dLoss/dx for each input x, and a tensor that was
// used several times gets the sum:
//   dLoss/dx = sum over the ops y = f(x) of (dy/dx)^T dLoss/dy
//
// Gradients are a map that is returned, not a field of the tensor: asking twice gives the same numbers.
// vjps are written with the same ops, so that a tape inside a tape records them and gives second derivatives.
// Next: backward.ts for how sums of gradients are held, ops/elementwise.ts for the vjps.

import { Backward } from './backward.ts'
import { check, checkParts, checkThat, describe, NonFiniteError, show, TapeError } from './check.ts'
import {
  adopt, at, currentRecorders, currentWhere, isRecording, pushRecord, type Recorder, recordingTo,
  setRecorders, showWhere, type Where,
} from './context.ts'
import type { Memory } from './device.ts'
import type { Shape } from './shape.ts'
import { Scope } from './scope.ts'
import { checkOptionNames } from './suggest.ts'
import { commonDevice, namedTensors, Tensor, type Tensors, zeros } from './tensor.ts'

/** One gradient for each input, computed only if asked for; null says "no gradient, on purpose". */
export type Gradients<I extends readonly Tensor[]> = { readonly [K in keyof I]: (() => Tensor) | null }

export interface TapeRecord {
  readonly op: string
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  /** dys[i] is the gradient of output i; null if nothing depends on it */
  readonly vjp: (
    dys: readonly (Tensor | null)[], ys: readonly Tensor[],
  ) => readonly ((() => Tensor) | null)[]
  readonly where: Where
  readonly replay: Replays['replay']
  readonly unfold: Replays['unfold']
}

/** How an op that did the work of all time steps is looked at step by step (inspect/flow.ts). */
export interface Replays {
  /** one product gave the outputs: computes output t alone again */
  readonly replay?: ((t: number) => Tensor) | undefined
  /** a fused op: computes the outputs again by elementary ops, in the same order */
  readonly unfold?: (() => readonly Tensor[]) | undefined
}

/** What an op computed: new memory, or a view (the same memory as an input's). */
export interface Result {
  readonly memory: Memory
  readonly shape: Shape
  readonly offset?: number
}

/**
 * Makes an op's output and, if a tape is open, records how gradients flow through it. The only way for an op
 * to make a tensor, so that an op without a vjp, or with too few gradients for its inputs, does not compile.
 */
export function record<const I extends readonly Tensor[]>(
  op: string, inputs: I, result: Result, vjp: (dy: Tensor, y: Tensor) => Gradients<I>,
): Tensor {
  return recordSparse(op, inputs, [result], (dys, ys) => vjp(dys[0]!, ys[0]))[0]
}

/**
 * The same for an op with several outputs; dys and ys are in the order of the results. An output on which
 * nothing depends has a dy of zeros.
 */
export function recordMany<const I extends readonly Tensor[]>(
  op: string, inputs: I, results: readonly Result[],
  vjp: (dys: readonly Tensor[], ys: readonly Tensor[]) => Gradients<I>, replays?: Replays,
): Tensor[] {
  return recordSparse(op, inputs, results, (dys, ys) =>
    vjp(dys.map((dy, k) => dy ?? zeros(ys[k].shape, ys[k].device)), ys), replays)
}

/** The same, but the dy of an output on which nothing depends is null: no zeros need be made. */
export function recordSparse<const I extends readonly Tensor[]>(
  op: string, inputs: I, results: readonly Result[],
  vjp: (dys: readonly (Tensor | null)[], ys: readonly Tensor[]) => Gradients<I>,
  replays?: Replays,
): Tensor[] {
  commonDevice(op, inputs)
  results.forEach(({ memory }, k) => {
    // a view belongs to whoever owns what it looks at
    if (inputs.some((x) => x.memory === memory)) return
    if (k === 0 || results.findIndex((other) => other.memory === memory) === k) adopt(memory)
  })
  const outputs = results.map((result) => new Tensor(result.memory, result.offset ?? 0, result.shape))
  if (isRecording()) {
    const where = currentWhere()
    const { replay, unfold } = replays ?? {}
    pushRecord<TapeRecord>({ op, inputs, outputs, vjp, where, replay, unfold })
  }
  return outputs
}

export interface TapeOptions {
  /** keep a finite-or-not flag of every op, for check() */
  watch?: boolean
  /** the open tape that this one is nested in, for second derivatives */
  inside?: Tape
}

/** Throws unless it is one. */
export function checkTape(op: string, tape: Tape): void {
  checkParts(`${op}: the tape`, tape, ['records', 'gradients'], 'a tape: new Tape()')
}

/** Named gradients, in the order of the parameters. */
export type GradientMap = Map<string, Tensor>

export class Tape extends Scope implements Recorder<TapeRecord> {
  readonly records: TapeRecord[] = []
  private readonly outer: readonly Recorder<unknown>[]
  /** the version of every tensor, given or computed, when this tape first saw it */
  private readonly versions = new Map<Memory, number>()
  private readonly flags: { what: string, where: Where, bad: Tensor, size: number }[] | null

  constructor(options: TapeOptions = {}) {
    checkOptionNames('Tape', options, ['watch', 'inside'])
    const outer = currentRecorders()
    const innermost = outer.at(-1)
    if (innermost !== options.inside) {
      throw new TapeError(options.inside
        ? 'Tape: `inside` must be the innermost open tape, and no backward pass of it may be running'
        : 'Tape: another tape is open; close it first (no await of one training may stand inside another), ' +
          'or nest on purpose, for second derivatives, with new Tape({ inside: outer }); close each in a ' +
          'finally, or open it with `using`; one that an exception left open is closed by Scope.closeAll()')
    }
    super()
    this.outer = outer
    this.flags = options.watch ? [] : null
    setRecorders([...outer, this])
  }

  get watches(): boolean {
    return this.flags !== null
  }

  /** Not for users: appends a record. */
  push(record: TapeRecord): void {
    this.records.push(record)
    for (const x of record.inputs) this.see(x)
    for (const y of record.outputs) this.see(y)
    if (this.flags) for (const y of record.outputs) this.flag(record.op, record.where, y)
  }

  private see({ memory }: Tensor): void {
    if (!this.versions.has(memory)) this.versions.set(memory, memory.version)
  }

  override close(): void {
    if (!this.isClosed) setRecorders(currentRecorders().filter((recorder) => recorder !== this))
    super.close()
  }

  /**
   * The gradients of a scalar with respect to tensors: a list for a list; by the same names, a map for a map
   * and a record for a record (cell.parameters). A tensor that the loss does not depend on gets zeros.
   * They belong to this tape.
   * @throws TapeError if the tape is closed, a parameter was updated since, or the loss is not recorded on it
   */
  gradients(loss: Tensor, wrt: readonly Tensor[]): Tensor[]
  gradients(loss: Tensor, wrt: ReadonlyMap<string, Tensor>): GradientMap
  gradients<Name extends string>(loss: Tensor, wrt: Readonly<Record<Name, Tensor>>): Record<Name, Tensor>
  gradients(loss: Tensor, wrt: Tensors): Tensor[] | GradientMap | Record<string, Tensor> {
    const named = namedTensors('gradients', wrt)
    checkThat(loss instanceof Tensor, () => `gradients: the loss is ${describe(loss)}; it must be a tensor`)
    check(loss.size === 1, () =>
      `gradients: the loss is ${show(loss.shape)}; it must be a scalar: take its sum or mean`)
    const found = this.backward(loss, named.map(([, x]) => x))
    if (Array.isArray(wrt)) return found
    const pairs = named.map(([name], i): [string, Tensor] => [name, found[i]])
    return wrt instanceof Map ? new Map(pairs) : Object.fromEntries(pairs)
  }

  /** The backward pass; `visit` sees every record with the gradients of its outputs and for its inputs. */
  backward(loss: Tensor, wrt: readonly Tensor[], visit?: Visitor): Tensor[] {
    this.checkUsable(loss)
    const reached = this.reachableFrom(wrt)
    const backward = new Backward(wrt, this.outer.length > 0 ? null : this)
    const watch = this.flags && ((record: TapeRecord, dx: Tensor, k: number) =>
      this.flag(`the gradient through ${record.op}, input ${k},`, record.where, dx))
    try {
      return recordingTo(this.outer, () => {
        backward.seed(loss)
        for (let i = this.records.length - 1; i >= 0; i--) {
          const record = this.records[i]
          const dys = backward.take(record, reached)
          if (!dys) continue
          at(record.where, () => backward.step(record, dys, reached, watch, visit))
        }
        return backward.results()
      })
    } finally {
      backward.close()
    }
  }

  /**
   * Throws a NonFiniteError that names the first op and step that produced a NaN or an infinity.
   * Needs `watch: true`.
   */
  async check(): Promise<void> {
    if (!this.flags) {
      throw new TapeError('check: this tape does not watch; open it with new Tape({ watch: true })')
    }
    for (const { what, where, bad, size } of this.flags) {
      const count = await bad.item()
      if (count === 0) continue
      const place = showWhere(where)
      throw new NonFiniteError(
        `${what} gave ${count} of ${size} values that are not finite${place ? `, at ${place}` : ''}: ` +
        'the first non-finite result of this tape')
    }
  }

  private flag(what: string, where: Where, y: Tensor): void {
    if (y.dtype === 'int32') return
    const { device } = y
    const made: Memory[] = []
    const whole = (memory: Memory): Tensor => {
      made.push(memory)
      return new Tensor(memory, 0, [y.size])
    }
    try {
      // The bad ones are counted, not the good ones: in float32 a sum of ones is exact up to 2^24 only.
      const finite = whole(device.unary('isFinite', y))
      const each = whole(device.binary('sub', 1, finite, finite.shape))
      const bad = new Tensor(device.reduce('sum', each, [0]), 0, [])
      this.own(bad.memory)
      this.flags!.push({ what, where, bad, size: y.size })
    } finally {
      for (const memory of made) device.free(memory)
    }
  }

  private checkUsable(loss: Tensor): void {
    if (this.isClosed) throw new TapeError('gradients: this tape is closed; ask before closing it')
    if (!this.records.some((r) => r.outputs.includes(loss))) {
      throw new TapeError(
        'gradients: the loss was not computed on this tape; compute it while the tape is open')
    }
    for (const [memory, version] of this.versions) {
      if (memory.version !== version) {
        throw new TapeError(
          `gradients: a tensor of ${memory.length} values was updated in place after this tape used it; ` +
          'ask for gradients before the update, and open a new tape for the next step')
      }
    }
  }

  /** All tensors that depend on one of `wrt`: gradients need not flow anywhere else. */
  private reachableFrom(wrt: readonly Tensor[]): Set<Tensor> {
    const reached = new Set(wrt)
    for (const record of this.records) {
      if (record.inputs.some((x) => reached.has(x))) for (const y of record.outputs) reached.add(y)
    }
    return reached
  }
}

/** Sees a record on the way back, the gradients dys of its outputs and dxs for its inputs (null: none). */
export type Visitor = (
  record: TapeRecord, dys: readonly (Tensor | null)[], dxs: readonly (Tensor | null)[],
) => void

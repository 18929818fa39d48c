// What all optimisers share: named state on the device, one update, and steps that can be skipped unseen.
//
// A rule is an equation. For one parameter p with gradient g and state s (momenta, running averages) it gives
// the next p and s; t = 1, 2, ... counts the steps that were applied, and is a device scalar as well:
//
//   p, s  <-  rule(t, rate)(p, g, s)          where applyIf is 0:  p, s, t stay as they are, bit by bit
//
// Everything is enqueued, nothing is read back. A device that has the rule as a kernel takes all parameters
// at once; each slot of the state then lies in one memory. Next: optimizers.ts for the rules themselves.

import { check, checkParts, checkThat, describe, show, UnrolledError } from '../check.ts'
import { mayFuse } from '../context.ts'
import type { FlatUpdate, View } from '../device.ts'
import { add, where } from '../ops/elementwise.ts'
import { concat, reshape } from '../ops/move.ts'
import { sameShape } from '../shape.ts'
import { unowned, untracked } from '../scope.ts'
import { checkOptionNames } from '../suggest.ts'
import { dispose, full, Tensor, zeros } from '../tensor.ts'

/** Tensors by name: parameters, gradients, or an optimiser's state. */
export type TensorMap = ReadonlyMap<string, Tensor>

/** What is kept for one parameter, by slot: { m, v } for Adam. All have the parameter's shape. */
export type Slots = Readonly<Record<string, Tensor>>

/** The next value of a parameter and of what is kept for it. */
export interface Next {
  readonly p: Tensor
  readonly slots: Slots
}

export interface Rule {
  readonly name: string
  readonly learningRate: number
  /** the slots kept for each parameter, with the value that fills them at first */
  readonly slots: Readonly<Record<string, number>>
  /** Computes what the parameters share in step t (a device scalar, from 1); the result then serves each. */
  readonly step: (t: Tensor, rate: number) => (p: Tensor, g: Tensor, slots: Slots) => Next
  /** the same as a kernel, if it is one */
  readonly kernel?: Pick<FlatUpdate, 'rule' | 'constants'>
}

export interface UpdateOptions {
  /** a device scalar: where it is 0 the step is skipped, parameters, state and step count stay as they are */
  readonly applyIf?: Tensor
  /** the learning rate of this step instead of the optimiser's own: what a schedule gives */
  readonly learningRate?: number
}

/** Updates parameters in place by a rule. Make one with sgd, rmsprop, adagrad, adam or adamw. */
export class Optimizer {
  readonly name: string
  readonly learningRate: number
  private readonly rule: Rule
  /** NAME.step and NAME.SLOT.PARAMETER; empty until the first update brings the parameters' shapes */
  private kept = new Map<string, Tensor>()

  constructor(rule: Rule) {
    checkParts('Optimizer: the rule', rule, ['name', 'learningRate', 'slots', 'step'],
      'a Rule; adam() and its like make theirs')
    this.name = rule.name
    this.learningRate = rule.learningRate
    this.rule = rule
  }

  /**
   * One step: every parameter and its state are written in place. Records nothing, so it may stand inside an
   * open tape; that tape then is stale, and gives no more gradients.
   * @throws UnrolledError if names, shapes or state do not fit (then nothing was written)
   */
  update(params: TensorMap, grads: TensorMap, options: UpdateOptions = {}): void {
    this.checkMaps({ parameters: params, gradients: grads })
    checkOptionNames(this.name, options, ['applyIf', 'learningRate'])
    const { applyIf, learningRate = this.learningRate } = options
    checkAtLeastZero(this.name, { learningRate })
    check(applyIf === undefined || applyIf.rank === 0, () =>
      `${this.name}: applyIf is ${show(applyIf!.shape)}; it must be a scalar [], 0 to skip the step`)
    this.checkGradients(params, grads)
    if (this.kept.size === 0) this.kept = this.firstState(params)
    else this.checkState(this.kept, params)
    const write = (target: Tensor, value: Tensor) => {
      target.assign(applyIf ? where(applyIf, value, target) : value)
    }
    untracked(() => {
      if (this.updateTogether(params, grads, { applyIf, learningRate })) return
      const t = add(this.kept.get(this.stepName)!, 1)
      const next = this.rule.step(t, learningRate)
      for (const [name, p] of params) {
        // each by itself, so that the intermediates of one parameter at a time are alive
        untracked(() => {
          const slots = this.slotsOf(name)
          const result = next(p, grads.get(name)!, slots)
          write(p, result.p)
          for (const slot in slots) write(slots[slot], result.slots[slot])
        })
      }
      write(this.kept.get(this.stepName)!, t)
    })
  }

  private checkMaps(all: { readonly [what: string]: TensorMap }): void {
    for (const [what, map] of Object.entries(all)) {
      checkThat(map instanceof Map, () => `${this.name}: the map of ${what} is ${describe(map)}; it must ` +
        'be a Map of tensors by name, as parameters({ cell }) and tape.gradients give')
    }
  }

  /** The step for all parameters at once, where the device can; false where it cannot. */
  private updateTogether(
    params: TensorMap, grads: TensorMap, { applyIf, learningRate }: UpdateOptions & { learningRate: number },
  ): boolean {
    const { kernel } = this.rule
    const parameters = [...params.values()]
    const { flat } = parameters[0].device
    const total = parameters.reduce((sum, p) => sum + p.size, 0)
    if (!kernel || !flat || !mayFuse() || total === 0 || !flat.fits(total)) return false
    const slots = Object.keys(this.rule.slots).map((slot) => [slot, this.inOnePiece(slot, params, total)])
    flat.update({
      ...kernel, parameters, slots: Object.fromEntries(slots),
      gradients: [...params.keys()].map((name) => grads.get(name)!),
      step: this.kept.get(this.stepName)!, applyIf: applyIf ?? null, rate: learningRate,
    })
    return true
  }

  /** A slot's state of all parameters, in one memory, in their order; moved there if it is not yet. */
  private inOnePiece(slot: string, params: TensorMap, total: number): View {
    const keys = [...params.keys()].map((name) => this.slotName(slot, name))
    const parts = keys.map((key) => this.kept.get(key)!)
    let end = 0
    const places = parts.map(({ size }) => (end += size) - size)
    const [{ memory }] = parts
    const shape = [total]
    if (memory.length === total && parts.every((x, k) => x.memory === memory && x.offset === places[k])) {
      return { memory, offset: 0, shape }
    }
    const whole = unowned(() => concat(parts.map((x) => reshape(x, [x.size]))))
    dispose(parts)
    keys.forEach((key, k) => this.kept.set(key, new Tensor(whole.memory, places[k], parts[k].shape)))
    return whole
  }

  /**
   * All tensors that the next step depends on, under stable names (`adam.step`, `adam.m.cell.weight_ih`);
   * none before the first update. They are the optimiser's own and change with every update: read them, or
   * keep a copy.
   */
  state(): Map<string, Tensor> {
    return new Map(this.kept)
  }

  /**
   * Takes over, by copying, a state that state() gave: training goes on bit for bit as it would have. An
   * empty map starts anew.
   * @param params when given, the state must be theirs; otherwise the next update checks that
   * @throws UnrolledError for a name that this optimiser does not keep, or if the step count is missing
   */
  load(state: TensorMap, params?: TensorMap): void {
    this.checkMaps({ state, ...(params && { parameters: params }) })
    const { name } = this
    const slots = Object.keys(this.rule.slots)
    for (const key of state.keys()) {
      if (key === this.stepName || slots.some((slot) => key.startsWith(`${name}.${slot}.`))) continue
      const own = [this.stepName, ...slots.map((slot) => this.slotName(slot, 'PARAMETER'))].join(', ')
      throw new UnrolledError(`${name}: the state has ${key}, but this optimiser keeps only ${own}`)
    }
    const step = state.get(this.stepName)
    if (state.size > 0 && !step) throw new UnrolledError(`${name}: the state lacks ${this.stepName}`)
    check(!step || step.rank === 0, () =>
      `${name}: ${this.stepName} is ${show(step!.shape)}; it must be a scalar []`)
    if (params && state.size > 0) this.checkState(state, params)
    const copies = unowned(() => [...state.values()])
    this.dispose()
    this.kept = new Map([...state.keys()].map((key, i) => [key, copies[i]]))
  }

  /** Gives the state's memory back; a further update starts anew. */
  dispose(): void {
    dispose([...this.kept.values()])
    this.kept = new Map()
  }

  private get stepName(): string {
    return `${this.name}.step`
  }

  private slotName(slot: string, parameter: string): string {
    return `${this.name}.${slot}.${parameter}`
  }

  private slotsOf(parameter: string): Slots {
    const names = Object.keys(this.rule.slots)
    return Object.fromEntries(names.map((slot) => [slot, this.kept.get(this.slotName(slot, parameter))!]))
  }

  private checkGradients(params: TensorMap, grads: TensorMap): void {
    const { name: op } = this
    if (params.size === 0) throw new UnrolledError(`${op}: there are no parameters; it needs at least one`)
    if (overlap([...params.values()])) {
      throw new UnrolledError(`${op}: one tensor, or two views of it, has two names and would be updated ` +
        'twice; name it once')
    }
    for (const [name, p] of params) {
      const g = grads.get(name)
      if (!g) throw new UnrolledError(`${op}: parameter ${name} has no gradient; both maps need equal names`)
      check(sameShape(p.shape, g.shape) && p.dtype === g.dtype, () =>
        `${op}: ${name} and its gradient differ; the parameter is ${show(p.shape)} ${p.dtype}, the ` +
        `gradient is ${show(g.shape)} ${g.dtype}; they must be equal`)
      if (p.memory.freed || g.memory.freed || p.device !== g.device) {
        throw new UnrolledError(`${op}: ${name} or its gradient was given back or lives on another device; ` +
          'update before the tape is closed, on one device')
      }
    }
    for (const name of grads.keys()) {
      if (params.has(name)) continue
      throw new UnrolledError(`${op}: gradient ${name} has no parameter; both maps need equal names`)
    }
  }

  /** Made late, when a tape or scope may be open; yet it must outlive them: unowned. */
  private firstState(params: TensorMap): Map<string, Tensor> {
    const [{ device }] = params.values()
    const state = new Map([[this.stepName, unowned(() => zeros([], device))]])
    for (const [slot, value] of Object.entries(this.rule.slots)) {
      for (const [name, p] of params) {
        state.set(this.slotName(slot, name), unowned(() => full(p.shape, value, device)))
      }
    }
    return state
  }

  /** After the first update, or when loaded, the state must be that of these very parameters. */
  private checkState(state: TensorMap, params: TensorMap): void {
    const { name: op } = this
    const rest = new Set(state.keys())
    rest.delete(this.stepName)
    for (const slot of Object.keys(this.rule.slots)) {
      for (const [name, p] of params) {
        const key = this.slotName(slot, name)
        const s = state.get(key)
        if (!s) throw new UnrolledError(`${op}: the state lacks ${key}; make another optimiser`)
        check(sameShape(s.shape, p.shape), () =>
          `${op}: shapes differ; the state ${key} is ${show(s.shape)}, the parameter is ${show(p.shape)}; ` +
          'make another optimiser')
        rest.delete(key)
      }
    }
    for (const key of rest) {
      throw new UnrolledError(`${op}: the state has ${key}, whose parameter is not given; update all at once`)
    }
  }
}

/** Throws unless every option is a finite number of 0 or more, naming it. */
export function checkAtLeastZero(op: string, options: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (Number.isFinite(value) && value >= 0) continue
    throw new UnrolledError(`${op}: ${name} is ${value}; it must be a number of 0 or more`)
  }
}

/** Throws unless every option is a number from 0 up to, but not, 1, naming it. */
export function checkBelowOne(op: string, options: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value >= 0 && value < 1) continue
    throw new UnrolledError(`${op}: ${name} is ${value}; it must be at least 0 and below 1`)
  }
}

/** Whether two tensors look at the same numbers: the same tensor twice, or two views that cross. */
function overlap(list: readonly Tensor[]): boolean {
  return list.some((a, i) => list.slice(i + 1).some((b) =>
    a.memory === b.memory && a.offset < b.offset + b.size && b.offset < a.offset + a.size))
}

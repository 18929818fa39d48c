// What a training step does with all parameters at once, in a few dispatches, however many there are: they
// are copied into one buffer, end to end (copies are no dispatches), and back. Gradients stay as clip leaves
// them, end to end.
// CPU twins: ../train/clip.ts, ../train/rule.ts. Next: kernels/update.wgsl.

import type { FlatOps, FlatUpdate, View } from '../device.ts'
import { sizeOf } from '../shape.ts'
import type { GpuDevice } from './device.ts'
import { WORKGROUP } from './elementwise.ts'
import type { Blanks } from './kernels.ts'
import { type Buffer, type GpuMemory, sizeClass } from './memory.ts'
import { type Grid, gridFor } from './recorder.ts'
import { sources } from './sources.ts'
import { float } from './words.ts'

/** Where a rule is written, the constants it takes, and the lists of slots that it may be used with. */
export const rules = {
  sgd: {
    source: sources.updateSgd, constants: ['momentum', 'nesterov', 'weightDecay'],
    slots: [[], ['momentum']],
  },
  rmsprop: {
    source: sources.updateRmsprop,
    constants: ['decay', 'rest', 'eps', 'momentum', 'centered', 'weightDecay'],
    slots: [['square'], ['square', 'mean'], ['square', 'momentum'], ['square', 'mean', 'momentum']],
  },
  adagrad: {
    source: sources.updateAdagrad, constants: ['learningRateDecay', 'eps', 'weightDecay'], slots: [['sum']],
  },
  adam: {
    source: sources.updateAdam,
    constants: [
      'beta1', 'rest1', 'logBeta1', 'beta2', 'rest2', 'logBeta2', 'eps', 'weightDecay', 'decoupled',
    ],
    slots: [['m', 'v']],
  },
} as const satisfies Record<FlatUpdate['rule'], {
  source: string, constants: readonly string[], slots: readonly (readonly string[])[],
}>

/** What fills update.wgsl for a rule with these slots; skips: whether there is an applyIf. */
export function updateBlanks(rule: FlatUpdate['rule'], slots: readonly string[], skips: boolean): Blanks {
  const { source, constants } = rules[rule]
  return {
    rule: source,
    constants: constants.map((name) => `${name}: f32`).join(', '),
    skipped: skips ? 'applyIf[params.offsetApply] == 0.0' : 'false',
    slots: slots.map((slot, k) =>
      `@group(0) @binding(${5 + k}) var<storage, read_write> all_${slot}: array<f32>;`).join('\n'),
    load: slots.map((slot) => `s.${slot} = all_${slot}[i];`).join(' '),
    store: slots.map((slot) => `all_${slot}[i] = s.${slot};`).join(' '),
  }
}

/** Numbers that lie together in a buffer. */
interface Piece {
  readonly buffer: Buffer
  readonly offset: number
  length: number
}

const MOST_GROUPS = 1024 // from here on, each thread takes several elements

const lengthOf = (views: readonly View[]): number => views.reduce((sum, x) => sum + sizeOf(x.shape), 0)

/** A grid for n elements that threads take turns at. */
const turns = (n: number): Grid => ({ x: Math.min(Math.ceil(n / WORKGROUP), MOST_GROUPS), y: 1, z: 1 })

export class GpuFlat implements FlatOps {
  private readonly device: GpuDevice

  constructor(device: GpuDevice) {
    this.device = device
  }

  fits(length: number): boolean {
    return sizeClass(4 * length) <= this.device.pool.largest
  }

  clip(gradients: readonly View[], max: number): { gradients: GpuMemory, scalars: GpuMemory } {
    const { device } = this
    const n = lengthOf(gradients)
    const grid = turns(n)
    const [g, scalars, parts] = [device.take(n), device.take(4), device.pool.takeBuffer(4 * grid.x)]
    this.gather('clipByGlobalNorm', gradients, g.buffer!)
    device.launch({ kernel: 'clipParts', buffers: [g.buffer!, parts], values: [n], grid })
    device.launch({
      kernel: 'clipNorm', buffers: [parts, scalars.buffer!],
      values: [grid.x, float(Math.min(max, 3.4e38))], grid: { x: 1, y: 1, z: 1 },
    })
    device.launch({
      kernel: 'clipScale', buffers: [scalars.buffer!, g.buffer!], values: [n], grid: gridFor(n, WORKGROUP),
    })
    device.pool.giveBuffer(parts)
    return { gradients: g, scalars }
  }

  update({ rule, constants, rate, parameters, gradients, slots, step, applyIf }: FlatUpdate): void {
    const { device } = this
    const { pool, recorder } = device
    const n = lengthOf(parameters)
    const names = Object.keys(slots)
    const [p, after] = [pool.takeBuffer(4 * n), pool.takeBuffer(4)]
    this.gather(rule, parameters, p)
    const pieces = this.pieces(rule, gradients)
    const g = pieces.length === 1 ? pieces[0] : { buffer: pool.takeBuffer(4 * n), offset: 0 }
    if (pieces.length > 1) this.gather(rule, gradients, g.buffer)
    const before = device.floats(rule, step)
    device.launch({
      kernel: 'update', variant: [rule, ...names, applyIf ? 'or skip' : ''].join(' ').trim(),
      blanks: () => updateBlanks(rule, names, applyIf !== null),
      buffers: [
        g.buffer, p, before, after, applyIf ? device.floats(rule, applyIf) : before,
        ...names.map((name) => device.floats(rule, slots[name])),
      ],
      values: [
        n, g.offset, step.offset, applyIf?.offset ?? 0, float(rate),
        ...rules[rule].constants.map((name) => float(constants[name])),
      ],
      grid: turns(n),
    })
    recorder.copy(after, 0, before, step.offset, 1)
    this.scatter(rule, p, parameters)
    for (const { memory } of [...parameters, ...Object.values(slots), step]) memory.version++
    for (const buffer of [p, after]) pool.giveBuffer(buffer)
    if (pieces.length > 1) pool.giveBuffer(g.buffer)
  }

  /** Copies views into a buffer, end to end. */
  private gather(op: string, views: readonly View[], to: Buffer): void {
    let at = 0
    for (const { buffer, offset, length } of this.pieces(op, views)) {
      this.device.recorder.copy(buffer, offset, to, at, length)
      at += length
    }
  }

  private scatter(op: string, from: Buffer, views: readonly View[]): void {
    let at = 0
    for (const { buffer, offset, length } of this.pieces(op, views)) {
      this.device.recorder.copy(from, at, buffer, offset, length)
      at += length
    }
  }

  /** What a list of views looks at; those that lie end to end in one memory are one piece. */
  private pieces(op: string, views: readonly View[]): Piece[] {
    const found: Piece[] = []
    for (const x of views) {
      const [buffer, length] = [this.device.floats(op, x), sizeOf(x.shape)]
      const last = found.at(-1)
      if (last?.buffer === buffer && last.offset + last.length === x.offset) last.length += length
      else found.push({ buffer, offset: x.offset, length })
    }
    return found
  }
}

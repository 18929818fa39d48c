// What a training step does with all parameters at once, on the simd device: one job, which is told where
// each parameter and its gradient lie. Gradients stay as clip leaves them, end to end.
// Twins: ../train/clip.ts, ../train/rule.ts, ../train/optimizers.ts.
// Next: ../../kernels/simd/clip.ts, update.ts.

import type { Lent } from '../cpu/fused.ts'
import type { FlatOps, FlatUpdate, Memory, NumberArray, View } from '../device.ts'
import { sizeOf } from '../shape.ts'
import type { Heap } from './heap.ts'
import { addressOf, float, type Jobs, Kind } from './jobs.ts'
import { Scratch } from './scratch.ts'

/** As in kernels/simd/pieces.ts. */
const CHUNK = 4096
const WORDS_OF_PIECE = 5

/** As numbered in kernels/simd/update.ts. */
const RULES: { readonly [rule in FlatUpdate['rule']]: number } = { sgd: 0, rmsprop: 1, adagrad: 2, adam: 3 }

/** Where a job finds its list of pieces, and what they come to. */
interface Listed {
  readonly words: readonly [pieces: number, count: number]
  readonly length: number
  readonly chunks: number
}

export class SimdFlat implements FlatOps {
  private readonly device: Lent
  private readonly jobs: Jobs
  private readonly heap: Heap
  private readonly sums: Scratch
  private list: NumberArray

  constructor(device: Lent, jobs: Jobs, heap: Heap) {
    this.device = device
    this.jobs = jobs
    this.heap = heap
    this.sums = new Scratch(heap)
    this.list = heap.allocate('int32', 64 * WORDS_OF_PIECE)
  }

  fits(): boolean {
    return true
  }

  clip(gradients: readonly View[], max: number): { gradients: Memory, scalars: Memory } {
    const g = gradients.map((x) => this.at('clipByGlobalNorm', x))
    const { words, length, chunks } = this.written(gradients, g, g)
    const sums = this.sums.take(2 * chunks)
    return this.device.made((take) => {
      const [out, scalars] = [take(length), take(3)]
      this.jobs.run(Kind.clip, 8 * length, [
        ...words, float(max), out.data.byteOffset, scalars.data.byteOffset, sums, chunks,
      ])
      return { gradients: out, scalars }
    })
  }

  update(update: FlatUpdate): void {
    const { rule, parameters, gradients, slots, step, applyIf } = update
    // What is not to be read by a kernel is read here: nothing is ever on its way.
    if (applyIf && this.device.floats(rule, applyIf)[applyIf.offset] === 0) return this.changed(update)
    const steps = this.device.floats(rule, step)
    const t = steps[step.offset] + 1
    const [p, g] = [parameters, gradients].map((list) => list.map((x) => this.at(rule, x)))
    const { words, length } = this.written(parameters, p, g)
    const slot = (name: string) => (slots[name] ? this.at(rule, slots[name]) : 0)
    this.jobs.run(Kind.update, 16 * length, [RULES[rule], ...words, ...wordsOf(update, t, slot)])
    steps[step.offset] = t
    this.changed(update)
  }

  private changed({ parameters, slots, step }: FlatUpdate): void {
    for (const { memory } of [...parameters, ...Object.values(slots), step]) memory.version++
  }

  private at(op: string, x: View): number {
    return addressOf(this.device.floats(op, x), x.offset)
  }

  /** Writes down where the pieces lie. */
  private written(views: readonly View[], p: readonly number[], g: readonly number[]): Listed {
    if (this.list.length < views.length * WORDS_OF_PIECE) {
      const { list } = this
      this.list = this.heap.allocate('int32', 2 * views.length * WORDS_OF_PIECE)
      this.heap.release(list)
    }
    let [length, chunks] = [0, 0]
    views.forEach((x, k) => {
      const n = sizeOf(x.shape)
      this.list.set([p[k], g[k], n, length, chunks], k * WORDS_OF_PIECE)
      length += n
      chunks += Math.ceil(n / CHUNK)
    })
    return { words: [this.list.byteOffset, views.length], length, chunks }
  }
}

/** What a rule's kernel needs (kernels/simd/update-*.ts, in their order), for step t = 1, 2, ... */
function wordsOf(
  { rule, constants: c, rate }: FlatUpdate, t: number, slot: (name: string) => number,
): number[] {
  if (rule === 'sgd') {
    return [slot('momentum'), float(c.momentum), c.nesterov, float(c.weightDecay), float(rate)]
  }
  if (rule === 'rmsprop') {
    return [
      slot('square'), slot('mean'), slot('momentum'), float(c.decay), float(c.rest), float(c.eps),
      float(c.momentum), float(c.weightDecay), float(rate),
    ]
  }
  if (rule === 'adagrad') {
    const rateNow = rate / (1 + (t - 1) * c.learningRateDecay)
    return [slot('sum'), float(c.eps), float(c.weightDecay), float(rateNow)]
  }
  return [
    slot('m'), slot('v'), float(c.beta1), float(c.rest1), float(c.beta2), float(c.rest2), float(c.eps),
    float(c.decoupled ? 0 : c.weightDecay), float(c.decoupled ? 1 - rate * c.weightDecay : 1),
    float(rate / -Math.expm1(t * c.logBeta1)), float(-Math.expm1(t * c.logBeta2)),
  ]
}

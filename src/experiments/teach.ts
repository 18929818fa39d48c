// How the nets of the experiments learn: a loop of windows cut from endless streams, or of batches of whole
// sequences; each is one tape, one clipped gradient, one step of the optimiser. Read next: ../train/bptt.ts,
// where the gradients come from; elman-xor.ts and bidirectional.ts, which use it.

import { Scope } from '../scope.ts'
import { type GradientMap, Tape } from '../tape.ts'
import { dispose, type Tensor, type Tree } from '../tensor.ts'
import { bptt, type Net, truncatedBptt } from '../train/bptt.ts'
import { clipByGlobalNorm } from '../train/clip.ts'
import type { Optimizer } from '../train/rule.ts'

/** Inputs [T, B, D] and what the net is to make of them [T, B, ...]. */
export interface Lesson {
  readonly xs: Tensor
  readonly targets: Tensor
}

export interface Teaching<S extends Tree> {
  readonly net: Net<S>
  readonly optimizer: Optimizer
  /** bound on the global norm of the gradient; none by default */
  readonly clip?: number
  /** the state before the first step */
  readonly initial: S
  /** how many updates */
  readonly updates: number
  /** what update number k learns from, k from 0 */
  lesson(k: number): Lesson
  /** awaited 20 times, with the number of updates done and the last loss; true: it has learned, and stops */
  watch(k: number, loss: number): Promise<boolean | void>
}

/** Whole sequences, each from the first state; gradients through all of their steps. */
export async function teachSequences<S extends Tree>(teaching: Teaching<S>): Promise<void> {
  const { net, initial } = teaching
  await follow(teaching, (tape, { xs, targets }) => bptt(tape, net, xs, targets, initial))
}

/** Windows of streams: the state is carried from each to the next, gradients stay in one of T steps. */
export async function teachStream<S extends Tree>(teaching: Teaching<S>, T: number): Promise<void> {
  const { net, initial } = teaching
  const windows = truncatedBptt(net, { every: T, initial })
  await follow(teaching, (tape, { xs, targets }) => windows.step(tape, xs, targets))
  windows.dispose()
}

async function follow<S extends Tree>(
  { net, optimizer, clip = Infinity, updates, lesson, watch }: Teaching<S>,
  step: (tape: Tape, lesson: Lesson) => { loss: Tensor, grads: GradientMap },
): Promise<void> {
  const every = Math.max(1, Math.floor(updates / 20))
  for (let k = 1; k <= updates; k++) {
    const tape = new Tape()
    let told: Tensor
    try {
      const { loss, grads } = step(tape, lesson(k - 1))
      const bounded = clip < Infinity ? clipByGlobalNorm(grads, clip).grads : grads
      optimizer.update(net.parameters, bounded)
      told = tape.keep(loss)
    } finally {
      tape.close()
    }
    const done = (k % every === 0 || k === updates) && await watch(k, await told.item())
    dispose(told)
    if (done) break
  }
  optimizer.dispose()
}

/** What f computes, without learning, as rows of numbers: [T, B, D] gives T B rows. No memory is kept. */
export async function rowsOf(f: () => Tensor): Promise<number[][]> {
  const scope = new Scope()
  const result = scope.keep(f())
  scope.close()
  const data = Array.from(await result.read())
  const width = result.shape.at(-1)!
  dispose(result)
  return Array.from({ length: data.length / width }, (_, i) => data.slice(i * width, (i + 1) * width))
}

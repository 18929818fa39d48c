// Jobs for the kernels: what is written down for one, and who does it. Next: ../../kernels/simd/index.ts.

import { UnrolledError } from '../check.ts'
import type { NumberArray } from '../device.ts'
import type { Meeting } from './meeting.ts'
import type { Kernels } from './module.ts'
import type { Thread } from './threads.ts'

/** The kinds of jobs; kernels/simd/index.ts has the same numbers. */
export const Kind = {
  product: 1, recurrenceForward: 2, recurrenceBackward: 3, step: 4,
  unary: 10, binary: 11, reduce: 12, move: 13, gather: 14, scatterAdd: 15, reverseTime: 16, draw: 17,
  softmax: 18, softmaxGradient: 19, crossEntropy: 20, crossEntropyGradient: 21, norm: 22, normGradient: 23,
  clip: 24, update: 25,
} as const

/** Where element i of an array lies in the kernels' memory. */
export const addressOf = (x: NumberArray, i: number): number => x.byteOffset + 4 * i

const scratch = new Float32Array(1)
const bits = new Int32Array(scratch.buffer)

/** A number that a kernel reads as f32, as the word that has its bits. */
export function float(value: number): number {
  scratch[0] = value
  return bits[0]
}

/** Words of a job at most. */
export const WORDS = 64

/** Operations from which it pays to share with threads that are awake: some 5 microseconds of one. */
export const SHARED_WORK = 200_000

/** Calls inside each other for which a job is to find room: more than it takes itself. */
const STACK = 100

/** Where the stack is all but full it overflows here, before a job has begun, not in the middle of one. */
function reachDown(calls: number): number {
  return calls === 0 ? 0 : 1 + reachDown(calls - 1)
}

export class Jobs {
  readonly threads: number
  private readonly kernels: Kernels
  private readonly meeting: Meeting
  private readonly words: Int32Array
  private readonly workers: readonly Thread[]
  /** why no job can be done any more */
  private over = ''

  /** @param words where jobs are written down, in the kernels' memory */
  constructor(kernels: Kernels, meeting: Meeting, words: Int32Array, workers: readonly Thread[]) {
    this.kernels = kernels
    this.meeting = meeting
    this.words = words
    this.workers = workers
    this.threads = workers.length + 1
    for (const worker of workers) worker.onEnd = (why) => this.lost(`a thread has ended: ${why}`)
  }

  /** Does a job; `work` is about how many operations it takes: small ones are not shared. */
  run(kind: number, work: number, values: readonly number[]): void {
    this.checkUsable()
    for (let i = 0; i < values.length; i++) this.words[i] = values[i]
    const { kernels, meeting, threads, words: { byteOffset: at } } = this
    if (work < SHARED_WORK || threads === 1) return kernels.perform(kind, at, 0, 1)
    reachDown(STACK)
    let [performed, answered] = [false, false]
    try {
      meeting.announce(kind, at, threads)
      try {
        kernels.perform(kind, at, 0, threads)
        performed = true
      } finally { // an error of this thread (a trap, a stack that is full) costs the job, not the device
        answered = performed ? meeting.awaitWorkers(threads) : meeting.leave(threads)
      }
    } finally {
      if (!answered) this.lost('a thread has ended or does not answer')
    }
    if (!answered) throw new UnrolledError(this.over)
  }

  /** Throws, with the remedy, where no job can be done any more. */
  checkUsable(): void {
    if (this.over) throw new UnrolledError(this.over)
  }

  close(): void {
    if (!this.over && this.workers.length > 0) this.meeting.announce(0, 0, 1)
    for (const worker of this.workers) worker.onEnd = () => {}
    this.over = 'simd: the device is closed; open another'
    this.workers.forEach((worker) => worker.end())
  }

  private lost(why: string): void {
    if (this.over) return
    this.over = `simd: ${why}; what was computed is lost; open the device again`
    this.workers.forEach((worker) => worker.end())
  }
}

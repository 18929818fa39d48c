// What the host calls: one job at a time, alone or with the workers. A job is a kind and the address of what
// the host wrote down for it; each kind is a function of (what is written, thread, threads).
// Next: gemm.ts, the job that takes the most time; threads.ts, how work is shared.

import { Product, product } from './gemm'
import { recurrenceBackward, recurrenceForward, Sequence } from './recurrence'
import {
  announce, awaitWorkers, controlSize, enter, jobAt, jobDone, jobKind, jobThreads, nextJob,
} from './threads'

export { controlSize, enter }

/** The first address that is free for the host. */
export function heapBase(): usize {
  return __heap_base
}

// The kinds of jobs; src/simd/jobs.ts has the same numbers.
const STOP = 0
const PRODUCT = 1
const RECURRENCE_FORWARD = 2
const RECURRENCE_BACKWARD = 3

function perform(kind: i32, at: usize, thread: i32, threads: i32): void {
  if (kind == PRODUCT) product(changetype<Product>(at), thread, threads)
  else if (kind == RECURRENCE_FORWARD) recurrenceForward(changetype<Sequence>(at), thread, threads)
  else if (kind == RECURRENCE_BACKWARD) recurrenceBackward(changetype<Sequence>(at), thread, threads)
}

/** Does a job, with all threads there are or alone; false when a worker did not answer. */
export function run(kind: i32, at: usize, threads: i32): bool {
  if (threads == 1) {
    perform(kind, at, 0, 1)
    return true
  }
  announce(kind, at, threads)
  perform(kind, at, 0, threads)
  return awaitWorkers(threads)
}

/** Tells the workers to stop. */
export function stop(): void {
  announce(STOP, 0, 0)
}

/** The life of a worker. */
export function serve(thread: i32): void {
  for (;;) {
    nextJob()
    const kind = jobKind()
    if (kind == STOP) return
    perform(kind, jobAt(), thread, jobThreads())
    jobDone()
  }
}

// What a kernel knows of threads: its share of the work, where all threads of a job meet, and a sign of life.
// Every thread runs an instance of this module on one memory; what is a global here is its own. Waiting is
// the host's (src/simd/meeting.ts). Next: index.ts.

import { LINE } from './lanes'

/** Returns when all threads of the job have come here; 0 when one is missed, and the job is lost. */
@external('env', 'meet')
declare function meetThreads(threads: i32): i32

/** Bytes of a thread's own: a word that beats; at 64 a row's addresses, gates.ts; at 256 a tile, gemm.ts. */
export const EACH: i32 = 448

let own: usize = 0

/** @param at this thread's own bytes */
export function enter(at: usize): void {
  own = at
}

/** This thread's own 192 bytes for a row's addresses. */
export function scratchRow(): usize {
  return own + 64
}

/** This thread's own 160 bytes for a tile that is not whole. */
export function aside(): usize {
  return own + 256
}

/** Tells those who wait that this thread is alive. */
export function beat(): void {
  store<i32>(own, load<i32>(own) + 1)
}

/** Of n pieces, the first that is this thread's; the one after its last. */
export function share(n: i32, thread: i32, threads: i32): i32 {
  return <i32>(<i64>n * thread / threads)
}

export function shareEnd(n: i32, thread: i32, threads: i32): i32 {
  return share(n, thread + 1, threads)
}

/** Of n numbers in whole cache lines, the first that is this thread's; n for the thread after the last. */
export function firstNumber(n: i32, thread: i32, threads: i32): i32 {
  return min(n, share((n + LINE - 1) / LINE, thread, threads) * LINE)
}

/** Returns when all threads of the job have come here; false when one is missed, and the job is lost. */
export function meet(threads: i32): bool {
  return threads == 1 || meetThreads(threads) != 0
}

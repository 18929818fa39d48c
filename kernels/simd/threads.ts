// Threads: the main one writes a job down, wakes the workers, does its own share and waits for theirs.
//
// Every thread runs an instance of this module on one shared memory; what is a global here is its own. The
// words they share lie in the control block, each on a cache line of its own: how many jobs there were, how
// many threads are done with this one, the meeting place, and a word per thread that shows that it lives.
// Who waits first spins for a few microseconds (the next job of a training step comes soon), then sleeps.
// Host side: src/simd/workers.ts. Next: index.ts.

const JOBS: usize = 0 // counts up with each job
const DONE: usize = 64 // workers that are done with it
const ARRIVED: usize = 128 // threads at the meeting
const MEETINGS: usize = 192 // counts up when all have met
const BROKEN: usize = 256 // 1 when a thread was missed: nothing waits any more
const JOB: usize = 320 // the job: its kind, where it is written, the number of threads
const PER_THREAD: usize = 512 // from here on, for each thread:
const EACH: usize = 256 // a word that beats; at 64 a row's addresses (gates.ts); at 128 a tile (gemm.ts)

/** Bytes of a control block. */
export function controlSize(threads: i32): i32 {
  return <i32>PER_THREAD + <i32>EACH * threads
}

const SPINS: i32 = 4000
const NAP: i64 = 50_000_000 // nanoseconds; whoever sleeps looks up this often
const NAPS: i32 = 400 // without a beat of any thread: 20 s
const PATIENT_SPINS: i64 = 20_000_000_000 // the same where the thread must not sleep

let control: usize = 0
let me: i32 = 0
/** whether this thread may sleep: the main thread of a browser may not */
let sleeps: bool = false

export function enter(at: usize, thread: i32, maySleep: bool): void {
  control = at
  me = thread
  sleeps = maySleep
}

/** This thread's own 64 bytes for a row's addresses. */
export function scratchRow(): usize {
  return control + PER_THREAD + EACH * <usize>me + 64
}

/** This thread's own 128 bytes for a tile that is not whole. */
export function aside(): usize {
  return control + PER_THREAD + EACH * <usize>me + 128
}

/** Tells those who wait that this thread is alive. */
export function beat(): void {
  const at = control + PER_THREAD + EACH * <usize>me
  atomic.store<i32>(at, load<i32>(at) + 1)
}

/** Of n pieces, the first that is this thread's; the one after its last. */
export function share(n: i32, thread: i32, threads: i32): i32 {
  return <i32>(<i64>n * thread / threads)
}

export function shareEnd(n: i32, thread: i32, threads: i32): i32 {
  return share(n, thread + 1, threads)
}

/** Waits until the word is no longer `old`; false when no thread has moved for NAPS. */
function awaitChange(word: usize, old: i32, threads: i32): bool {
  for (let n = 0; n < SPINS; n++) if (atomic.load<i32>(word) != old) return true
  let still = 0
  let heard = beats(threads)
  let spins: i64 = 0
  while (atomic.load<i32>(word) == old) {
    if (atomic.load<i32>(control + BROKEN)) return false
    if (sleeps) {
      atomic.wait<i32>(word, old, NAP)
      still++
    } else if (++spins % (PATIENT_SPINS / NAPS) == 0) still++
    else continue
    const now = beats(threads)
    if (now != heard) still = 0
    heard = now
    if (still >= NAPS) return false
  }
  return true
}

function beats(threads: i32): i32 {
  let sum = 0
  for (let t = 0; t < threads; t++) sum += atomic.load<i32>(control + PER_THREAD + EACH * <usize>t)
  return sum
}

/** Returns when all threads of the job have come here; false when one is missed, and the job is lost. */
export function meet(thread: i32, threads: i32): bool {
  if (threads == 1) return true
  const meeting = atomic.load<i32>(control + MEETINGS)
  if (atomic.add<i32>(control + ARRIVED, 1) == threads - 1) {
    atomic.store<i32>(control + ARRIVED, 0)
    atomic.store<i32>(control + MEETINGS, meeting + 1)
    atomic.notify(control + MEETINGS)
    return true
  }
  if (awaitChange(control + MEETINGS, meeting, threads)) return true
  atomic.store<i32>(control + BROKEN, 1)
  return false
}

/** Writes a job down and wakes the workers. */
export function announce(kind: i32, at: usize, threads: i32): void {
  store<i32>(control + JOB, kind)
  store<usize>(control + JOB, at, 4)
  store<i32>(control + JOB, threads, 8)
  atomic.store<i32>(control + DONE, 0)
  atomic.add<i32>(control + JOBS, 1)
  atomic.notify(control + JOBS)
}

/** Waits for the workers' shares; false when one is missed. */
export function awaitWorkers(threads: i32): bool {
  let done = atomic.load<i32>(control + DONE)
  while (done < threads - 1) {
    if (!awaitChange(control + DONE, done, threads)) {
      atomic.store<i32>(control + BROKEN, 1)
      return false
    }
    done = atomic.load<i32>(control + DONE)
  }
  return true
}

/**
 * How many jobs this worker has seen. A global, since as a local of serve() it is lost in Node 20, whose
 * baseline compiler (V8 11.3; not so with --no-liftoff) then did a job twice, the second time too early.
 */
let seen: i32 = 0

/** A worker waits here for its next job. */
export function nextJob(): void {
  for (let n = 0; n < SPINS && atomic.load<i32>(control + JOBS) == seen; n++) {}
  while (atomic.load<i32>(control + JOBS) == seen) atomic.wait<i32>(control + JOBS, seen, -1)
  seen++
}

export function jobKind(): i32 {
  return load<i32>(control + JOB)
}

export function jobAt(): usize {
  return load<usize>(control + JOB, 4)
}

export function jobThreads(): i32 {
  return load<i32>(control + JOB, 8)
}

export function jobDone(): void {
  atomic.add<i32>(control + DONE, 1)
  atomic.notify(control + DONE)
}

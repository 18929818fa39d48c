// How threads wait for each other: the main one writes a job down, wakes the workers, does its own share and
// waits for theirs; inside a job all threads meet where one needs what another has made.
//
// The words they share lie in a control block, each on a cache line of its own. Who waits looks again and
// again for a while (the next job of a training step comes soon), then sleeps. It is JavaScript and not
// WebAssembly because loops around atomics lose their locals in the baseline compiler of Node 20's V8.
// Next: jobs.ts, the main thread's side; serve.ts, a worker's.

/** What a thread begins with. */
export interface Beginning {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  /** the address of the control block, and the bytes of it that are each thread's own */
  readonly control: number
  readonly each: number
  readonly thread: number
  /** milliseconds that a thread looks before it sleeps */
  readonly spin: number
}

// Words of a control block: jobs that were announced and shares of them that are done; threads that are at
// the meeting that is on, and meetings that are over; who is missed; the job itself; and where those begin
// that are each thread's own.
const [JOBS, DONE, ARRIVED, MEETINGS, MISSED, JOB, OWN] = [0, 16, 32, 48, 64, 80, 128]

// Nobody is missed; a thread has ended, for good; the main one has left this job by an error of its own.
const [NOBODY, ENDED, LEFT] = [0, 1, 2]

/** Words of a control block before those that are each thread's own. */
export const CONTROL_WORDS = OWN

/** How long it sleeps before it looks whether the others are alive, in milliseconds. */
const NAP = 50
/** Milliseconds without a sign of life of any thread: whoever can tell that it ends calls breakOff. */
const PATIENCE = 20_000

/**
 * One thread's end of the control block.
 * @param maySleep whether this thread may wait: the main one of a browser may not
 */
export function makeMeeting({ memory, control, each, thread, spin }: Beginning, maySleep: boolean) {
  const words = new Int32Array(memory.buffer, control)
  const own = control + 4 * OWN + each * thread
  let taken = 0
  let expected = 0

  const beats = (threads: number): number => {
    let sum = 0
    for (let t = 0; t < threads; t++) sum += Atomics.load(words, OWN + each / 4 * t)
    return sum
  }

  /** Lets all who wait know that a thread ends. */
  function breakOff(): void {
    Atomics.store(words, MISSED, ENDED)
    for (const word of [DONE, MEETINGS]) Atomics.notify(words, word)
  }

  /** Looks for a while; whether the word is no longer `old`. */
  function changesSoon(word: number, old: number): boolean {
    const end = performance.now() + spin
    do {
      for (let n = 0; n < 500; n++) if (Atomics.load(words, word) !== old) return true
    } while (performance.now() < end)
    return false
  }

  /** Waits until the word is no longer `old`; false when a thread has ended or none has moved for long. */
  function awaitChange(word: number, old: number, threads: number): boolean {
    if (changesSoon(word, old)) return true
    let [silence, heard, before] = [0, beats(threads), performance.now()]
    while (Atomics.load(words, word) === old) {
      const missed = Atomics.load(words, MISSED)
      if (missed === ENDED || (missed === LEFT && word === MEETINGS)) return false
      if (maySleep) Atomics.wait(words, word, old, NAP)
      const [now, beat] = [performance.now(), beats(threads)]
      // while the process is stopped or the machine asleep no thread can beat: that is one nap, however long
      silence = beat === heard ? silence + Math.min(now - before, 2 * NAP) : 0
      heard = beat
      before = now
      if (silence > PATIENCE) breakOff()
    }
    return true
  }

  /** Waits for the workers' shares; false when one is missed. */
  function awaitWorkers(threads: number): boolean {
    for (;;) {
      const done = Atomics.load(words, DONE)
      if (done === expected) return true
      if (!awaitChange(DONE, done, threads)) return false
    }
  }

  return {
    breakOff,

    /** the address of this thread's own bytes */
    own,

    /** 1 when all threads of the job have come here, 0 when one is missed */
    meet(threads: number): number {
      const meeting = Atomics.load(words, MEETINGS)
      if (Atomics.add(words, ARRIVED, 1) === threads - 1) {
        Atomics.store(words, ARRIVED, 0)
        Atomics.store(words, MEETINGS, meeting + 1)
        Atomics.notify(words, MEETINGS)
        return 1
      }
      return awaitChange(MEETINGS, meeting, threads) ? 1 : 0
    },

    /** Writes a job down and wakes the workers. Kind 0 ends them. */
    announce(kind: number, at: number, threads: number): void {
      words[JOB] = kind
      words[JOB + 1] = at
      words[JOB + 2] = threads
      expected = expected + threads - 1 | 0
      Atomics.add(words, JOBS, 1)
      Atomics.notify(words, JOBS)
    },

    awaitWorkers,

    /** The main thread leaves a job that it cannot finish: nobody waits for it; false when one is missed. */
    leave(threads: number): boolean {
      Atomics.compareExchange(words, MISSED, NOBODY, LEFT)
      Atomics.notify(words, MEETINGS)
      const areAllDone = awaitWorkers(threads)
      Atomics.store(words, ARRIVED, 0) // those who waited have gone
      Atomics.compareExchange(words, MISSED, LEFT, NOBODY)
      return areAllDone
    },

    /** A worker's life: does its share of each job until there are no more. */
    serve(perform: (kind: number, at: number, thread: number, threads: number) => void): void {
      for (;;) {
        if (!changesSoon(JOBS, taken)) {
          while (Atomics.load(words, JOBS) === taken) Atomics.wait(words, JOBS, taken)
        }
        taken = taken + 1 | 0
        if (words[JOB] === 0) return
        try {
          perform(words[JOB], words[JOB + 1], thread, words[JOB + 2])
        } catch (error) {
          breakOff()
          throw error
        }
        Atomics.add(words, DONE, 1)
        Atomics.notify(words, DONE)
      }
    },
  }
}

export type Meeting = ReturnType<typeof makeMeeting>

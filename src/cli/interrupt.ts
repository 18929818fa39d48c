// Ctrl-C (SIGINT), SIGTERM and a closed terminal (SIGHUP) in a long run: the first asks it to end after its
// present step, so that what it has learnt can be saved; one that comes later ends the process at once.
// Signals are heard when the run breathes, between steps. npm passes on a Ctrl-C that the terminal has sent
// to all: what comes within half a second counts as the same one. Read next: train.ts.

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

// 128 + its number
const EXIT_CODES: Readonly<Record<Signal, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }
const SAME = 500 // milliseconds

export interface Interruption {
  /** the exit code that the signal asks for; undefined as long as none came */
  readonly exitCode: number | undefined
  /** From here on signals do what they always do. */
  release(): void
}

/**
 * For a command that has nothing to save: a signal ends it at once, after `last`.
 * @returns a function after which signals do what they always do
 */
export function endOnSignal(last: () => void): () => void {
  const end = (signal: Signal): void => {
    last()
    process.exit(EXIT_CODES[signal])
  }
  const signals = Object.keys(EXIT_CODES) as Signal[]
  for (const signal of signals) process.on(signal, end)
  return () => { for (const signal of signals) process.off(signal, end) }
}

let pending = false

/** Whether a run has been asked to end and is about to. */
export const isInterrupted = (): boolean => pending

let ask: ((exitCode: number) => void) | null = null

/** Asks a run that listens to end as at a signal, so that it saves; whether there is one. */
export function endRun(exitCode: number): boolean {
  ask?.(exitCode)
  return ask !== null
}

/**
 * Listens to signals until `release`.
 * @param now the time in milliseconds
 */
export function listenForSignals(now: () => number = () => performance.now()): Interruption {
  let exitCode: number | undefined
  let since = 0
  ask = (code) => {
    if (exitCode !== undefined) return
    exitCode = code
    since = now()
    pending = true
  }
  const heard = (signal: Signal): void => {
    if (exitCode !== undefined && now() - since >= SAME) process.exit(EXIT_CODES[signal])
    ask?.(EXIT_CODES[signal])
  }
  const signals: readonly Signal[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, heard)
  return {
    get exitCode() { return exitCode },
    release() {
      for (const signal of signals) process.off(signal, heard)
      pending = false
      ask = null
    },
  }
}

// Training runs in child processes, to be killed and resumed; and what two runs must have in common.

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'

/** How a process ended, and what it said until then. */
export interface Ended {
  stdout: string
  stderr: string
  /** exit code or signal */
  how: number | string | null
}

/** Where the command is, and the folder to run it in. */
export interface Place {
  readonly path: string
  readonly folder: string
}

/**
 * A module that runs before the command and makes it stand still, however fast or slow we are: inside the
 * write after which stdout has said `when`, or so many breaths (setImmediate) later, in the middle of what
 * breathes. It says so on the pipe 3, and goes on when there is an answer.
 */
const standsStill = (when: RegExp, breaths: number): string => 'data:text/javascript,' + encodeURIComponent(`
  import { readSync, writeSync } from 'node:fs'
  import { isMainThread } from 'node:worker_threads'
  const standStill = () => {
    writeSync(3, '.')
    readSync(3, new Uint8Array(1))
  }
  const { stdout } = process
  const [write, breathe] = [stdout.write.bind(stdout), globalThis.setImmediate]
  let [said, left] = ['', -1]
  if (isMainThread) {
    stdout.write = (text, ...rest) => {
      const flows = write(text, ...rest)
      said += text
      if (left < 0 && ${when}.test(said)) {
        left = ${breaths}
        if (left === 0) standStill()
      }
      return flows
    }
    globalThis.setImmediate = (...args) => {
      if (left > 0 && --left === 0) standStill()
      return breathe(...args)
    }
  }`)

/**
 * Runs the command up to where stdout says `when`, or so many breaths later, hands it over while it stands
 * still there, lets it go on, and waits for its end.
 */
export function during(
  { path, folder }: Place, args: readonly string[], when: RegExp, act: (child: ChildProcess) => void,
  breaths = 0,
): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', standsStill(when, breaths), path, ...args], {
    cwd: folder, stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stderr!.setEncoding('utf8').on('data', (text) => { stderr += text })
  child.stdout!.setEncoding('utf8').on('data', (text) => { stdout += text })
  const talk = child.stdio[3] as Duplex
  talk.on('error', () => {}) // it was killed
  talk.once('data', () => {
    act(child)
    talk.write('.')
  })
  return new Promise((done) => {
    child.on('close', (code, signal) => done({ stdout, stderr, how: code ?? signal }))
  })
}

/** The lines of a run's metrics. */
export function metricsOf(dir: string): Record<string, unknown>[] {
  const text = readFileSync(join(dir, 'metrics.jsonl'), 'utf8')
  return text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** The lines that must be equal however often a run was stopped: all but the speed, and where it was. */
export function lastingMetrics(dir: string): unknown[] {
  return metricsOf(dir).filter(({ event }) => event !== 'resume' && event !== 'saved')
    .map(({ tokensPerSecond: _, command: __, ...line }) => line)
}

/** The steps after which it was gone on with. */
export function resumedAt(dir: string): unknown[] {
  return metricsOf(dir).filter(({ event }) => event === 'resume').map(({ step }) => step)
}

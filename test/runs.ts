// Training runs in child processes, to be killed and resumed; and what two runs must have in common.

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

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
 * Runs the command, hands the child over once stdout has said `when` (or after so many milliseconds), and
 * waits for its end.
 */
export function during(
  { path, folder }: Place, args: readonly string[], when: RegExp | number, act: (child: ChildProcess) => void,
): Promise<Ended> {
  const child = spawn(process.execPath, [path, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr, acted] = ['', '', false]
  const now = (): void => {
    if (!acted) act(child)
    acted = true
  }
  child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text })
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
    if (typeof when !== 'number' && when.test(stdout)) now()
  })
  const timer = typeof when === 'number' ? setTimeout(now, when) : undefined
  return new Promise((done) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      done({ stdout, stderr, how: code ?? signal })
    })
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

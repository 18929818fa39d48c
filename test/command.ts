// Runs the command line in child processes, from a bundle that no other build pulls away.

import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { random } from '../src/random.ts'

export const root = process.cwd()

export interface Ran {
  stdout: string
  stderr: string
  /** the exit code; null when a signal ended it */
  status: number | null
  milliseconds: number
}

/** The folder of all tests of this run of test/run.mjs, which makes it and deletes it. */
const { UNROLLED_TEST_FOLDER: shared } = process.env

function bundleInto(folder: string): void {
  const code = `
    import { bundle } from './src/build.mjs'
    await bundle({
      entries: [{ in: 'src/cli/main.ts', out: 'cli' }], outdir: ${JSON.stringify(folder)}, splitting: true,
      outExtension: { '.js': '.mjs' },
    })`
  const args = ['--input-type=module', '--eval', code]
  const built = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
  assert.is(built.status, 0, built.stderr)
}

/** The path of the command, built once for all that share a folder, else into this one. */
function builtCommand(own: string): string {
  if (!shared) {
    bundleInto(join(own, 'bin'))
    return join(own, 'bin', 'cli.mjs')
  }
  const [folder, mine] = [join(shared, 'bin'), join(shared, `bin-${process.pid}`)]
  if (!existsSync(folder)) {
    bundleInto(mine)
    try {
      renameSync(mine, folder)
    } catch {
      rmSync(mine, { recursive: true }) // another was faster
    }
  }
  return join(folder, 'cli.mjs')
}

/** The command's path, and a folder to work in, which `remove` deletes. */
export function buildCommand() {
  const folder = mkdtempSync(join(tmpdir(), 'unrolled-cli-'))
  const path = builtCommand(folder)

  /** Runs it in the folder, with nothing on stdin. */
  function run(args: readonly string[], cwd = folder): Ran {
    const started = performance.now()
    const { stdout, stderr, status, error } = spawnSync(process.execPath, [path, ...args], {
      cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 600_000,
    })
    if (error) throw error
    return { stdout, stderr, status, milliseconds: performance.now() - started }
  }

  return { path, folder, run, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Words in lines: a text on which a tiny net's loss soon falls. */
export function words(lines: number, seed = 1): string {
  const draw = random(seed)
  const known = ['the', 'whale', 'sea', 'ship', 'old', 'white', 'and', 'water']
  const line = () => Array.from({ length: 6 }, () => known[draw.integer(known.length)]).join(' ')
  return Array.from({ length: lines }, line).join('\n') + '\n'
}

/** What a run saves in its folder, and what it leaves there at its end. */
export const SAVED_FILES = ['checkpoint.safetensors', 'config.json', 'metrics.jsonl', 'model.safetensors']
export const RUN_FILES = [...SAVED_FILES, 'plots', 'report.html']

/** The options of the smallest nets that train on `words`. */
export const tiny = ['--hidden', '8', '--embed', '4', '--batch', '4', '--window', '8']

/** Milliseconds of processor time that a process has had: what others do beside it does not count (Linux). */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
  return 10 * (Number(fields[11]) + Number(fields[12])) // utime and stime, in hundredths of a second
}

/** A hash of a saved model's files, to see whether they were touched. */
export function bytesOf(dir: string): string {
  const hash = createHash('sha256')
  for (const name of ['model.safetensors', 'config.json']) hash.update(readFileSync(join(dir, name)))
  return hash.digest('hex')
}

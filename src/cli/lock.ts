// One run at a time in a folder: DIR/.lock names the process that writes there. One that was killed leaves
// its lock behind, and the next run takes it over: where the operating system tells when a process began
// (Linux), it is not fooled by another that has got the same number meanwhile. Read next: run-folder.ts.

import * as fs from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

import { UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import { errorCode, reasonOf } from '../io/reasons.ts'

const LOCK = '.lock'

/**
 * Throws when another run that is alive writes to this folder.
 * @throws UnrolledError, one line
 */
export function checkUnlocked(dir: string): void {
  const owner = ownerOf(join(dir, LOCK))
  if (owner === null) return
  throw new UnrolledError(`${printable(dir)}: another run (process ${owner}) writes there; wait for its ` +
    `end, or give another --out; if there is none, remove ${printable(join(dir, LOCK))}`)
}

/**
 * Takes the folder for this process, until the function that it returns is called, or the process ends.
 * @throws UnrolledError when another run writes there
 */
export function lock(dir: string): () => void {
  const path = join(dir, LOCK)
  checkUnlocked(dir)
  try {
    fs.rmSync(path, { force: true }) // of a process that is no more
    fs.writeFileSync(path, `${process.pid} ${hostname()} ${beginningOf(process.pid)}\n`, { flag: 'wx' })
  } catch (error) {
    if (errorCode(error) === 'EEXIST') checkUnlocked(dir) // somebody else was quicker
    throw new UnrolledError(`${printable(path)}: cannot be written: ${reasonOf(error)}`)
  }
  const release = (): void => {
    process.off('exit', release)
    try {
      fs.rmSync(path, { force: true })
    } catch {
      // the folder is gone or read-only: the lock of a process that is no more binds nobody
    }
  }
  process.on('exit', release)
  return release
}

/** The process that holds the lock and is alive; null when there is none. */
function ownerOf(path: string): number | null {
  let text: string
  try {
    text = fs.readFileSync(path, 'utf8')
  } catch {
    return null
  }
  const [id, host, began] = text.trim().split(' ')
  const pid = Number(id)
  // A container has a name of its own, and what it numbers cannot be looked up from outside.
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid || host !== hostname()) return null
  try {
    process.kill(pid, 0) // no signal: asks whether there is such a process
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return null
  }
  return beginningOf(pid) === began ? pid : null
}

/** When a process began, in ticks since the machine did; - where that cannot be known. */
function beginningOf(pid: number): string {
  try {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
    return fields[19] ?? '-'
  } catch {
    return '-'
  }
}

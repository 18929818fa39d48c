// A stream of 100,000 symbols takes no more memory and time per symbol at its end than at its beginning: the
// default net and a small one, in processes of their own; the figures of each 10,000 symbols are printed.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { buildCommand, cpuOf, words } from '../command.ts'

const test = suite('stream')
const { path, folder, run, remove } = buildCommand()
test.after(remove)

const EVERY = 10_000
const TOTAL = 100_000
writeFileSync(join(folder, 'text.txt'), words(3000))

/** Resident memory of a process, in MiB. */
function residentOf(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')
  return Number(pages) * 4096 / 2 ** 20
}

/** Per 10,000 symbols: memory at their end, and time for one symbol. */
function follow(dir: string): Promise<{ mebibytes: number, milliseconds: number }[]> {
  const child = spawn(process.execPath, [path, 'sample', '--model', dir, '--stream'], { cwd: folder })
  const pid = Number(child.pid)
  const marks: { mebibytes: number, milliseconds: number }[] = []
  let count = 0
  let since = 0
  child.stdout.on('data', (bytes: Uint8Array) => {
    if (count === 0) since = cpuOf(pid)
    count += bytes.length
    if (count < (marks.length + 1) * EVERY || marks.length === TOTAL / EVERY) return
    const now = cpuOf(pid)
    marks.push({ mebibytes: residentOf(pid), milliseconds: (now - since) / EVERY })
    since = now
    if (marks.length === TOTAL / EVERY) child.kill('SIGINT')
  })
  return new Promise((done, fail) => {
    child.on('close', (code) => code === 130 ? done(marks) : fail(new Error(`exit code ${code}`)))
  })
}

for (const [name, ...sizes] of [['default'], ['small', '--hidden', '16', '--embed', '8']]) {
  test(`the ${name} net`, async () => {
    const args = ['train', '--data', 'text.txt', '--steps', '5', '--sample-every', '0', '--out', name]
    const { status, stderr } = run([...args, ...sizes])
    assert.is(status, 0, stderr)
    const marks = await follow(name)
    for (const [k, { mebibytes, milliseconds }] of marks.entries()) {
      console.log(`${name}: ${((k + 1) * EVERY).toLocaleString('en-US').padStart(7)} symbols, ` +
        `${mebibytes.toFixed(0)} MiB, ${milliseconds.toFixed(3)} ms each`)
    }
    assert.is(marks.length, TOTAL / EVERY)
    const [, second] = marks // the first ones still warm up
    const last = marks[marks.length - 1]
    assert.ok(last.mebibytes < second.mebibytes + 24, 'memory grows')
    assert.ok(last.milliseconds < 1.5 * second.milliseconds, 'each symbol takes longer')
  })
}

test.run()

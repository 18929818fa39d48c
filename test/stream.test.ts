// sample --stream: symbol by symbol and without end, until Ctrl-C, --length, or the reader has had enough.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { buildCommand, cpuOf, tiny, words } from './command.ts'
import { during } from './runs.ts'

const test = suite('stream')
const { path, folder, run, remove } = buildCommand()
test.after(remove)

writeFileSync(join(folder, 'text.txt'), words(60))
const trained = run(['train', '--data', 'text.txt', ...tiny, '--steps', '2', '--out', 'model'])
const sample = ['sample', '--model', 'model', '--seed', '3']

/** Runs the command, and ends it by a signal when it has printed so many characters. */
const until = (characters: number, signal: NodeJS.Signals, ...args: string[]) =>
  during({ path, folder }, [...sample, ...args], new RegExp(`[^]{${characters}}`),
    (child) => child.kill(signal))

test('it goes on past the 500 symbols of a text without --stream, and begins as that does', async () => {
  assert.is(trained.status, 0, trained.stderr)
  const usual = run(sample).stdout
  const { stdout, stderr, how } = await until(2000, 'SIGINT', '--stream')
  assert.equal([how, stderr], [130, ''])
  assert.ok(stdout.length >= 2000)
  assert.ok(stdout.startsWith(usual.slice(0, -1)))
  assert.is(stdout.at(-1), '\n')
})

test('each symbol leaves as soon as it is drawn', async () => {
  const { stdout } = await until(1, 'SIGTERM', '--stream')
  assert.ok(stdout.length < 2000, `${stdout.length} characters came at once`)
})

test('SIGTERM and SIGHUP end it too; without --stream Ctrl-C ends the line as well', async () => {
  assert.is((await until(50, 'SIGTERM', '--stream')).how, 143)
  assert.is((await until(50, 'SIGHUP', '--stream')).how, 129)
  const { stdout, how } = await until(50, 'SIGINT', '--length', '1000000')
  assert.equal([how, stdout.at(-1)], [130, '\n'])
})

test('with --length it ends there', () => {
  const { stdout, status } = run([...sample, '--stream', '--length', '700', '--prompt', 'the'])
  assert.equal([status, stdout.length], [0, 3 + 700 + 1])
  assert.is(stdout, run([...sample, '--length', '700', '--prompt', 'the']).stdout)
})

test('a reader that has had enough ends it quietly', () => {
  const line = `"${process.execPath}" "${path}" ${sample.join(' ')} --stream | head -c 10; exit $PIPESTATUS`
  const { stdout, stderr, status } = spawnSync('bash', ['-c', line], { cwd: folder, encoding: 'utf8' })
  assert.equal([stdout.length, stderr, status], [10, '', 0])
})

const waits = existsSync('/proc/self/stat') ? test : test.skip
if (waits === test.skip) console.log('skip: no /proc here to see what a process does')

waits('a slow reader slows it down, and Ctrl-C is heard while it waits', async () => {
  const child = spawn(process.execPath, [path, ...sample, '--stream'], { cwd: folder })
  await new Promise((done) => { child.stdout.once('data', done) }) // it has begun, and listens to signals
  child.stdout.pause() // what is printed fills the pipe, and no more can leave
  const ended = new Promise((done) => { child.on('exit', done) })
  const pid = Number(child.pid)
  let worked = Infinity // in the last second
  for (let i = 0; i < 60 && (i < 3 || worked > 20); i++) {
    const before = cpuOf(pid)
    await new Promise((done) => { setTimeout(done, 1000) })
    worked = cpuOf(pid) - before
  }
  assert.ok(worked <= 20, 'it goes on computing what nobody reads')
  child.kill('SIGINT')
  assert.is(await ended, 130)
})

test.run()

// Ctrl-C, SIGTERM and SIGHUP while a net is trained, in processes of their own: the run ends after its
// present step, what it has learnt is saved, and no empty folder stays behind.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { isInterrupted, listenForSignals } from '../src/cli/interrupt.ts'
import { buildCommand, bytesOf, RUN_FILES, tiny, words } from './command.ts'
import { during as duringRun } from './runs.ts'

const test = suite('interrupt')
const { path, folder, run, remove } = buildCommand()
test.after(remove)

writeFileSync(join(folder, 'text.txt'), words(60))
writeFileSync(join(folder, 'long.txt'), words(600, 2))
const long = ['train', '--data', 'text.txt', ...tiny, '--minutes', '5', '--sample-every', '0']

const during = (args: readonly string[], when: RegExp, act: (child: ChildProcess) => void, breaths = 0) =>
  duringRun({ path, folder }, args, when, act, breaths)

const events = (stdout: string) => stdout.trimEnd().split('\n')
  .map((line) => JSON.parse(line) as { event: string, step: number, dir?: string })

/** The model in the folder is whole: it can be measured. */
function works(dir: string): void {
  assert.equal(readdirSync(join(folder, dir)).sort(), RUN_FILES)
  const { stderr, status } = run(['eval', '--model', dir, '--data', 'text.txt'])
  assert.is(status, 0, stderr)
}

test('Ctrl-C: saved in place of an older model, no validation, exit code 130', async () => {
  run(['train', '--data', 'text.txt', ...tiny, '--steps', '1', '--out', 'kept'])
  const before = bytesOf(join(folder, 'kept'))
  const args = [...long, '--json', '--out', 'kept']
  const { stdout, stderr, how } = await during(args, /"step":3/, (child) => child.kill('SIGINT'))
  assert.equal([how, stderr], [130, ''])
  const all = events(stdout)
  const steps = all.filter(({ event }) => event === 'step')
  assert.ok(steps.length >= 3)
  assert.equal(all.slice(2 + steps.length), [ // `begin`, `flow`
    { event: 'saved', dir: 'kept' }, { event: 'done', step: steps.length },
  ])
  assert.is.not(bytesOf(join(folder, 'kept')), before)
  works('kept')
})

test('SIGTERM: the same, exit code 143; told in one line', async () => {
  const { stdout, stderr, how } = await during([...long, '--out', 'deep/er'], /step \d/,
    (child) => child.kill('SIGTERM'))
  assert.equal([how, stderr], [143, ''])
  assert.match(stdout,
    /\ninterrupted at step \d+; saved deep\/er; npx unrolled train --resume deep\/er goes on\n$/)
  assert.not.match(stdout, /validation|What to try next/)
  works('deep/er')
})

test('SIGHUP, a terminal that is closed: the same, exit code 129', async () => {
  const { how } = await during([...long, '--json', '--out', 'hung-up'], /"step":3/,
    (child) => child.kill('SIGHUP'))
  assert.is(how, 129)
  works('hung-up')
})

test('without --out nothing is kept, and that is said', async () => {
  const { stdout, stderr, how } = await during(long, /step \d/, (child) => child.kill('SIGINT'))
  assert.equal([how, stderr], [130, ''])
  assert.match(stdout, /\ninterrupted at step \d+; nothing is kept; --out DIR would save it\n$/)
})

test('a Ctrl-C that comes twice at once, as npm passes it on, counts once', async () => {
  const twice = (child: ChildProcess) => {
    child.kill('SIGINT')
    child.kill('SIGINT')
  }
  assert.is((await during([...long, '--json', '--out', 'twice'], /"step":3/, twice)).how, 130)
  works('twice')
})

test('a validation that is under way is left', async () => {
  const slow = ['train', '--data', 'text.txt', '--valid', 'long.txt', ...tiny, '--json']
  const validating = [...slow, '--steps', '1', '--sample-every', '0', '--out', 'validating']
  // one breath follows the step, one each window of the validation
  const { stdout, how } = await during(validating, /"event":"step"/, (child) => child.kill('SIGINT'), 4)
  assert.equal([how, events(stdout).map(({ event }) => event)],
    [130, ['begin', 'flow', 'step', 'saved', 'done']])
  works('validating')
})

test('a later Ctrl-C ends at once, whatever is under way', () => {
  let time = 0
  const codes: unknown[] = []
  const real = process.exit
  process.exit = ((code: unknown) => { codes.push(code) }) as typeof process.exit
  try {
    const interruption = listenForSignals(() => time)
    assert.is(isInterrupted(), false)
    process.emit('SIGINT', 'SIGINT')
    time = 400
    process.emit('SIGINT', 'SIGINT')
    assert.equal([interruption.exitCode, isInterrupted(), codes], [130, true, []])
    time = 600
    process.emit('SIGTERM', 'SIGTERM')
    assert.equal([interruption.exitCode, codes], [130, [143]])
    interruption.release()
    assert.is(isInterrupted(), false)
    assert.is(process.listenerCount('SIGINT') + process.listenerCount('SIGTERM'), 0)
  } finally {
    process.exit = real
  }
})

test('killed outright, or refused, it leaves no folder that it made', async () => {
  const { how } = await during([...long, '--json', '--out', 'new/er'], /"step":3/,
    (child) => child.kill('SIGKILL'))
  assert.is(how, 'SIGKILL')
  assert.is(existsSync(join(folder, 'new')), false)
  assert.is(run([...long, '--lr', '1e300', '--out', 'new']).status, 1)
  assert.is(existsSync(join(folder, 'new')), false)
})

test('Ctrl-C on a pipe ends the reader too (| tee): the model is saved all the same', async () => {
  const line = `"${process.execPath}" "${path}" ${long.join(' ')} --json --out piped | tee log.txt`
  // bash, the command and tee hold the pipe 3, so that it is closed when all of them have ended
  const shell = spawn('bash', ['-c', line], {
    cwd: folder, detached: true, stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  })
  const ended = new Promise((done) => { shell.on('close', done) })
  shell.stdout!.once('data', () => { process.kill(-Number(shell.pid), 'SIGINT') }) // all, as a terminal does
  await ended
  works('piped')
})

test.run()

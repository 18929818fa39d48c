// The runner must not be fooled: a test that never settles, an empty file, a silent skip are failures.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const test = suite('runner')

// Runs test/run.mjs over a folder that holds these files.
function run(files: Record<string, string>, ...options: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'unrolled-runner-'))
  try {
    for (const [name, code] of Object.entries(files)) {
      const head = `import { suite } from 'uvu'\nconst test = suite('s')\n`
      writeFileSync(join(folder, name + '.test.ts'), head + code)
    }
    const args = ['test/run.mjs', '--dir', folder, ...options]
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    assert.is(stderr, '')
    return { stdout, status, last: stdout.trimEnd().split('\n').at(-1) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const good = `test('adds', () => {})\ntest.run()`

test('a good file passes, without colours', () => {
  const { status, last, stdout } = run({ good })
  assert.is(last, '1 passed, 0 failed, 0 skipped')
  assert.is(status, 0)
  assert.not.match(stdout, '\x1b')
})

test('a failing test is counted and its message shown', () => {
  const bad = `test('fine', () => {})
    test('wrong', () => { throw new Error('two is not three') })
    test.run()`
  const { status, last, stdout } = run({ good, bad })
  assert.is(last, '2 passed, 1 failed, 0 skipped')
  assert.is(status, 1)
  assert.match(stdout, /FAIL bad\.test\.ts/)
  assert.match(stdout, 'two is not three')
})

test('a promise that never settles is a failure', () => {
  const waits = `test('waits', () => new Promise(() => {}))\ntest.run()`
  const { status, last, stdout } = run({ good, waits })
  assert.is(last, '1 passed, 1 failed, 0 skipped')
  assert.is(status, 1)
  assert.match(stdout, /FAIL waits\.test\.ts/)
})

test('a file that forgot run(), or holds no test, is a failure', () => {
  const { status, last, stdout } = run({ forgot: `test('never run', () => {})`, empty: 'test.run()' })
  assert.is(last, '0 passed, 2 failed, 0 skipped')
  assert.is(status, 1)
  assert.match(stdout, 'ended without a summary')
  assert.match(stdout, 'no test in it')
})

test('leaving with code 0 in the middle is a failure', () => {
  const { status, last } = run({ leaves: `test('leaves', () => process.exit(0))\ntest.run()` })
  assert.is(last, '0 passed, 1 failed, 0 skipped')
  assert.is(status, 1)
})

test('a file that does not end is killed, with what it started', () => {
  const hangs = `import { spawn } from 'node:child_process'
    test('hangs', () => {
      spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
      return new Promise(() => { setInterval(() => {}, 1000) })
    })
    test.run()`
  const { status, last, stdout } = run({ hangs }, '--timeout', '1')
  assert.is(last, '0 passed, 1 failed, 0 skipped')
  assert.is(status, 1)
  assert.match(stdout, 'still running after 1 s, killed')
})

test('code that does not compile is a failure of its own file only', () => {
  const { status, last, stdout } = run({ good, broken: `const = 1` })
  assert.is(last, '1 passed, 1 failed, 0 skipped')
  assert.is(status, 1)
  assert.match(stdout, /FAIL broken\.test\.ts/)
})

test('a skip needs a reason, and the reason is shown', () => {
  const silent = `test('a', () => {})\ntest.skip('b', () => {})\ntest.run()`
  const said = `console.log('skip: no such device here')\n${silent}`
  const { status, last, stdout } = run({ silent, said })
  assert.is(last, '2 passed, 1 failed, 2 skipped')
  assert.is(status, 1)
  assert.match(stdout, /\n {5}skip: no such device here\n/)
  assert.match(stdout, 'skipped without a line')
})

test('named files of the suite are run on a build of the sources as they are; no build alone passes', () => {
  const named = (name: string) => spawnSync(process.execPath, ['test/run.mjs', name], { encoding: 'utf8' })
  const { stdout, status } = named('floors')
  assert.match(stdout, /^ok {3}build +1 passed +[^\n]*\nok {3}floors\.test\.ts /)
  assert.is(status, 0)
  const none = named('no-such-file')
  assert.match(none.stdout, /^no test file matches in .*\n[^]*\n0 passed, 0 failed, 0 skipped\n$/)
  assert.is(none.status, 1)
})

test('names select files; no file at all is a failure', () => {
  const selected = run({ good, other: good }, 'other')
  assert.is(selected.last, '1 passed, 0 failed, 0 skipped')
  const none = run({ good }, 'nothing')
  assert.is(none.last, '0 passed, 0 failed, 0 skipped')
  assert.is(none.status, 1)
})

test.run()

// npx unrolled experiment: the list, one experiment as it is typed, the table of all, how seeds are judged,
// and what goes wrong. What the experiments themselves find: experiments.test.ts.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { runExperiments } from '../src/cli/experiment.ts'
import { UnrolledError } from '../src/check.ts'
import { type Experiment, judge, type Outcome, SEEDS } from '../src/experiments/experiment.ts'
import { experiments } from '../src/experiments/list.ts'
import { buildCommand } from './command.ts'
import { parseXml } from './xml.ts'

const test = suite('experiment command')
const { folder, run, remove } = buildCommand()
test.after(remove)

test('--list names every experiment with what it shows, its rule and its source', () => {
  const { stdout, stderr, status } = run(['experiment', '--list'])
  assert.equal([stderr, status], ['', 0])
  for (const { name, shows, rule, source } of experiments) {
    assert.ok(stdout.includes(`${name}\n  ${shows}\n  rule: ${rule}\n  source: ${source}\n`), name)
  }
  assert.is(new Set(experiments.map(({ name }) => name)).size, experiments.length)
  assert.not(existsSync(join(folder, 'runs')))
})

test('one experiment: progress, one RESULT line, a picture; code 0', () => {
  const { stdout, stderr, status } = run(['experiment', 'hopfield-recall', '--out', 'found', '--seed', '2'])
  assert.equal([stderr, status], ['', 0], stdout)
  const results = stdout.split('\n').filter((line) => line.startsWith('RESULT '))
  assert.is(results.length, 1)
  const line = /^RESULT hopfield-recall overlap012=0\.9[89]\d* .* target="[^"]+" source="[^"]+" pass$/
  assert.match(results[0], line)
  assert.match(stdout, /^ {2}\S/m)
  assert.match(stdout, '  seed 2: ')
  assert.match(stdout, '\n  drew found/hopfield-recall.svg\n')
  assert.equal(readdirSync(join(folder, 'found')), ['hopfield-recall.svg'])
  const picture = parseXml(readFileSync(join(folder, 'found', 'hopfield-recall.svg'), 'utf8'))
  assert.match(picture.text, 'restored')
})

test('what does not fit: one line, code 2', () => {
  const refused = (...args: string[]) => {
    const { stdout, stderr, status } = run(['experiment', ...args])
    assert.equal([stdout, status], ['', 2], stderr)
    return stderr.replace(/^unrolled: (.*)\n$/, '$1')
  }
  assert.is(refused(), 'experiment: name one; --list lists them, --all runs them all')
  assert.is(refused('hopfield-recal'),
    'experiment: there is no experiment hopfield-recal; did you mean hopfield-recall?')
  const far = 'experiment: there is no experiment whale; unrolled experiment --list lists them'
  assert.is(refused('whale'), far)
  assert.is(refused('hopfield-recall', 'whale'), 'experiment: whale is left over; options begin with --')
  assert.is(refused('whale', '--all'),
    'experiment: NAME, --all exclude each other; give one of NAME, --list, --all')
  assert.match(refused('--seed', '-1'), /^--seed -1: must be a whole number from 0/)
  assert.match(run(['experiment', '--help']).stdout, /^Usage: npx unrolled experiment NAME \[options\]$/m)
})

// Made up: what the table and the exit code say of them.
const found = (x: number, holds: boolean): Outcome =>
  ({ measures: { x, other: 1 }, passed: { 'x < 1': holds } })
const madeUp = (name: string, run: Experiment['run'], seeds = [1]): Experiment =>
  ({ name, shows: 'a thing', rule: 'x < 1 | y', source: 'nobody 1900', seeds, run })
const options = {
  name: undefined, list: false, all: true, seed: undefined, device: 'cpu', adapter: undefined,
  threads: undefined, out: join(folder, 'all'),
} as const

test('--all: a table for people and one for programs; a failure gives code 1, all others run', async () => {
  const seen: number[] = []
  const passes = madeUp('passes', ({ seed }) => {
    seen.push(seed)
    return found(seed / 10, seed > 1)
  }, [...SEEDS])
  const fails = madeUp('fails', () => found(2, false))
  const breaks = madeUp('breaks', () => { throw new UnrolledError('no memory; take less') })
  assert.is(await runExperiments(options, [breaks, fails, passes]), 1)
  assert.equal(seen, [1, 2, 3])
  const table = readFileSync(join(options.out, 'experiments.md'), 'utf8').split('\n')
  assert.is(table.length, 6)
  assert.is(table[4],
    '| `npx unrolled experiment passes` | a thing | x < 1 \\| y | x=0.2<br>other=1 | nobody 1900 | pass |')
  assert.match(table[3], /\| x=2<br>other=1 \| nobody 1900 \| \*\*fail\*\* \|$/)
  const json = JSON.parse(readFileSync(join(options.out, 'experiments.json'), 'utf8')) as {
    device: string, experiments: { name: string, passed: boolean, seeds: number[] }[]
  }
  assert.is(json.device, 'cpu')
  assert.equal(json.experiments.map(({ name, passed }) => [name, passed]),
    [['breaks', false], ['fails', false], ['passes', true]])
  assert.is(await runExperiments({ ...options, all: false, name: 'passes' }, [passes]), 0)
  assert.is(await runExperiments({ ...options, all: false, name: 'passes', seed: 1 }, [passes]), 1)
  assert.equal(seen, [1, 2, 3, 1, 2, 3, 1])
})

test('--all: a bug in one of them costs neither the others nor the table', async () => {
  const breaks = madeUp('breaks', () => { throw new TypeError('x is undefined') })
  const written = process.stderr.write.bind(process.stderr)
  let said = ''
  process.stderr.write = (text: string | Uint8Array): boolean => {
    said += String(text)
    return true
  }
  try {
    assert.is(await runExperiments(options, [breaks, madeUp('passes', () => found(0, true))]), 1)
  } finally {
    process.stderr.write = written
  }
  assert.is(said, 'unrolled: breaks: this is a bug in unrolled: x is undefined; ' +
    'npx unrolled experiment breaks --debug shows where\n')
  const table = readFileSync(join(options.out, 'experiments.md'), 'utf8')
  assert.match(table, /breaks.*fail[^]*passes.*pass/)
})

test('an experiment that is run alone and breaks tells why, as every command does', async () => {
  const breaks = madeUp('breaks', () => { throw new UnrolledError('no memory; take less') })
  try {
    await runExperiments({ ...options, all: false, name: 'breaks' }, [breaks])
    assert.unreachable()
  } catch (error) {
    assert.is((error as Error).message, 'no memory; take less')
  }
})

test('each part of a rule must hold for two seeds of three, not all parts for the same two', () => {
  const outcome = (a: boolean, b: boolean, x = 0): Outcome => ({ measures: { x }, passed: { a, b } })
  assert.ok(judge([outcome(true, false, 5), outcome(true, true, 1), outcome(false, true, 3)]).passed)
  assert.equal(judge([outcome(true, false), outcome(true, false), outcome(true, true)]).broken, ['b'])
  assert.is(judge([outcome(true, false, 5), outcome(true, true, 1), outcome(false, true, 3)]).measures.x, 3)
  assert.not(judge([outcome(false, true)]).passed)
})

test.run()

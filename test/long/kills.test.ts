// A hundred kills (SIGKILL) at random moments, many of them while a save is under way: each run is gone on
// with again and again, and ends with the same model and the same metrics as one that nobody stopped. And a
// disk that is really full, where one can be made.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { random } from '../../src/random.ts'
import { buildCommand, bytesOf, RUN_FILES, SAVED_FILES, tiny, words } from '../command.ts'
import { during, lastingMetrics, resumedAt } from '../runs.ts'

const KILLS = 100

const test = suite('kills')
const place = buildCommand()
const { folder, run } = place
test.after(place.remove)

const at = (name: string): string => join(folder, name)
writeFileSync(at('text.txt'), words(60))
writeFileSync(at('valid.txt'), words(200, 2))
const onText = ['train', '--data', 'text.txt', '--valid', 'valid.txt', ...tiny, '--steps', '200',
  '--sample-every', '20', '--validate-every', '30']

function good(...args: string[]): void {
  const { stderr, status } = run(args)
  assert.equal([status, stderr], [0, ''])
}

function same(dir: string, whole: string): void {
  assert.is(bytesOf(at(dir)), bytesOf(at(whole)))
  assert.equal(lastingMetrics(at(dir)), lastingMetrics(at(whole)))
  assert.equal(readdirSync(at(dir)).sort(), RUN_FILES)
}

const draw = random(6)

/**
 * Starts the run, kills it at a random moment, goes on with it, kills it, ... until it ends by itself; how
 * often it was killed, and how many temporary files a kill left half written.
 */
async function killAgainAndAgain(args: string[], dir: string): Promise<[kills: number, torn: number]> {
  for (let kills = 0, torn = 0; ;) {
    const begun = existsSync(at(`${dir}/checkpoint.safetensors`))
    const now = begun ? ['train', '--resume', dir] : [...args, '--out', dir]
    const lines = new RegExp(`(.*\\n){${draw.integer(50)}}`) // after so many, and a moment more
    const moment = 30 * draw.uniform(1)[0]
    const { how, stderr } = await during(place, [...now, '--json'], lines, (child) => {
      setTimeout(() => child.kill('SIGKILL'), moment)
    })
    if (how === 0) return [kills, torn]
    assert.is(how, 'SIGKILL', stderr)
    kills++
    if (existsSync(at(dir)) && readdirSync(at(dir)).some((name) => name.endsWith('.tmp'))) torn++
    if (existsSync(at(`${dir}/checkpoint.safetensors`)) && kills % 10 === 0) {
      good('sample', '--model', dir, '--length', '5')
    }
  }
}

const kinds = [
  ['--save-every', '1', '--layers', '2', '--dropout', '0.3', '--horizon', '20'],
  ['--save-every', '1', '--cell', 'gru', '--schedule', 'cosine', '--hidden', '64'],
  ['--save-every', '3', '--cell', 'jordan', '--optimizer', 'sgd', '--horizon', '17'],
  ['--save-every', '2', '--cell', 'elman', '--optimizer', 'rmsprop', '--hidden', '100', '--embed', '50'],
]

test(`${KILLS} kills`, async () => {
  kinds.forEach((kind, i) => good(...onText, ...kind, '--out', `whole-${i}`))
  const count = { kills: 0, torn: 0, runs: 0, resumed: 0 }
  while (count.kills < KILLS) {
    const i = count.runs++ % kinds.length
    rmSync(at('killed'), { recursive: true, force: true })
    const [kills, torn] = await killAgainAndAgain([...onText, ...kinds[i]], 'killed')
    count.kills += kills
    count.torn += torn
    if (existsSync(at('killed'))) count.resumed += resumedAt(at('killed')).length
    same('killed', `whole-${i}`)
  }
  console.log(`${count.kills} kills in ${count.runs} runs, ${count.torn} of them in the middle of a write`)
  assert.ok(count.torn > 0, 'no kill came while a file was written')
})

test('a disk that is full', () => {
  mkdirSync(at('disk'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', at('disk')])
  if (mounted.status !== 0) {
    console.log('skip: a small disk cannot be mounted here')
    return
  }
  try {
    const args = [...onText, '--save-every', '1', '--sample-every', '0']
    const { status, stderr } = run([...args, '--out', 'disk/run'])
    assert.is(status, 1)
    assert.match(stderr, /^unrolled: disk\/run\/\S+: cannot be written: no space is left on [^\n]+\n$/)
    const left = readdirSync(at('disk/run')).filter((name) => !name.endsWith('.lock')).sort()
    assert.equal(left, SAVED_FILES) // not drawn: that comes at the end
    assert.is(spawnSync('mount', ['-o', 'remount,size=1m', at('disk')]).status, 0)
    good('train', '--resume', 'disk/run')
    good(...args, '--out', 'enough')
    same('disk/run', 'enough')
  } finally {
    spawnSync('umount', [at('disk')])
  }
})

test.run()

// The cheap experiments, run for real: they hold for a seed that nobody chose, and their parts can fail.
// (hopfield-recall: experiment-command.test.ts.) All of them: npx unrolled experiment --all.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'

import { markdownTable } from '../src/cli/experiment-table.ts'
import type { Outcome } from '../src/experiments/experiment.ts'
import { experiments } from '../src/experiments/list.ts'
import { drawChart } from '../src/inspect/pictures/chart.ts'
import { simd } from '../src/simd/open.ts'
import { parseXml } from './xml.ts'

const test = suite('experiments')
const device = await simd({ threads: 1 })

const run = async (name: string, seed: number): Promise<Outcome> => {
  const experiment = experiments.find((one) => one.name === name)
  assert.ok(experiment, name)
  return await experiment.run({ seed, device, tell: () => Promise.resolve() })
}

test('narma10: for seeds nobody chose, and the same numbers for the same seed', async () => {
  for (const seed of [100, 101]) {
    const { measures, passed, picture } = await run('narma10', seed)
    assert.ok(Object.values(passed).every(Boolean), JSON.stringify(measures))
    assert.ok(measures.nmse < 0.1 && measures.shiftRegister > 0.12, JSON.stringify(measures))
    assert.ok(picture)
    parseXml(drawChart('narma10', picture).svg)
    assert.equal((await run('narma10', seed)).measures, measures)
  }
})

for (const [name, seed] of [
  ['elman-letters', 100], ['bidirectional', 100], ['exploding-wall', 1],
] as const) {
  test(`${name}: for a seed nobody chose, with a picture`, async () => {
    const { measures, passed, picture } = await run(name, seed)
    assert.ok(Object.values(passed).every(Boolean), JSON.stringify({ measures, passed }))
    assert.ok(picture)
    parseXml(drawChart(name, picture).svg)
  })
}

test('a wall that is met with another rate or clip is another wall: its parts can fail', async () => {
  const { measures } = await run('exploding-wall', 1)
  assert.ok(measures.lowest > 0.05 && measures.longestStep > 20 * measures.clippedStep)
})

test('every experiment says what its parts are in few words', () => {
  for (const { name, shows, rule, source, seeds } of experiments) {
    assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/)
    for (const text of [shows, rule, source]) {
      assert.ok(text.length > 5 && text.length < 130, `${name}: ${text}`)
    }
    assert.ok(seeds.length === 1 || seeds.length === 3, name)
  }
})

test('README: a row for each, in their order, with the words of --all', () => {
  const lines = readFileSync('README.md', 'utf8').split('\n')
    .filter((line) => line.startsWith('| `npx unrolled experiment '))
  const rows = experiments.map((one) =>
    ({ ...one, measures: {}, passed: true, seconds: 0, picture: undefined }))
  const wanted = markdownTable(rows).split('\n').slice(2, -1)
  const unmeasured = lines.map((line) => {
    const cells = line.split(' | ')
    return [...cells.slice(0, -3), '', ...cells.slice(-2)].join(' | ')
  })
  assert.equal(unmeasured, wanted)
})

test.run()

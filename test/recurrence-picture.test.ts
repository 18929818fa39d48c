// The picture of the recurrent matrices in training, and what a run tells for it.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { gateName, recurrentRadii } from '../src/inspect/recurrent-matrices.ts'
import { drawPictures } from '../src/inspect/pictures/draw.ts'
import { CELLS, cells, type MakeCell } from '../src/nn/cells.ts'
import { random } from '../src/random.ts'
import { buildCommand, words } from './command.ts'
import { device } from './every-cell.ts'
import { flow, history, steps } from './run-events.ts'
import { parseXml } from './xml.ts'

const test = suite('recurrence picture')
const { folder, run, remove } = buildCommand()
test.after(remove)

const draw = (...events: Parameters<typeof history>) =>
  drawPictures(history(...events)).find(({ name }) => name === 'recurrence')

test('a curve for each gate and layer, with its name; the caption says from where to where', () => {
  const radii = (by: number) => [[1, 2, 3, 4], [5, 6, 7, 8]].map((row) => row.map((x) => x * by))
  const events = [1, 3, 5].map((step) =>
    ({ ...flow(step, 8, 2), radii: radii(step / 10), saturated: [0.01 * step, 0.25] }))
  const picture = draw(steps(6), events)
  assert.ok(picture)
  const { text } = parseXml(picture.svg)
  for (const name of ['layer 1 i', 'layer 2 o', 'spectral radius', 'stuck']) assert.match(text, name)
  assert.match(picture.caption, 'layer 1 i from 0.10 to 0.50')
  assert.match(picture.caption, 'layer 2 o from 0.80 to 4.00. Each gate has a matrix of its own')
  assert.match(picture.caption, 'Stuck at the end: layer 1 5.0 %, layer 2 25.0 %')
})

test('one measurement, one part of it alone, none, and nonsense', () => {
  const one = draw(steps(2), { ...flow(1), radii: [[0.5]] })
  assert.ok(one)
  assert.match(one.caption, /^Spectral radius, step 1 to 1: block 1 from 0.50 to 0.50.$/)
  parseXml(one.svg)
  const stuck = draw(steps(2), { ...flow(1), saturated: [0.5] })
  assert.match(stuck?.caption ?? '', /^Stuck at the end: 50.0 % of all squashed values.$/)
  assert.is(draw(steps(2), flow(1)), undefined)
  assert.is(draw(steps(2), { ...flow(1), radii: 'many' }), undefined)
  assert.is(draw(steps(2), { ...flow(1), radii: [[null]] }), undefined)
})

test('the gates of every cell that has square blocks have names', async () => {
  for (const name of CELLS) {
    const make: MakeCell = cells[name]
    const cell = make({ inputs: 2, hidden: 3, device, rng: random(1) })
    const [blocks = []] = await recurrentRadii(new Map(Object.entries(cell.parameters)))
    const names = blocks.map((_, k) => gateName(name, k, blocks.length))
    assert.is(names.filter((gate) => gate.startsWith('block')).length, 0, `${name}: ${names}`)
    assert.is(new Set(names).size, names.length)
  }
})

test('train --out tells radii and saturation with each flow, and draws them', () => {
  writeFileSync(join(folder, 'text.txt'), words(200))
  const { status, stderr } = run(['train', '--data', 'text.txt', '--cell', 'gru', '--hidden', '8', '--layers',
    '2', '--batch', '4', '--window', '8', '--steps', '5', '--flow-every', '2', '--device', 'cpu',
    '--sample-every', '0', '--out', 'run'])
  assert.is(status, 0, stderr)
  const lines = readFileSync(join(folder, 'run', 'metrics.jsonl'), 'utf8').trim().split('\n')
  const flows = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ event }) => event === 'flow') as { step: number, radii: number[][], saturated: number[] }[]
  assert.equal(flows.map(({ step }) => step), [1, 2, 4])
  for (const { radii, saturated } of flows) {
    assert.equal(radii.map((row) => row.length), [3, 3])
    assert.ok(radii.flat().every((radius) => radius > 0 && radius < 2), JSON.stringify(radii))
    assert.is(saturated.length, 2)
    assert.ok(saturated.every((share) => share >= 0 && share < 1))
  }
  parseXml(readFileSync(join(folder, 'run', 'plots', 'recurrence.svg'), 'utf8'))
})

test.run()

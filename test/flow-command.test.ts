// npx unrolled flow: tables, charts, report and JSON; every cell; a trained model; and what goes wrong.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { composed } from '../src/context.ts'
import { byLag } from '../src/inspect/lab/by-lag.ts'
import { clipping } from '../src/inspect/lab/clipping.ts'
import { forgetBias } from '../src/inspect/lab/forget-bias.ts'
import { jacobianPart } from '../src/inspect/lab/jacobian.ts'
import { float64 } from '../src/inspect/lab/nets.ts'
import { lagOfThousandth, manyLags, middles, shown, textTable } from '../src/inspect/lab/part.ts'
import { saturated, stuckTable } from '../src/inspect/lab/saturated.ts'
import { truncation } from '../src/inspect/lab/truncation.ts'
import { drawParts, renderLab } from '../src/inspect/pictures/lab-report.ts'
import { saturation } from '../src/inspect/saturation.ts'
import { CELLS, cells } from '../src/nn/cells.ts'
import { unroll } from '../src/nn/unroll.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { tensor } from '../src/tensor.ts'
import { buildCommand, words } from './command.ts'
import { parseXml } from './xml.ts'

const test = suite('flow command')
const { folder, run, remove } = buildCommand()
test.after(remove)
const at = (path: string) => join(folder, path)
const read = (path: string) => readFileSync(at(path), 'utf8')
const rest = () => Promise.resolve()

interface Found {
  cell: string
  parts: Record<string, { title: string, notes: string[], numbers: unknown }>
}
const NAMES = ['by-lag', 'jacobians', 'forget-bias', 'clipping', 'truncation', 'saturation']

test('tables on stdout; charts, a report and numbers in the folder', () => {
  const { stdout, stderr, status } = run(['flow', '--cell', 'elman,gru', '--steps', '12', '--rho', '0.9,0.5',
    '--out', 'lab'])
  assert.equal([stderr, status], ['', 0])
  for (const words of ['cell   state', 'tanh, rho 0.5', 'forget bias', 'gru: it has 3 recurrent matrices']) {
    assert.match(stdout, words)
  }
  assert.match(stdout, /\nwrote lab\/report\.html, 6 charts and lab\/flow\.json\n$/)
  const files = [...NAMES.map((name) => `${name}.svg`), 'flow.json', 'report.html']
  assert.equal(readdirSync(at('lab')).sort(), files.sort())
  for (const name of NAMES) parseXml(read(`lab/${name}.svg`))
  const report = parseXml(read('lab/report.html'), ['meta'])
  assert.match(report.text, 'How the gradient travels through time')
  assert.match(read('lab/report.html'), 'prefers-color-scheme: dark')
  const { cell, parts } = JSON.parse(read('lab/flow.json')) as Found
  assert.is(cell, 'elman,gru')
  assert.equal(Object.keys(parts), NAMES)
  for (const { title } of Object.values(parts)) assert.match(stdout, title)
})

test('--json: the same numbers on stdout, nothing else; the same each time', () => {
  const { stdout, status } = run(['flow', '--cell', 'elman,gru', '--steps', '12', '--rho', '0.5,0.9',
    '--json', '--out', 'json'])
  assert.is(status, 0)
  assert.is(stdout, read('json/flow.json'))
  const parts = (text: string) => (JSON.parse(text) as Found).parts
  assert.equal(parts(stdout), parts(read('lab/flow.json')))
})

test('a trained model: before, while and after its training', () => {
  writeFileSync(at('text.txt'), words(400))
  const model = ['--data', 'text.txt', '--hidden', '8', '--batch', '4', '--window', '8', '--steps', '4',
    '--sample-every', '0', '--device', 'cpu', '--flow-every', '2', '--skip', '--forget-bias', '1']
  assert.is(run(['train', ...model, '--layers', '2', '--out', 'model']).status, 0)
  const flow = (...more: string[]) => run(['flow', '--cell', 'elman', '--rho', '0.5', '--steps', '12',
    '--json', '--trained', 'model', '--out', 'trained', ...more])
  const { stdout, stderr, status } = flow()
  assert.equal([stderr, status], ['', 0])
  const { parts } = JSON.parse(stdout) as Found
  const added = ['trained-by-lag', 'trained-jacobians', 'trained-matrices', 'trained-saturation']
  assert.equal(Object.keys(parts), [...NAMES, ...added])
  const rows = parts['trained-by-lag'].numbers as { label: string, state: string, norms: number[] }[]
  assert.equal(rows.map(({ label, state }) => `${label} ${state}`).slice(0, 3),
    ['initial, layer 1 h', 'initial, layer 1 c', 'initial, layer 2 h'])
  assert.ok(rows.length === 8 && rows.every(({ norms }) => norms.length === 12 && norms.every((x) => x > 0)))
  assert.is.not(rows[0].norms[3], rows[4].norms[3])
  parseXml(read('trained/trained-matrices.svg'))
  const { initial, trained } = parts['trained-matrices'].numbers as Record<string, { radius: number }[]>
  assert.equal([initial.length, trained.length], [8, 8])
  const [layer] = parts['trained-jacobians'].numbers as { sigmaMax: number | null }[]
  assert.is(layer.sigmaMax, null, 'no one matrix bounds an lstm')
  // What the run itself measured before its first step is the fresh net's radius.
  const [first] = read('model/metrics.jsonl').split('\n').filter((line) => line.includes('"radii"'))
  const { radii } = JSON.parse(first) as { radii: number[][] }
  radii.flat().forEach((radius, k) => assert.ok(Math.abs(radius / initial[k].radius - 1) < 0.1, `${radius}`))
  assert.is(run(['train', ...model.slice(0, -3), '--cell', 'elman', '--out', 'elman']).status, 0)
  const both = run(['flow', '--cell', 'elman', '--rho', '0.5', '--steps', '12', '--json', '--trained',
    'model, ./elman,./model,elman/', '--out', 'both'])
  sideBySide(parts, (JSON.parse(both.stdout) as Found).parts)
  assert.is(flow('--data', 'text.txt').status, 0)
  rmSync(at('text.txt'))
  const gone = flow()
  assert.equal([gone.stdout, gone.status], ['', 1])
  assert.match(gone.stderr, /^unrolled: .*text\.txt: there is no such file any more; .*; or flow --data FILE/)
  assert.is(gone.stderr.split('\n').length, 2)
})

/** What was measured of the models `model` (an lstm) and `elman` in one run: of each the same as alone. */
function sideBySide(alone: Found['parts'], both: Found['parts']): void {
  type Row = { label: string, lags: number[], norms: number[], sigmaMax: number }
  for (const name of ['trained-by-lag', 'trained-jacobians', 'trained-saturation']) {
    const [one, two] = [alone, both].map((parts) => parts[name].numbers as Row[])
    assert.equal(two.slice(0, one.length), one.map((row) => ({ ...row, label: `model ${row.label}` })))
    const others = two.slice(one.length)
    assert.ok(others.length > 0 && others.every(({ label }) => /^elman (initial|trained)/.test(label)), name)
    if (name !== 'trained-jacobians') continue
    for (const { lags, norms, sigmaMax } of others) { // an Elman net has a bound
      norms.forEach((norm, k) => assert.ok(norm <= sigmaMax ** lags[k] * (1 + 1e-9), `${norm} at ${lags[k]}`))
    }
  }
  type Matrices = Record<'initial' | 'trained', { name: string }[]>
  for (const stage of ['initial', 'trained'] as const) {
    const [one, two] = [alone, both].map((parts) => (parts['trained-matrices'].numbers as Matrices)[stage])
    assert.equal(two.slice(0, 8), one.map((matrix) => ({ ...matrix, name: `model ${matrix.name}` })))
    assert.equal(two.slice(8).map(({ name }) => name.split(' ')[0]), ['elman'])
  }
  const chart = parseXml(read('both/trained-matrices.svg'))
  for (const words of ['model: spectral radius', 'elman: spectral radius']) assert.match(chart.text, words)
}

test('what does not fit: one line, code 2; what is not there: code 1', () => {
  const refused = (...args: string[]) => {
    const { stdout, stderr, status } = run(['flow', ...args])
    assert.is(stdout, '')
    return `${status} ${stderr.replace(/^unrolled: (.*)\n$/, '$1')}`
  }
  assert.is(refused('--cell', 'elman,lstn'),
    '2 --cell elman,lstn: there is no cell lstn; did you mean lstm?')
  assert.match(refused('--cell', 'whale'), /^2 --cell whale: .* it must be all, or some of jordan, /)
  for (const rho of ['', '0', '1,', '-1', 'x', '11', '1,2,3,4,5,6,7', 'Infinity']) {
    assert.match(refused(`--rho=${rho}`), /^2 --rho .*: must be up to 6 numbers above 0 and at most 10/)
  }
  assert.is(refused('--steps', '9'), '2 --steps 9: must be a whole number from 10 to 1000')
  assert.match(refused('--steps', '1001'), /^2 --steps 1001: must be a whole number from 10 to 1000/)
  assert.is(refused('--data', 'x'), '2 flow: --data FILE goes with --trained DIR')
  writeFileSync(at('words.txt'), words(400))
  for (const dirs of ['nowhere', 'model,nowhere', 'nowhere,model']) {
    assert.match(refused('--trained', dirs, '--data', 'words.txt'), /^1 nowhere: [^\n]*$/)
  }
  for (const dirs of ['a,,b', 'a,', 'a,b,c,d', ',']) {
    assert.is(refused('--trained', dirs),
      `2 --trained ${dirs}: must be up to 3 folders, with commas between them`)
  }
  assert.match(refused('--trained', 'a, b,c,a,./b'), /^1 a: /, 'three folders')
  mkdirSync(at('c,d'))
  assert.match(refused('--trained', 'c,d'), /^1 c,d: /, 'a folder whose name has a comma')
  assert.not(existsSync(at('runs')))
  writeFileSync(at('short.txt'), 'the sea')
  assert.match(refused('--trained', 'model', '--data', 'short.txt'),
    /^1 flow: short\.txt has 7 characters; --steps 100 needs 101: take fewer steps, or --data FILE with /)
  writeFileSync(at('file'), '')
  assert.match(refused('--out', 'file'), /^1 file: [^\n]*$/)
})

test('every cell of the table, in every part; it leaves no memory behind', async () => {
  const device = float64()
  const { live } = device.memory()
  const parts = [
    await byLag(CELLS, 10, rest), await jacobianPart(CELLS, [0.9], 10, rest),
    await truncation(CELLS, [0.9], 10, rest), await saturated(CELLS, [0.9], 10, rest),
    await forgetBias(10, rest), await clipping([0.9], 10, rest),
  ]
  assert.is(device.memory().live, live)
  for (const { name, table: { head, rows } } of parts) {
    assert.ok(rows.length > 0 && rows.every((row) => row.length === head.length), name)
    assert.ok(rows.flat().every((value) => typeof value !== 'number' || Number.isFinite(value)), name)
  }
  for (const cell of CELLS) {
    for (const { name, table } of parts.slice(0, 4)) assert.ok(table.rows.some(([own]) => own === cell), name)
    const known = parts[1].table.rows.find(([own]) => own === cell)!
    assert.is(known[1] === null, cell !== 'elman', `${cell}: a radius only where there is one matrix`)
    assert.is(parts[1].notes.some((note) => note.startsWith(`${cell}: `)), cell !== 'elman')
  }
  for (const { svg } of drawParts(parts)) parseXml(svg)
  parseXml(renderLab(parts, [], { cell: '<b>' }), ['meta'])
})

test('what the laboratory says is what theory says', async () => {
  const lag = await byLag(['elman', 'lstm', 'gru'], 30, rest)
  for (const { label, state, norms } of lag.numbers as { label: string, state: string, norms: number[] }[]) {
    if (label !== 'lstm') assert.ok(Math.abs(norms[0] - 1) < 1e-12, `${label}: ${norms[0]}`) // y is h
    assert.ok(norms[29] < 1e-4 * norms[0], `${label} ${state} vanishes`)
  }
  const bias = await forgetBias(30, rest)
  const kept = bias.table.rows.map((row) => row[2] as number)
  assert.ok(kept.every((share, k) => k === 0 || share > kept[k - 1]), `${kept}`)
  const products = await jacobianPart([], [0.5, 1.5], 20, rest)
  for (const [net, radius, sigma, ...pairs] of products.table.rows) {
    assert.ok((sigma as number) > (radius as number))
    for (let k = 0; k < pairs.length; k += 2) assert.ok(pairs[k]! <= pairs[k + 1]!, `${net}: above its bound`)
  }
  const clipped = (await clipping([0.5, 1.5], 40, rest)).table.rows
  assert.equal([clipped[0][4], clipped[1][4]], [0, 100])
  const [whole, cut] = [clipped[0], clipped[1]].map((row) => row as number[])
  assert.ok(cut[5] <= 5 && cut[2] > 5 && Math.abs(whole[2] - whole[5]) < 1e-12)
  const cuts = (await truncation(['gru'], [0.5, 0.9], 30, rest)).numbers as { cut: number[] }[]
  for (const { cut } of cuts) assert.ok(cut.every((share, k) => k === 0 || share < cut[k - 1]), `${cut}`)
  assert.ok(cuts[2].cut[4] > 100 * cuts[1].cut[4], 'the farther a gradient reaches, the more is cut off')
})

test('what a function is called in the table of stuck values is what it is', async () => {
  const all = await saturated(CELLS, [], 10, rest)
  assert.not.match(textTable(all.table), 'undefined')
  for (const name of ['lstm', 'peephole', 'lstmp', 'layer-norm-lstm'] as const) {
    const make: typeof cells.lstm = cells[name]
    const cell = make({ inputs: 2, hidden: 4, gateBias: { forget: 30 }, device: float64(), rng: random(1) })
    const tape = new Tape()
    composed(() => unroll(cell, tensor(random(2).normal(12), { shape: [3, 2, 2], device: float64() })))
    const { rows } = stuckTable([{ label: name, cell: name, functions: await saturation(tape) }])
    tape.close()
    const open = rows.filter(([, , , high]) => high === 100).map(([, what]) => String(what).slice(-3))
    assert.equal(open, ['(f)'], name)
  }
})

test('tables and small numbers', () => {
  const table = { head: ['a', 'bb'], rows: [['long', 1], ['x', null]] }
  assert.is(textTable(table), 'a     bb\nlong   1\nx      -')
  assert.equal([0, 3, 1e30, 0.001, 0.5, 12345.5, -2.5].map(shown),
    ['0', '3', '1.0e+30', '1.0e-3', '0.5', '1.2e+4', '-2.5'])
  assert.equal(manyLags(12), [1, 2, 3, 5, 7, 10, 12])
  assert.equal(middles([[1, 5], [3, 6], [2, 100]]), [2, 6])
  assert.equal([lagOfThousandth([1, 0.5, 1e-4]), lagOfThousandth([1, 2, 3])], [2, null])
})

test.run()

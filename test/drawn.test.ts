// What train --out draws into its folder: in processes of their own, whole runs and runs gone on with.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { buildCommand, bytesOf, tiny, words } from './command.ts'
import { all, named, parseXml } from './xml.ts'

const test = suite('drawn')
const { folder, run, remove } = buildCommand()
test.after(remove)

const at = (...names: string[]): string => join(folder, ...names)
const read = (...names: string[]): string => readFileSync(at(...names), 'utf8')
writeFileSync(at('text.txt'), words(60))
const train = (dir: string, ...args: string[]) =>
  run(['train', '--data', 'text.txt', ...tiny, '--out', dir, ...args])
const good = (...args: Parameters<typeof train>) => {
  const { status, stderr, stdout } = train(...args)
  assert.is(status, 0, stderr)
  return { stdout, stderr }
}
const PLOTS = ['gradient-flow.svg', 'gradient-norm.svg', 'loss.svg', 'recurrence.svg']

test('a run leaves its pictures and its report; that is said, and where', () => {
  const { stdout } = good('whole', '--steps', '12', '--flow-every', '4')
  assert.match(stdout, '\ndrew whole/report.html: the run in pictures, for a browser\n')
  assert.equal(readdirSync(at('whole/plots')).sort(), PLOTS)
  const loss = parseXml(read('whole/plots/loss.svg'))
  const steps = read('whole/metrics.jsonl').match(/"event":"step"/g)
  assert.is(steps?.length, 12)
  const dots = all(loss, (e) => e.name === 'circle' && e.parent?.attributes.get('class') === 'fill-train')
  assert.is(dots.length, 12)
  const report = parseXml(read('whole/report.html'), ['meta'])
  assert.is(named(report, 'svg').length, 4)
  assert.match(report.text, 'text.txt: lstm, 1 x 8 units')
})

test('a run gone on with has all of it in its pictures, the same as if it had never stopped', () => {
  good('two', '--steps', '6', '--flow-every', '4')
  const { status, stderr } = run(['train', '--resume', 'two', '--steps', '12'])
  assert.is(status, 0, stderr)
  assert.equal(readdirSync(at('two/plots')).sort(), PLOTS)
  assert.is(bytesOf(at('two')), bytesOf(at('whole')))
  const lines = (dir: string) => read(dir, 'metrics.jsonl').split('\n')
  const flows = (dir: string) => lines(dir).filter((line) => line.includes('"flow"'))
  assert.is(flows('two').length, 4) // steps 1, 4, 8, 12
  assert.equal(flows('two'), flows('whole'))
  assert.is(read('two/plots/gradient-flow.svg'), read('whole/plots/gradient-flow.svg'))
  const points = (dir: string) => read(dir, 'plots/loss.svg').match(/<circle [^>]*r="2.5"\/>/g) ?? []
  assert.is(points('whole').length, 12)
  assert.is(points('two').length, 12)
  assert.match(read('two/plots/loss.svg'), '>resumed</text>')
  assert.match(read('two/report.html'), 'after step 6')
})

test('the measurement changes no number; with --flow-every 0 there is none', () => {
  good('none', '--steps', '12', '--flow-every', '0')
  assert.is(bytesOf(at('none')), bytesOf(at('whole')))
  assert.not.match(read('none/metrics.jsonl'), '"flow"')
  assert.equal(readdirSync(at('none/plots')).sort(), PLOTS.slice(1, 3))
  const { stderr, status } = run(['train', '--data', 'text.txt', '--flow-every', '4'])
  assert.equal([status, stderr], [2, 'unrolled: train: --flow-every goes with --out DIR\n'])
})

test('pictures of an older run in the folder give way', () => {
  good('again', '--steps', '8', '--schedule', 'step')
  assert.ok(existsSync(at('again/plots/learning-rate.svg')))
  good('again', '--steps', '2', '--flow-every', '0')
  assert.equal(readdirSync(at('again/plots')).sort(), PLOTS.slice(1, 3))
})

test('where nothing can be drawn the run is saved all the same, and one line says so', () => {
  good('blocked', '--steps', '1')
  const before = bytesOf(at('blocked'))
  rmSync(at('blocked/plots'), { recursive: true })
  writeFileSync(at('blocked/plots'), 'in the way')
  const { stdout, stderr } = good('blocked', '--steps', '3')
  assert.is(stderr, 'unrolled: note: no pictures of blocked: blocked/plots: cannot be a folder: ' +
    'blocked/plots is a file\n')
  assert.match(stdout, '\nsaved blocked/model.safetensors')
  assert.not.match(stdout, 'report.html')
  assert.is.not(bytesOf(at('blocked')), before)
})

test('a run that diverges after its first save leaves pictures of how it came', () => {
  const { status, stderr } = train('wild', '--steps', '3', '--save-every', '1', '--sample-every', '0',
    '--flow-every', '1', '--cell', 'elman', '--optimizer', 'sgd', '--lr', '1e38', '--clip', '1e38')
  assert.is(status, 1)
  assert.match(stderr, /^unrolled: train: the run diverged: .*\n$/)
  assert.ok(existsSync(at('wild/checkpoint.safetensors')))
  assert.ok(existsSync(at('wild/plots/loss.svg')))
  assert.not.match(read('wild/metrics.jsonl'), /"flow".*null/) // norms that float32 has no room for
})

test.run()

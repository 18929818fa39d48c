// Runs that are killed, in processes of their own, and gone on with: not one bit of the model and not one
// line of the metrics tells it. And a folder that holds a run already, two runs at once, a disk that is full.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import {
  existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import { shellWord } from '../src/cli/run-folder.ts'
import { buildCommand, bytesOf, RUN_FILES, SAVED_FILES, tiny, words } from './command.ts'
import { during, lastingMetrics, metricsOf, resumedAt } from './runs.ts'

const test = suite('resume')
const place = buildCommand()
const { path, folder, run, remove } = place
test.after(remove)

const at = (name: string): string => join(folder, name)
writeFileSync(at('text.txt'), words(60))
const onText = ['train', '--data', 'text.txt', ...tiny]
const killed = (args: readonly string[], when: RegExp, signal: NodeJS.Signals = 'SIGKILL', breaths = 0) =>
  during(place, [...args, '--json'], when, (child) => child.kill(signal), breaths)

/** Runs, expects success, and gives stdout. */
function good(...args: string[]): string {
  const { stdout, stderr, status } = run(args)
  assert.is(status, 0, stderr)
  assert.is(stderr, '')
  return stdout
}

/** Runs and expects failure in one line: the line. */
function refused(code: number, ...args: string[]): string {
  const { stdout, stderr, status } = run(args)
  assert.equal([status, stdout], [code, ''], stderr)
  assert.match(stderr, /^unrolled: [^\n]+\n$/)
  assert.not.match(stderr, /a bug in unrolled/)
  return stderr.slice('unrolled: '.length, -1)
}

function same(dir: string, whole: string): void {
  assert.is(bytesOf(at(dir)), bytesOf(at(whole)))
  assert.equal(lastingMetrics(at(dir)), lastingMetrics(at(whole)))
  assert.equal(readdirSync(at(dir)).sort(), RUN_FILES) // no temporary file, no lock
}

writeFileSync(at('short.txt'), words(20)) // one pass through it is 15 windows
const onShort = ['train', '--data', 'short.txt', ...tiny, '--steps', '30']
const kinds = {
  'lstm, 2 layers, dropout, horizon > window':
    ['--layers', '2', '--dropout', '0.3', '--horizon', '20', '--save-every', '1'],
  'gru, a schedule, saved every 4 steps': ['--cell', 'gru', '--schedule', 'cosine', '--save-every', '4'],
  'jordan, another optimiser': ['--cell', 'jordan', '--optimizer', 'rmsprop', '--save-every', '3'],
}
Object.entries(kinds).forEach(([name, options], i) => {
  test(`killed twice, and resumed: ${name}`, async () => {
    const args = [...onShort, ...options, '--sample-every', '10', '--validate-every', '7']
    const [whole, dir] = [`whole-${i}`, `killed-${i}`]
    good(...args, '--out', whole)
    assert.is((await killed([...args, '--out', dir], /"step":9,/)).how, 'SIGKILL')
    if (i === 0) good('eval', '--model', dir, '--data', 'text.txt') // the model of the last save
    assert.is((await killed(['train', '--resume', dir], /"step":20,/)).how, 'SIGKILL')
    good('train', '--resume', dir)
    const [first, second] = resumedAt(at(dir)).map(Number)
    assert.ok(first >= 6 && second >= 16 && second < 30, `${first}, ${second}`)
    same(dir, whole)
  })
})

test('Ctrl-C while a sample is drawn: it is drawn again', async () => {
  const args = [...onShort, '--sample-every', '10', '--validate-every', '10']
  good(...args, '--out', 'samples')
  // one breath follows the step, one each symbol of the sample
  const { how } = await killed([...args, '--out', 'stopped'], /"step":10,/, 'SIGINT', 5)
  assert.is(how, 130)
  assert.is(metricsOf(at('stopped')).at(-1)?.event, 'done')
  good('train', '--resume', 'stopped')
  same('stopped', 'samples')
})

test('killed or stopped while the last validation is under way: it is told once', async () => {
  writeFileSync(at('slow.txt'), words(600, 2))
  const args = [...onShort, '--valid', 'slow.txt', '--save-every', '30', '--sample-every', '10']
  good(...args, '--out', 'validated')
  const last = await killed([...args, '--out', 'unsure'], /"step":30,"text"/, 'SIGKILL', 3)
  assert.is(last.how, 'SIGKILL')
  assert.not.match(last.stdout, /"validation"/)
  assert.is(existsSync(at('unsure/checkpoint.safetensors')), true)
  const { how } = await killed(['train', '--resume', 'unsure'], /"resume"/, 'SIGINT', 3)
  assert.is(how, 130)
  good('train', '--resume', 'unsure')
  same('unsure', 'validated')
})

test('a run that was killed after its last save, before it was drawn, is drawn when it is asked for', () => {
  good(...onText, '--steps', '8', '--out', 'undrawn')
  const drawn = readFileSync(at('undrawn/report.html'), 'utf8')
  rmSync(at('undrawn/report.html'))
  rmSync(at('undrawn/plots'), { recursive: true })
  writeFileSync(at('undrawn/.lock'), '999999999 elsewhere -\n') // of a process that is no more
  good('train', '--resume', 'undrawn')
  assert.is(readFileSync(at('undrawn/report.html'), 'utf8'), drawn)
  assert.equal(readdirSync(at('undrawn')).sort(), RUN_FILES)
})

test('a run that has ended says so; a later end goes on, as if it had always been the end', () => {
  good(...onText, '--steps', '20', '--out', 'long', '--sample-every', '0')
  good(...onText, '--steps', '8', '--out', 'short', '--sample-every', '0')
  const line = /^short: this run ended at step 8, as it was to; --resume short --steps 16 would go on\n$/
  const before = bytesOf(at('short'))
  assert.match(good('train', '--resume', 'short'), line)
  const json = run(['train', '--resume', 'short', '--json'])
  assert.is(json.stdout, '{"event":"done","step":8}\n')
  assert.match(json.stderr, line)
  assert.match(refused(2, 'train', '--resume', 'short', '--steps', '5'), /is at step 8 already, which is not/)
  assert.is(bytesOf(at('short')), before)
  const more = good('train', '--resume', 'short', '--steps', '20', '--save-every', '5')
  assert.match(more, /\ngoing on from step 8\n/)
  assert.is(bytesOf(at('short')), bytesOf(at('long')))
  const told = lastingMetrics(at('short')) // and the validation of the former end is not lost
  assert.equal(told.filter((_, i) => i !== 10), lastingMetrics(at('long')))
})

test('what may be given beside --resume, and what not', () => {
  good(...onText, '--steps', '4', '--schedule', 'cosine', '--out', 'cosine')
  const refusals: [string, RegExp][] = [
    ['--hidden 8', /^train: --hidden cannot be given beside --resume: all but the end .*; leave it out$/],
    ['--seed 1', /^train: --seed cannot be given beside --resume/],
    ['--sample-every 5', /^train: --sample-every cannot/],
    ['--out other', /^train: --out cannot/],
    ['--corpus moby-dick', /^train: --corpus cannot/],
    ['--steps 9', /^train: --steps cannot change in this run: its --schedule cosine was laid out up to/],
    ['--minutes 9', /^train: --minutes cannot change in this run/],
    ['--steps 9 --epochs 9', /exclude each other/],
  ]
  for (const [args, line] of refusals) {
    assert.match(refused(2, 'train', '--resume', 'cosine', ...args.split(' ')), line)
  }
  const done = /its --schedule cosine ended there, so that only a new run can go further\n$/
  assert.match(good('train', '--resume', 'cosine'), done)
  assert.match(refused(2, ...onText, '--save-every', '5'), /^train: --save-every goes with --out DIR$/)
})

test('the text must be there, and be the same; it may have moved, and so may the folder', async () => {
  writeFileSync(at('moving.txt'), words(60, 3))
  const args = ['train', '--data', 'moving.txt', ...tiny, '--steps', '12', '--save-every', '1']
  good(...args, '--out', 'unmoved')
  await killed([...args, '--out', 'moving'], /"step":6,/)
  renameSync(at('moving.txt'), at('moved.txt'))
  const missing = refused(1, 'train', '--resume', 'moving')
  assert.match(missing, /moving\.txt: there is no such file any more; --data FILE says where it lies now$/)
  const other = refused(1, 'train', '--resume', 'moving', '--data', 'text.txt')
  assert.match(other, /^text\.txt: is not the text that the run in moving was begun with \(its train /)
  renameSync(at('moving'), at('moved'))
  mkdirSync(at('elsewhere'))
  const { status, stderr } = run(['train', '--resume', '../moved', '--data', '../moved.txt'], at('elsewhere'))
  assert.is(status, 0, stderr)
  assert.is(bytesOf(at('moved')), bytesOf(at('unmoved')))
})

test('a new run where another had not ended: that one moves, whole; one that had is replaced', async () => {
  const args = [...onShort, '--save-every', '1', '--sample-every', '0']
  good(...args, '--out', 'first')
  await killed([...args, '--out', 'taken'], /"step":9,/)
  const { stderr, status } = run([...args, '--seed', '2', '--out', 'taken'])
  assert.is(status, 0)
  assert.match(stderr, new RegExp('^unrolled: note: taken holds a run that had not ended; when this one ' +
    'first saves it moves to taken/earlier-1; to go on with it: npx unrolled train --resume taken\n$'))
  assert.equal(readdirSync(at('taken')).sort(), [...RUN_FILES, 'earlier-1'].sort())
  good('train', '--resume', 'taken/earlier-1')
  same('taken/earlier-1', 'first')
  good(...args, '--out', 'taken')
  assert.is(bytesOf(at('taken')), bytesOf(at('first')))
  assert.equal(readdirSync(at('taken')).sort(), [...RUN_FILES, 'earlier-1'].sort())
})

test('two runs at once in one folder: the second is refused; a lock of the dead binds nobody', async () => {
  const args = [...onText, '--minutes', '5', '--save-every', '1', '--sample-every', '0', '--out', 'busy']
  await during(place, [...args, '--json'], /"step":5,/, (child) => {
    const line = new RegExp(`^busy: another run \\(process ${child.pid}\\) writes there; wait for its end, `)
    assert.match(refused(1, ...args), line)
    assert.match(refused(1, 'train', '--resume', 'busy'), line)
    child.kill('SIGKILL')
  })
  assert.is(existsSync(at('busy/.lock')), true)
  writeFileSync(at('busy/.model.safetensors.7.0.tmp'), 'what a process left that was killed while it wrote')
  good('train', '--resume', 'busy', '--steps', String(1 + Number(metricsOf(at('busy')).at(-1)?.step)))
  assert.equal(readdirSync(at('busy')).sort(), RUN_FILES)
})

/** The command on a disk that takes no file of more than so many KiB. */
function onSmallDisk(kilobytes: number, ...args: string[]): string {
  const line = `ulimit -f ${kilobytes}; "${process.execPath}" "${path}" ${args.join(' ')} --json`
  const { status, stderr } = spawnSync('bash', ['-c', line], { cwd: folder, encoding: 'utf8' })
  assert.is(status, 1, stderr)
  assert.match(stderr, /^unrolled: [^\n]+\n$/)
  return stderr.slice('unrolled: '.length, -1)
}

test('a full disk: one line, the last save is whole, and the run goes on from it', () => {
  const args = [...onText, '--steps', '70', '--save-every', '1', '--sample-every', '0', '--out']
  const none = onSmallDisk(8, ...args, 'none')
  assert.match(none, /^none\/checkpoint\.safetensors: cannot be written: the file would be too large; n/)
  assert.equal(readdirSync(at('none')), [])
  const some = /^some\/metrics.jsonl: cannot be written: .*; step (\d+), saved before, is whole: npx unr/
  const [, step] = some.exec(onSmallDisk(12, ...args, 'some')) ?? []
  assert.ok(Number(step) > 30, step)
  assert.equal(readdirSync(at('some')).sort(), SAVED_FILES)
  good('train', '--resume', 'some')
  good(...args, 'enough')
  same('some', 'enough')
})

test('a folder that vanishes: one line', async () => {
  const args = [...onText, '--minutes', '5', '--save-every', '1', '--out', 'vanishing', '--json']
  const vanish = (): void => { renameSync(at('vanishing'), at('gone')) }
  const { stderr, how } = await during(place, args, /"step":5,/, vanish)
  assert.is(how, 1)
  assert.match(stderr, new RegExp('^unrolled: vanishing: cannot be written: no such file or folder; ' +
    'step \\d+, saved before, is not there any more\n$'))
})

test('a run that another saved where this one goes is not replaced', async () => {
  const args = [...onText, '--sample-every', '0', '--out', 'twice', '--json']
  let other = ''
  const long = [...args, '--steps', '3000', '--save-every', '3000']
  const { stderr, how } = await during(place, long, /"step":5,/,
    () => { other = good(...args, '--steps', '3', '--seed', '2') })
  assert.is(how, 0, stderr)
  assert.match(other, '"event":"done","step":3')
  const seeds = ['twice', 'twice/earlier-1'].map((dir) => metricsOf(at(dir))[0].seed)
  assert.equal(seeds, [1, 2])
})

test('a folder is shown so that a shell reads it as it is', () => {
  const shown = ['runs/a-1', 'a b', "it's", '50 $HOME', "$it's \\ `x`"].map(shellWord)
  assert.equal(shown, ['runs/a-1', '"a b"', '"it\'s"', "'50 $HOME'", "'$it'\\''s \\ `x`'"])
  assert.is(shellWord('a\nb\x1b[31m'), '"a\\nb\\u001b[31m"')
})

test('a run that diverges leaves the last save, and says what helps', () => {
  const args = [...onText, '--lr', '1e37', '--steps', '9', '--save-every', '1', '--sample-every', '0']
  const { stderr, status } = run([...args, '--out', 'wild'])
  assert.is(status, 1)
  assert.match(stderr, new RegExp('^unrolled: train: the run diverged: the loss of step \\d is \\w+; wild ' +
    'holds the model of step \\d, from which --resume would come to the same; try a new run with a smaller ' +
    '--lr \\(it was 1e\\+37\\) or --clip \\(it was 5\\)\n$'))
  assert.equal(readdirSync(at('wild')).sort(), RUN_FILES)
})

test.run()

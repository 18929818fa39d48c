// The command line as a user meets it: in processes of its own, on small texts.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { decodeSafetensors } from '../src/io/safetensors.ts'
import { CELLS } from '../src/nn/cells.ts'
import { buildCommand, bytesOf, root, RUN_FILES, tiny, words } from './command.ts'

const test = suite('cli')
const { path, folder, run, remove } = buildCommand()
test.after(remove)

writeFileSync(join(folder, 'text.txt'), words(60))
writeFileSync(join(folder, 'other.txt'), words(20, 2))
const onText = ['train', '--data', 'text.txt', ...tiny]

/** Runs, expects success with nothing on stderr, and gives stdout. */
function good(...args: string[]): string {
  const { stdout, stderr, status } = run(args)
  assert.is(status, 0, stderr)
  assert.is(stderr, '')
  return stdout
}

type Line = { event: string, step: number } & { [key: string]: unknown }
const lines = (stdout: string): Line[] => {
  assert.ok(stdout.endsWith('\n'))
  return stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Line)
}

test('--help names every command, and each has its own with an example; --version', () => {
  const overview = good('--help')
  for (const name of ['train', 'sample', 'eval', 'experiment', 'gradcheck']) {
    assert.match(overview, new RegExp(`^  ${name} `, 'm'))
    const help = good(name, '--help')
    assert.match(help, new RegExp(`^unrolled ${name}: `))
    assert.match(help, new RegExp(`\nExample:\n  npx unrolled ${name} .*\n$`))
    assert.ok(help.split('\n').every((line) => line.length <= 96))
    assert.is(good(name, '--what', 'ever', '-h'), help)
    assert.is(good('help', name), help)
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  assert.is(good('--version'), `${version}\n`)
  assert.is(good('-v'), `${version}\n`)
})

test('training, told in plain lines: what, how far, a sample, validation, saved, what next', () => {
  const out = good(...onText, '--steps', '12', '--out', 'plain')
  assert.match(out, /^text\.txt: [\d,]+ characters to train on, [\d,]+ held out, \d+ different ones\n/)
  assert.match(out, /\nlstm: 1 x 8 units, embedding 4, [\d,]+ parameters, on simd\n/)
  assert.match(out, /\nbatch 4, window 8, horizon 8, clip 5, adam at 0\.004\n/)
  assert.match(out, new RegExp('\nstep 12  100 %  loss [\\d.]+  [\\d.]+ bits/char  norm [\\d.]+  ' +
    'clipped 0 %  [\\d,]+ tok/s  \\d+s in all\n'))
  assert.match(out, /\n--- step 12, a sample ---\n\S[^]*\S\n---\n/)
  assert.match(out, /\nstep 12: validation \d\.\d{3} bits per character \(perplexity [\d.]+ over \d+ char/)
  assert.match(out, /\nsaved plain\/model\.safetensors and plain\/config\.json\n/)
  assert.match(out, /\ntrained 12 steps\. What to try next:\n  npx unrolled sample --model plain /)
  assert.not.match(out, /[\r\x1b]/)
})

test('a run that ends far above where it began says so, and only such a run', () => {
  const remark = /\nthe loss ended at [\d.]+ nats, far above the [\d.]+ of the first step: .*smaller --lr\n/
  assert.match(good(...onText, '--steps', '40', '--lr', '10'), remark)
  assert.not.match(good(...onText, '--steps', '40'), /far above/)
  lines(good(...onText, '--steps', '40', '--lr', '10', '--json')) // nothing but JSON
})

test('--json: one object a line, with the promised keys in the promised order', () => {
  const out = good(...onText, '--steps', '3', '--sample-every', '2', '--validate-every', '2',
    '--flow-every', '2', '--json', '--out', 'json')
  const all = lines(out)
  assert.equal(all.map(({ event, step }) => [event, step]), [
    ['begin', undefined], ['flow', 1], ['step', 1], ['flow', 2], ['step', 2], ['sample', 2],
    ['validation', 2], ['step', 3], ['sample', 3], ['validation', 3], ['saved', undefined], ['done', 3],
  ])
  const keys: Record<string, string[]> = {
    begin: ['event', 'version', 'name', 'unit', 'cell', 'hidden', 'layers', 'embed', 'dropout', 'batch',
      'window', 'horizon', 'clip', 'optimizer', 'learningRate', 'schedule', 'sumSteps', 'tied', 'parameters',
      'symbols', 'trainTokens', 'validTokens', 'device', 'seed', 'command'],
    step: ['event', 'step', 'epoch', 'loss', 'bitsPerChar', 'gradNorm', 'clipped', 'learningRate',
      'tokensPerSecond'],
    sample: ['event', 'step', 'text'],
    flow: ['event', 'step', 'lags', 'layers', 'cells', 'saturated', 'radii'],
    validation: ['event', 'step', 'loss', 'bitsPerChar', 'perplexity'],
    saved: ['event', 'dir'],
    done: ['event', 'step'],
  }
  for (const line of all) {
    assert.equal(Object.keys(line), keys[line.event])
    for (const key of ['begin', 'flow'].includes(line.event) ? [] : keys[line.event].slice(2)) {
      assert.type(line[key], key === 'clipped' ? 'boolean' : key === 'text' ? 'string' : 'number', key)
    }
    if (line.event !== 'step' && line.event !== 'validation') continue
    assert.ok(Math.abs(Number(line.bitsPerChar) - Number(line.loss) / Math.log(2)) < 1e-9)
  }
  assert.is(String(all.find(({ event }) => event === 'sample')?.text).length, 200)
})

test('the same seed gives the same bytes and lines, but for the speed; another seed does not', () => {
  const once = (dir: string, seed: string) => {
    const out = good(...onText, '--steps', '5', '--layers', '2', '--dropout', '0.3', '--seed', seed,
      '--out', dir, '--json')
    const told = lines(out).map(({ tokensPerSecond: _, dir: __, command: ___, ...line }) => line)
    return { told, bytes: bytesOf(join(folder, dir)) }
  }
  const [first, second, other] = [once('a', '7'), once('b', '7'), once('c', '8')]
  assert.equal(second.told, first.told)
  assert.is(second.bytes, first.bytes)
  assert.is.not(other.bytes, first.bytes)
  assert.not.equal(other.told, first.told)
})

test('what is saved: weights under PyTorch\'s names, a configuration, and what --resume needs', () => {
  good(...onText, '--cell', 'gru', '--steps', '1', '--out', 'deep/er')
  const dir = join(folder, 'deep/er')
  assert.equal(readdirSync(dir).sort(), RUN_FILES)
  const { tensors } = decodeSafetensors(readFileSync(join(dir, 'model.safetensors')), 'model')
  const config = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8')) as Record<string, unknown>
  const V = [...new Set(words(60))].length
  assert.equal([...tensors].map(([name, { shape }]) => [name, shape]), [
    ['embedding.weight', [V, 4]], ['rnn.weight_ih_l0', [24, 4]], ['rnn.weight_hh_l0', [24, 8]],
    ['rnn.bias_ih_l0', [24]], ['rnn.bias_hh_l0', [24]], ['head.weight', [V, 8]], ['head.bias', [V]],
  ])
  const { cell, embed, hidden, layers } = config
  assert.equal({ cell, embed, hidden, layers }, { cell: 'gru', embed: 4, hidden: 8, layers: 1 })
})

for (const cell of CELLS) {
  test(`${cell}: learns, and is measured the same when it is loaded again`, () => {
    const args = [...onText, '--cell', cell, '--valid', 'other.txt', '--steps', '120', '--lr', '0.02']
    const all = lines(good(...args, '--sample-every', '0', '--json', '--out', cell))
    const losses = all.filter(({ event }) => event === 'step').map(({ loss }) => Number(loss))
    assert.ok(losses[119] < 0.8 * losses[0], `${losses[0]} fell to ${losses[119]}`)
    const measured = all.find(({ event }) => event === 'validation')
    const [again] = lines(good('eval', '--model', cell, '--data', 'other.txt', '--json'))
    assert.is(again.tokens, [...words(20, 2)].length - 1)
    assert.is(again.loss, measured?.loss)
    const told = good('eval', '--model', cell, '--data', 'other.txt')
    const bits = Number(again.bitsPerChar).toFixed(4)
    assert.match(told, new RegExp(`^other\\.txt: ${bits.replace('.', '\\.')} bits per character, `))
  })
}

test('every option of training is taken', () => {
  const all = (...args: string[]) => lines(good(...onText, '--sample-every', '0', '--json', ...args))
  for (const optimizer of ['adam', 'adamw', 'sgd', 'rmsprop', 'adagrad']) {
    assert.is(all('--optimizer', optimizer, '--steps', '1').length, 4)
  }
  for (const schedule of ['constant', 'step', 'cosine', 'warmup']) {
    assert.is(all('--schedule', schedule, '--steps', '2', '--device', 'cpu').length, 5)
  }
  assert.is(all('--steps', '2', '--horizon', '20', '--clip', '0.001')[2].clipped, true)
  // 90 % of the text in 4 streams, windows of 8: the passes through it are whole
  const perEpoch = Math.floor((Math.floor(Math.floor(0.9 * words(60).length) / 4) - 1) / 8)
  assert.is(all('--epochs', '2').filter(({ event }) => event === 'step').length, 2 * perEpoch)
})

// Before the command: a clock that is 10 ms further on at each look at it.
const tenAtALook = 'data:text/javascript,let now = 0; performance.now = () => now += 10'

test('--minutes ends the run in time; only the last validation and sample are extra', () => {
  const args = [...onText, '--minutes', '0.02', '--json']
  const { stdout, milliseconds } = run(args)
  assert.equal(lines(stdout).slice(-3).map(({ event }) => event), ['sample', 'validation', 'done'])
  assert.ok(milliseconds > 1200, `${milliseconds} ms`)
  const counted = spawnSync(process.execPath, ['--import', tenAtALook, path, ...args],
    { cwd: folder, encoding: 'utf8' })
  const last = lines(counted.stdout).at(-1)!
  assert.is(last.event, 'done')
  // 120 looks, several of them in each step
  assert.ok(last.step > 12 && last.step < 60, `${last.step} steps`)
})

test('a sample: the prompt, then as many characters; the same for the same seed', () => {
  good(...onText, '--steps', '30', '--lr', '0.02', '--out', 'model')
  const sample = (...args: string[]) => good('sample', '--model', 'model', ...args)
  const text = sample('--prompt', 'the ', '--length', '40')
  assert.ok(text.startsWith('the '))
  assert.is(text.length, 4 + 40 + 1)
  assert.is(sample('--prompt', 'the ', '--length', '40'), text)
  assert.is.not(sample('--prompt', 'the ', '--length', '40', '--seed', '2'), text)
  assert.is.not(sample('--prompt', 'the ', '--length', '40', '--temperature', '3'), text)
  const likeliest = sample('--prompt', 'the ', '--top-k', '1')
  assert.is(sample('--prompt', 'the ', '--temperature', '1e-6'), likeliest)
  assert.is(sample('--prompt', 'the ', '--top-p', '1e-6', '--seed', '9'), likeliest)
  assert.is(likeliest.length, 4 + 500 + 1)
})

test('a sample is printed as it is drawn, through a pipe too, however slow its reader', async () => {
  good(...onText, '--steps', '1', '--out', 'endless')
  const args = ['sample', '--model', 'endless', '--length', '100000000', '--prompt', 'the ']
  const child = spawn(process.execPath, [path, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    let text = ''
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      text += String(chunk)
      if (text.length > 300) break // it would take hours to its end
    }
    assert.ok(text.startsWith('the '))
    assert.ok(text.length < 70_000, `${text.length} characters came at once`)
  } finally {
    child.kill('SIGKILL')
  }
})

test('without a prompt a text begins with a character, not with empty lines', () => {
  writeFileSync(join(folder, 'empty-lines.txt'), '\n\n\n\n\n\na'.repeat(100))
  good('train', '--data', 'empty-lines.txt', ...tiny, '--steps', '5', '--out', 'lines')
  for (const seed of ['1', '2', '3']) {
    assert.match(good('sample', '--model', 'lines', '--length', '50', '--seed', seed), /^\S/)
  }
})

test('--out onto a model: said at the beginning, replaced when it is saved; the last --out counts', () => {
  good(...onText, '--steps', '1', '--out', 'old')
  const before = bytesOf(join(folder, 'old'))
  const out = good(...onText, '--steps', '2', '--out', 'never', '--out', 'old')
  assert.match(out, /\nold holds a model already; this one takes its place when it is first saved\n/)
  assert.is.not(bytesOf(join(folder, 'old')), before)
  assert.is(existsSync(join(folder, 'never')), false)
})

test('the book by name: what npm start runs', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: { start: string }
  }
  const [, command] = scripts.start.split('node dist/cli.js ')
  const { stdout, stderr, status } = run([...command.split(' '), '--steps', '2', '--hidden', '4', '--embed',
    '2', '--sample-every', '0', '--json', '--out', join(folder, 'book')], root)
  assert.is(status, 0, stderr)
  assert.equal(lines(stdout).map(({ event }) => event),
    ['begin', 'flow', 'step', 'step', 'validation', 'saved', 'done'])
})

test('a reader that closes the pipe ends the run quietly; what it has learnt is saved', () => {
  const args = [...onText, '--minutes', '60', '--json', '--out', 'closed'].join(' ')
  const line = `"${process.execPath}" "${path}" ${args} | head -9; exit $PIPESTATUS`
  const shell = spawnSync('bash', ['-c', line], { cwd: folder, encoding: 'utf8', timeout: 300_000 })
  assert.is(shell.status, 0)
  assert.is(shell.stderr, '')
  assert.is(lines(shell.stdout).length, 9)
  const kept = readdirSync(join(folder, 'closed'))
  assert.ok(['model.safetensors', 'checkpoint.safetensors'].every((name) => kept.includes(name)), kept.join())
  const { status, stderr } = run(['sample', '--model', 'closed', '--length', '5'])
  assert.is(status, 0, stderr)
})

test.run()

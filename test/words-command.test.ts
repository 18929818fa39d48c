// Word models on the command line: trained, tested, measured and sampled; and nowhere a word of characters.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { cpu, loadLanguageModel } from '../src/node.ts'
import { buildCommand, type Ran, words } from './command.ts'

const test = suite('words command')
const { folder, run, remove } = buildCommand()
test.after(remove)

// Each line 6 words of 8, and <eos>.
writeFileSync(join(folder, 'text.txt'), words(200))
writeFileSync(join(folder, 'valid.txt'), words(30, 2))
writeFileSync(join(folder, 'test.txt'), `${words(30, 3)}the kraken\n`)
writeFileSync(join(folder, 'blank.txt'), '\n \n')
writeFileSync(join(folder, 'rare.txt'), Array.from({ length: 900 }, (_, k) => `word${k}`).join('\n'))

const net = ['--unit', 'word', '--hidden', '8', '--embed', '8', '--batch', '4', '--window', '8']
const files = ['--data', 'text.txt', '--valid', 'valid.txt', '--test', 'test.txt']
const recipe = ['--layers', '2', '--init', '0.1', '--optimizer', 'sgd', '--lr', '1', '--clip', '5',
  '--sum-steps']

interface Line { [key: string]: unknown, event: string }

function good(...args: string[]): Ran {
  const ran = run(args)
  assert.is(ran.status, 0, ran.stderr)
  return ran
}

const lines = (text: string): Line[] => text.trimEnd().split('\n').map((line) => JSON.parse(line) as Line)

test('after each epoch a validation, at the end the test; rates fall, losses are perplexities', () => {
  const all = lines(good('train', ...net, ...files, ...recipe, '--tie', '--epochs', '3', '--schedule',
    'decay', '--decay-after', '1', '--sample-every', '0', '--json', '--out', 'model').stdout)
  const perEpoch = Math.floor((200 * 7 / 4 - 1) / 8)
  const steps = all.filter(({ event }) => event === 'step')
  assert.is(steps.length, 3 * perEpoch)
  assert.equal(Object.keys(steps[0]), ['event', 'step', 'epoch', 'loss', 'perplexity', 'gradNorm', 'clipped',
    'learningRate', 'tokensPerSecond'])
  steps.forEach(({ epoch, learningRate, loss, perplexity }, k) => {
    assert.is(epoch, 1 + Math.floor(k / perEpoch))
    assert.is(learningRate, [1, 0.5, 0.25][Number(epoch) - 1])
    assert.ok(Math.abs(Number(perplexity) - Math.exp(Number(loss))) < 1e-9)
  })
  const measured = all.filter(({ event }) => event === 'validation' || event === 'test')
  assert.equal(measured.map(({ event, step }) => [event, step]), [['validation', perEpoch],
    ['validation', 2 * perEpoch], ['validation', 3 * perEpoch], ['test', 3 * perEpoch]])
  for (const line of measured) {
    assert.equal(Object.keys(line), ['event', 'step', 'loss', 'perplexity'])
    assert.ok(Number(line.perplexity) < 9.5 && Number(line.perplexity) > 5, String(line.perplexity))
  }
})

test('the folder holds words, and one weight less', () => {
  const config = JSON.parse(readFileSync(join(folder, 'model/config.json'), 'utf8')) as Line
  assert.equal([config.unit, config.tied], ['word', true])
  assert.equal([...config.vocabulary as string[]].slice(0, 2), ['<unk>', '<eos>'])
  const { model, vocabulary } = loadLanguageModel(join(folder, 'model'), { device: cpu() })
  assert.is(vocabulary.unit, 'word')
  assert.is(vocabulary.size, 10)
  assert.equal([...model.parameters.keys()].filter((name) => !name.startsWith('rnn')),
    ['embedding.weight', 'head.bias'])
})

test('eval in one stream measures what the test of the run did: every word once, unknown ones too', () => {
  const told = lines(good('train', ...net, ...files, '--steps', '5', '--json', '--sample-every', '0',
    '--out', 'short').stdout).find(({ event }) => event === 'test')
  const evaluated = (...args: string[]) =>
    good('eval', '--model', 'short', '--data', 'test.txt', '--batch', '1', ...args).stdout
  const [line] = lines(evaluated('--json'))
  assert.equal(Object.keys(line), ['event', 'loss', 'perplexity', 'tokens'])
  assert.is(line.tokens, 30 * 7 + 3)
  assert.is(line.loss, told?.loss)
  assert.match(evaluated(),
    /^test\.txt: \d\.\d{4} nats, perplexity [\d.]+, over 213 words, 1 of them <unk>\n$/)
})

test('to people: perplexity of words, never bits or characters', () => {
  const { stdout } = good('train', ...net, ...files, '--steps', '2')
  assert.match(stdout, /^text\.txt: 1,400 words to train on, 210 held out, 10 different ones\n/)
  assert.match(stdout, /\nstep 1 .*  perplexity [\d.]+  norm/)
  assert.match(stdout, /\nstep 2: validation perplexity \d+\.\d\d \(\d\.\d{4} nats over 210 words\)\n/)
  assert.match(stdout, /\nstep 2: test perplexity \d+\.\d\d \(\d\.\d{4} nats over 213 words\)\n/)
  assert.not.match(stdout, /\bbits|character/)
})

test('a sample: words, line breaks, never <unk>; unknown words of the prompt are named', () => {
  const write = (...args: string[]) => run(['sample', '--model', 'short', '--length', '300', ...args])
  const { stdout, stderr } = write('--prompt', 'the kraken')
  assert.match(stdout, /^the kraken[ \n]\w+/)
  assert.is(stderr, 'unrolled: note: --prompt: the model reads as <unk>, since it does not know: kraken\n')
  assert.not.match(stdout, /<|  | \n/)
  assert.is(write('--prompt', 'the kraken').stdout, stdout)
  const fresh = write()
  assert.match(fresh.stdout, /^\w/)
  assert.is(fresh.stderr, '')
  assert.match(write('--prompt', ' ').stderr, /^unrolled: --prompt: holds no word\n$/)
})

test('characters can be tested on a file of their own, too', () => {
  const chars = ['--hidden', '8', '--embed', '4', '--batch', '4', '--window', '8', '--steps', '2', '--json']
  writeFileSync(join(folder, 'more.txt'), words(10, 4))
  const all = lines(good('train', '--data', 'text.txt', '--test', 'more.txt', ...chars).stdout)
  const test = all.find(({ event }) => event === 'test')
  assert.equal(Object.keys(test ?? {}), ['event', 'step', 'loss', 'bitsPerChar', 'perplexity'])
})

test('texts of which no words are left: one line', () => {
  const refused = (...args: string[]) => run(['train', ...net, '--steps', '1', ...args]).stderr
  assert.is(refused('--data', 'rare.txt'), 'unrolled: rare.txt: none of its words occurs often enough to ' +
    'be learned; give a longer text, or --min-count 1\n')
  assert.match(refused('--data', 'blank.txt'), /^unrolled: blank\.txt: has 0 words; batch 4 and window 8/)
  assert.is(refused('--data', 'text.txt', '--valid', 'blank.txt'),
    'unrolled: blank.txt: has 0 words; 1 or more are needed\n')
  assert.is(refused('--data', 'text.txt', '--test', 'nowhere.txt'),
    'unrolled: nowhere.txt: there is no such file\n')
})

test.run()

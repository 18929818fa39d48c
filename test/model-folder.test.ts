// A model that the command line trained, loaded in code: it writes and measures the same as the commands do.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import {
  cpu, evaluate, languageModel, loadLanguageModel, random, sample, saveLanguageModel, Vocabulary,
} from '../src/node.ts'
import { buildCommand, bytesOf, tiny, words } from './command.ts'
import { message } from './one-line.ts'

const test = suite('model folder')
const { folder, run, remove } = buildCommand()
test.after(remove)

const dir = join(folder, 'model')
writeFileSync(join(folder, 'text.txt'), words(60))
writeFileSync(join(folder, 'other.txt'), words(20, 2))

function stdout(...args: string[]): string {
  const { stdout, stderr, status } = run(args)
  assert.is(status, 0, stderr)
  return stdout
}

test.before(() => {
  const lines = stdout('train', '--data', 'text.txt', ...tiny, '--layers', '2', '--dropout', '0.1', '--steps',
    '40', '--lr', '0.02', '--out', 'model')
  assert.match(lines, /saved model/)
})

test('it writes what the command writes', async () => {
  const { model, vocabulary, notes } = loadLanguageModel(dir, { device: cpu() })
  assert.equal(notes, [])
  assert.equal(model.form, { cell: 'lstm', symbols: vocabulary.size, embed: 4, hidden: 8, layers: 2,
    dropout: 0.1, tied: false })
  const ids: number[] = []
  const options = { prompt: vocabulary.encode('the '), length: 60, temperature: 0.8, rng: random(3) }
  for await (const id of sample(model, options)) ids.push(id)
  const wanted = stdout('sample', '--model', 'model', '--prompt', 'the ', '--length', '60', '--temperature',
    '0.8', '--seed', '3')
  assert.is(`the ${vocabulary.decode(ids)}\n`, wanted)
})

test('it measures what the command measures; in float64 nearly so', async () => {
  const wanted = JSON.parse(
    stdout('eval', '--model', 'model', '--data', 'other.txt', '--device', 'cpu', '--json')) as
    { loss: number, tokens: number }
  const text = readFileSync(join(folder, 'other.txt'), 'utf8')
  for (const device of [cpu(), cpu({ precision: 'float64' })]) {
    const { model, vocabulary } = loadLanguageModel(dir, { device })
    const ids = vocabulary.encode(text)
    const { loss, tokens } = await evaluate(model, ids, { batch: Math.floor(ids.length / 64) })
    assert.is(tokens, wanted.tokens)
    if (device.dtype === 'float32') assert.is(loss, wanted.loss)
    else assert.ok(Math.abs(loss - wanted.loss) < 1e-5 * wanted.loss, `${loss}, ${wanted.loss}`)
  }
})

test('saved again it is the same, byte for byte', async () => {
  const { model, vocabulary } = loadLanguageModel(dir, { device: cpu() })
  await saveLanguageModel(join(folder, 'again'), model, vocabulary)
  assert.is(bytesOf(join(folder, 'again')), bytesOf(dir))
})

test('what is odd is in the notes, what is wrong is one line', async () => {
  const copy = join(folder, 'copy')
  const { model, vocabulary } = loadLanguageModel(dir, { device: cpu() })
  await saveLanguageModel(copy, model, vocabulary)
  const config = readFileSync(join(copy, 'config.json'), 'utf8')
  writeFileSync(join(copy, 'config.json'), config.replace('"hidden": 8', '"hidden": 9'))
  const { notes } = loadLanguageModel(copy, { device: cpu() })
  assert.is(notes.length, 1)
  assert.match(notes[0], /config\.json disagrees with the configuration inside .* \(first at hidden\)/)
  assert.match(message(() => loadLanguageModel(join(folder, 'nowhere'), { device: cpu() })),
    /nowhere: there is no such folder$/)
  // @ts-expect-error: the types forbid it, plain JavaScript does not
  assert.is(message(() => loadLanguageModel(copy)),
    'loadLanguageModel: device is missing; pass one, such as { device: cpu() }')
  const refused: unknown = await saveLanguageModel(copy, model, Vocabulary.of('ab')).catch((e: unknown) => e)
  assert.match(message(() => { throw refused }),
    /^saveLanguageModel: the vocabulary has 2 characters, the model \d+ symbols; they must be as many$/)
})

test('a model made in code is read by the commands', async () => {
  const vocabulary = Vocabulary.of(words(60))
  const form = { cell: 'gru', symbols: vocabulary.size, embed: 3, hidden: 5, layers: 1, dropout: 0 } as const
  const model = languageModel(form, { device: cpu(), rng: random(4) })
  await saveLanguageModel(join(folder, 'mine'), model, vocabulary)
  const line = stdout('eval', '--model', 'mine', '--data', 'other.txt', '--device', 'cpu')
  assert.match(line, /^other\.txt: \d\.\d{4} bits per character/)
})

test.run()

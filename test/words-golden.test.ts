// Word models against PyTorch (test/golden/words.json): the vocabulary, tied and untied weights, Zaremba's
// loss and decay through three epochs, held-out text as one stream; tied weights against finite differences.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { WordVocabulary, wordsOf } from '../src/data/words.ts'
import { gradcheck } from '../src/gradcheck.ts'
import { loadParameters } from '../src/nn/linear.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { tensor } from '../src/tensor.ts'
import { evaluate } from '../src/train/evaluate.ts'
import { languageModel } from '../src/train/language-model.ts'
import { type StepEvent, train } from '../src/train/loop.ts'
import { sgd } from '../src/train/optimizers.ts'
import { stepDecay } from '../src/train/schedule.ts'
import { judge as device } from './devices.ts'
import { difference, golden } from './golden-numbers.ts'
import { message } from './one-line.ts'

interface Golden {
  text: string, other: string, vocabulary: string[], ids: number[]
  sizes: { B: number, T: number, epochs: number }
  learningRate: number, clip: number, hold: number, decay: number, init: number
  runs: {
    form: { embed: number, hidden: number, layers: number, tied: boolean }
    weights: { name: string, shape: number[] }[]
    losses: number[], gradNorms: number[], learningRates: number[], heldOut: number
  }[]
}

const expected = golden<Golden>('words.json')
const vocabulary = WordVocabulary.of(wordsOf(expected.text))
const ids = vocabulary.encode(expected.text)
const symbols = vocabulary.size
const test = suite('words golden')

test('the words and their ids are those that PyTorch read', () => {
  assert.equal(vocabulary.symbols, expected.vocabulary)
  assert.equal([...ids], expected.ids)
})

/** The generator of test/golden/words.py, one stream through all weights. */
function drawWeights(weights: { name: string, shape: number[] }[]) {
  let s = 12345
  return new Map(weights.map(({ name, shape }) => {
    const data = Float64Array.from({ length: shape.reduce((n, k) => n * k, 1) }, () => {
      s = (1664525 * s + 1013904223) % 2 ** 32
      return (s / 2 ** 32 * 2 - 1) * expected.init
    })
    return [name, { shape, data }] as const
  }))
}

for (const { form, weights, ...wanted } of expected.runs) {
  const { embed, hidden, layers, tied } = form
  const name = `${layers} x ${hidden}, embedding ${embed}, ${tied ? '' : 'not '}tied`
  test(`${name}: every loss of three epochs`, async () => {
    const model = languageModel({ cell: 'lstm', symbols, dropout: 0, ...form }, { device, rng: random(1) })
    assert.equal([...model.parameters.keys()], weights.map(({ name }) => name))
    loadParameters(model.parameters, drawWeights(weights))
    const { sizes: { B, T, epochs }, learningRate, clip, hold, decay: factor } = expected
    const every = wanted.losses.length / epochs
    const told: StepEvent[] = []
    for await (const event of train({
      model, ids, batch: B, window: T, clip, sumSteps: true, rng: random(2),
      optimizer: sgd({ learningRate }), schedule: stepDecay({ every, factor, hold }),
      stop: { steps: wanted.losses.length },
    })) told.push(event)
    assert.ok(difference(told.map(({ loss }) => loss), wanted.losses) < 1e-10)
    assert.ok(difference(told.map(({ gradNorm }) => gradNorm), wanted.gradNorms) < 1e-9)
    assert.equal(told.map((event) => event.learningRate), wanted.learningRates)
    assert.equal(told.map(({ epoch }) => epoch), told.map((_, k) => 1 + Math.floor(k / every)))
    assert.ok(told.some(({ clipped }) => clipped) && !told.every(({ clipped }) => clipped))
    const other = vocabulary.encode(expected.other)
    const { loss, tokens } = await evaluate(model, other, { before: vocabulary.eos, batch: 1, window: 7 })
    assert.is(tokens, other.length)
    assert.ok(Math.abs(loss - wanted.heldOut) < 1e-10 * wanted.heldOut, `${loss}, ${wanted.heldOut}`)
  })
}

const tiny = { cell: 'lstm', symbols: 4, embed: 3, hidden: 3, layers: 1, dropout: 0 } as const
const xs = tensor([0, 2, 3, 2, 1, 3], { shape: [3, 2], device, dtype: 'int32' })
const targets = tensor([2, 1, 0, 3, 3, 1], { shape: [3, 2], device, dtype: 'int32' })

test('a tied weight: its gradient is the sum of both uses, in finite differences too', async () => {
  const tied = languageModel({ ...tiny, tied: true }, { device, rng: random(3) })
  const apart = languageModel(tiny, { device, rng: random(4) })
  const values = new Map<string, { shape: readonly number[], data: ArrayLike<number> }>()
  for (const [name, x] of tied.parameters) values.set(name, { shape: x.shape, data: await x.read() })
  values.set('head.weight', values.get('embedding.weight')!)
  loadParameters(apart.parameters, values)
  const gradients = async (model: typeof tied) => {
    const tape = new Tape()
    const loss = model.loss(model.run(xs, model.initial(2)).outputs, targets)
    const found = tape.gradients(loss, model.parameters)
    const read = new Map<string, number[]>()
    for (const [name, g] of found) read.set(name, [...await g.read()])
    tape.close()
    return read
  }
  const [one, two] = [await gradients(tied), await gradients(apart)]
  const uses = two.get('embedding.weight')!.map((g, k) => g + two.get('head.weight')![k])
  assert.ok(difference(one.get('embedding.weight')!, uses) < 1e-14)
  assert.not.ok(one.has('head.weight'))
  for (const order of [1, 2] as const) {
    const f = () => tied.loss(tied.run(xs, tied.initial(2)).outputs, targets)
    const report = await gradcheck(f, tied.parameters, { order })
    assert.ok(report.passed, JSON.stringify(report))
  }
})

test('tied weights need one size; drawn as the head\'s: the first loss is that of guessing', async () => {
  const unequal = { ...tiny, embed: 2, tied: true }
  assert.is(message(() => languageModel(unequal, { device, rng: random(1) })),
    'language model: embed is 2, hidden is 3; with tied weights they must be equal')
  const form = { ...tiny, symbols: 50, embed: 16, hidden: 16, tied: true }
  const model = languageModel(form, { device, rng: random(1) })
  const { loss } = await evaluate(model, Int32Array.from({ length: 200 }, (_, k) => (7 * k) % 50))
  assert.ok(Math.abs(loss - Math.log(50)) < 0.2, String(loss))
})

test('dropout crosses the layers one more time than there are layers', async () => {
  for (const layers of [1, 2, 3]) {
    const rng = random(5)
    const model = languageModel({ ...tiny, layers, dropout: 0.5 }, { device, rng: random(1) })
    const { position } = rng
    model.run(xs, model.initial(2), rng)
    assert.is(rng.position - position, (layers + 1) * 3 * 2 * 3, `${layers} layers: T B H numbers each`)
  }
})

test.run()

// Plain JavaScript sees no types: every public function and class, called with nothing, null, a number, a
// text, or an empty object or list, either does what its page says, or refuses in one line of its own that
// says what is needed; never with an error of the engine's.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { UnrolledError } from '../src/check.ts'
import * as unrolled from '../src/node.ts'

const test = suite('nonsense')

const nonsense: Record<string, readonly unknown[]> = {
  nothing: [], 'null': [null], 'a number': [7], 'a text': ['abc'], 'an object': [{}], 'a list': [[]],
  'null twice': [null, null], 'two objects': [{}, {}], 'two lists': [[], []],
}

// What makes sense all the same: there need be no options, a tree may be empty, or nothing is taken at all.
const sense: Record<string, readonly string[]> = {
  Tape: ['nothing', 'an object', 'two objects'],
  activationPenalty: ['an object', 'two objects'],
  cpu: ['nothing', 'an object', 'two objects'],
  gpu: ['nothing', 'an object', 'two objects'],
  simd: ['nothing', 'an object', 'two objects'],
  constant: Object.keys(nonsense),
  Scope: Object.keys(nonsense),
  dispose: ['an object', 'a list', 'two objects', 'two lists'],
  parameters: ['an object', 'two objects'],
  recurrentMatrices: ['an object', 'a list', 'two objects', 'two lists'],
  formatFlow: ['a list', 'two lists'],
  inUnits: ['a number'],
  random: ['a number'],
  wordsOf: ['a text'],
}

// Errors hold any text; a Tensor is made by ops, which know what they do, at every step.
const exempt = ['UnrolledError', 'ShapeError', 'TapeError', 'NonFiniteError', 'NoAdapterError', 'Tensor']

async function checkRefused(name: string, called: Function, what: string, args: readonly unknown[]) {
  const error = await errorOf(called, args, /^[A-Z]\w*$/.test(name))
  assert.ok(error !== undefined, `${what} is taken in silence`)
  assert.instance(error, UnrolledError, `${what}: ${String(error)}`)
  assert.match((error as UnrolledError).message, /^[^\n]{10,400}$/)
}

/** What comes of a call: an error, or undefined. */
async function errorOf(called: Function, args: readonly unknown[], isClass: boolean): Promise<unknown> {
  try {
    const made: unknown = isClass ? Reflect.construct(called, args) : Reflect.apply(called, undefined, args)
    const isGenerator = typeof made === 'object' && made !== null && Symbol.asyncIterator in made
    await (isGenerator ? (made as AsyncGenerator).next() : made)
    return undefined
  } catch (error) {
    return error
  } finally {
    unrolled.Scope.closeAll()
  }
}

for (const [name, value] of Object.entries(unrolled)) {
  if (typeof value !== 'function' || exempt.includes(name)) continue
  test(name, async () => {
    for (const [what, args] of Object.entries(nonsense)) {
      if (!sense[name]?.includes(what)) await checkRefused(name, value, what, args)
    }
  })
}

const device = unrolled.cpu()
const rng = unrolled.random(1)
const sizes = { inputs: 3, hidden: 2, device, rng }
const cell = unrolled.lstm(sizes)
const model = unrolled.sequenceModel({
  embedding: unrolled.embedding({ symbols: 4, dimensions: 3, device, rng }), rnn: cell,
  head: unrolled.linear({ inputs: 2, outputs: 4, device, rng }),
})
const characters = unrolled.Vocabulary.of('abc')
const words = unrolled.WordVocabulary.of(unrolled.wordsOf('the sea the sea'))
const optimizer = unrolled.adam({ learningRate: 1 })
const bptt = unrolled.truncatedBptt(model, { every: 2, initial: model.initial(1) })
const net = unrolled.recurrent({ ...sizes, kind: 'LSTM' })

// What is called most of all that those functions make, and what of it makes sense.
const methods: [name: string, call: (...args: never[]) => unknown, sense?: readonly string[]][] = [
  ['cell.step', cell.step], ['cell.project', cell.project], ['cell.advance', cell.advance],
  ['cell.stream().step', (x: number[]) => cell.stream().step(x)],
  ['stream of layers', (x: number[]) => unrolled.stream(net).step(x)],
  ['recurrent', net], ['ofRows', net.ofRows!],
  ['stacked', unrolled.stacked([cell])], ['stacked.ofRows', unrolled.stacked([cell]).ofRows!],
  ['bidirectional', unrolled.bidirectional(cell, cell)],
  ['linear', unrolled.linear({ inputs: 3, outputs: 2, device, rng })],
  ['model.run', model.run], ['model.loss', model.loss],
  ['assign', (x: unrolled.Tensor) => unrolled.ones([2], device).assign(x)],
  ['categorical', (weights: number[]) => rng.categorical(weights)],
  ['Vocabulary.of', (text: string) => unrolled.Vocabulary.of(text), ['a text']],
  ['WordVocabulary.of', (list: string[]) => unrolled.WordVocabulary.of(list), ['a list', 'two lists']],
  ['encode', (text: string) => characters.encode(text), ['a text']],
  ['decode', (ids: number[]) => characters.decode(ids), ['a list', 'two lists']],
  ['lacks', (text: string) => characters.lacks(text), ['a text']],
  ['encode words', (text: string) => words.encode(text), ['a text']],
  ['decode words', (ids: number[]) => words.decode(ids), ['a list', 'two lists']],
  ['idsOf', (list: string[]) => words.idsOf(list), ['a list', 'two lists']],
  ['update', (...args: [never, never]) => optimizer.update(...args)],
  ['load', (state: never) => optimizer.load(state)],
  ['truncatedBptt.step', bptt.step], ['truncatedBptt.load', bptt.load],
]
for (const [name, call, sensible = []] of methods) {
  test(name, async () => {
    for (const [what, args] of Object.entries(nonsense)) {
      if (!sensible.includes(what)) await checkRefused(name, call, what, args)
    }
  })
}

test('nothing is exempt that is not there', () => {
  for (const name of [...Object.keys(sense), ...exempt]) assert.ok(name in unrolled, name)
})

test.run()

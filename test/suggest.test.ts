// Options that nobody knows, and errors that say what was probably meant.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UnrolledError } from '../src/check.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { jordan } from '../src/nn/jordan.ts'
import { embedding, linear } from '../src/nn/linear.ts'
import { lstm } from '../src/nn/lstm.ts'
import { recurrent } from '../src/nn/recurrent.ts'
import { random } from '../src/random.ts'
import { ones, type Tensor } from '../src/tensor.ts'
import { checkOptionNames, nearest } from '../src/suggest.ts'
import { adagrad, adam, adamw, rmsprop, sgd } from '../src/train/optimizers.ts'
import { device, refused } from './every-cell.ts'

const test = suite('suggest')
const sources = { device, rng: random(1) }
const sizes = { inputs: 2, hidden: 3, ...sources }

test('an option that is not known is refused, with the nearest that is', () => {
  const cells = { elman, gru, jordan, lstm }
  for (const [name, make] of Object.entries(cells)) {
    const slip = { ...sizes, hiden: 3 }
    refused(() => make(slip), `${name}: there is no option hiden; did you mean hidden?`)
  }
  const optimizers = { sgd, rmsprop, adagrad, adam, adamw }
  for (const [name, make] of Object.entries(optimizers)) {
    const slip = { learningRate: 1, weightdecay: 1 }
    refused(() => make(slip), `${name}: there is no option weightdecay; did you mean weightDecay?`)
  }
  const numLayers = { ...sizes, kind: 'GRU', layer: 2 } as const
  refused(() => recurrent(numLayers), 'recurrent: there is no option layer; did you mean layers?')
  const out = { inputs: 2, outputs: 3, ...sources, biases: false }
  refused(() => linear(out), 'linear: there is no option biases; did you mean bias?')
  const vocabulary = { symbols: 2, dimension: 3, dimensions: 3, ...sources }
  refused(() => embedding(vocabulary), 'embedding: there is no option dimension; did you mean dimensions?')
})

test('with none near, all that there are', () => {
  const far = { ...sizes, kernelSize: 3 }
  refused(() => gru(far),
    'gru: there is no option kernelSize; it takes inputs, hidden, bias, device, rng, gateBias')
  assert.throws(() => checkOptionNames('f', { b: 1 } as { a?: number }, ['a']), (error: Error) =>
    error instanceof UnrolledError && error.message === 'f: there is no option b; it takes a')
})

test('what belongs to another cell is not an option of this one', () => {
  const projected = { ...sizes, projection: 2 }
  assert.throws(() => gru(projected), /gru: there is no option projection/)
  const bent = { ...sizes, nonlinearity: 'tanh' }
  assert.throws(() => lstm(bent), /lstm: there is no option nonlinearity/)
})

test('capitals do not count, and the name comes back as it is written', () => {
  assert.is(nearest('LEARNINGRATE', ['weightDecay', 'learningRate']), 'learningRate')
  assert.is(nearest('lstm', ['RNN', 'LSTM', 'GRU']), 'LSTM')
  assert.is(nearest('transformer', ['RNN', 'LSTM', 'GRU']), undefined)
})

test('recurrent: a kind or nonlinearity that is nearly one; its errors speak of recurrent', () => {
  const make = (options: object) => recurrent({ kind: 'RNN', ...sizes, ...options })
  refused(() => make({ kind: 'lstm' }), 'recurrent: kind is lstm; did you mean LSTM?')
  const needed = 'it must be RNN, LSTM, GRU or a function that makes a cell'
  refused(() => make({ kind: 'conv' }), `recurrent: kind is conv; ${needed}`)
  refused(() => make({ kind: undefined }), `recurrent: kind is undefined; ${needed}`)
  refused(() => make({ nonlinearity: 'sigmod' }), 'recurrent: nonlinearity is sigmod; did you mean sigmoid?')
  refused(() => make({ hidden: 0 }), 'recurrent: hidden is 0; it must be a whole number of 1 or more')
  refused(() => make({ inputs: 1.5 }), 'recurrent: inputs is 1.5; it must be a whole number of 1 or more')
  refused(() => make({ device: undefined }), 'recurrent: device is missing; pass one, such as cpu()')
  refused(() => make({ kind: 'LSTM', projection: 4 }),
    'recurrent: projection is 4; it must be 0 (none) or less than hidden, 3')
})

test('a missing device or generator is no matter of shapes', () => {
  const makers = {
    elman: () => elman({ ...sizes, device: undefined! }),
    linear: () => linear({ inputs: 1, outputs: 1, ...sources, device: undefined! }),
    embedding: () => embedding({ symbols: 1, dimensions: 1, ...sources, device: undefined! }),
  }
  for (const [name, make] of Object.entries(makers)) {
    assert.throws(make, (error: Error) => error.name === 'UnrolledError' &&
      error.message === `${name}: device is missing; pass one, such as cpu()`)
  }
  assert.throws(() => linear({ inputs: 1, outputs: 1, ...sources, rng: undefined! }),
    /linear: rng is missing; pass a generator, such as random\(1\)/)
  const seed = { ...sizes, rng: 1 as never }
  refused(() => gru(seed), 'gru: rng is 1; pass a generator, such as random(1)')
})

test('no options at all, no state, no tensor: each in one line', () => {
  const cell = gru(sizes)
  const x = ones([2, 2], device)
  const bare = (f: (...none: never[]) => unknown) => f as () => unknown
  refused(bare(gru), 'gru: its options are undefined; they must be an object with some of inputs, hidden, ' +
    'bias, device, rng, gateBias')
  refused(() => (cell.step as (x: Tensor) => unknown)(x),
    "gru: the state is missing; begin with the cell's own, initial(2)")
  refused(() => (cell.step as (x: unknown, state: unknown) => unknown)([1, 2], cell.initial(1)),
    'gru: x is no tensor; it must be [B, 2]')
})

test.run()

// Models of one's own: train, evaluate and sample ask for no more than SequenceModel says.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Cell, Named } from '../src/nn/cell.ts'
import { elman, type ElmanState } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { embedding, type Layer, linear, loadParameters, parameters } from '../src/nn/linear.ts'
import { lstm } from '../src/nn/lstm.ts'
import { recurrent } from '../src/nn/recurrent.ts'
import { stacked } from '../src/nn/sequence-layers.ts'
import { unroll } from '../src/nn/unroll.ts'
import { add, mul, tanh } from '../src/ops/elementwise.ts'
import { oneHot } from '../src/ops/gather.ts'
import { crossEntropy } from '../src/ops/loss.ts'
import { random, type Random } from '../src/random.ts'
import { type Tensor, tensor, zeros } from '../src/tensor.ts'
import { evaluate, sample } from '../src/train/evaluate.ts'
import { languageModel, type SequenceModel, sequenceModel } from '../src/train/language-model.ts'
import { train } from '../src/train/loop.ts'
import { adam } from '../src/train/optimizers.ts'
import { constant } from '../src/train/schedule.ts'
import { device, normal, refused, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('sequence-model')
const V = 3
const ids = Int32Array.from({ length: 600 }, (_, i) => [0, 1, 2, 1][i % 4]) // what follows 1 needs memory

/** A cell of one's own, with no `project`: h = tanh(w x + d h), element by element. */
function leaky(size: number, rng: Random): Cell<{ h: Tensor }> {
  const [weight, decay] = [normal(rng.integer(99), size), normal(rng.integer(99), size)]
  return {
    parameters: { weight, decay },
    inputs: size,
    outputs: size,
    initial: (batch) => ({ h: zeros([batch, size], device) }),
    step(x, { h }) {
      const next = tanh(add(mul(x, weight), mul(h, decay)))
      return { output: next, state: { h: next } }
    },
  }
}

const vectors = (dimensions: number) => embedding({ symbols: V, dimensions, device, rng: random(1) })
const head = (inputs: number) => linear({ inputs, outputs: V, device, rng: random(2) })

/** A model that is no sequenceModel at all, with a state of its own kind. */
function byHand(): SequenceModel {
  const cell = elman({ inputs: V, hidden: 6, device, rng: random(3) })
  const last = head(6)
  return {
    device,
    parameters: parameters({ cell, last }),
    initial: (batch) => cell.initial(batch),
    run(symbols: Tensor, state: ElmanState) {
      const result = unroll(cell, oneHot(symbols, V), state)
      return { outputs: last(result.outputs), state: result.state }
    },
    loss: (logits, targets) => crossEntropy(logits, targets, { ignoreIndex: -1 }),
  }
}

const models: Record<string, () => SequenceModel> = {
  'a cell of one\'s own': () =>
    sequenceModel({ embedding: vectors(8), rnn: leaky(8, random(3)), head: head(8) }),
  'a stack with a cell of one\'s own in it, and dropout': () => sequenceModel({
    embedding: vectors(8),
    rnn: stacked([
      leaky(8, random(9)),
      recurrent({ kind: 'GRU', inputs: 8, hidden: 6, layers: 2, dropout: 0.1, device, rng: random(5) }),
      lstm({ inputs: 6, hidden: 7, projection: 5, device, rng: random(6) }),
    ]),
    head: head(5),
    dropout: 0.05,
  }),
  'a layer that is only a function': () => {
    const hot: Layer = Object.assign((symbols: Tensor) => oneHot(symbols, V), { parameters: {} })
    const rnn = gru({ inputs: V, hidden: 6, device, rng: random(3) })
    return sequenceModel({ embedding: hot, rnn, head: head(6) })
  },
  'by hand': byHand,
}

for (const [name, make] of Object.entries(models)) {
  test(`${name}: it learns, is measured, and writes`, async () => {
    const model = make()
    const before = await evaluate(model, ids, { batch: 3 })
    const events = train({
      model, ids, batch: 4, window: 8, horizon: 12, clip: 1, optimizer: adam({ learningRate: 0.05 }),
      schedule: constant(), rng: random(1), stop: { steps: 160 },
    })
    let steps = 0
    for await (const _ of events) steps++
    const after = await evaluate(model, ids, { batch: 3 })
    assert.is(steps, 160)
    assert.ok(before.loss > 0.8 && after.loss < 0.2, `${before.loss} to ${after.loss}`)
    const written: number[] = []
    const options = { prompt: Int32Array.of(0, 1, 2, 1), length: 8, temperature: 0.1, rng: random(2) }
    for await (const symbol of sample(model, options)) written.push(symbol)
    assert.equal(written, [0, 1, 2, 1, 0, 1, 2, 1])
  })
}

test('languageModel is a sequenceModel with a form', async () => {
  const form = { cell: 'gru', symbols: V, embed: 4, hidden: 5, layers: 2, dropout: 0.5 } as const
  const model = languageModel(form, { device, rng: random(1) })
  const rnn = recurrent({
    kind: 'GRU', inputs: 4, hidden: 5, layers: 2, dropout: 0.5, device, rng: random(8),
  })
  const parts = sequenceModel({ embedding: vectors(4), rnn, head: head(5), dropout: 0.5 })
  assert.equal([...parts.parameters.keys()], [...model.parameters.keys()])
  const data = await values([...model.parameters.values()])
  loadParameters(parts.parameters, new Map([...model.parameters].map(([name, { shape }], k) =>
    [name, { shape, data: data[k] }])))
  const symbols = tensor(ids.slice(0, 12), { shape: [4, 3], device, dtype: 'int32' })
  const logits = async (net: SequenceModel, rng?: Random) => {
    return net.run(symbols, net.initial(3), rng).outputs.read()
  }
  assert.equal(await logits(parts), await logits(model))
  assert.equal(await logits(parts, random(4)), await logits(model, random(4)))
  assert.ok(difference(await logits(model, random(4)), await logits(model)) > 0.01, 'dropout')
})

test('a model without parameters, or with a part that nobody knows, is refused', () => {
  const nothing: Layer = Object.assign((x: Tensor) => x, { parameters: {} })
  const idle: Cell<Named> = {
    parameters: {}, inputs: V, outputs: V, initial: () => ({}), step: (x, state) => ({ output: x, state }),
  }
  refused(() => sequenceModel({ embedding: nothing, rnn: idle, head: nothing }),
    'sequenceModel: no part has parameters; a model needs some to learn')
  const slip = { embedding: nothing, rnn: idle, head: nothing, dropOut: 0.5 }
  refused(() => sequenceModel(slip), 'sequenceModel: there is no option dropOut; did you mean dropout?')
})

test.run()

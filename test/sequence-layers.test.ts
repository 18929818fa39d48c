// Layers that map a sequence to a sequence: their sizes and zero states, deep nets of them, their places.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { at } from '../src/context.ts'
import { formatReport, gradcheck } from '../src/gradcheck.ts'
import { gradientFlow } from '../src/inspect/flow.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { lstm } from '../src/nn/lstm.ts'
import { loadParameters, parameters } from '../src/nn/linear.ts'
import { recurrent } from '../src/nn/recurrent.ts'
import {
  bidirectional, type Merge, type SequenceLayer, skipConnected, stacked,
} from '../src/nn/sequence-layers.ts'
import { unroll } from '../src/nn/unroll.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { leaves } from '../src/tensor.ts'
import { elmanStep, rowsOf, weightsOf } from './by-hand.ts'
import { device, energy, flat, normal, refused, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('sequence-layers')
const T = 5
const B = 3
const lengths = [3, 5, 1]
const cell = (inputs: number, seed: number, hidden = 3) => gru({ inputs, hidden, device, rng: random(seed) })

/** Two bidirectional layers, as recurrent makes them, from cells. */
function deep() {
  return stacked([bidirectional(cell(2, 1), cell(2, 2)), bidirectional(cell(6, 3), cell(6, 4))])
}

const layers: Record<string, () => SequenceLayer> = {
  'a stack of cells': () =>
    stacked([lstm({ inputs: 2, hidden: 4, projection: 3, device, rng: random(1) }), cell(3, 2, 5)]),
  'a bidirectional pair of different widths': () => bidirectional(cell(2, 1), cell(2, 2, 4)),
  'a deep bidirectional stack': deep,
  'a pair that is summed': () => bidirectional(cell(2, 1), cell(2, 2), { merge: 'sum' }),
  'a pair that is multiplied': () => bidirectional(cell(2, 1), cell(2, 2), { merge: 'mul' }),
  'a pair that is averaged': () => bidirectional(cell(2, 1), cell(2, 2), { merge: 'average' }),
  'a net with skip connections': () =>
    skipConnected([cell(2, 1), bidirectional(cell(5, 2), cell(5, 3)), cell(8, 4, 4)]),
  'a recurrent layer': () =>
    recurrent({ kind: 'LSTM', inputs: 2, hidden: 3, layers: 2, bidirectional: true, device, rng: random(1) }),
  'a recurrent net with skip connections, both ways': () =>
    recurrent({
      kind: 'GRU', inputs: 2, hidden: 3, layers: 3, bidirectional: true, skip: true, device, rng: random(1),
    }),
  'a stack in a stack, under a recurrent layer': () =>
    stacked([
      stacked([cell(2, 1), bidirectional(cell(3, 2), cell(3, 3))]),
      recurrent({ kind: 'RNN', inputs: 6, hidden: 2, layers: 2, device, rng: random(4) }),
    ]),
}

for (const [name, make] of Object.entries(layers)) {
  test(`${name}: inputs, outputs and the zero state are what it takes and gives`, async () => {
    const net = make()
    const xs = normal(2, T, B, net.inputs)
    const { outputs, state } = net(xs)
    assert.equal(outputs.shape, [T, B, net.outputs])
    const zero = net.initial(B)
    assert.equal(leaves(zero).map((x) => x.shape), leaves(state).map((x) => x.shape))
    assert.ok((await values(zero)).flat().every((x) => x === 0))
    const [given] = await values(net(xs, { state: zero }).outputs)
    assert.equal(given, Array.from(await outputs.read()))
  })

  test(`${name}: gradients by finite differences, with lengths and a state`, async () => {
    const net = make()
    const xs = normal(2, T, B, net.inputs)
    const state = net(normal(3, T, B, net.inputs)).state // no zeros: those would hide much
    const f = () => {
      const result = net(xs, { state, lengths })
      return flat([result.outputs, result.state])
    }
    const list = [xs, ...leaves(state), ...Object.values(net.parameters)]
    const report = await gradcheck(f, list)
    assert.ok(report.passed, formatReport(report))
  })
}

for (const [merge, f] of Object.entries<(a: number, b: number) => number>({
  sum: (a, b) => a + b, mul: (a, b) => a * b, average: (a, b) => (a + b) / 2,
})) {
  test(`merge ${merge}: of the outputs at the same step; zero behind the end`, async () => {
    const [ahead, back] = [cell(2, 1), cell(2, 2)]
    const xs = normal(2, T, B, 2)
    const [sides] = await values(bidirectional(ahead, back)(xs, { lengths }).outputs) // [T, B, 3 + 3]
    const merged = bidirectional(ahead, back, { merge: merge as Merge })
    assert.is(merged.outputs, 3)
    const [found] = await values(merged(xs, { lengths }).outputs)
    const expected = Array.from({ length: T * B * 3 }, (_, i) => {
      const [row, unit] = [Math.floor(i / 3), i % 3]
      const outside = Math.floor(row / B) >= lengths[row % B]
      return outside ? 0 : f(sides[row * 6 + unit], sides[row * 6 + 3 + unit])
    })
    assert.ok(difference(found, expected) < 1e-15)
  })
}

test('skip connections by hand: each layer reads x and the layer below, all are shown', async () => {
  const parts = [[2, 3], [5, 4], [6, 1]].map(([inputs, hidden], k) =>
    elman({ inputs, hidden, device, rng: random(k) }))
  const net = skipConnected(parts)
  assert.is(net.outputs, 3 + 4 + 1)
  const xs = normal(2, T, B, 2)
  const [found, rows] = [await rowsOf(net(xs).outputs), await rowsOf(xs)]
  const weights = await Promise.all(parts.map((part) => weightsOf(part.parameters)))
  for (let b = 0; b < B; b++) {
    let states = [[0, 0, 0], [0, 0, 0, 0], [0]]
    for (let t = 0; t < T; t++) {
      const x = rows[t * B + b]
      const next: number[][] = []
      states.forEach((h, k) => next.push(
        elmanStep(weights[k], Math.tanh, k === 0 ? x : [...x, ...next[k - 1]], h)))
      states = next
      assert.ok(difference(found[t * B + b], states.flat()) < 1e-14, `t ${t}, sequence ${b}`)
    }
  }
})

test('a deep bidirectional stack is recurrent({ bidirectional, layers: 2 }) by other names', async () => {
  const net = deep()
  const rnn = recurrent({
    kind: 'GRU', inputs: 2, hidden: 3, layers: 2, bidirectional: true, device, rng: random(9),
  })
  const data = await values(Object.values(net.parameters))
  const named = Object.entries(rnn.parameters)
  loadParameters(parameters({ rnn }), new Map(named.map(([name, { shape }], k) =>
    [`rnn.${name}`, { shape, data: data[k] }])))
  const xs = normal(2, T, B, 2)
  const [a, b] = [net(xs, { lengths }), rnn(xs, { lengths })]
  assert.ok(difference(await a.outputs.read(), await b.outputs.read()) < 1e-13)
  const states = (await values(a.state)).flat()
  assert.ok(difference(states, await b.state.h.read()) < 1e-13, 'layer by layer, forward before reverse')
})

test('recurrent with skip is skipConnected of its cells; one layer of it is a plain one', async () => {
  const make = (layers: number, skip: boolean) =>
    recurrent({ kind: 'GRU', inputs: 2, hidden: 3, layers, skip, device, rng: random(4) })
  const rng = random(4) // draws the same weights, in the same order
  const parts = [2, 5, 5].map((inputs) => gru({ inputs, hidden: 3, device, rng }))
  const xs = normal(2, T, B, 2)
  const [a, b] = [make(3, true)(xs, { lengths }), skipConnected(parts)(xs, { lengths })]
  assert.ok(difference(await a.outputs.read(), await b.outputs.read()) < 1e-14)
  assert.ok(difference(await a.state.h.read(), (await values(b.state)).flat()) < 1e-14)
  const [skipped, plain] = [make(1, true)(xs), make(1, false)(xs)]
  assert.equal(await skipped.outputs.read(), await plain.outputs.read())
})

test('recurrent sets the biases of gates in every layer', async () => {
  const net = recurrent({
    kind: 'LSTM', inputs: 2, hidden: 3, layers: 2, gateBias: { forget: 1.5 }, device, rng: random(4),
  })
  for (const layer of [0, 1]) {
    const [ih, hh] = await values(net.parameters[`bias_ih_l${layer}`], net.parameters[`bias_hh_l${layer}`])
    assert.equal([...ih.slice(3, 6), ...hh.slice(3, 6)], [1.5, 1.5, 1.5, 0, 0, 0])
    assert.ok([...ih.slice(0, 3), ...hh.slice(6)].every((bias) => bias !== 0))
  }
  const options = { inputs: 2, hidden: 3, device, rng: random(4), gateBias: { forget: 1 } }
  refused(() => recurrent({ ...options, kind: 'GRU' }),
    'gru: gateBias: there is no option forget; it takes reset, update, candidate')
  refused(() => recurrent({ ...options, kind: 'RNN' }),
    'recurrent: gateBias is for cells with gates; kind is RNN')
})

/** The layers that the records of one run name, in order. */
function layersSeen(run: () => unknown): number[] {
  using tape = new Tape()
  run()
  const seen = tape.records.map(({ where }) => where.layer ?? -1)
  return [...new Set(seen)].filter((layer) => layer >= 0)
}

test('the layer is the one told, else the one of the place around, else 0', () => {
  const xs = normal(2, T, B, 2)
  const one = cell(2, 1)
  const pair = bidirectional(cell(2, 1), cell(2, 2))
  assert.equal(layersSeen(() => unroll(one, xs)), [0])
  assert.equal(layersSeen(() => at({ layer: 1 }, () => unroll(one, xs))), [1])
  assert.equal(layersSeen(() => at({ layer: 1 }, () => unroll(one, xs, undefined, { layer: 4 }))), [4])
  assert.equal(layersSeen(() => at({ layer: 2 }, () => pair(xs))), [2])
  assert.equal(layersSeen(() => pair(xs, { layer: 3 })), [3])
  assert.equal(layersSeen(() => deep()(xs)), [0, 1])
  assert.equal(layersSeen(() => at({ layer: 5 }, () => deep()(xs))), [5, 6])
  assert.equal(layersSeen(() => deep()(xs, { layer: 2 })), [2, 3])
  const nested = layers['a stack in a stack, under a recurrent layer']()
  assert.equal(nested.layers, 4)
  assert.equal(layersSeen(() => nested(xs, { layer: 1 })), [1, 2, 3, 4])
})

test('gradientFlow shows two layers that were put together by hand', async () => {
  const below = elman({ inputs: 2, hidden: 3, device, rng: random(1) })
  const above = cell(3, 2)
  const xs = normal(2, T, B, 2)
  const flow = async (outputsOf: () => ReturnType<typeof unroll>['outputs']) => {
    using tape = new Tape()
    return gradientFlow(tape, energy(outputsOf()), parameters({ below, above }))
  }
  const byHand = await flow(() => {
    const one = at({ layer: 0 }, () => unroll(below, xs).outputs)
    return at({ layer: 1 }, () => unroll(above, one).outputs)
  })
  assert.equal(byHand.states.map(({ layer, t }) => [layer, t]),
    [0, 1].flatMap((layer) => [0, 1, 2, 3, 4].map((t) => [layer, t])))
  assert.ok(byHand.contributions.every(({ name, layer }) => layer === (name.startsWith('above') ? 1 : 0)))
  assert.equal(byHand, await flow(() => stacked([below, above])(xs).outputs), 'as stacked does it')
})

test('a generator reaches the layers that drop', async () => {
  const inner = recurrent({
    kind: 'GRU', inputs: 3, hidden: 3, layers: 2, dropout: 0.5, device, rng: random(1),
  })
  const net = stacked([cell(2, 1), inner])
  const xs = normal(2, T, B, 2)
  const plain = await net(xs).outputs.read()
  const dropped = await net(xs, { rng: random(5) }).outputs.read()
  assert.ok(difference(dropped, plain) > 0.01)
  assert.equal(await net(xs, { rng: random(5) }).outputs.read(), dropped, 'the same seed drops the same')
})

test('what does not fit is refused', () => {
  refused(() => bidirectional(cell(2, 1), cell(3, 2)),
    'bidirectional: the forward cell takes 2 inputs, the reverse one 3; they must be equal')
  refused(() => stacked([bidirectional(cell(2, 1), cell(2, 2)), cell(3, 3)]),
    'stacked: part 1 takes 3 inputs, but part 0 gives 6 outputs; they must be equal')
  refused(() => bidirectional(cell(2, 1), cell(2, 2, 4), { merge: 'sum' }),
    'bidirectional: the forward cell gives 3 outputs, the reverse one 4; to merge them by sum they must be ' +
    'equal; concat puts them side by side')
  refused(() => bidirectional(cell(2, 1), cell(2, 2), { merge: 'averge' as Merge }),
    'bidirectional: merge is averge; did you mean average?')
  refused(() => bidirectional(cell(2, 1), cell(2, 2), { merge: 'toString' as Merge }),
    'bidirectional: merge is toString; it must be concat, sum, mul or average')
  refused(() => skipConnected([cell(2, 1), cell(3, 2)]),
    "skipConnected: part 1 takes 3 inputs; it must take 5: the net's 2 beside the 3 outputs of part 0")
  refused(() => skipConnected([]), 'skipConnected: it needs a list of one cell or layer, or more')
})

test.run()

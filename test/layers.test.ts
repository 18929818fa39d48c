// Linear and embedding layers, the names of parameters, and values written into them.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpu } from '../src/cpu/device.ts'
import { formatReport, gradcheck } from '../src/gradcheck.ts'
import { elman } from '../src/nn/elman.ts'
import { drawUniform, embedding, linear, loadParameters, parameters } from '../src/nn/linear.ts'
import { square } from '../src/ops/elementwise.ts'
import { random } from '../src/random.ts'
import { Scope } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { tensor } from '../src/tensor.ts'
import { dot, weightsOf } from './by-hand.ts'
import { device, normal, refused, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('layers')
const rng = () => random(6)

for (const bias of [true, false]) {
  test(`linear by hand, ${bias ? 'with' : 'no'} bias, for inputs of every rank`, async () => {
    const layer = linear({ inputs: 5, outputs: 3, bias, device, rng: rng() })
    const w = await weightsOf(layer.parameters)
    for (const lead of [[], [2], [4, 2], [3, 4, 2]]) {
      const x = normal(1, ...lead, 5)
      const y = layer(x)
      assert.equal(y.shape, [...lead, 3])
      const [xs] = await values(x)
      const expected = Array.from({ length: xs.length / 5 }, (_, n) =>
        w.weight.map((row, k) => dot(row, xs.slice(5 * n, 5 * n + 5)) + (bias ? w.bias[0][k] : 0))).flat()
      assert.ok(difference(await y.read(), expected) < 1e-14)
    }
  })

  test(`linear: gradients, ${bias ? 'with' : 'no'} bias`, async () => {
    const layer = linear({ inputs: 5, outputs: 3, bias, device, rng: rng() })
    const x = normal(1, 4, 2, 5)
    for (const order of [1, 2] as const) {
      const report = await gradcheck(() => square(layer(x)), { ...layer.parameters, x }, { order })
      assert.ok(report.passed, formatReport(report))
    }
  })
}

test('linear: PyTorch\'s names and shapes, uniform in ±1/sqrt(inputs)', async () => {
  const layer = linear({ inputs: 25, outputs: 40, device, rng: rng() })
  assert.equal(Object.entries(layer.parameters).map(([name, x]) => [name, x.shape]),
    [['weight', [40, 25]], ['bias', [40]]])
  assert.equal(Object.keys(linear({ inputs: 2, outputs: 3, bias: false, device, rng: rng() }).parameters),
    ['weight'])
  const all = (await values(layer.parameters)).flat()
  assert.ok(all.every((w) => w >= -0.2 && w < 0.2))
  assert.ok(Math.max(...all) > 0.19 && Math.min(...all) < -0.19)
  assert.is(new Set(all).size, 1040)
  assert.equal((await values(linear({ inputs: 25, outputs: 40, device, rng: rng() }).parameters)).flat(), all)
})

test('embedding: the rows of its table, for indices of every shape', async () => {
  const layer = embedding({ symbols: 7, dimensions: 3, device, rng: rng() })
  const { weight: table } = await weightsOf(layer.parameters)
  for (const shape of [[6], [2, 3], [3, 1, 2]]) {
    const index = tensor([6, 0, 3, 3, 1, 6], { shape, dtype: 'int32', device })
    const y = layer(index)
    assert.equal(y.shape, [...shape, 3])
    assert.equal(Array.from(await y.read()), [6, 0, 3, 3, 1, 6].flatMap((v) => table[v]))
  }
})

test('embedding: gradients; a symbol used twice gets the sum, one not used gets zeros', async () => {
  const layer = embedding({ symbols: 7, dimensions: 3, device, rng: rng() })
  const index = tensor([[6, 0, 3], [3, 1, 6]], { dtype: 'int32', device })
  for (const order of [1, 2] as const) {
    const report = await gradcheck(() => square(layer(index)), layer.parameters, { order })
    assert.ok(report.passed, formatReport(report))
  }
})

test('embedding: normal with deviation 1, by the seed', async () => {
  const options = { symbols: 90, dimensions: 40, device }
  const all = (await values(embedding({ ...options, rng: rng() }).parameters)).flat()
  const mean = all.reduce((total, w) => total + w, 0) / all.length
  const variance = all.reduce((total, w) => total + w * w, 0) / all.length
  const kurtosis = all.reduce((total, w) => total + w ** 4, 0) / all.length / variance ** 2
  assert.ok(Math.abs(mean) < 4 / 60, `mean ${mean}`)
  assert.ok(Math.abs(variance - 1) < 4 * Math.sqrt(2) / 60, `variance ${variance}`)
  assert.ok(Math.abs(kurtosis - 3) < 4 * Math.sqrt(24) / 60, `kurtosis ${kurtosis}`)
  assert.equal((await values(embedding({ ...options, rng: rng() }).parameters)).flat(), all)
})

test('wrong options and inputs are refused', () => {
  refused(() => linear({ inputs: 0, outputs: 3, device, rng: rng() }),
    'linear: inputs is 0; it must be a whole number of 1 or more')
  refused(() => linear({ inputs: 3, outputs: -1, device, rng: rng() }),
    'linear: outputs is -1; it must be a whole number of 1 or more')
  refused(() => embedding({ symbols: 0, dimensions: 3, device, rng: rng() }),
    'embedding: symbols is 0; it must be a whole number of 1 or more')
  refused(() => embedding({ symbols: 3, dimensions: NaN, device, rng: rng() }),
    'embedding: dimensions is NaN; it must be a whole number of 1 or more')
  refused(() => linear({ inputs: 3, outputs: 2, device, rng: rng() })(normal(1, 4, 5)),
    'affine: x is [4, 5], weight is [2, 3]; x must end in 3 features')
  const layer = embedding({ symbols: 7, dimensions: 3, device, rng: rng() })
  assert.throws(() => layer(tensor([7], { dtype: 'int32', device })), /gather/)
  assert.throws(() => layer(normal(1, 4)), /gather: the index is float64 \[4\]; it must be int32/)
})

test('layers made while a tape or scope is open stay when it closes', async () => {
  const make = () => [
    linear({ inputs: 3, outputs: 2, device, rng: rng() }).parameters,
    embedding({ symbols: 3, dimensions: 2, device, rng: rng() }).parameters,
  ]
  const tape = new Tape()
  const taped = make()
  tape.close()
  const scope = new Scope()
  const scoped = make()
  scope.close()
  assert.equal(await values(taped), await values(scoped))
})

function net() {
  const cell = elman({ inputs: 2, hidden: 3, device, rng: random(1) })
  const head = linear({ inputs: 3, outputs: 2, device, rng: random(2) })
  return { cell, head, params: parameters({ cell, head }) }
}

test('parameters: every layer\'s, under its name, in order, the tensors themselves', () => {
  const { cell, head, params } = net()
  assert.equal([...params.keys()], [
    'cell.weight_ih', 'cell.weight_hh', 'cell.bias_ih', 'cell.bias_hh', 'head.weight', 'head.bias',
  ])
  assert.is(params.get('cell.weight_hh'), cell.parameters.weight_hh)
  assert.is(params.get('head.bias'), head.parameters.bias)
  assert.is(parameters({}).size, 0)
})

/** New values for every parameter, in the wrong order, as a file might hold them. */
function other() {
  const entries = [...net().params].map(([name, x], k) =>
    [name, { shape: x.shape as number[], data: random(50 + k).normal(x.size) as ArrayLike<number> }] as const)
  return new Map(entries.reverse())
}

test('layers that share a weight: it is named once, by the first', () => {
  const head = linear({ inputs: 3, outputs: 5, device, rng: rng() })
  const { weight } = head.parameters
  const vectors = embedding({ symbols: 5, dimensions: 3, weight, device, rng: rng() })
  assert.is(vectors.parameters.weight, weight)
  const all = parameters({ vectors, head })
  assert.equal([...all.keys()], ['vectors.weight', 'head.bias'])
  assert.is(all.get('vectors.weight'), weight)
  refused(() => embedding({ symbols: 4, dimensions: 3, weight, device, rng: rng() }),
    'embedding: the weight is [5, 3]; it must be [4, 3]: [symbols, dimensions]')
})

test('drawUniform draws every parameter anew, in place, within the bound', async () => {
  const layer = linear({ inputs: 30, outputs: 20, device, rng: rng() })
  const named = parameters({ layer })
  drawUniform(named, 0.1, random(3))
  const [weight, bias] = await values(...named.values())
  for (const numbers of [weight, bias]) assert.ok(numbers.every((x) => Math.abs(x) <= 0.1))
  assert.ok(Math.max(...weight) > 0.099 && Math.min(...weight) < -0.099)
  assert.is.not(weight[0], bias[0])
  drawUniform(named, 0.1, random(3))
  assert.equal((await values(...named.values()))[0], weight)
  for (const bound of [0, NaN, Infinity]) {
    refused(() => drawUniform(named, bound, random(3)),
      `drawUniform: bound is ${bound}; it must be a positive number`)
  }
})

test('loadParameters writes in place, and what was loaded is what is read', async () => {
  const { params, cell, head } = net()
  const given = other()
  const before = head(cell.step(normal(1, 2, 2), cell.initial(2)).output)
  loadParameters(params, given)
  for (const [name, x] of params) assert.equal(Array.from(await x.read()), Array.from(given.get(name)!.data),
    name)
  const after = head(cell.step(normal(1, 2, 2), cell.initial(2)).output)
  assert.ok(difference(await after.read(), await before.read()) > 0.1, 'the layers use the new values')
})

test('loadParameters rounds to the device\'s precision, and makes a tape stale', async () => {
  const single = linear({ inputs: 3, outputs: 1, bias: false, device: cpu(), rng: rng() })
  loadParameters(parameters({ single }),
    new Map([['single.weight', { shape: [1, 3], data: [0.1, 0.2, 0.3] }]]))
  assert.equal(Array.from(await single.parameters.weight.read()),
    Array.from(new Float32Array([0.1, 0.2, 0.3])))
  using tape = new Tape()
  const y = single(tensor([[1, 2, 3]], { device: single.parameters.weight.device }))
  loadParameters(parameters({ single }), new Map([['single.weight', { shape: [1, 3], data: [1, 2, 3] }]]))
  assert.throws(() => tape.gradients(y, Object.values(single.parameters)),
    /updated in place after this tape used it/)
})

test('loadParameters refuses what does not fit, and then has written nothing', async () => {
  const { params } = net()
  const before = await values([...params.values()])
  const bad = async (change: (given: ReturnType<typeof other>) => void, text: string) => {
    const given = other()
    change(given)
    refused(() => loadParameters(params, given), text)
    assert.equal(await values([...params.values()]), before, `nothing written: ${text}`)
  }
  await bad((g) => g.delete('head.bias'), 'load: the parameter head.bias is missing')
  await bad((g) => g.delete('cell.weight_ih'), 'load: the parameter cell.weight_ih is missing')
  await bad((g) => g.set('head.extra', { shape: [1], data: [1] }),
    'load: this net has no parameter head.extra')
  await bad((g) => g.set('head.weight', { shape: [3, 2], data: [1, 2, 3, 4, 5, 6] }),
    'load: head.weight is [3, 2] in what is loaded, and [2, 3] in this net; they must be equal')
  await bad((g) => g.set('head.bias', { shape: [2, 1], data: [1, 2] }),
    'load: head.bias is [2, 1] in what is loaded, and [2] in this net; they must be equal')
  await bad((g) => g.set('head.bias', { shape: [2], data: [1, 2, 3] }),
    'load: head.bias has 3 values in what is loaded; its shape [2] holds 2')
})

test.run()

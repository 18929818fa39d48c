// Evaluation and sampling: every token counted once, state carried over, draws that follow the distribution.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { NonFiniteError } from '../src/check.ts'
import { cpu } from '../src/cpu/device.ts'
import { CELLS, type CellName } from '../src/nn/cells.ts'
import { random } from '../src/random.ts'
import { unowned, untracked } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { dispose, tensor } from '../src/tensor.ts'
import { choose, evaluate, sample } from '../src/train/evaluate.ts'
import { type LanguageModel, languageModel } from '../src/train/language-model.ts'
import { message } from './one-line.ts'

const test = suite('evaluate')
const V = 7

function net(cell: CellName = 'lstm', form: { layers?: number, dropout?: number } = {}): LanguageModel {
  const { layers = 1, dropout = 0 } = form
  const device = cpu({ precision: 'float64' })
  return languageModel({ cell, symbols: V, embed: 3, hidden: 5, layers, dropout }, { device, rng: random(3) })
}

function text(n: number): Int32Array {
  const draw = random(11)
  return Int32Array.from({ length: n }, () => draw.integer(V))
}

const close = (a: number, b: number, what: string, bound = 1e-12) =>
  assert.ok(Math.abs(a - b) <= bound * Math.abs(b), `${what}: ${a} and ${b}`)

/** -log softmax(logits)_target, by hand. */
function surprise(logits: ArrayLike<number>, target: number): number {
  const sum = Array.from(logits).reduce((total, x) => total + Math.exp(x), 0)
  return Math.log(sum) - logits[target]
}

/** Logits [T][V] of a sequence read as one, one symbol at a time. */
async function stepByStep(model: LanguageModel, ids: ArrayLike<number>): Promise<number[][]> {
  const all: number[][] = []
  let state = unowned(() => model.initial(1))
  for (let t = 0; t < ids.length; t++) {
    const x = tensor([ids[t]], { shape: [1, 1], device: model.device, dtype: 'int32' })
    const result = unowned(() => ({ ...model.run(x, state) }))
    all.push(Array.from(await result.outputs.read()))
    dispose([x, state, result.outputs])
    state = result.state
  }
  dispose(state)
  return all
}

/** The summed loss of predicting ids[1 ... n) from those before, from the zero state. */
async function byHand(model: LanguageModel, ids: Int32Array): Promise<number> {
  const logits = await stepByStep(model, ids.subarray(0, -1))
  return logits.reduce((total, row, t) => total + surprise(row, ids[t + 1]), 0)
}

for (const cell of CELLS) {
  test(`${cell}: one stream is the text read symbol by symbol, whatever the window`, async () => {
    const model = net(cell, { layers: 2 })
    const ids = text(50)
    const wanted = await byHand(model, ids) / 49
    for (const window of [1, 3, 7, 49, 64]) {
      const { loss, bitsPerChar, perplexity, tokens } = await evaluate(model, ids, { batch: 1, window })
      assert.is(tokens, 49)
      close(loss, wanted, `loss at window ${window}`)
      close(bitsPerChar, wanted / Math.log(2), 'bits per character')
      close(perplexity, Math.exp(wanted), 'perplexity')
    }
  })
}

test('several streams: each token once, each stream from zero with its true predecessor', async () => {
  const model = net('gru')
  const ids = text(41)
  // 40 targets in 3 streams: 14, 13, 13. A stream's first input is the last target of the one before.
  const pieces = [ids.subarray(0, 15), ids.subarray(14, 28), ids.subarray(27, 41)]
  let wanted = 0
  for (const piece of pieces) wanted += await byHand(model, piece)
  for (const window of [1, 4, 13, 14, 20]) {
    const { loss, tokens } = await evaluate(model, ids, { batch: 3, window })
    assert.is(tokens, 40)
    close(loss, wanted / 40, `window ${window}`)
  }
})

test('with the token before, the first is predicted too; more streams than tokens lose none', async () => {
  const model = net('elman')
  const ids = text(6)
  const all = Int32Array.of(2, ...ids)
  const { loss, tokens } = await evaluate(model, ids, { before: 2, batch: 1, window: 4 })
  assert.is(tokens, 6)
  close(loss, await byHand(model, all) / 6, 'loss')
  let wanted = 0
  for (let t = 0; t < 6; t++) wanted += await byHand(model, all.subarray(t, t + 2))
  const wide = await evaluate(model, ids, { before: 2, batch: 10, window: 4 })
  assert.is(wide.tokens, 6)
  close(wide.loss, wanted / 6, 'loss of ten streams')
})

test('dropout is off', async () => {
  const [plain, dropping] = [net('lstm', { layers: 2 }), net('lstm', { layers: 2, dropout: 0.6 })]
  const ids = text(60)
  assert.is((await evaluate(dropping, ids)).loss, (await evaluate(plain, ids)).loss)
})

test('progress is told once a window, up to 1', async () => {
  const shares: number[] = []
  await evaluate(net(), text(41), { batch: 2, window: 8, watch: (share) => shares.push(share) })
  assert.equal(shares, [16 / 40, 32 / 40, 1])
})

test('memory goes back: after evaluation, after sampling, and when either ends early', async () => {
  const model = net('lstm', { layers: 2 })
  const { device } = model
  const before = device.memory()
  const level = (what: string) => {
    assert.is(device.memory().live, before.live, what)
    assert.is(device.memory().buffers, before.buffers, what)
  }
  await evaluate(model, text(100), { batch: 2, window: 9 })
  level('evaluate')
  const stop = () => { throw new Error('enough') }
  const ended = await evaluate(model, text(100), { batch: 2, window: 9, watch: stop }).catch(String)
  assert.is(ended, 'Error: enough')
  level('evaluate, ended early')
  const bad = await evaluate(model, Int32Array.of(1, 2, V, 1)).catch(String)
  assert.match(String(bad), /Error: .*7/)
  level('evaluate, an id outside the vocabulary')
  const options = { prompt: Int32Array.of(1, 2, 3), length: 20, rng: random(1) }
  for await (const _ of sample(model, options)) assert.is(device.memory().buffers > before.buffers, true)
  level('sample')
  for await (const _ of sample(model, options)) break
  level('sample, ended early')
})

test('inside an open tape: nothing is recorded, nothing is kept, and the numbers are the same', async () => {
  const model = net('gru')
  const { device } = model
  const measure = () => evaluate(model, text(60), { batch: 2, window: 9 })
  const [loss, symbols] = [await measure(), await take(model, {})]
  const before = device.memory()
  const tape = new Tape()
  assert.equal(await measure(), loss)
  assert.equal(await take(model, {}), symbols)
  assert.is(tape.records.length, 0)
  assert.is(device.memory().live, before.live)
  assert.is(device.memory().buffers, before.buffers)
  tape.close()
})

async function take(model: LanguageModel, options: Partial<Parameters<typeof sample>[1]>): Promise<number[]> {
  const symbols: number[] = []
  const all = { prompt: Int32Array.of(0), length: 40, rng: random(5), ...options }
  for await (const symbol of sample(model, all)) symbols.push(symbol)
  return symbols
}

test('the same seed writes the same, another one something else', async () => {
  const model = net()
  const first = await take(model, {})
  assert.is(first.length, 40)
  assert.ok(first.every((symbol) => Number.isInteger(symbol) && symbol >= 0 && symbol < V))
  assert.equal(await take(model, {}), first)
  assert.not.equal(await take(model, { rng: random(6) }), first)
  assert.equal(await take(model, { length: 0 }), [])
})

for (const cell of CELLS) {
  test(`${cell}: one symbol at a time is the whole sequence at once`, async () => {
    const model = net(cell, { layers: 2 })
    const prompt = Int32Array.of(4, 0, 6)
    const drawn = await take(model, { prompt, temperature: 0.8, topK: 5 })
    const read = Int32Array.of(...prompt, ...drawn.slice(0, -1)) // [T]
    const xs = tensor(read, { shape: [read.length, 1], device: model.device, dtype: 'int32' })
    const { outputs } = untracked(() => ({ ...model.run(xs, model.initial(1)) }))
    const values = await outputs.read() // [T, 1, V]
    const rng = random(5)
    const again = drawn.map((_, i) => {
      const t = prompt.length - 1 + i
      return choose(values.slice(t * V, (t + 1) * V), { temperature: 0.8, topK: 5 }, rng)
    })
    assert.equal(again, drawn)
  })
}

test('a temperature near 0, and top-k 1, take the likeliest', async () => {
  const model = net('gru')
  const likeliest: number[] = []
  let read = [0]
  for (let i = 0; i < 10; i++) {
    const logits = (await stepByStep(model, read))[read.length - 1]
    likeliest.push(logits.indexOf(Math.max(...logits)))
    read = [0, ...likeliest]
  }
  for (const options of [{ temperature: 1e-6 }, { temperature: 1e-300 }, { topK: 1 }, { topP: 1e-9 }]) {
    assert.equal(await take(model, { ...options, length: 10 }), likeliest, JSON.stringify(options))
  }
})

const logits = [0.3, -1.2, 2.1, 0, 1.4, -40, 1.3]

/** Draws many times and compares how often each came with what is wanted, by Pearson's chi-square. */
function follows(wanted: number[], options: Parameters<typeof choose>[1]): void {
  const draws = 20_000
  const rng = random(17)
  const counts = wanted.map(() => 0)
  for (let i = 0; i < draws; i++) counts[choose(logits, options, rng)]++
  const total = wanted.reduce((sum, w) => sum + w, 0)
  let chiSquare = 0
  wanted.forEach((w, v) => {
    const expected = draws * w / total
    if (expected < 1e-6) assert.is(counts[v], 0, `symbol ${v} must never come`)
    else chiSquare += (counts[v] - expected) ** 2 / expected
  })
  assert.ok(chiSquare < 22.46, `chi-square is ${chiSquare}`) // 6 degrees of freedom, one in a thousand
}

test('draws follow softmax(logits / temperature)', () => {
  follows(logits.map((x) => Math.exp(x)), {})
  follows(logits.map((x) => Math.exp(x / 0.5)), { temperature: 0.5 })
  follows(logits.map((x) => Math.exp(x / 3)), { temperature: 3 })
})

test('top-k keeps the k likeliest, top-p the fewest that reach p, both the smaller set', () => {
  const only = (kept: number[]) => logits.map((x, v) => kept.includes(v) ? Math.exp(x) : 0)
  follows(only([2, 4, 6]), { topK: 3 })
  follows(only([0, 1, 2, 3, 4, 5, 6]), { topK: 100 })
  // Shares of the likeliest, in order: 2: 0.42, 4: 0.21, 6: 0.19, 0: 0.07, 3: 0.05, 1: 0.02.
  follows(only([2]), { topP: 0.4 })
  follows(only([2, 4]), { topP: 0.6 })
  follows(only([2, 4, 6]), { topP: 0.7 })
  follows(only([2, 4]), { topK: 2, topP: 0.95 })
  follows(only([0, 1, 2, 3, 4, 5, 6]), { topP: 1 })
})

test('a symbol that is left out is never drawn; the others share what was its own', () => {
  const all = logits.map((x) => Math.exp(x))
  follows(all.map((w, v) => v === 2 ? 0 : w), { without: 2 })
  follows(all.map((w, v) => v === 4 || v === 6 ? w : 0), { without: 2, topK: 2 })
  follows(all, { without: undefined })
  assert.is(message(() => choose([1], { without: 0 }, random(1))),
    'sample: without 0 no symbol is left to draw')
})

test('options out of their range are refused in one line', async () => {
  const rng = random(1)
  const wrong = (options: Parameters<typeof choose>[1]) => message(() => choose(logits, options, rng))
  assert.match(wrong({ temperature: 0 }), /^sample: temperature is 0; it must be a number above 0$/)
  assert.match(wrong({ temperature: NaN }), /temperature is NaN/)
  assert.match(wrong({ topK: 0 }), /top-k is 0/)
  assert.match(wrong({ topK: 1.5 }), /top-k is 1.5/)
  assert.match(wrong({ topP: 0 }), /top-p is 0; it must lie in \(0, 1\]/)
  assert.match(wrong({ topP: 1.1 }), /top-p is 1.1/)
  const empty = await take(net(), { prompt: new Int32Array(0) }).catch(String)
  assert.match(String(empty), /the prompt is empty/)
  assert.match(String(await evaluate(net(), Int32Array.of(1)).catch(String)), /2 or more are needed/)
})

test('values that are not finite are refused, by evaluation and by sampling', async () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    assert.throws(() => choose([0, bad, 1], {}, random(1)), (error: Error) => error instanceof NonFiniteError)
  }
  const model = net()
  const bias = model.parameters.get('head.bias')
  assert.ok(bias)
  bias.assign(tensor([0, 0, NaN, 0, 0, 0, 0], { device: model.device }))
  const before = model.device.memory().live
  for (const run of [evaluate(model, text(20)), take(model, {})]) {
    const error: unknown = await run.catch((e: unknown) => e)
    assert.instance(error, NonFiniteError)
    assert.match((error as NonFiniteError).message, /not finite/)
  }
  assert.is(model.device.memory().live, before)
})

test.run()

// The training loop: one wait a step, the numbers it tells, and gradients that are not finite.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { NonFiniteError } from '../src/check.ts'
import { cpu } from '../src/cpu/device.ts'
import type { View } from '../src/device.ts'
import { random } from '../src/random.ts'
import { log, sub } from '../src/ops/elementwise.ts'
import { tensor, zeros } from '../src/tensor.ts'
import { evaluate } from '../src/train/evaluate.ts'
import { languageModel } from '../src/train/language-model.ts'
import { type StepEvent, train } from '../src/train/loop.ts'
import { adam } from '../src/train/optimizers.ts'
import { constant } from '../src/train/schedule.ts'

const test = suite('loop')
const V = 6

const draw = random(5)
const ids = Int32Array.from({ length: 121 }, () => draw.integer(V))

/** A net on a device of its own, which counts how often it is read. */
function net() {
  const device = cpu({ precision: 'float64' })
  const sizes: number[] = [] // of what was read
  const read = device.read.bind(device)
  device.read = (x: View) => {
    sizes.push(x.shape.reduce((product, n) => product * n, 1))
    return read(x)
  }
  const form = { cell: 'lstm', symbols: V, embed: 3, hidden: 5, layers: 1, dropout: 0 } as const
  return { model: languageModel(form, { device, rng: random(2) }), sizes }
}

const optionsOf = (model: ReturnType<typeof net>['model'], { clip = 5, steps = 7 } = {}) => ({
  model, ids, batch: 3, window: 4, clip, optimizer: adam({ learningRate: 0.01 }), schedule: constant(),
  rng: random(1), stop: { steps },
})

async function run(options: Parameters<typeof train>[0]): Promise<StepEvent[]> {
  const events: StepEvent[] = []
  for await (const event of train(options)) events.push(event)
  return events
}

test('a step waits once, for loss, norm and clipped together', async () => {
  const { model, sizes } = net()
  const events = await run(optionsOf(model))
  assert.equal(events.map(({ step }) => step), [1, 2, 3, 4, 5, 6, 7])
  assert.equal(sizes, [3, 3, 3, 3, 3, 3, 3])
})

test('the first loss is the fresh net\'s on the first window; the norm is that before clipping', async () => {
  const { model } = net()
  let wanted = 0
  for (const start of [0, 40, 80]) { // each stream is a third of the text
    wanted += (await evaluate(model, ids.subarray(start, start + 5), { batch: 1 })).loss / 3
  }
  const [free] = await run(optionsOf(net().model, { clip: Infinity, steps: 1 }))
  const [bound] = await run(optionsOf(net().model, { clip: 1e-3, steps: 1 }))
  assert.ok(Math.abs(free.loss - wanted) < 1e-12 * wanted, `${free.loss} and ${wanted}`)
  assert.ok(Math.abs(free.bitsPerChar - free.loss / Math.LN2) < 1e-12)
  assert.is(bound.loss, free.loss)
  assert.is(bound.gradNorm, free.gradNorm)
  assert.equal([free.clipped, bound.clipped], [false, true])
  assert.ok(free.gradNorm > 1e-3)
})

test('the sum over steps: gradients a window times as large, the same loss told', async () => {
  const [mean] = await run(optionsOf(net().model, { steps: 1 }))
  const [sum] = await run({ ...optionsOf(net().model, { steps: 1 }), sumSteps: true })
  assert.ok(Math.abs(sum.loss - mean.loss) < 1e-14)
  assert.ok(Math.abs(sum.gradNorm - 4 * mean.gradNorm) < 1e-12)
  assert.is(sum.perplexity, Math.exp(sum.loss))
})

test('a gradient that is not finite ends the run in one line; no parameter has changed', async () => {
  const { model } = net()
  const bias = model.parameters.get('head.bias')
  assert.ok(bias)
  bias.assign(tensor([0, 0, NaN, 0, 0, 0], { device: model.device }))
  const values = async () => {
    const all: number[][] = []
    for (const x of model.parameters.values()) all.push([...await x.read()])
    return all
  }
  const before = await values()
  const error: unknown = await run(optionsOf(model)).catch((e: unknown) => e)
  assert.instance(error, NonFiniteError)
  assert.match((error as NonFiniteError).message, /^the gradient norm of step 1 is NaN; lower the learning/)
  assert.equal(await values(), before)
})

test('nor does one whose loss is infinite, though its gradient is not', async () => {
  const { model } = net()
  const values = () => Promise.all([...model.parameters.values()].map((x) => x.read()))
  const before = await values()
  const impossible: typeof model = {
    ...model,
    loss: (logits, targets) => sub(model.loss(logits, targets), log(zeros([], model.device))),
  }
  const error: unknown = await run(optionsOf(impossible)).catch((e: unknown) => e)
  assert.instance(error, NonFiniteError)
  assert.match((error as NonFiniteError).message, /^the loss of step 1 is Infinity; lower the learning/)
  assert.equal(await values(), before)
})

test.run()

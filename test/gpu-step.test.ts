// A whole training step on the gpu: how many dispatches, submissions and reads it takes; clipping and updates
// of all parameters at once, against the same composed of ops on the same device.
//
// Tolerances, by tensor (max |a - b| / max |b|): a sum of n squares in another order is off by at most n half
// digits of 2^-24, in practice by their root: 1e-6 for n = 70,000, and so is what is scaled by it. An update
// is a dozen operations, each rounded once, or not at all where a driver fuses two: 3e-6 after three steps.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { composed } from '../src/context.ts'
import type { Device, View } from '../src/device.ts'
import { rules } from '../src/gpu/flat.ts'
import { embedding, linear } from '../src/nn/linear.ts'
import { lstm } from '../src/nn/lstm.ts'
import { dropout } from '../src/ops/dropout.ts'
import { mul } from '../src/ops/elementwise.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Scope } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { tensor, type Tensor, zeros } from '../src/tensor.ts'
import { clipByGlobalNorm } from '../src/train/clip.ts'
import { type SequenceModel, sequenceModel } from '../src/train/language-model.ts'
import { Training } from '../src/train/loop.ts'
import { adagrad, adam, adamw, rmsprop, sgd } from '../src/train/optimizers.ts'
import type { Optimizer } from '../src/train/rule.ts'
import { constant } from '../src/train/schedule.ts'
import { gpu } from './devices.ts'
import { difference } from './golden-numbers.ts'

const test = suite('a step on the gpu')
const device: Device = gpu
const [T, B, D, H, V] = [8, 3, 5, 6, 11]

/** Dispatches, submissions and reads of a training step, once everything is warm. */
async function costOfStep(model: SequenceModel, optimizer: Optimizer) {
  const draw = random(5)
  const ids = Int32Array.from({ length: 400 }, () => draw.integer(V))
  const training = new Training({
    model, ids, batch: B, window: T, clip: 5, optimizer, schedule: constant(), rng: random(1),
    stop: { steps: 9 },
  })
  const { recorder } = gpu
  const cost = { dispatches: 0, submissions: 0, reads: 0 }
  const own = gpu.read
  gpu.read = (x: View) => {
    cost.reads++
    return own.call(gpu, x)
  }
  try {
    for (let step = 0; step < 4; step++) {
      const { dispatches, submissions } = recorder
      const { reads } = cost
      const { loss } = await training.next()
      assert.ok(Number.isFinite(loss))
      if (step < 3) continue
      cost.dispatches = recorder.dispatches - dispatches
      cost.submissions = recorder.submissions - submissions
      cost.reads -= reads
    }
  } finally {
    gpu.read = own
    training.dispose()
  }
  return cost
}

const kinds: Record<string, () => Optimizer> = {
  'sgd plain': () => sgd({ learningRate: 0.1 }),
  'sgd momentum': () => sgd({ learningRate: 0.1, momentum: 0.8, weightDecay: 0.05 }),
  'sgd nesterov': () => sgd({ learningRate: 0.1, momentum: 0.8, nesterov: true }),
  'rmsprop': () => rmsprop({ learningRate: 0.02, decay: 0.9 }),
  'rmsprop momentum': () => rmsprop({ learningRate: 0.02, decay: 0.9, momentum: 0.7, weightDecay: 0.01 }),
  'rmsprop centered': () => rmsprop({ learningRate: 0.02, decay: 0.9, eps: 1e-3, centered: true }),
  'rmsprop all': () => rmsprop({ learningRate: 0.02, decay: 0.9, eps: 1e-3, momentum: 0.7, centered: true }),
  'adagrad': () => adagrad({ learningRate: 0.1, learningRateDecay: 0.05, initialAccumulator: 0.1 }),
  'adam': () => adam({ learningRate: 0.03, weightDecay: 0.05 }),
  'adamw': () => adamw({ learningRate: 0.03 }),
}

/** A net whose layer does nothing: what a step costs beside its recurrence. */
function withoutRecurrence(): SequenceModel {
  const rng = random(2)
  const rnn = Object.assign((xs: Tensor, { state }: { state?: Tensor }) => ({ outputs: xs, state: state! }), {
    parameters: {}, inputs: D, outputs: D, layers: 1, initial: (batch: number) => zeros([batch, D], device),
  })
  return sequenceModel({
    embedding: embedding({ symbols: V, dimensions: D, device, rng }),
    rnn: rnn as never,
    head: linear({ inputs: D, outputs: V, device, rng }),
  })
}

for (const [kind, make] of Object.entries(kinds)) {
  test(`${kind}: beside the recurrence, at most 16 dispatches, one submission, one read`, async () => {
    const { dispatches, ...rest } = await costOfStep(withoutRecurrence(), make())
    assert.ok(dispatches <= 16, `${dispatches} dispatches`)
    assert.equal(rest, { submissions: 1, reads: 1 })
  })
}

test('with an lstm: one submission, one read, at most 2 T + 12 + 16 dispatches', async () => {
  const rng = random(2)
  const model = sequenceModel({
    embedding: embedding({ symbols: V, dimensions: D, device, rng }),
    rnn: lstm({ inputs: D, hidden: H, device, rng }),
    head: linear({ inputs: H, outputs: V, device, rng }),
  })
  const { dispatches, ...rest } = await costOfStep(model, adam({ learningRate: 0.01 }))
  assert.ok(dispatches <= 2 * T + 28, `${dispatches} dispatches`)
  assert.equal(rest, { submissions: 1, reads: 1 })
})

test('dropout is one dispatch each way, the same bits as composed', async () => {
  for (const [n, position] of [[1, 0], [65, 3], [257, 2 ** 32 - 100], [70_000, 1]]) {
    const run = (f: <R>(g: () => R) => R) => {
      using tape = new Tape()
      const x = draws(3, [n]).get('p0')!
      const rng = random(8)
      rng.position = position
      const { dispatches } = gpu.recorder
      const y = f(() => dropout(x, 0.3, rng))
      const spent = gpu.recorder.dispatches - dispatches
      const [dx] = tape.gradients(sum(mul(y, y)), [x])
      assert.is(rng.position, position + n)
      return { spent, kept: tape.keep([y, dx]) }
    }
    const [one, other] = [run((g) => g()), run(composed)]
    assert.equal([one.spent, other.spent], [1, 4])
    for (const k of [0, 1]) assert.equal(await one.kept[k].read(), await other.kept[k].read(), `${n}`)
  }
})

/** Tensors of these sizes, by name. */
function draws(seed: number, sizes: readonly number[], scale = 1): Map<string, Tensor> {
  const rng = random(seed)
  return new Map(sizes.map((n, k) => [`p${k}`, tensor(rng.normal(n, 0, scale), { shape: [n, 1], device })]))
}

async function numbers(map: ReadonlyMap<string, Tensor>): Promise<Map<string, number[]>> {
  const read = new Map<string, number[]>()
  for (const [name, x] of map) read.set(name, Array.from(await x.read()))
  return read
}

async function near(
  one: ReadonlyMap<string, Tensor>, other: ReadonlyMap<string, Tensor>, tolerance: number, what: string,
): Promise<void> {
  const [found, wanted] = [await numbers(one), await numbers(other)]
  assert.equal([...found.keys()], [...wanted.keys()], what)
  for (const [name, list] of wanted) {
    const off = difference(found.get(name)!, list)
    assert.ok(off <= tolerance, `${what}: ${name} is off by ${off}`)
  }
}

const SIZES = [[1], [63, 1], [64], [65, 0, 3], [257, 64, 2], [70_000, 5]]

test('clipping: equal to the composed form, at sizes across the edges of workgroups', async () => {
  for (const sizes of SIZES) {
    for (const [scale, max] of [[1, 0.5], [1, 1e6], [1e-4, 1], [100, 5], [1, Infinity]]) {
      using _ = new Scope()
      const grads = draws(3, sizes, scale)
      const before = await numbers(grads)
      const [one, other] = [clipByGlobalNorm(grads, max), composed(() => clipByGlobalNorm(grads, max))]
      const what = `${sizes}, about ${scale}, at most ${max}`
      await near(one.grads, other.grads, 1e-6, what)
      const scalars = ({ norm, clipped, finite }: typeof one) =>
        new Map(Object.entries({ norm, clipped, finite }))
      await near(scalars(one), scalars(other), 1e-6, what)
      assert.is(await one.norm.item() > 0, true)
      assert.equal(await numbers(grads), before, `${what}: they are read, never written`)
      if (await one.clipped.item() === 0) assert.equal(await numbers(one.grads), before, what)
    }
  }
})

test('clipping: a NaN or an infinity anywhere is told, and lets nothing through', async () => {
  for (const bad of [NaN, Infinity, -Infinity, 1e30]) { // the square of the last is infinite
    for (const max of [1, Infinity]) {
      using _ = new Scope()
      const grads = draws(3, [65, 300])
      grads.set('bad', tensor([1, bad, 2], { device }))
      const { finite, norm } = clipByGlobalNorm(grads, max)
      assert.is(await finite.item(), 0, `${bad}`)
      assert.not(Number.isFinite(await norm.item()))
    }
  }
})

test('clipping with nothing open: the gradients are the caller\'s, one by one', async () => {
  const grads = draws(3, [65, 3])
  const { grads: mine } = clipByGlobalNorm(grads, 1)
  for (const g of mine.values()) g.dispose()
  for (const g of grads.values()) g.dispose()
})

for (const [kind, make] of Object.entries(kinds)) {
  test(`${kind}: one update of all parameters equals the composed one, skipped ones too`, async () => {
    for (const sizes of SIZES) {
      using _ = new Scope()
      const [one, other] = [make(), make()]
      const [p, q] = [draws(1, sizes), draws(1, sizes)]
      const [yes, no] = [tensor(1, { device }), tensor(0, { device })]
      const steps = [{}, { applyIf: no }, { learningRate: 0.01 }, { applyIf: yes }]
      for (const [k, options] of steps.entries()) {
        // once as they come, each by itself; once as clipping leaves them, views of one memory
        const grads = draws(10 + k, sizes)
        const given = k % 2 ? grads : clipByGlobalNorm(grads, 1e9).grads
        const { dispatches } = gpu.recorder
        one.update(p, given, options)
        if (k > 0) assert.is(gpu.recorder.dispatches - dispatches, 1, `${sizes}: dispatches`)
        composed(() => other.update(q, grads, options))
      }
      await near(p, q, 3e-6, `${sizes}: parameters`)
      await near(one.state(), other.state(), 3e-6, `${sizes}: state`)
      assert.is(await one.state().get(`${one.name}.step`)!.item(), 3)
      for (const each of [one, other]) each.dispose()
    }
  })
}

test('parameters that are named in another order find their own state', async () => {
  using _ = new Scope()
  const [one, other] = [adam({ learningRate: 0.1 }), adam({ learningRate: 0.1 })]
  const [p, q] = [draws(1, [5, 70, 3]), draws(1, [5, 70, 3])]
  one.update(p, draws(2, [5, 70, 3]))
  other.update(q, draws(2, [5, 70, 3]))
  one.update(new Map([...p].reverse()), draws(4, [5, 70, 3]))
  other.update(q, draws(4, [5, 70, 3]))
  assert.equal(await numbers(p), await numbers(q))
  assert.equal([...one.state().keys()], [...other.state().keys()])
  assert.equal(await numbers(one.state()), await numbers(other.state()))
  for (const each of [one, other]) each.dispose()
})

test('the kinds above are all that kernels are made for', () => {
  const used = new Set(Object.values(kinds).map((make) => {
    const optimizer = make()
    const p = draws(1, [1])
    optimizer.update(p, p)
    const [, ...slots] = [...optimizer.state().keys()].map((key) => key.split('.')[1]) // the first is `step`
    optimizer.dispose()
    return [optimizer.name.replace('adamw', 'adam'), ...slots].join(' ')
  }))
  const made = Object.entries(rules).flatMap(([rule, { slots }]) =>
    slots.map((list) => [rule, ...list].join(' ')))
  assert.equal([...used].sort(), made.sort())
})

test.run()

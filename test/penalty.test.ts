// AR and TAR by hand, on every device; what they add to a gradient, whole and truncated; and a language model
// with every regulariser, trained, saved and loaded.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { formatReport, gradcheck } from '../src/gradcheck.ts'
import { gru } from '../src/nn/gru.ts'
import { embedding, linear } from '../src/nn/linear.ts'
import { loadLanguageModel } from '../src/io/node-language-model.ts'
import { lockedDropout } from '../src/ops/dropout.ts'
import { add } from '../src/ops/elementwise.ts'
import { slice } from '../src/ops/move.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { type Tensor, tensor, type Tree } from '../src/tensor.ts'
import { bptt, truncatedBptt } from '../src/train/bptt.ts'
import { sequenceModel } from '../src/train/language-model.ts'
import { Training } from '../src/train/loop.ts'
import { sgd } from '../src/train/optimizers.ts'
import { activationPenalty } from '../src/train/penalty.ts'
import { constant } from '../src/train/schedule.ts'
import { cpu } from '../src/cpu/device.ts'
import { buildCommand, words } from './command.ts'
import { devices } from './devices.ts'
import { device, flat, normal, refused, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('penalty')
const { folder, run, remove } = buildCommand()
test.after(remove)
const [T, B, H, V] = [5, 2, 3, 4]

for (const { name, device: on, tolerance } of devices) {
  test(`${name}: by hand`, async () => {
    const [h, dropped] = [await normal(1, T, B, H).read(), await normal(2, T, B, H).read()]
    const here = (data: ArrayLike<number>) => tensor(data, { shape: [T, B, H], device: on })
    let [size, change] = [0, 0]
    for (let i = 0; i < T * B * H; i++) {
      size += dropped[i] ** 2 / (T * B * H)
      if (i >= B * H) change += (h[i] - h[i - B * H]) ** 2 / ((T - 1) * B * H)
    }
    for (const [alpha, beta] of [[2, 1], [0.5, 0], [0, 3]]) {
      const penalty = activationPenalty({ alpha, beta })!
      const found = await penalty({ plain: here(h), shown: here(dropped) }).item()
      const wanted = alpha * size + beta * change
      assert.ok(Math.abs(found - wanted) < tolerance * wanted, `${found}, ${wanted}`)
    }
  })
}

test('nothing is added for zeros; one step has no change; what is no weight is refused', async () => {
  assert.is(activationPenalty({}), undefined)
  const x = normal(1, 1, B, H)
  const one = await activationPenalty({ alpha: 1, beta: 5 })!({ plain: x, shown: x }).item()
  assert.is(one, await activationPenalty({ alpha: 1 })!({ plain: x, shown: x }).item())
  refused(() => activationPenalty({ beta: -1 }),
    'activationPenalty: beta is -1; it must be a number of 0 or more')
})

test('its gradient by finite differences', async () => {
  const [plain, shown] = [normal(1, T, B, H), normal(2, T, B, H)]
  const report = await gradcheck(() => flat(activationPenalty({ alpha: 2, beta: 1 })!({ plain, shown })),
    { plain, shown })
  assert.ok(report.passed, formatReport(report))
})

function smallModel(dropout = 0) {
  const rng = random(3)
  return sequenceModel({
    embedding: embedding({ symbols: V, dimensions: 3, device, rng }),
    rnn: gru({ inputs: 3, hidden: H, device, rng }),
    head: linear({ inputs: H, outputs: V, device, rng }),
    dropout, variational: true,
  })
}

const symbols = (seed: number, steps: number) => tensor(
  Array.from({ length: steps * B }, (_, i) => random(seed + i).integer(V)),
  { shape: [steps, B], dtype: 'int32', device })

test('BPTT differentiates the loss and the penalty of the last steps, and tells the loss alone', async () => {
  const model = smallModel()
  const penalty = activationPenalty({ alpha: 2, beta: 1 })!
  const net = {
    parameters: model.parameters, loss: model.loss, penalty,
    run: (x: Tensor, s: Tree) => model.observe!(x, s),
  }
  const [xs, ys, state] = [symbols(10, T), symbols(50, T), model.initial(B)]
  using tape = new Tape()
  const { loss, grads } = bptt(tape, net, xs, ys, state)
  const { outputs, activity } = model.observe!(xs, state)
  const plain = model.loss(outputs, ys)
  assert.is(await loss.item(), await plain.item())
  const wanted = tape.gradients(add(plain, penalty(activity)), model.parameters)
  const lists = await values([...wanted.values()])
  const found = await values([...grads.values()])
  found.forEach((g, k) => assert.ok(difference(g, lists[k]) < 1e-14))
  tape.close()

  const windows = truncatedBptt(net, { every: T, horizon: 2 * T, initial: state })
  using first = new Tape()
  windows.step(first, xs, ys)
  first.close()
  using second = new Tape()
  const [later, targets] = [symbols(90, T), symbols(120, T)]
  const whole = windows.step(second, later, targets)
  const numbers = [...await xs.read(), ...await later.read()]
  const both = tensor(numbers, { shape: [2 * T, B], dtype: 'int32', device })
  const all = model.observe!(both, state)
  const last = (x: typeof outputs) => slice(x, 0, T)
  const active = { plain: last(all.activity.plain), shown: last(all.activity.shown) }
  const total = add(model.loss(last(all.outputs), targets), penalty(active))
  const expected = await values([...second.gradients(total, model.parameters).values()])
  const truncated = await values([...whole.grads.values()])
  truncated.forEach((g, k) => assert.ok(difference(g, expected[k]) < 1e-12))
  windows.dispose()
})

test('variational: one mask for all steps, before the layers and before the head', async () => {
  const model = smallModel(0.5)
  const xs = symbols(10, T)
  const { activity } = model.observe!(xs, model.initial(B), random(8))
  const before = random(8)
  before.take(B * 3) // the mask of the embedding
  const wanted = await lockedDropout(activity.plain, 0.5, before).read()
  assert.equal(Array.from(await activity.shown.read()), Array.from(wanted))
})

test('a training with a penalty tells the loss, and needs a model that can be observed', async () => {
  const model = smallModel()
  const ids = Int32Array.from({ length: 50 }, (_, i) => (i * 7) % V)
  const options = {
    model, ids, batch: B, window: T, clip: 1, schedule: constant(), rng: random(1), stop: { steps: 2 },
    optimizer: sgd({ learningRate: 0 }),
  }
  const losses: number[] = []
  for (const more of [{}, { penalty: { alpha: 5 } }, { penalty: { alpha: 5 }, sumSteps: true }]) {
    const training = new Training({ ...options, ...more })
    losses.push((await training.next()).loss)
    training.dispose()
  }
  losses.forEach((loss) => assert.ok(Math.abs(loss - losses[0]) < 1e-12))
  const { observe: _, ...blind } = model
  refused(() => new Training({ ...options, model: blind, penalty: { alpha: 1 } }),
    'train: a penalty needs a model that has `observe`')
})

test('the command trains with every regulariser and skip connections, saves, loads and goes on', async () => {
  writeFileSync(join(folder, 'text.txt'), words(60))
  const all = ['--dropout', '0.2', '--variational', '--state-dropout', '0.2', '--weight-drop', '0.5',
    '--recurrent-dropout', '0.1', '--zoneout', '0.05', '--zoneout-cell', '0.5', '--ar', '2', '--tar', '1',
    '--skip', '--forget-bias', '1.5']
  const small = ['--data', 'text.txt', '--embed', '4', '--hidden', '8', '--layers', '2', '--batch', '4',
    '--window', '8', '--device', 'cpu']
  const good = (...args: string[]) => {
    const { stderr, status, stdout } = run(args)
    assert.is(status, 0, stderr)
    return stdout
  }
  good('train', ...small, ...all, '--steps', '6', '--out', 'whole')
  good('train', ...small, ...all, '--steps', '3', '--out', 'parts')
  good('train', '--resume', 'parts', '--steps', '6')
  const bytes = (dir: string) => readFileSync(join(folder, dir, 'model.safetensors'))
  assert.ok(existsSync(join(folder, 'whole', 'config.json')) && bytes('whole').equals(bytes('parts')))
  const { model } = loadLanguageModel(join(folder, 'whole'), { device: cpu() })
  const { cell, symbols: _, ...form } = model.form
  assert.equal(form, {
    embed: 4, hidden: 8, layers: 2, skip: true, dropout: 0.2, variational: true, stateDropout: 0.2,
    weightDrop: 0.5,
    recurrentDropout: 0.1, zoneout: 0.05, zoneoutCell: 0.5, tied: false,
  })
  assert.is(cell, 'lstm')
  const [below, head] = ['rnn.weight_ih_l1', 'head.weight'].map((name) => model.parameters.get(name)!.shape)
  assert.equal([below, head[1]], [[32, 4 + 8], 16])
  good('train', ...small, '--forget-bias', '1.5', '--lr', '1e-9', '--steps', '1', '--out', 'begun')
  const begun = loadLanguageModel(join(folder, 'begun'), { device: cpu() }).model.parameters
  for (const layer of [0, 1]) {
    const biases = await begun.get(`rnn.bias_ih_l${layer}`)!.read()
    assert.ok(biases.subarray(8, 16).every((bias) => Math.abs(bias - 1.5) < 1e-6))
  }
  assert.is(good('sample', '--model', 'whole', '--length', '5', '--device', 'cpu').length > 3, true)
  const refusedBy = run(['train', ...small, '--cell', 'gru', '--zoneout-cell', '0.5', '--steps', '1'])
  assert.match(refusedBy.stderr, /^unrolled: train: --zoneout-cell 0\.5: gru has no c in its state\n$/)
})

test.run()

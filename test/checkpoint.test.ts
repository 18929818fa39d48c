// A training saved to a file and loaded again: nothing may differ; and files that are damaged, foreign or
// made up must be refused in one line.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { UnrolledError } from '../src/check.ts'
import { cpu } from '../src/cpu/device.ts'
import { encodeCheckpoint, loadCheckpoint, saveCheckpoint } from '../src/io/node-checkpoint.ts'
import { decodeSafetensors, encodeSafetensors, type HostTensor } from '../src/io/safetensors.ts'
import type { CellName } from '../src/nn/cells.ts'
import { random } from '../src/random.ts'
import { languageModel } from '../src/train/language-model.ts'
import { Training, type TrainOptions } from '../src/train/loop.ts'
import { adagrad, adam, rmsprop, sgd } from '../src/train/optimizers.ts'
import { cosine } from '../src/train/schedule.ts'
import type { TrainingState } from '../src/train/training-state.ts'
import { buildCommand, tiny, words } from './command.ts'

const test = suite('checkpoint')
const folder = mkdtempSync(join(tmpdir(), 'unrolled-checkpoint-'))
const file = join(folder, 'checkpoint.safetensors')
const { run, folder: place, remove } = buildCommand()
test.after(() => {
  rmSync(folder, { recursive: true })
  remove()
})

const V = 6
const draw = random(5)
const ids = Int32Array.from({ length: 121 }, () => draw.integer(V)) // 3 streams: 9 windows of 4 in a pass

interface Kind {
  cell?: CellName
  horizon?: number
  optimizer?: TrainOptions['optimizer']
  f64?: boolean
  /** all that can be dropped, and a penalty */
  regular?: boolean
}

const regularisers = {
  variational: true, inputDropout: 0.1, stateDropout: 0.2, weightDrop: 0.5, recurrentDropout: 0.1,
  zoneout: 0.1, zoneoutCell: 0.3,
}

/** A training of a small net, always of the same seed. */
function begin(kind: Kind = {}) {
  const { cell = 'lstm', horizon, optimizer = adam({ learningRate: 0.01 }), f64, regular } = kind
  const device = cpu({ precision: f64 ? 'float64' : 'float32' })
  const form = {
    cell, symbols: V, embed: 3, hidden: 5, layers: 2, dropout: 0.4, ...(regular && regularisers),
  }
  const model = languageModel(form, { device, rng: random(2) })
  const training = new Training({
    model, ids, batch: 3, window: 4, ...horizon === undefined ? {} : { horizon }, clip: 0.5, optimizer,
    schedule: cosine({ total: 40 }), rng: random(1), stop: { steps: 40 },
    ...(regular && { penalty: { alpha: 2, beta: 1 } }),
  })
  return { training, model, device }
}

/** All that a run tells of its steps but the speed. */
async function steps(training: Training, count: number): Promise<unknown[]> {
  const told: unknown[] = []
  for (let i = 0; i < count; i++) {
    const { tokensPerSecond: _, ...event } = await training.next()
    told.push(event)
  }
  return told
}

const bytes = (state: TrainingState) => encodeCheckpoint({ state: { ...state, elapsed: 0 }, notes: {} })

const kinds: Record<string, () => Kind> = {
  'lstm': () => ({}),
  'lstm, horizon = 2 windows, float64': () => ({ horizon: 8, f64: true }),
  'lstm with all regularisers, horizon 6': () => ({ horizon: 6, regular: true }),
  'gru, horizon 11, rmsprop': () =>
    ({ cell: 'gru', horizon: 11, optimizer: rmsprop({ learningRate: 0.01 }) }),
  'elman, horizon 5, adagrad': () =>
    ({ cell: 'elman', horizon: 5, optimizer: adagrad({ learningRate: 0.1 }) }),
  'jordan, horizon 30, sgd with momentum': () =>
    ({ cell: 'jordan', horizon: 30, optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }) }),
}
for (const [name, kind] of Object.entries(kinds)) {
  test(`${name}: after any number of steps, through a file, it goes on bit for bit`, async () => {
    const whole = begin(kind())
    const told = await steps(whole.training, 22)
    const last = bytes(await whole.training.state())
    for (const stop of [0, 1, 2, 3, 8, 9, 10, 12, 21]) {
      const first = begin(kind())
      assert.equal(await steps(first.training, stop), told.slice(0, stop))
      saveCheckpoint(file, await first.training.state(), { note: name })
      const second = begin(kind())
      await steps(second.training, stop % 3) // what it did before does not matter
      const { state, notes } = loadCheckpoint(file)
      assert.equal(notes, { note: name })
      second.training.load(state)
      assert.is(second.training.steps, stop)
      assert.equal(bytes(await second.training.state()), bytes(await first.training.state()))
      assert.equal(await steps(second.training, 22 - stop), told.slice(stop))
      assert.equal(bytes(await second.training.state()), last)
    }
  })
}

test('saving changes nothing, and holds on to nothing', async () => {
  const [plain, saved] = [begin({ horizon: 11 }), begin({ horizon: 11 })]
  const wanted = await steps(plain.training, 12)
  const told: unknown[] = []
  for (let i = 0; i < 12; i++) {
    told.push(...await steps(saved.training, 1))
    const before = saved.device.memory()
    for (let k = 0; k < 3; k++) saveCheckpoint(file, await saved.training.state())
    assert.equal(saved.device.memory(), before)
  }
  assert.equal(told, wanted)
  const { state } = loadCheckpoint(file)
  saved.training.load(state)
  await steps(saved.training, 1)
  saved.training.load(state)
  await steps(saved.training, 1)
  const live = saved.device.memory().live
  for (let k = 0; k < 5; k++) {
    saved.training.load(state)
    await steps(saved.training, 1)
    assert.equal(saved.device.memory().live, live)
  }
})

/** The one line with which `action` is refused. */
function lineOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    assert.instance(error, UnrolledError)
    assert.not.match((error as Error).message, /\n/)
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}

test('a state of another training is refused', async () => {
  const { training } = begin({ horizon: 8 })
  await steps(training, 3)
  const state = await training.state()
  const refusal = (change: Partial<TrainingState>, kind: Kind = { horizon: 8 }) =>
    lineOf(() => { begin(kind).training.load({ ...state, ...change }) })
  const without = (name: string) => new Map([...state.tensors].filter(([key]) => key !== name))
  const other: HostTensor = { shape: [2], data: new Float32Array(2) }
  const changed = (name: string) => new Map([...state.tensors, [name, other] as const])
  for (const [line, wanted] of [
    [refusal({}, { horizon: 8, cell: 'gru' }), /^load: model.rnn.weight_ih_l0 is \[20, 3\]; it must be /],
    [refusal({}, {}), /^truncatedBptt: what is loaded has states saved at /],
    [refusal({}, { horizon: 8, f64: true }), /^load: .* is float32; this device computes in float64$/],
    [refusal({}, { horizon: 8, optimizer: sgd({ learningRate: 1 }) }), /^sgd: the state has adam\.step/],
    [refusal({ steps: 4 }), /^load: the position is 12 after 4 steps; it must be 16; the text, the batch or/],
    [refusal({ steps: -1 }), /^load: steps is -1; it must be a whole number of 0 or more$/],
    [refusal({ elapsed: NaN }), /^load: elapsed is NaN/],
    [refusal({ random: { key: [7, 0], position: 0 } }), /^load: the generator has another key/],
    [refusal({ random: { key: [1, 0], position: 0.5 } }), /^load: random position is 0.5/],
    [refusal({ saved: [] }), /is not known here$/],
    [refusal({ saved: [4, 1e9] }), /^truncatedBptt: what is loaded has states saved at \[4, 1000000000\]/],
    [refusal({ tensors: without('carried.h') }), /^load: there is no carried.h$/],
    [refusal({ tensors: without('optimizer.adam.step') }), /^adam: the state lacks adam.step$/],
    [refusal({ tensors: without('optimizer.adam.m.head.bias') }), /^adam: the state lacks adam.m.head.bias/],
    [refusal({ tensors: changed('other') }), /^load: other is not known here$/],
    [refusal({ tensors: changed('model.head.bias') }), /is \[2\]; it must be \[6\]$/],
  ] as const) assert.match(line, wanted)
})

test('a file that is damaged in any byte, cut off, of a later version, or something else', async () => {
  const { training } = begin()
  await steps(training, 2)
  saveCheckpoint(file, await training.state(), { options: {} })
  const whole = readFileSync(file)
  const refusal = (contents: Uint8Array): string => {
    writeFileSync(file, contents)
    return lineOf(() => loadCheckpoint(file)).slice(file.length)
  }
  for (let i = 0; i < 300; i++) {
    const damaged = Uint8Array.from(whole)
    damaged[draw.integer(whole.length)] ^= 1 << draw.integer(8)
    refusal(damaged)
  }
  for (let i = 0; i < 50; i++) refusal(whole.subarray(0, draw.integer(whole.length)))
  const { tensors, metadata } = decodeSafetensors(whole, 'whole')
  const json = metadata.get('unrolled.checkpoint') ?? ''
  const rewritten = (text: string) =>
    encodeSafetensors(tensors, new Map([...metadata, ['unrolled.checkpoint', text]]))
  assert.match(refusal(rewritten(json.replace('"steps":2', '"steps":3'))), /^: is damaged: its contents /)
  assert.match(refusal(rewritten(json.replace('"format":1', '"format":2'))), /^: was made by a later /)
  assert.match(refusal(rewritten('[]')), /is not a JSON object$/)
  assert.match(refusal(encodeSafetensors(tensors)), /^: is not a checkpoint, such as train --out DIR makes$/)
  rmSync(file)
  assert.is(lineOf(() => loadCheckpoint(file)).slice(file.length), ': there is no such file')
})

test('a tensor whose name holds control characters is told without them', () => {
  const { path, state, notes } = made('named')
  const data = Float32Array.of(1)
  const tensors = new Map([...state.tensors, ['evil\x1b[31m\nred', { shape: [1], data }]])
  writeFileSync(path, encodeCheckpoint({ state: { ...state, tensors }, notes }))
  const { stderr, status } = run(['train', '--resume', 'named', '--steps', '4'])
  assert.is(status, 1)
  assert.match(stderr, /^unrolled: [^\x1b\n]+ load: evil\\u001b\[31m\\u000ared is not known here\n$/)
})

/** A short run in a folder of this name, and its checkpoint. */
function made(name: string) {
  writeFileSync(join(place, 'text.txt'), words(60))
  const { status, stderr } = run(['train', '--data', 'text.txt', ...tiny, '--steps', '3', '--out', name])
  assert.is(status, 0, stderr)
  const path = join(place, name, 'checkpoint.safetensors')
  return { path, ...loadCheckpoint(path) }
}

test('a made-up checkpoint on the command line: one line, no memory for what it claims', () => {
  const { path, state, notes } = made('run')
  const options = notes.options as Record<string, unknown>
  mkdirSync(join(place, 'empty'))
  const refusal = (changed: Record<string, unknown>, dir = 'run'): string => {
    writeFileSync(path, encodeCheckpoint({ state, notes: { ...notes, ...changed } }))
    const { stdout, stderr, status } = run(['train', '--resume', dir])
    assert.equal([stdout, status], ['', 1], stderr)
    assert.match(stderr, /^unrolled: [^\n]+\n$/)
    assert.not.match(stderr, /a bug in unrolled/)
    return stderr.slice('unrolled: '.length, -1)
  }
  const withOption = (key: string, value: unknown) => refusal({ options: { ...options, [key]: value } })
  for (const [line, wanted] of [
    [refusal({}, 'nowhere'), /^nowhere: there is no such folder$/],
    [refusal({}, 'empty'), /^empty: there is no checkpoint.safetensors in this folder, such as train/],
    [refusal({}, 'text.txt'), /^text.txt: is a file; the folder that holds checkpoint.safetensors is need/],
    [refusal({ options: null }), /^run\/checkpoint.safetensors: is a checkpoint, but not one of unrolled/],
    [refusal({ metrics: -1 }), /is a checkpoint, but not one of unrolled train$/],
    [withOption('hidden', -5), /^run\/checkpoint.safetensors: its options cannot be used: --hidden -5: /],
    [withOption('hidden', 20_000), /not belong together: 1 x 20000 units are more than its \d+ values/],
    [withOption('hidden', 9), /not belong together: load: model\.rnn\.weight_ih_l0 is \[32, 4\]; /],
    [withOption('clip', { toString: 1 }), /its options cannot be used: clip is a list or an object$/],
    [withOption('somethingNew', 3), /its options cannot be used: --something-new: is not an option of train/],
    [withOption('__proto__', 3), /its options cannot be used|begun with|cannot/],
    [withOption('seed', 9), /not belong together: load: the generator has another key than /],
    [withOption('data', 'nowhere.txt'), /^nowhere.txt: there is no such file any more; --data FILE says /],
  ] as const) assert.match(line, wanted)
})

test.run()

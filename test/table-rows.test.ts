// Inputs that are rows of a table: their product once for each row gives what one for each step gives, in
// value and in every gradient, on every device; and where that would be wrong, it is not done.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Cell, Named } from '../src/nn/cell.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { embedding, linear } from '../src/nn/linear.ts'
import { lstm } from '../src/nn/lstm.ts'
import { recurrent, type RecurrentOptions } from '../src/nn/recurrent.ts'
import { regularised } from '../src/nn/regularised.ts'
import { asLayer, type SequenceLayer, skipConnected, stacked } from '../src/nn/sequence-layers.ts'
import { type Rows, unroll, type UnrollOptions } from '../src/nn/unroll.ts'
import { mul } from '../src/ops/elementwise.ts'
import { gather } from '../src/ops/gather.ts'
import { reshape } from '../src/ops/move.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { leaves, mapTree, type Tensor, tensor, type Tree } from '../src/tensor.ts'
import { sequenceModel } from '../src/train/language-model.ts'
import { devices } from './devices.ts'
import { device, energy, fusedRows, normal, refused, someState, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('rows of a table')

/** Symbols 0 .. V - 1, of which some are never used, others often. */
function symbols(V: number, T: number, B: number, on = device): Tensor {
  const list = Int32Array.from(random(9).uniform(T * B, 0, 1), (u) => Math.floor(u * u * V))
  return tensor(list, { shape: [T, B], dtype: 'int32', device: on })
}

interface Found {
  readonly ops: readonly string[]
  readonly numbers: Promise<number[][]>
}

/** The values of what f gives, their gradients, and the names of the ops that computed them. */
function found(f: () => Tree, wrt: Tree): Found {
  using tape = new Tape()
  const result = f()
  const ops = tape.records.map(({ op }) => op)
  return { ops, numbers: values(tape.keep([result, tape.gradients(energy(result), leaves(wrt))])) }
}

async function equal(one: Found, other: Found, what: string, tolerance = 1e-12): Promise<void> {
  const [left, right] = [await one.numbers, await other.numbers]
  assert.is(left.length, right.length)
  left.forEach((list, k) => {
    const d = difference(list, right[k])
    assert.ok(d <= tolerance, `${what}: number ${k} differs by ${d}`)
  })
}

/** Whether the table was looked into after the product with it, not before. */
const multipliedFirst = ({ ops }: Found) =>
  ops.findIndex((op) => op === 'affine' || op === 'matmul') < ops.indexOf('gather')

for (const { cell: name, variant, make } of fusedRows) {
  test(`${name}, ${variant}: as the vectors of all steps`, async () => {
    for (const [V, T, B] of [[4, 5, 3], [60, 5, 3]]) {
      const cell: Cell<Named> = make({ inputs: 2, hidden: 4, device, rng: random(1) })
      const rows = { table: normal(2, V, 2), index: symbols(V, T, B) }
      const state = someState(cell, B)
      for (const options of [{}, { direction: 'reverse' }, { lengths: [3, 5, 1] }] as UnrollOptions[]) {
        const run = (xs: Tensor | Rows) => ({ ...unroll(cell, xs, state, options) })
        const wrt = [cell.parameters, rows.table, state]
        const [byRow, byStep] = [
          found(() => run(rows), wrt), found(() => run(gather(rows.table, rows.index)), wrt),
        ]
        const what = `V ${V}, ${JSON.stringify(options)}`
        await equal(byRow, byStep, what)
        assert.is(multipliedFirst(byRow), V < T * B && !options.lengths, what)
      }
    }
  })
}

for (const { name, device: on, tolerance } of devices) {
  test(`layers on ${name}`, async () => {
    const [V, T, B] = [7, 6, 5]
    const table = tensor(await normal(2, V, 3).read(), { shape: [V, 3], device: on })
    const index = symbols(V, T, B, on)
    const common = { inputs: 3, hidden: 4, layers: 2, device: on, rng: random(1) }
    const forms: RecurrentOptions[] = [
      { ...common, kind: 'LSTM' }, { ...common, kind: 'GRU', skip: true },
      { ...common, kind: 'LSTM', bidirectional: true },
    ]
    for (const form of forms) {
      const net = recurrent(form)
      const wrt = [net.parameters, table]
      const byRow = found(() => ({ ...net.ofRows!({ table, index }) }), wrt)
      await equal(byRow, found(() => ({ ...net(gather(table, index)) }), wrt), form.kind as string, tolerance)
      assert.ok(multipliedFirst(byRow))
    }
  })
}

test('stacked and skip-connected layers, and a cell as a layer', async () => {
  const options = { hidden: 4, device, rng: random(1) }
  const rows = { table: normal(2, 5, 3), index: symbols(5, 6, 4) }
  const nets: SequenceLayer[] = [
    stacked([gru({ ...options, inputs: 3 }), lstm({ ...options, inputs: 4 })]),
    skipConnected([gru({ ...options, inputs: 3 }), lstm({ ...options, inputs: 7 })]),
    asLayer(elman({ ...options, inputs: 3 })),
  ]
  for (const net of nets) {
    const wrt = [net.parameters, rows.table]
    const byRow = found(() => ({ ...net.ofRows!(rows) }), wrt)
    await equal(byRow, found(() => ({ ...net(gather(rows.table, rows.index)) }), wrt), 'a deep net')
    assert.ok(multipliedFirst(byRow))
  }
})

test('a cell that drops inputs, or has a projection of its own, sees the vectors of all steps', async () => {
  const plain = lstm({ inputs: 3, hidden: 4, device, rng: random(1) })
  const B = 4
  const rows = { table: normal(2, B, 3), index: symbols(B, 6, B) } // V = B: a mask would fit either way
  const scale = normal(3, B, 3)
  const own = { ...plain, project: (x: Tensor) => plain.project(mul(x, scale)) }
  const dropping = regularised(plain, { inputDropout: 0.5 })
  for (const cell of [own, dropping]) {
    const run = (xs: Tensor | Rows) => ({ ...unroll(cell, xs, undefined, { rng: random(4) }) })
    const wrt = [plain.parameters, rows.table]
    const byRow = found(() => run(rows), wrt)
    await equal(byRow, found(() => run(gather(rows.table, rows.index)), wrt), 'own')
    assert.not(multipliedFirst(byRow))
  }
})

test('a language model does so, unless it drops vectors or its embedding does more than look up', () => {
  const [V, T, B] = [5, 6, 4]
  const look = embedding({ symbols: V, dimensions: 3, device, rng: random(1) })
  const twice = Object.assign((index: Tensor) => mul(look(index), 2), look)
  const rnn = lstm({ inputs: 3, hidden: 4, device, rng: random(2) })
  const head = linear({ inputs: 4, outputs: V, device, rng: random(3) })
  const first = (parts: { embedding: typeof twice, dropout?: number }, dropping: boolean) => {
    const model = sequenceModel({ rnn, head, ...parts })
    const run = () => ({ ...model.run(symbols(V, T, B), model.initial(B), dropping ? random(4) : undefined) })
    return multipliedFirst(found(run, [...model.parameters.values()]))
  }
  assert.equal(
    [first({ embedding: look }, false), first({ embedding: look, dropout: 0.5 }, false),
      first({ embedding: look, dropout: 0.5 }, true), first({ embedding: twice }, false)],
    [true, true, false, false])
})

test('a language model reads one text too, [T]; what lies behind a sequence is not read', async () => {
  const look = embedding({ symbols: 3, dimensions: 2, device, rng: random(1) })
  const rnn = recurrent({ kind: 'GRU', inputs: 2, hidden: 4, device, rng: random(2) })
  const head = linear({ inputs: 4, outputs: 3, device, rng: random(3) })
  const model = sequenceModel({ embedding: look, rnn, head })
  const one = symbols(3, 6, 1)
  const batch = await values(model.run(one, model.initial(1)).outputs)
  const { outputs } = model.run(reshape(one, [6]), mapTree(model.initial(1), (x) => reshape(x, [1, 4])))
  assert.equal([outputs.shape, await values(outputs)], [[6, 3], batch])

  const table = tensor([[1, 2], [3, 4], [NaN, NaN]], { device })
  const index = tensor([[0, 1], [1, 2]], { device, dtype: 'int32' })
  const ended = rnn.ofRows!({ table, index }, { lengths: [2, 1] })
  assert.ok((await ended.outputs.read()).every(Number.isFinite))
})

test('with skip connections, or two directions, a sequence is looked up once at most', () => {
  const rows = { table: normal(2, 5, 3), index: symbols(5, 6, 4) }
  const wide = { table: normal(2, 50, 3), index: symbols(50, 6, 4) }
  const common = { kind: 'LSTM', inputs: 3, hidden: 4, device, rng: random(1) } as const
  const gathers = (options: RecurrentOptions, given: Rows) => {
    const net = recurrent(options)
    const { ops } = found(() => ({ ...net.ofRows!(given) }), net.parameters)
    return ops.filter((op) => op === 'gather').length
  }
  assert.is(gathers({ ...common, layers: 4, skip: true }, rows), 2) // of products, and of vectors
  assert.is(gathers({ ...common, bidirectional: true }, rows), 2) // of each direction's products
  assert.is(gathers({ ...common, bidirectional: true }, wide), 1)
})

test('a wrong table or index is refused in one line', () => {
  const cell = elman({ inputs: 3, hidden: 4, device, rng: random(1) })
  const net = recurrent({ kind: 'GRU', inputs: 3, hidden: 4, device, rng: random(1) })
  const [table, index] = [normal(2, 5, 3), symbols(5, 6, 4)]
  const narrow = { table: normal(2, 5, 2), index }
  refused(() => unroll(cell, narrow), 'unroll: the table is [5, 2]; it must be [V, 3]')
  refused(() => net.ofRows!(narrow), 'recurrent: the table is [5, 2]; it must be [V, 3]')
  const flat = tensor([1, 2], { device, dtype: 'int32' })
  refused(() => unroll(cell, { table, index: flat }),
    'unroll: the index is [2]; it must be [T, B], time first, with one step or more')
  const beyond = tensor([[5]], { device, dtype: 'int32' })
  refused(() => unroll(cell, { table, index: beyond }),
    'gather: index 5 at position 0 is out of range; it must be 0 to 4')
  const neither = { table } as Rows
  refused(() => unroll(cell, neither),
    'unroll: the inputs are neither a tensor [T, B, 3] nor { table, index }, the rows of a table')
})

test.run()

// Regularisers: whole sequences by hand, with masks drawn one by one; gradients; what stays fused.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { composed } from '../src/context.ts'
import type { Device } from '../src/device.ts'
import { formatReport, gradcheck } from '../src/gradcheck.ts'
import { gradientFlow } from '../src/inspect/flow.ts'
import type { Named, ProjectedCell } from '../src/nn/cell.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { jordan } from '../src/nn/jordan.ts'
import { layerNormLstm } from '../src/nn/layer-norm-lstm.ts'
import { lstm } from '../src/nn/lstm.ts'
import { recurrent } from '../src/nn/recurrent.ts'
import { regularised, type Regularisers } from '../src/nn/regularised.ts'
import { bidirectional, stacked } from '../src/nn/sequence-layers.ts'
import { unroll } from '../src/nn/unroll.ts'
import { lockedDropout } from '../src/ops/dropout.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { ones, tensor } from '../src/tensor.ts'
import { elmanStep, gruStep, lstmStep, type Matrix, type Row, rowsOf, weightsOf } from './by-hand.ts'
import { devices } from './devices.ts'
import { device, energy, flat, normal, refused, someState, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('regularised')
const [T, B, D, H] = [5, 3, 4, 3]
const SEED = 5

const cells = {
  lstm: (on: Device): ProjectedCell<Named> => lstm({ inputs: D, hidden: H, device: on, rng: random(1) }),
  gru: (on: Device): ProjectedCell<Named> => gru({ inputs: D, hidden: H, device: on, rng: random(1) }),
  elman: (on: Device): ProjectedCell<Named> => elman({ inputs: D, hidden: H, device: on, rng: random(1) }),
}
type Kind = keyof typeof cells

const choices: readonly Regularisers[] = [
  { inputDropout: 0.4 }, { stateDropout: 0.5 }, { weightDrop: 0.6 }, { recurrentDropout: 0.3 },
  { zoneout: 0.3 }, { zoneoutCell: 0.5 }, { zoneout: 0.05, zoneoutCell: 0.5 },
  { inputDropout: 0.2, weightDrop: 0.5 },
  {
    inputDropout: 0.3, stateDropout: 0.4, weightDrop: 0.5, recurrentDropout: 0.3, zoneout: 0.2,
    zoneoutCell: 0.4,
  },
]

/** Whether a cell has a place for them. */
const fits = (kind: Kind, options: Regularisers) =>
  kind === 'lstm' || (!options.zoneoutCell && (kind === 'gru' || !options.recurrentDropout))

const show = (options: Regularisers) =>
  Object.entries(options).map(([name, p]) => `${name} ${p}`).join(', ')

/** Rows of 0 and 1 / (1 - p), drawn number by number; ones for p = 0, which draws nothing. */
function drawer(seed: number) {
  const rng = random(seed)
  return (rows: number, width: number, p = 0): Matrix =>
    Array.from({ length: rows }, () => Array.from({ length: width }, () => {
      if (p === 0) return 1
      return rng.uniform(1)[0] >= p ? 1 / (1 - p) : 0
    }))
}

const times = (a: Row, b: Row): Row => a.map((x, k) => x * b[k])

/** All steps of a training sequence in plain numbers: the states h (and c) after each step, [T][B]. */
async function byHand(kind: Kind, cell: ProjectedCell<Named>, xs: Matrix, state: Named, p: Regularisers) {
  const w = await weightsOf(cell.parameters)
  const draw = drawer(SEED)
  const onX = draw(B, D, p.inputDropout)
  const onH = draw(B, H, p.stateDropout)
  const onU = draw(w.weight_hh.length, H, p.weightDrop)
  const dropped = { ...w, weight_hh: w.weight_hh.map((row, k) => times(row, onU[k])) }
  let h = await rowsOf(state.h)
  let c = state.c ? await rowsOf(state.c) : h
  const history: { h: Matrix, c: Matrix }[] = []
  for (let t = 0; t < T; t++) {
    const kept = draw(B, H, p.recurrentDropout)
    const next = h.map((row, b) => {
      const x = times(xs[t * B + b], onX[b])
      const seen = times(row, onH[b])
      if (kind === 'lstm') return lstmStep(dropped, x, seen, c[b], undefined, kept[b])
      const only = kind === 'gru'
        ? gruStep(dropped, x, row, undefined, seen, kept[b]) : elmanStep(dropped, Math.tanh, x, seen)
      return { h: only, c: only }
    })
    const [newH, newC] = [draw(B, H, p.zoneout), draw(B, H, p.zoneoutCell)]
    h = h.map((row, b) => row.map((old, k) => (newH[b][k] ? next[b].h[k] : old)))
    c = c.map((row, b) => row.map((old, k) => (newC[b][k] ? next[b].c[k] : old)))
    history.push({ h, c })
  }
  return history
}

for (const { name, device: on, tolerance } of devices) {
  for (const kind of Object.keys(cells) as Kind[]) {
    for (const options of choices.filter((each) => fits(kind, each))) {
      test(`${name}: ${kind} by hand, ${show(options)}`, async () => {
        const cell = cells[kind](on)
        const data = await normal(2, T, B, D).read()
        const xs = tensor(data, { shape: [T, B, D], device: on })
        const first = someState(cells[kind](device), B)
        const state: Record<string, ReturnType<typeof tensor>> = {}
        for (const [part, x] of Object.entries(first)) {
          state[part] = tensor(await x.read(), { shape: x.shape, device: on })
        }
        const subject = regularised(cell, options)
        const { outputs, state: last } = unroll<Named>(subject, xs, state, { rng: random(SEED) })
        const history = await byHand(kind, cell, await rowsOf(xs), state, options)
        const near = async (found: ArrayLike<number>, wanted: number[], what: string) => {
          const d = difference(found, wanted)
          assert.ok(d < Math.max(tolerance, 1e-10), `${what} differs by ${d}`)
        }
        await near(await outputs.read(), history.flatMap(({ h }) => h.flat()), 'outputs')
        await near(await last.h.read(), history[T - 1].h.flat(), 'h')
        if (last.c) await near(await last.c.read(), history[T - 1].c.flat(), 'c')
      })
    }
  }
}

for (const kind of Object.keys(cells) as Kind[]) {
  for (const options of choices.filter((each) => fits(kind, each))) {
    test(`${kind}, ${show(options)}: gradients in training and in evaluation`, async () => {
      const cell = regularised(cells[kind](device), options)
      const xs = normal(2, T, B, D)
      const state = someState(cell, B)
      for (const draw of [() => random(SEED), () => undefined]) {
        const f = () => {
          const result = unroll(cell, xs, state, { rng: draw(), lengths: [5, 2, 4] })
          return flat([result.outputs, result.state])
        }
        const report = await gradcheck(f, { ...cell.parameters, xs, ...state })
        assert.ok(report.passed, formatReport(report))
      }
    })

    test(`${kind}, ${show(options)}: fused where nothing acts between the products`, async () => {
      const cell = regularised(cells[kind](device), options)
      const xs = normal(2, T, B, D)
      const run = async (training: boolean, f: <R>(g: () => R) => R) => {
        using tape = new Tape()
        const rng = training ? random(SEED) : undefined
        const result = f(() => unroll(cell, xs, undefined, { rng, direction: 'reverse' }))
        const fused = tape.records.some(({ op }) => op === 'recurrence')
        const wrt = [...Object.values(cell.parameters), xs]
        const grads = tape.gradients(energy([result.outputs, result.state]), wrt)
        return { fused, found: await values(result.outputs, result.state, grads) }
      }
      const { zoneout, zoneoutCell, stateDropout, recurrentDropout } = options
      for (const training of [true, false]) {
        const [one, other] = [await run(training, (g) => g()), await run(training, composed)]
        const composedInTraining = Boolean(training && (stateDropout || recurrentDropout))
        assert.is(one.fused, !zoneout && !zoneoutCell && !composedInTraining)
        assert.is(other.fused, false)
        one.found.forEach((list, k) => assert.ok(difference(list, other.found[k]) < 1e-12, `number ${k}`))
      }
    })
  }
}

test('in evaluation nothing is dropped; zoneout is its expectation', async () => {
  const xs = normal(2, T, B, D)
  const cell = cells.lstm(device)
  const plain = await values(unroll(cell, xs).outputs)
  const dropping = regularised(cell, { inputDropout: 0.5, stateDropout: 0.5, weightDrop: 0.5 })
  assert.equal(await values(unroll(dropping, xs).outputs), plain)
  assert.equal(Object.entries(dropping.parameters), Object.entries(cell.parameters), 'its parameters')
  const zoned = unroll(regularised(cell, { zoneout: 0.1, zoneoutCell: 0.4 }), xs)
  const w = await weightsOf(cell.parameters)
  const rows = await rowsOf(xs)
  for (let b = 0; b < B; b++) {
    let [h, c] = [[0, 0, 0], [0, 0, 0]]
    for (let t = 0; t < T; t++) {
      const next = lstmStep(w, rows[t * B + b], h, c)
      h = h.map((old, k) => 0.1 * old + 0.9 * next.h[k])
      c = c.map((old, k) => 0.4 * old + 0.6 * next.c[k])
    }
    assert.ok(difference((await rowsOf(zoned.state.h))[b], h) < 1e-14)
    assert.ok(difference((await rowsOf(zoned.state.c))[b], c) < 1e-14)
  }
})

test('the same seed drops the same; each sequence has masks of its own', async () => {
  const cell = regularised(cells.gru(device), { inputDropout: 0.5 })
  const same = tensor(Array(T * B * D).fill(1), { shape: [T, B, D], device }) // B equal sequences
  const outputs = async (seed: number) => rowsOf(unroll(cell, same, undefined, { rng: random(seed) }).outputs)
  const one = await outputs(1)
  assert.equal(await outputs(1), one)
  assert.not.equal(await outputs(2), one)
  assert.not.equal(one[0], one[1])
})

test('one mask for all steps: lockedDropout', async () => {
  const x = ones([6, 50, 4], device)
  const rows = await rowsOf(lockedDropout(x, 0.25, random(3)))
  for (let t = 1; t < 6; t++) assert.equal(rows.slice(t * 50, t * 50 + 50), rows.slice(0, 50))
  const first = rows.slice(0, 50).flat()
  assert.equal([...new Set(first)].sort(), [0, 1 / 0.75])
  assert.equal(first, drawer(3)(50, 4, 0.25).flat())
})

test('a fused sequence is looked at step by step with the masks that it was run with', async () => {
  const cell = regularised(cells.lstm(device), { inputDropout: 0.3, weightDrop: 0.5 })
  const xs = normal(2, T, B, D)
  const flow = async (f: <R>(g: () => R) => R) => {
    using tape = new Tape()
    const { outputs } = f(() => unroll(cell, xs, undefined, { rng: random(SEED) }))
    const { states, contributions } = await gradientFlow(tape, energy(outputs), cell.parameters)
    return [...states, ...contributions].map(({ norm }) => norm)
  }
  const [fused, byStep] = [await flow((g) => g()), await flow(composed)]
  assert.ok(difference(fused, byStep) < 1e-12)
})

test('a generator reaches the cells of a stack, of a pair, of recurrent', async () => {
  const dropping = (inputs: number, seed: number) =>
    regularised(gru({ inputs, hidden: H, device, rng: random(seed) }), { stateDropout: 0.5, zoneout: 0.2 })
  const regularisers = { weightDrop: 0.5, zoneoutCell: 0.3 }
  const sizes = { inputs: D, hidden: H, layers: 2, dropout: 0.4, device, rng: random(1) }
  const nets = [
    stacked([dropping(D, 1), dropping(H, 2)]), bidirectional(dropping(D, 1), dropping(D, 2)),
    recurrent({ kind: 'LSTM', ...sizes, regularisers }),
    recurrent({ kind: 'GRU', ...sizes, variational: true }),
  ]
  const xs = normal(2, T, B, D)
  for (const net of nets) {
    const run = (seed?: number) => {
      const rng = seed === undefined ? undefined : random(seed)
      return values(net(xs, { rng, lengths: [5, 3, 1] }).outputs)
    }
    const trained = await run(1)
    assert.equal(await run(1), trained)
    assert.not.equal(await run(2), trained)
    assert.ok(difference((await run())[0], trained[0]) > 0.01)
  }
})

test('recurrent drops between layers with one mask for all steps, if asked', async () => {
  const options = { kind: 'RNN', inputs: D, hidden: H, layers: 2, dropout: 0.5, device } as const
  const net = recurrent({ ...options, variational: true, rng: random(1) })
  const xs = normal(2, T, B, D)
  const below = elman({ inputs: D, hidden: H, device, rng: random(1) })
  const drawn = random(1) // the second layer's weights come after the first's
  drawn.take(Object.values(below.parameters).reduce((n, x) => n + x.size, 0))
  const above = elman({ inputs: H, hidden: H, device, rng: drawn })
  const hidden = lockedDropout(unroll(below, xs).outputs, 0.5, random(9))
  const wanted = await unroll(above, hidden).outputs.read()
  assert.ok(difference(await net(xs, { rng: random(9) }).outputs.read(), wanted) < 1e-14)
})

test('what has no place is refused', () => {
  const options = { inputs: D, hidden: H, device, rng: random(1) }
  refused(() => regularised(lstm(options), { weightDrop: 1 }),
    'regularised: weightDrop is 1; it must lie in [0, 1)')
  refused(() => regularised(elman(options), { recurrentDropout: 0.5 }),
    'regularised: recurrentDropout is 0.5; this cell has no place for it; its steps take weight_hh, seen')
  refused(() => regularised(jordan(options), { weightDrop: 0.5 }),
    'regularised: weightDrop is 0.5; this cell has no place for it; its steps take no changes')
  refused(() => regularised(jordan(options), { zoneout: 0.5 }),
    'regularised: zoneout is 0.5; this cell has no h in its state')
  refused(() => regularised(gru(options), { zoneoutCell: 0.5 }),
    'regularised: zoneoutCell is 0.5; this cell has no c in its state')
  refused(() => regularised(regularised(layerNormLstm(options), { zoneout: 0.5 }), { weightDrop: 0.5 }),
    'regularised: weightDrop is 0.5; the cell drops already; give all options in one call')
  refused(() => regularised(gru(options), { weightdrop: 0.5 } as Regularisers),
    'regularised: there is no option weightdrop; did you mean weightDrop?')
  refused(() => lockedDropout(ones([3], device), 0.5, random(1)),
    'lockedDropout: x is [3]; its first axis must be time, [T, B, ...]')
})

test.run()

// A whole sequence by one op against the same cell step by step: equal in value and in every gradient.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { composed } from '../src/context.ts'
import { cpu } from '../src/cpu/device.ts'
import { formatReport, gradcheck } from '../src/gradcheck.ts'
import { type FlowEntry, gradientFlow } from '../src/inspect/flow.ts'
import type { Cell, Named } from '../src/nn/cell.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { lstm } from '../src/nn/lstm.ts'
import { recurrent, type RecurrentOptions } from '../src/nn/recurrent.ts'
import { bidirectional, stacked } from '../src/nn/sequence-layers.ts'
import { unroll, type UnrollOptions } from '../src/nn/unroll.ts'
import { mul } from '../src/ops/elementwise.ts'
import { slice } from '../src/ops/move.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { leaves, type Tensor, tensor, type Tree } from '../src/tensor.ts'
import { truncatedBptt } from '../src/train/bptt.ts'
import { device, energy, flat, fusedRows, normal, someState, truncatedRows, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('fused')

const named = (rows: typeof truncatedRows) =>
  rows.map(({ cell, variant, make }) => ({ name: `${cell}, ${variant}`, make }))
const cells = named(fusedRows)

async function same(one: Tree, other: Tree, what: string, tolerance = 1e-12): Promise<void> {
  assert.equal(leaves(one).map((x) => x.shape), leaves(other).map((x) => x.shape), `${what}: shapes`)
  const [left, right] = [await values(one), await values(other)]
  left.forEach((list, k) => {
    const d = difference(list, right[k])
    assert.ok(d <= tolerance, `${what}: number ${k} differs by ${d}`)
  })
}

/** Values and gradients of f as it is, which must be fused, and composed, which must not be. */
async function holds(f: () => Tree, wrt: Tree, what: string, loss: (tree: Tree) => Tensor = energy) {
  const run = (g: () => Tree, fused: boolean) => {
    using tape = new Tape()
    const result = g()
    assert.is(tape.records.some(({ op }) => op === 'recurrence'), fused, `${what}: fused`)
    return tape.keep([result, tape.gradients(loss(result), leaves(wrt))])
  }
  await same(run(f, true), run(() => composed(f), false), what)
}

const run = (cell: Cell<Named>, xs: Tensor, state?: Named, options?: UnrollOptions) =>
  ({ ...unroll(cell, xs, state, options) })

for (const { name, make } of [...cells, ...named(truncatedRows)]) {
  test(`${name}: values and gradients, in both directions, at odd sizes`, async () => {
    for (const [T, B, D, H, ends] of [
      [5, 3, 2, 4, [3, 5, 1]], [1, 1, 1, 3, [1]], [2, 1, 3, 5, [1]],
      [7, 9, 4, 6, [7, 1, 2, 7, 3, 6, 5, 4, 7]],
    ] as const) {
      const cell: Cell<Named> = make({ inputs: D, hidden: H, device, rng: random(1) })
      const xs = normal(2, T, B, D)
      const state = someState(cell, B)
      for (const direction of ['forward', 'reverse'] as const) {
        for (const lengths of [undefined, ends]) {
          const options = { direction, lengths }
          const what = `T ${T}, B ${B}, ${direction}, ${lengths ? 'lengths' : 'all'}`
          await holds(() => run(cell, xs, state, options), [cell.parameters, xs, state], what)
          await holds(() => run(cell, xs, undefined, options), [cell.parameters, xs], `${what}, zero state`)
        }
      }
    }
  })

  test(`${name}: gradients through the outputs alone, or one part of the last state`, async () => {
    const cell: Cell<Named> = make({ inputs: 2, hidden: 3, device, rng: random(1) })
    const xs = normal(2, 5, 3, 2)
    const state = someState(cell, 3)
    const wrt = [cell.parameters, xs, state]
    for (const lengths of [undefined, [4, 1, 5]]) {
      await holds(() => run(cell, xs, state, { lengths }).outputs, wrt, 'outputs')
      await holds(() => slice(run(cell, xs, state, { lengths }).outputs, 0, 2, 3), wrt, 'one step')
      for (const part of Object.keys(state)) {
        await holds(() => run(cell, xs, state, { lengths }).state[part], wrt, `the last ${part}`)
      }
    }
  })

  test(`${name}: in float32, as close to float64 as step by step`, async () => {
    const single = cpu()
    const judged = make({ inputs: 8, hidden: 17, device, rng: random(1) })
    const subject: Cell<Named> = make({ inputs: 8, hidden: 17, device: single, rng: random(1) })
    const xs = normal(2, 20, 5, 8)
    const grads = (cell: Cell<Named>, x: Tensor, f = <T>(g: () => T) => g()) => {
      using tape = new Tape()
      const { outputs, state } = f(() => unroll(cell, x))
      const found = tape.gradients(energy([outputs, state]), [...Object.values(cell.parameters), x])
      return values(tape.keep(found))
    }
    const x32 = tensor(await xs.read(), { shape: xs.shape, device: single })
    const exact = await grads(judged, xs)
    const worst = (found: number[][]) => Math.max(...found.map((list, k) => difference(list, exact[k])))
    const [fused, byStep] = [worst(await grads(subject, x32)), worst(await grads(subject, x32, composed))]
    assert.ok(fused < 1e-5 && fused < 2 * byStep + 1e-7, `${fused}, step by step ${byStep}`)
  })
}

for (const { name, make } of cells) {
  test(`${name}: gradients are those of finite differences`, async () => {
    const cell: Cell<Named> = make({ inputs: 2, hidden: 3, device, rng: random(1) })
    const xs = normal(2, 4, 2, 2)
    const state = someState(cell, 2)
    for (const [direction, lengths] of [['forward', undefined], ['reverse', [2, 4]]] as const) {
      const f = () => flat(run(cell, xs, state, { direction, lengths }))
      const report = await gradcheck(f, { ...cell.parameters, xs, ...state })
      assert.ok(report.passed, `${direction}: ${formatReport(report)}`)
    }
  })
}

for (const kind of ['RNN', 'LSTM', 'GRU'] as const) {
  for (const layers of [1, 2, 3]) {
    for (const bias of [true, false]) {
      test(`recurrent(${kind}), ${layers} layers, ${bias ? 'bias' : 'no bias'}`, async () => {
        const bidirectional = layers > 1
        const projection = kind === 'LSTM' && layers === 3 ? 2 : 0
        const options: RecurrentOptions = {
          kind, layers, bias, bidirectional, projection, inputs: 3, hidden: 4, device, rng: random(1),
        }
        const net = recurrent(options)
        const xs = normal(2, 6, 4, 3)
        const state = someState(net, 4)
        for (const lengths of [undefined, [6, 1, 3, 5]]) {
          await holds(() => ({ ...net(xs, { state, lengths }) }), [net.parameters, xs, state], 'recurrent')
        }
      })
    }
  }
}

test('stacked cells of every kind, and two directions', async () => {
  const below = lstm({ inputs: 2, hidden: 4, projection: 3, device, rng: random(1) })
  const middle = bidirectional(gru({ inputs: 3, hidden: 5, device, rng: random(2) }),
    gru({ inputs: 3, hidden: 5, device, rng: random(3) }))
  const above = elman({ inputs: 10, hidden: 4, nonlinearity: 'relu', device, rng: random(4) })
  const net = stacked([below, middle, above])
  const xs = normal(2, 5, 3, 2)
  for (const lengths of [undefined, [3, 5, 2]]) {
    await holds(() => ({ ...net(xs, { lengths }) }), [net.parameters, xs], 'stacked')
  }
})

test('one tensor may be h and c, and two cells may share their weights', async () => {
  const cell = lstm({ inputs: 2, hidden: 3, device, rng: random(1) })
  const xs = normal(2, 4, 3, 2)
  const z = normal(3, 3, 3)
  await holds(() => run(cell, xs, { h: z, c: z }), [cell.parameters, xs, z], 'h is c')
  await holds(() => {
    const first = unroll(cell, xs)
    return { ...unroll(cell, xs, first.state, { direction: 'reverse' }) }
  }, [cell.parameters, xs], 'twice')
})

test('truncated BPTT, with a horizon beyond the window', async () => {
  const cell = gru({ inputs: 2, hidden: 3, device, rng: random(1) })
  const net = {
    parameters: new Map(Object.entries(cell.parameters)),
    run: (xs: Tensor, state: { h: Tensor }) => unroll(cell, xs, { h: state.h }),
    loss: (outputs: Tensor, targets: Tensor) => sum(mul(outputs, targets)),
  }
  const windows = [1, 2, 3, 4].map((k) => ({ xs: normal(k, 4, 2, 2), targets: normal(k + 9, 4, 2, 3) }))
  const all = async (f: <T>(g: () => T) => T) => {
    const bptt = truncatedBptt(net, { every: 4, horizon: 10, initial: cell.initial(2) })
    const found: number[][] = []
    for (const { xs, targets } of windows) {
      using tape = new Tape()
      const { loss, grads } = f(() => bptt.step(tape, xs, targets))
      found.push(...await values(loss, [...grads.values()], bptt.state))
    }
    bptt.dispose()
    return found
  }
  const [fused, byStep] = [await all((g) => g()), await all(composed)]
  assert.is(fused.length, 4 * 6)
  fused.forEach((list, k) => assert.ok(difference(list, byStep[k]) < 1e-12, `number ${k}`))
})

test('gradientFlow sees the same steps, with and without lengths', async () => {
  const key = ({ norm, ...place }: FlowEntry) => JSON.stringify(place)
  for (const kind of ['RNN', 'LSTM', 'GRU'] as const) {
    const sizes = { inputs: 2, hidden: 3, layers: 2, bidirectional: true }
    const net = recurrent({ kind, ...sizes, device, rng: random(1) })
    const xs = normal(2, 6, 3, 2)
    for (const lengths of [undefined, [3, 6, 1]]) {
      const flow = async (f: <T>(g: () => T) => T) => {
        using tape = new Tape()
        const loss = energy(slice(f(() => net(xs, { lengths })).outputs, 0, 2, 4))
        const params = new Map(Object.entries(net.parameters))
        const { states, contributions } = await gradientFlow(tape, loss, params)
        return [...states, ...contributions]
      }
      const [fused, byStep] = [await flow((g) => g()), await flow(composed)]
      assert.equal(fused.map(key), byStep.map(key))
      assert.ok(difference(fused.map(({ norm }) => norm), byStep.map(({ norm }) => norm)) < 1e-12)
    }
  }
})

test('a layer on which the loss does not depend still has its states, with norm 0', async () => {
  const cell = lstm({ inputs: 2, hidden: 3, device, rng: random(1) })
  const xs = normal(2, 4, 2, 2)
  using tape = new Tape()
  const { outputs } = unroll(cell, xs)
  unroll(cell, xs, undefined, { layer: 1 })
  const { states } = await gradientFlow(tape, energy(outputs))
  assert.is(states.filter(({ layer, norm }) => layer === 0 && norm > 0).length, 8)
  assert.is(states.filter(({ layer, norm }) => layer === 1 && norm === 0).length, 8)
})

test.run()

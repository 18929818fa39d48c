// unroll: the loop over time is nothing but steps; states, directions, lengths, stacks, places of records.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { composed } from '../src/context.ts'
import { formatReport, gradcheck } from '../src/gradcheck.ts'
import { type Cell, type Named } from '../src/nn/cell.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { lstm } from '../src/nn/lstm.ts'
import { bidirectional, stacked } from '../src/nn/sequence-layers.ts'
import { unroll, type UnrollOptions } from '../src/nn/unroll.ts'
import { concat, flip, reverseTime, slice, stack, unstack } from '../src/ops/move.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { leaves, type Tensor, tensor, type Tree } from '../src/tensor.ts'
import { device, energy, everyCell, flat, normal, refused, someState, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('unroll')
const T = 5
const B = 3
const lengths = [3, 5, 1]
const sizes = { inputs: 2, hidden: 3, device }

async function same(a: Tree, b: Tree, what: string, tolerance = 1e-13): Promise<void> {
  assert.equal(leaves(a).map((x) => x.shape), leaves(b).map((x) => x.shape), `${what}: shapes`)
  const [left, right] = [await values(a), await values(b)]
  left.forEach((list, k) => {
    const d = difference(list, right[k])
    assert.ok(d <= tolerance, `${what}: number ${k} differs by ${d}`)
  })
}

/** Two ways to compute one thing: equal values, and equal gradients of everything. */
async function sameWithGradients(one: () => Tree, other: () => Tree, wrt: Tree, what: string): Promise<void> {
  const run = (f: () => Tree) => {
    using tape = new Tape()
    const result = f()
    return tape.keep([result, tape.gradients(energy(result), leaves(wrt))])
  }
  await same(run(one), run(other), what)
}

/** unroll, its results as a tree. */
function run<S extends Named>(cell: Cell<S>, xs: Tensor, state?: S, options?: UnrollOptions) {
  return { ...unroll(cell, xs, state, options) }
}

/** The loop as a user would write it. */
function bySteps(cell: Cell<Named>, xs: Tensor, state: Named) {
  const outputs: Tensor[] = []
  for (const x of unstack(xs)) {
    const result = cell.step(x, state)
    outputs.push(result.output)
    state = result.state
  }
  return { outputs: stack(outputs), state }
}

for (const { name, make } of everyCell) {
  const cell: Cell<Named> = make({ ...sizes, rng: random(1) })
  const { project, advance, ...plain } = make({ ...sizes, rng: random(1) })
  const xs = normal(2, T, B, 2)
  const state = someState(cell, B)
  const wrt = [cell.parameters, xs, state]

  test(`${name}: unroll is T steps, with project and advance or with step alone`, async () => {
    await sameWithGradients(() => run(cell, xs, state), () => bySteps(cell, xs, state), wrt, 'T steps')
    await same(run({ ...plain }, xs, state), run(cell, xs, state), 'step alone')
    const x = unstack(xs)[1]
    await same({ ...advance(project(x), state) }, { ...cell.step(x, state) }, 'project, then advance')
  })

  test(`${name}: a batch is its sequences one by one`, async () => {
    const together = run(cell, xs, state)
    for (let b = 0; b < B; b++) {
      const row = (x: Tensor) => slice(x, x.rank - 2, b, b + 1)
      const own = Object.fromEntries(Object.entries(state).map(([part, x]) => [part, row(x)]))
      const alone = run(cell, row(xs), own)
      const expected = Object.fromEntries(Object.entries(together.state).map(([part, x]) => [part, row(x)]))
      await same(alone, { outputs: row(together.outputs), state: expected }, `sequence ${b}`)
    }
  })

  test(`${name}: no state is a zero state; windows with a carried state are one long run`, async () => {
    await same(run(cell, xs), run(cell, xs, cell.initial(B)), 'zeros')
    await sameWithGradients(() => {
      const first = run(cell, slice(xs, 0, 0, 2), state)
      const second = run(cell, slice(xs, 0, 2), first.state)
      return { outputs: concat([first.outputs, second.outputs]), state: second.state }
    }, () => run(cell, xs, state), wrt, 'windows')
  })

  test(`${name}: reverse is forward over the sequence turned around`, async () => {
    await sameWithGradients(() => run(cell, xs, state, { direction: 'reverse' }), () => {
      const result = run(cell, flip(xs, 0), state)
      return { outputs: flip(result.outputs, 0), state: result.state }
    }, wrt, 'whole')
    const ends = tensor(lengths, { dtype: 'int32', device })
    await sameWithGradients(() => run(cell, xs, state, { direction: 'reverse', lengths }), () => {
      const result = run(cell, reverseTime(xs, ends), state, { lengths })
      return { outputs: reverseTime(result.outputs, ends), state: result.state }
    }, wrt, 'with lengths')
  })

  for (const direction of ['forward', 'reverse'] as const) {
    test(`${name}, ${direction}: with lengths, each sequence is as if it were alone`, async () => {
      using tape = new Tape()
      const all = run(cell, xs, state, { lengths, direction })
      const dxs = tape.gradients(energy(all.state), [xs])[0]
      for (let b = 0; b < B; b++) {
        const row = (x: Tensor) => slice(x, x.rank - 2, b, b + 1)
        const rows = (s: Named) => Object.fromEntries(Object.entries(s).map(([part, x]) => [part, row(x)]))
        const x = slice(row(xs), 0, 0, lengths[b])
        const alone = run(cell, x, rows(state), { direction })
        await same({ outputs: slice(row(all.outputs), 0, 0, lengths[b]), state: rows(all.state) }, alone,
          `sequence ${b}`)
        await same(slice(row(dxs), 0, 0, lengths[b]), tape.gradients(energy(alone.state), [x])[0],
          `gradient ${b}`)
        for (const past of [slice(row(all.outputs), 0, lengths[b]), slice(row(dxs), 0, lengths[b])]) {
          assert.ok((await past.read()).every((value) => value === 0), `past the end of sequence ${b}`)
        }
      }
    })
  }

  test(`${name}: gradients with lengths, in both directions, are those of finite differences`, async () => {
    for (const direction of ['forward', 'reverse'] as const) {
      const f = () => flat(run(cell, xs, state, { lengths, direction }))
      const report = await gradcheck(f, { ...cell.parameters, xs, ...state }, { projections: 2 })
      assert.ok(report.passed, `${direction}: ${formatReport(report)}`)
    }
  })
}

test('one step, and lengths that are all T, change nothing', async () => {
  const cell = lstm({ ...sizes, rng: random(1) })
  const xs = normal(2, 1, B, 2)
  const { output, state } = cell.step(unstack(xs)[0], cell.initial(B))
  const { outputs, state: last } = run(cell, xs)
  assert.equal(outputs.shape, [1, B, 3])
  await same([unstack(outputs)[0], last], [output, state], 'T = 1')
  const long = normal(2, T, B, 2)
  await same(run(cell, long, undefined, { lengths: [T, T, T] }), run(cell, long), 'all T')
})

test('what stands in the padding is never read, be it infinite or no number', async () => {
  for (const direction of ['forward', 'reverse'] as const) {
    const cell = gru({ ...sizes, rng: random(1) })
    const clean = normal(2, T, B, 2)
    const dirty = await clean.read()
    lengths.forEach((length, b) => {
      for (let t = length; t < T; t++) dirty.fill(t % 2 ? NaN : 1e308, (t * B + b) * 2, (t * B + b + 1) * 2)
    })
    const all = (xs: Tensor) => {
      using tape = new Tape()
      const result = run(cell, xs, undefined, { lengths, direction })
      const grads = tape.gradients(energy([result.outputs, result.state]),
        [...Object.values(cell.parameters), xs])
      return tape.keep([result.outputs, result.state, grads])
    }
    await same(all(tensor(dirty, { shape: [T, B, 2], device })), all(clean), direction)
  }
})

test('with lengths, a state is found by its names, not by their order', async () => {
  const cell = lstm({ ...sizes, rng: random(1) })
  const xs = normal(2, T, B, 2)
  const { h, c } = someState(cell, B)
  for (const direction of ['forward', 'reverse'] as const) {
    const turned = run(cell, xs, { c, h }, { lengths, direction }).state
    const straight = run(cell, xs, { h, c }, { lengths, direction }).state
    await same([turned.h, turned.c], [straight.h, straight.c], direction)
  }
})

test('stacked is a chain: each layer\'s outputs are the next one\'s inputs', async () => {
  const below = lstm({ ...sizes, projection: 2, rng: random(1) })
  const middle = gru({ inputs: 2, hidden: 5, device, rng: random(2) })
  const above = elman({ inputs: 5, hidden: 4, device, rng: random(3) })
  const net = stacked([below, middle, above])
  assert.equal(Object.keys(net.parameters).slice(0, 6),
    ['0.weight_ih', '0.weight_hh', '0.bias_ih', '0.bias_hh', '0.weight_hr', '1.weight_ih'])
  assert.is(net.parameters['2.bias_hh'], above.parameters.bias_hh)
  assert.is(Object.keys(net.parameters).length, 13)
  const xs = normal(2, T, B, 2)
  const state = [someState(below, B, 1), someState(middle, B, 2), someState(above, B, 3)] as const
  for (const ends of [undefined, lengths]) {
    await sameWithGradients(() => {
      const { outputs, state: last } = net(xs, { state, lengths: ends })
      return [outputs, last]
    }, () => {
      const one = unroll(below, xs, state[0], { lengths: ends })
      const two = unroll(middle, one.outputs, state[1], { lengths: ends })
      const three = unroll(above, two.outputs, state[2], { lengths: ends })
      return [three.outputs, [one.state, two.state, three.state]]
    }, [net.parameters, xs, state], 'chain')
  }
  const zero = [below.initial(B), middle.initial(B), above.initial(B)]
  await same(net(xs).outputs, net(xs, { state: zero }).outputs, 'zero state')
})

test('bidirectional is two unrolls side by side', async () => {
  const ahead = gru({ ...sizes, rng: random(1) })
  const back = gru({ ...sizes, rng: random(2) })
  const net = bidirectional(ahead, back)
  assert.is(net.parameters['forward.weight_ih'], ahead.parameters.weight_ih)
  assert.is(net.parameters['reverse.bias_hh'], back.parameters.bias_hh)
  const xs = normal(2, T, B, 2)
  const state = [someState(ahead, B, 1), someState(back, B, 2)] as const
  for (const ends of [undefined, lengths]) {
    await sameWithGradients(() => {
      const { outputs, state: last } = net(xs, { state, lengths: ends })
      return [outputs, last]
    }, () => {
      const one = unroll(ahead, xs, state[0], { lengths: ends })
      const two = unroll(back, xs, state[1], { lengths: ends, direction: 'reverse' })
      return [concat([one.outputs, two.outputs], 2), [one.state, two.state]]
    }, [net.parameters, xs, state], 'both')
  }
  assert.equal(net(xs).outputs.shape, [T, B, 6])
})

test('the input product is one matmul for all steps; records say their layer, direction and step', () => {
  const cells = [lstm({ ...sizes, rng: random(1) }), lstm({ inputs: 3, hidden: 3, device, rng: random(2) })]
  using tape = new Tape()
  composed(() => {
    stacked(cells)(normal(2, T, B, 2))
    unroll(cells[0], normal(2, T, B, 2), undefined, { direction: 'reverse', layer: 7 })
  })
  const products = tape.records.filter(({ op }) => op === 'matmul')
  assert.is(products.length, 3 * (1 + T))
  assert.equal(products.filter(({ where }) => where.t === 'all').map(({ where }) => where), [
    { layer: 0, direction: 'forward', t: 'all' }, { layer: 1, direction: 'forward', t: 'all' },
    { layer: 7, direction: 'reverse', t: 'all' },
  ])
  for (const [layer, direction, order] of [
    [0, 'forward', [0, 1, 2, 3, 4]], [1, 'forward', [0, 1, 2, 3, 4]], [7, 'reverse', [4, 3, 2, 1, 0]],
  ] as const) {
    const own = products.filter(({ where }) => where.layer === layer && where.t !== 'all')
    assert.equal(own.map(({ where }) => where.t), order, 'one product a step, in the order of the loop')
    assert.ok(own.every(({ where }) => where.direction === direction))
    const states = tape.records.filter(({ op, where }) => op.startsWith('state ') && where.layer === layer)
    assert.equal(states.map(({ op, where }) => [op, where.t]),
      order.flatMap((t) => [['state h', t], ['state c', t]]))
  }
  assert.ok(tape.records.every(({ where }) =>
    where.layer !== undefined && where.t !== undefined && where.direction))
})

test('a direction or an option that there is not is refused, fused or step by step', () => {
  const cell = elman({ inputs: 2, hidden: 3, device, rng: random(1) })
  const xs = tensor(random(2).normal(8), { shape: [2, 2, 2], device })
  const backward = { direction: 'backward' as 'reverse' }
  const both: ((run: () => unknown) => unknown)[] = [(run) => run(), composed]
  for (const how of both) {
    refused(() => how(() => unroll(cell, xs, undefined, backward)),
      'unroll: direction is backward; it must be forward or reverse')
  }
  const slip: object = { length: [1, 2] }
  refused(() => unroll(cell, xs, undefined, slip), 'unroll: there is no option length; did you mean lengths?')
})

test('wrong sequences, lengths and stacks are refused', () => {
  const cell = lstm({ ...sizes, rng: random(1) })
  const xs = normal(2, T, B, 2)
  const need = 'it must be [T, B, 2], time first, with one step or more'
  refused(() => unroll(cell, normal(1, 4, 2)), `unroll: xs is [4, 2]; ${need}`)
  refused(() => unroll(cell, normal(1, 4, 2, 3)), `unroll: xs is [4, 2, 3]; ${need}`)
  refused(() => unroll(cell, normal(1, 0, 2, 2)), `unroll: xs is [0, 2, 2]; ${need}`)
  for (const bad of [[1, 2], [0, 1, 2], [1, 2, 6], [1, 2, 2.5]]) {
    refused(() => unroll(cell, xs, undefined, { lengths: bad }),
      `unroll: lengths is [${bad.join(', ')}]; needed are 3 whole numbers from 1 to 5, one for each sequence`)
  }
  refused(() => unroll(cell, xs, cell.initial(2)), 'lstm: the state\'s h is [2, 3]; it must be [3, 3]')
  refused(() => stacked([]), 'stacked: it needs a list of one cell or layer, or more')
  refused(() => stacked([cell, cell]),
    'stacked: part 1 takes 2 inputs, but part 0 gives 3 outputs; they must be equal')
  const next = gru({ inputs: 3, hidden: 3, device, rng: random(1) })
  refused(() => stacked([cell, next])(xs, { state: [cell.initial(B)] }),
    'stacked: the state has 1 parts; it must have 2, one for each cell')
})

test('nothing is left behind: live memory is what it was', async () => {
  const net = stacked([lstm({ ...sizes, rng: random(1) }),
    gru({ inputs: 3, hidden: 3, device, rng: random(1) })])
  const xs = normal(2, T, B, 2)
  const { live, buffers } = device.memory()
  const tape = new Tape()
  const { outputs } = net(xs, { lengths })
  tape.gradients(energy(outputs), [xs, ...Object.values(net.parameters)])
  tape.close()
  assert.equal([device.memory().live, device.memory().buffers], [live, buffers])
})

test.run()

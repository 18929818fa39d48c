// gradientFlow against nets unrolled by hand, in which every step has copies of the weights of its own.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type FlowEntry, formatFlow, gradientFlow } from '../src/inspect/flow.ts'
import { type Cell, type Named, type ProjectedCell } from '../src/nn/cell.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { linear, loadParameters, parameters } from '../src/nn/linear.ts'
import { lstm } from '../src/nn/lstm.ts'
import { recurrent } from '../src/nn/recurrent.ts'
import { unroll } from '../src/nn/unroll.ts'
import { add, mul, tanh } from '../src/ops/elementwise.ts'
import { concat, split, stack, unstack } from '../src/ops/move.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { dispose, leaves, type Tensor, tensor, zeros } from '../src/tensor.ts'
import { device, energy, everyCell, norm, normal, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('flow')
const T = 5
const B = 3
const D = 2

/** One step of the net by hand: its place, its own copies of the weights, and the state it made. */
interface HandStep {
  layer: number
  direction: 'forward' | 'reverse'
  t: number
  suffix: string
  cell: Cell<Named>
  state: Named
}

type Make = () => ProjectedCell<Named>

/** One cell over a sequence, each step by a cell of its own with the same weights. */
function chain(make: Make, xs: readonly Tensor[], place: Omit<HandStep, 't' | 'cell' | 'state'>) {
  const steps: HandStep[] = []
  const outputs = new Array<Tensor>(xs.length)
  let state: Named | undefined
  for (let k = 0; k < xs.length; k++) {
    const t = place.direction === 'forward' ? k : xs.length - 1 - k
    const cell = make()
    const result = cell.step(xs[t], state ?? cell.initial(B))
    state = result.state
    outputs[t] = result.output
    steps.push({ ...place, t, cell, state })
  }
  return { outputs, steps }
}

/** dLoss/dstate_t and each step's share of each weight's gradient, from the gradients of a net by hand. */
async function byHand(build: () => { outputs: readonly Tensor[], steps: readonly HandStep[] }) {
  using tape = new Tape()
  const { outputs, steps } = build()
  const loss = energy(stack(outputs))
  const states: FlowEntry[] = []
  const contributions: FlowEntry[] = []
  const totals = new Map<string, number[]>()
  for (const { layer, direction, t, suffix, cell, state } of steps) {
    const place = { layer, direction, t }
    const ofStates = await values(tape.gradients(loss, leaves(state)))
    Object.keys(state).forEach((name, k) => states.push({ name, ...place, norm: norm(ofStates[k]) }))
    const ofWeights = await values(tape.gradients(loss, Object.values(cell.parameters)))
    Object.keys(cell.parameters).forEach((own, k) => {
      const name = own + suffix
      contributions.push({ name, ...place, norm: norm(ofWeights[k]) })
      totals.set(name, ofWeights[k].map((value, i) => value + (totals.get(name)?.[i] ?? 0)))
    })
  }
  return { states, contributions, totals }
}

const key = ({ name, layer, direction, t }: FlowEntry) => `${name}, layer ${layer}, ${direction}, t = ${t}`

function compare(found: readonly FlowEntry[], expected: readonly FlowEntry[], what: string): void {
  const wanted = new Map(expected.map((entry) => [key(entry), entry.norm]))
  assert.is(found.length, expected.length, `${what}: number of entries`)
  assert.is(wanted.size, expected.length)
  const largest = Math.max(...wanted.values())
  for (const entry of found) {
    const d = Math.abs(entry.norm - wanted.get(key(entry))!)
    assert.ok(d <= 1e-12 * largest,
      `${what}: ${key(entry)}: ${entry.norm}, by hand ${wanted.get(key(entry))}`)
  }
}

/** The flow of a net against the same net by hand, and full gradients against the sums of the copies'. */
async function compareFlow(
  outputs: () => Tensor, params: ReadonlyMap<string, Tensor>, expected: Awaited<ReturnType<typeof byHand>>,
): Promise<void> {
  using tape = new Tape()
  const loss = energy(outputs())
  const flow = await gradientFlow(tape, loss, params)
  compare(flow.states, expected.states, 'states')
  compare(flow.contributions, expected.contributions, 'contributions')
  assert.ok(flow.states.some((entry) => entry.norm > 1e-3), 'there is something to see')
  const grads = tape.gradients(loss, params)
  assert.equal([...grads.keys()].sort(), [...expected.totals.keys()].sort())
  for (const [name, dx] of grads) {
    assert.ok(difference(await dx.read(), expected.totals.get(name)!) < 1e-12, `the sum for ${name}`)
  }
}

for (const { name, make } of everyCell) {
  test(`${name}: norms of states and contributions are those of the net by hand`, async () => {
    const own = () => make({ inputs: D, hidden: 3, device, rng: random(1) })
    const cell = own()
    const xs = normal(2, T, B, D)
    const params = new Map(Object.entries(cell.parameters))
    const expected = await byHand(() =>
      chain(own, unstack(xs), { layer: 0, direction: 'forward', suffix: '' }))
    await compareFlow(() => unroll(cell, xs).outputs, params, expected)
  })
}

for (const [kind, cellOf] of [['RNN', elman], ['LSTM', lstm], ['GRU', gru]] as const) {
  test(`recurrent(${kind}): two layers, both directions`, async () => {
    const net = recurrent({ kind, inputs: D, hidden: 3, layers: 2, bidirectional: true, device,
      rng: random(1) })
    const written = new Map(await Promise.all(Object.entries(net.parameters).map(async ([name, x]) =>
      [name, { shape: x.shape, data: await x.read() }] as const)))
    const maker = (inputs: number, suffix: string): Make => () => {
      const cell = cellOf({ inputs, hidden: 3, device, rng: random(9) })
      const own = new Map(Object.entries(cell.parameters))
      loadParameters(own, new Map([...own.keys()].map((name) => [name, written.get(name + suffix)!])))
      return cell
    }
    const xs = normal(2, T, B, D)
    const params = new Map(Object.entries(net.parameters))
    const expected = await byHand(() => {
      const steps: HandStep[] = []
      let inputs = unstack(xs)
      for (const layer of [0, 1]) {
        const sides = (['forward', 'reverse'] as const).map((direction) => {
          const suffix = `_l${layer}${direction === 'reverse' ? '_reverse' : ''}`
          const side = chain(maker(layer === 0 ? D : 6, suffix), inputs, { layer, direction, suffix })
          steps.push(...side.steps)
          return side.outputs
        })
        inputs = sides[0].map((output, t) => concat([output, sides[1][t]], 1))
      }
      return { outputs: inputs, steps }
    })
    assert.is(expected.contributions.length, 4 * 4 * T)
    await compareFlow(() => net(xs).outputs, params, expected)
  })
}

test('with lengths, padding has no part in any norm', async () => {
  const cell = lstm({ inputs: D, hidden: 3, device, rng: random(1) })
  const xs = normal(2, T, 1, D)
  const padded = concat([xs, normal(3, 2, 1, D)])
  const run = async (sequence: Tensor, lengths?: number[]) => {
    using tape = new Tape()
    const { outputs, state } = unroll(cell, sequence, undefined, { lengths })
    return await gradientFlow(tape, add(energy(state), energy(outputs)),
      new Map(Object.entries(cell.parameters)))
  }
  const alone = await run(xs)
  const { states, contributions } = await run(padded, [T])
  compare(states.filter(({ t }) => t < T), alone.states, 'states')
  compare(contributions.filter(({ t }) => t < T), alone.contributions, 'contributions')
  for (const entry of [...states, ...contributions]) if (entry.t >= T) assert.is(entry.norm, 0, key(entry))
})

test('every step has an entry, zero where the loss does not look, in the promised order', async () => {
  const net = recurrent({ kind: 'LSTM', inputs: D, hidden: 3, layers: 2, bidirectional: true, device,
    rng: random(1) })
  using tape = new Tape()
  const { outputs } = net(normal(2, 12, B, D))
  const { states } = await gradientFlow(tape, energy(unstack(outputs)[3]))
  const expected = ['c', 'h'].flatMap((name) =>
    [0, 1].flatMap((layer) => ['forward', 'reverse'].flatMap((direction) =>
    Array.from({ length: 12 }, (_, t) => `${name}, layer ${layer}, ${direction}, t = ${t}`))))
  assert.equal(states.map(key), expected)
  for (const { layer, direction, t, norm: size } of states.filter((entry) => entry.layer === 1)) {
    const seen = direction === 'forward' ? t <= 3 : t >= 3
    assert.is(size > 0, seen, `layer ${layer}, ${direction}, t = ${t}`)
  }
})

test('a part of the state that is handed on unchanged counts from its own step on', async () => {
  const cell: Cell<Named> = { // h_t = tanh(x_t + h_{t-1} + c), the second half of a product; c as it was
    parameters: {}, inputs: D, outputs: D,
    initial: (batch) => ({ h: zeros([batch, D], device), c: zeros([batch, D], device) }),
    step(x, { h, c }) {
      const [, next] = split(tanh(concat([x, add(add(x, h), c)], 1)), [D, D], 1)
      return { output: next, state: { h: next, c } }
    },
  }
  const xs = normal(2, T, B, D)
  const state = { h: normal(3, B, D), c: normal(4, B, D) }
  const flowNow = async () => {
    using tape = new Tape()
    return await gradientFlow(tape, energy(unroll(cell, xs, state).outputs))
  }
  const { states } = await flowNow()
  using tape = new Tape()
  // c as step t sees it is made of copies, c_0 .. c_{t-1}: each stands for the state after its own step
  const copies = Array.from({ length: T }, () => tensor(new Float64Array(B * D), { shape: [B, D], device }))
  const outputs: Tensor[] = []
  let { h } = state
  unstack(xs).forEach((x, t) => {
    const c = copies.slice(0, t).reduce((total, copy) => add(total, copy), state.c)
    h = cell.step(x, { h, c }).state.h
    outputs.push(h)
  })
  const expected = await values(tape.gradients(energy(stack(outputs)), [...copies, ...outputs]))
  const found = states.map(({ norm: size }) => size) // c, then h
  assert.ok(difference(found, expected.map(norm)) < 1e-12, `${found}; by hand ${expected.map(norm)}`)
})

/**
 * The norms of dLoss/dh_t, t = 0 ..., for a loss on the last output of an Elman net, its recurrent weights
 * times `scale`. The inputs are so small that tanh is as good as linear, even where the states grow.
 */
async function elmanFlow(scale: number): Promise<number[]> {
  const cell = elman({ inputs: D, hidden: 16, bias: false, device, rng: random(1) })
  const { weight_hh: W } = cell.parameters
  W.assign(mul(W, scale))
  using tape = new Tape()
  const { outputs } = unroll(cell, mul(normal(2, 30, 1, D), 1e-12))
  const { states } = await gradientFlow(tape, energy(unstack(outputs)[29]))
  return states.map((entry) => entry.norm)
}

test('small recurrent weights make the gradient vanish, large ones make it explode', async () => {
  const small = await elmanFlow(0.5)
  assert.is(small.length, 30)
  for (let t = 0; t < 29; t++) assert.ok(small[t] < small[t + 1], `t = ${t}: ${small}`)
  assert.ok(small[0] < 1e-9 * small[29], `vanished: ${small}`)
  const large = await elmanFlow(3)
  assert.ok(large[0] > 1e4 * large[29], `exploded: ${large}`)
})

test('only the parameters that are asked for; a head over all steps has no step of its own', async () => {
  const cell = gru({ inputs: D, hidden: 3, device, rng: random(1) })
  const head = linear({ inputs: 3, outputs: 2, device, rng: random(2) })
  const all = parameters({ cell, head })
  using tape = new Tape()
  const loss = energy(head(unroll(cell, normal(2, T, B, D)).outputs))
  assert.equal((await gradientFlow(tape, loss)).contributions, [])
  const one = await gradientFlow(tape, loss, new Map([['U', all.get('cell.weight_hh')!]]))
  assert.equal(one.contributions.map(({ name, t }) => [name, t]), [0, 1, 2, 3, 4].map((t) => ['U', t]))
  const names = new Set((await gradientFlow(tape, loss, all)).contributions.map(({ name }) => name))
  assert.equal([...names].sort(), ['cell.bias_hh', 'cell.bias_ih', 'cell.weight_hh', 'cell.weight_ih'])
})

test('it changes nothing: the same gradients and flow afterwards, no memory left behind', async () => {
  const cell = lstm({ inputs: D, hidden: 3, device, rng: random(1) })
  const params = new Map(Object.entries(cell.parameters))
  const xs = normal(2, T, B, D)
  const { live, buffers } = device.memory()
  const tape = new Tape()
  const loss = energy(unroll(cell, xs).outputs)
  const before = await values([...tape.gradients(loss, params).values()])
  const flow = await gradientFlow(tape, loss, params)
  assert.equal(await gradientFlow(tape, loss, params), flow)
  assert.equal(await values([...tape.gradients(loss, params).values()]), before)
  const [W] = params.values()
  const copy = tape.keep(W)
  W.assign(copy)
  dispose(copy)
  await gradientFlow(tape, loss, params).then(() => assert.unreachable(), (error: Error) =>
    assert.match(error.message, /updated in place after this tape used it/))
  tape.close()
  assert.equal([device.memory().live, device.memory().buffers], [live, buffers])
})

test('formatFlow: a title for each place, a line for each step, bars by the logarithm', () => {
  const place = { layer: 0, direction: 'forward' } as const
  const text = formatFlow([
    { name: 'h', ...place, t: 0, norm: 0 }, { name: 'h', ...place, t: 1, norm: 1e-13 },
    { name: 'h', ...place, t: 2, norm: 1e-6 }, { name: 'h', ...place, t: 10, norm: 1 },
    { name: 'h', layer: 1, direction: 'reverse', t: 0, norm: 1e-3 },
  ], 20)
  assert.equal(text.split('\n'), [
    'h, layer 0, forward',
    '     0  0.000e+0',
    '     1  1.000e-13',
    '     2  1.000e-6  ██████████',
    '    10  1.000e+0  ████████████████████',
    'h, layer 1, reverse',
    '     0  1.000e-3  ███████████████',
  ])
  const bars = (norms: number[]) =>
    formatFlow(norms.map((size, t) => ({ name: 'h', ...place, t, norm: size })), 20)
  assert.match(bars([1e-30, 1e-20]), /1.000e-30 {2}███\n.*1.000e-20 {2}█{20}$/, 'norms that are all tiny')
  assert.match(bars([0, 0]), /0.000e\+0\n.*0.000e\+0$/)
  assert.match(bars([1, Infinity, NaN]), /Infinity\n.*NaN$/)
  assert.is(formatFlow([]), '')
})

test.run()

// Runs of a cell side by side, as the two directions of a layer are, against each run alone: the same bits on
// every device, of values and of every gradient.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Device } from '../src/device.ts'
import { GpuDevice } from '../src/gpu/device.ts'
import { openGpu } from '../src/gpu/open.ts'
import { gradientFlow } from '../src/inspect/flow.ts'
import type { Cell, Named } from '../src/nn/cell.ts'
import { gru } from '../src/nn/gru.ts'
import { lstm } from '../src/nn/lstm.ts'
import { bidirectional } from '../src/nn/sequence-layers.ts'
import { unroll, type Unrolled, unrollBoth } from '../src/nn/unroll.ts'
import { recurrences } from '../src/ops/recurrence.ts'
import { random } from '../src/random.ts'
import { untracked } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { leaves, type Tensor, tensor, type Tree } from '../src/tensor.ts'
import { devices, judge } from './devices.ts'
import { energy, fusedRows, fusedRowsOn, refused, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'
import { testAdapter } from './gpu-adapter.ts'

const test = suite('side by side')

type Pair = readonly [Cell<Named>, Cell<Named>]
type Ends = { lengths?: number[] | undefined }

function normal(device: Device, seed: number, ...shape: number[]): Tensor {
  return tensor(random(seed).normal(shape.reduce((n, size) => n * size, 1)), { shape, device })
}

type Make = typeof fusedRows[number]['make']

function pairOf(make: Make, device: Device, inputs: number, hidden: number): Pair {
  const cell = (seed: number) => make({ inputs, hidden, device, rng: random(seed) })
  return [cell(1), cell(2)]
}

const together = (pair: Pair, xs: Tensor, states: Named[], ends: Ends) => unrollBoth(pair, xs, states, ends)
const apart = ([forward, reverse]: Pair, xs: Tensor, [ahead, back]: Named[], ends: Ends) => [
  unroll(forward, xs, ahead, ends), unroll(reverse, xs, back, { ...ends, direction: 'reverse' }),
]

const runs = (tape: Tape) => tape.records.filter(({ op }) => op === 'recurrence').length
const all = (sides: readonly Unrolled<Named>[]): Tree => sides.map((side) => ({ ...side }))

/** Values and gradients, and how many ops did the steps. */
async function found(
  way: typeof together, pair: Pair, [xs, ...states]: Tensor[], ends: Ends,
  loss: (sides: readonly Unrolled<Named>[]) => Tensor = (sides) => energy(all(sides)),
): Promise<{ ops: number, numbers: number[][] }> {
  using tape = new Tape()
  const zeros = pair.map((cell) => cell.initial(xs.shape[1]))
  const given = zeros.map((zero, s) => Object.fromEntries(Object.keys(zero).map((part, k) =>
    [part, states[s * (states.length / 2) + k] ?? zero[part]])))
  const sides = way(pair, xs, given, ends)
  const wrt = [...pair.flatMap((cell) => Object.values(cell.parameters)), xs, ...states]
  const gradients = tape.gradients(loss(sides), wrt)
  return { ops: runs(tape), numbers: await values(all(sides), gradients) }
}

/** Normal numbers for every part of both first states. */
const statesOf = (pair: Pair, B: number) => pair.flatMap((cell, s) =>
  leaves(cell.initial(B)).map((x, k) => normal(x.device, 3 + 2 * s + k, ...x.shape)))

for (const { name, device } of devices) {
  for (const { cell, variant, make } of fusedRowsOn(device)) {
    test(`${name}: ${cell}, ${variant}: one op for both directions, the same bits`, async () => {
      const small = [[5, 3, 2, 4, [3, 5, 1]], [1, 1, 1, 3, [1]], [4, 9, 3, 33, undefined]] as const
      const large = [[3, 5, 5, 65, [3, 1, 2, 3, 1]], [2, 17, 3, 128, undefined]] as const
      for (const [T, B, D, H, ends] of device === judge ? small : [...small, ...large]) {
        const pair = pairOf(make, device, D, H)
        const xs = normal(device, 9, T, B, D)
        for (const lengths of ends ? [undefined, [...ends]] : [undefined]) {
          const inputs = [xs, ...(lengths ? [] : statesOf(pair, B))]
          const one = await found(together, pair, inputs, { lengths })
          const two = await found(apart, pair, inputs, { lengths })
          assert.equal([one.ops, two.ops], [1, 2])
          assert.equal(one.numbers, two.numbers, `${[T, B, D, H]}, ${lengths ? 'lengths' : 'all'}`)
        }
      }
    })
  }

  test(`${name}: a loss of one direction alone, or of one state`, async () => {
    const pair = pairOf(lstm, device, 2, 5)
    const inputs = [normal(device, 9, 4, 3, 2), ...statesOf(pair, 3)]
    for (const s of [0, 1]) {
      for (const part of ['outputs', 'h', 'c'] as const) {
        const loss = (sides: readonly Unrolled<Named>[]) =>
          energy(part === 'outputs' ? sides[s].outputs : sides[s].state[part])
        const one = await found(together, pair, inputs, {}, loss)
        const two = await found(apart, pair, inputs, {}, loss)
        assert.equal(one.numbers, two.numbers, `run ${s}, ${part}`)
      }
    }
  })

  test(`${name}: with no tape the same outputs, and nothing is left`, async () => {
    const { make } = fusedRows.find(({ variant }) => variant === 'projection')!
    const pair = pairOf(make, device, 2, 6)
    const states = pair.map((cell) => cell.initial(3))
    const xs = normal(device, 9, 4, 3, 2)
    for (const lengths of [undefined, [4, 1, 2]]) {
      const taped = await found(together, pair, [xs], { lengths })
      const before = device.memory().live
      const sides = untracked(() => all(together(pair, xs, states, { lengths })))
      assert.equal(await values(sides), taped.numbers.slice(0, 6))
      for (const memory of new Set(leaves(sides).map((x) => x.memory))) device.free(memory)
      assert.ok(device.memory().live <= before, 'what earlier tests left may go meanwhile')
    }
  })
}

test('the kernels of a card, on the adapter that there is: a cell that takes all of them', async () => {
  const { gpu, adapter } = await openGpu(testAdapter)
  const card = new GpuDevice(gpu, { adapter: { ...adapter, kind: 'hardware' }, immediates: false })
  const { make } = fusedRows.find(({ variant }) => variant === 'projection')!
  const on = (device: Device) => {
    const pair = pairOf(make, device, 2, 9)
    const inputs = [normal(device, 9, 3, 5, 2), ...statesOf(pair, 5)]
    return found(together, pair, inputs, { lengths: [3, 1, 2, 3, 1] })
  }
  const [{ numbers }, { numbers: right }] = [await on(card), await on(judge)]
  numbers.forEach((list, k) => assert.ok(difference(list, right[k]) < 1e-5, `number ${k}`))
  card.close()
})

test('cells of different kinds or sizes go one after the other', async () => {
  const options = { inputs: 2, device: judge, rng: random(1) }
  const pairs: readonly Pair[] = [
    [gru({ ...options, hidden: 3 }), gru({ ...options, hidden: 4 })],
    [lstm({ ...options, hidden: 3 }), gru({ ...options, hidden: 3 })],
    [gru({ ...options, hidden: 3 }), gru({ ...options, hidden: 3, bias: false })],
  ]
  for (const pair of pairs) {
    const inputs = [normal(judge, 9, 4, 3, 2)]
    const one = await found(together, pair, inputs, {})
    const two = await found(apart, pair, inputs, {})
    assert.equal([one.ops, two.ops], [2, 2])
    assert.equal(one.numbers, two.numbers)
  }
})

test('one cell may be both', async () => {
  const cell = gru({ inputs: 2, hidden: 3, device: judge, rng: random(1) })
  const inputs = [normal(judge, 9, 4, 3, 2)]
  const one = await found(together, [cell, cell], inputs, {})
  const two = await found(apart, [cell, cell], inputs, {})
  assert.equal(one.numbers, two.numbers)
})

test('gradientFlow: each direction has its states, as the runs alone have', async () => {
  const pair = pairOf(lstm, judge, 2, 3)
  const xs = normal(judge, 9, 5, 3, 2)
  const params = Object.fromEntries(pair.flatMap((cell, s) =>
    Object.entries(cell.parameters).map(([name, x]) => [`${name} ${s}`, x])))
  for (const lengths of [undefined, [5, 2, 1]]) {
    const flow = async (way: typeof together) => {
      using tape = new Tape()
      const states = pair.map((cell) => cell.initial(3))
      return gradientFlow(tape, energy(way(pair, xs, states, { lengths })[1].outputs), params)
    }
    const [one, two] = [await flow(together), await flow(apart)]
    assert.equal(one.states.map(({ name, direction, t }) => `${name} ${direction} ${t}`),
      two.states.map(({ name, direction, t }) => `${name} ${direction} ${t}`))
    const directions = one.states.map(({ direction, norm }) => `${direction} ${norm > 0}`)
    assert.equal(new Set(directions), new Set(['forward false', 'reverse true']))
    one.states.forEach(({ norm }, k) => assert.ok(Math.abs(norm - two.states[k].norm) <= 1e-12 * norm))
    assert.ok(one.contributions.length > 0)
  }
})

test('runs that are not alike are refused side by side', () => {
  const parts = (H: number) => ({
    kind: 'gru', projected: normal(judge, 1, 3, 2, 3 * H), weight_hh: normal(judge, 2, 3 * H, H),
    h: normal(judge, 3, 2, H),
  } as const)
  refused(() => recurrences([parts(2), parts(1)]),
    'recurrence: runs side by side must be alike; these are gru, projected [3, 2, 6], weight_hh [6, 2], ' +
    'h [2, 2] and gru, projected [3, 2, 3], weight_hh [3, 1], h [2, 1]')
})

test('a pair reads [forward; reverse]', async () => {
  const pair = pairOf(gru, judge, 2, 3)
  const xs = normal(judge, 9, 4, 1, 2)
  const [both] = await values(bidirectional(...pair)(xs).outputs)
  const [ahead, back] = await values(apart(pair, xs, pair.map((cell) => cell.initial(1)), {})
    .map(({ outputs }) => outputs))
  const rows = [0, 1, 2, 3].flatMap((t) => [ahead, back].flatMap((list) => list.slice(3 * t, 3 * t + 3)))
  assert.equal(both, rows)
})

test.run()

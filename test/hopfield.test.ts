// Hopfield's nets against what the papers prove of them.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { hopfield, overlap, type UnitValues } from '../src/memory/hopfield.ts'
import { random } from '../src/random.ts'
import { message } from './one-line.ts'

const test = suite('hopfield')

const draw = (count: number, seed: number, off: number) =>
  random(seed).uniform(count).map((u) => u < 0.5 ? off : 1)
const low: Readonly<Record<UnitValues, number>> = { 'zero-one': 0, 'plus-minus': -1 }

/** E by its definition, with two loops. */
function energyByHand(weights: Float64Array, thresholds: Float64Array, state: ArrayLike<number>): number {
  const N = state.length
  let energy = 0
  for (let i = 0; i < N; i++) {
    for (let j = 0; j < N; j++) energy -= weights[i * N + j] * state[i] * state[j] / 2
    energy += thresholds[i] * state[i]
  }
  return energy
}

test('the weights are those of eq. 2, symmetric, nothing on the diagonal', () => {
  const net = hopfield({ patterns: [[1, 0, 1], [0, 0, 1]], units: 'zero-one' })
  assert.equal([...net.weights], [0, 0, 0, 0, 0, -2, 0, -2, 0])
  const clipped = hopfield({ patterns: [[1, 0, 1], [0, 0, 1]], units: 'zero-one', clipped: true })
  assert.equal([...clipped.weights], [0, 0, 0, 0, 0, -1, 0, -1, 0])
  const signs = hopfield({ patterns: [[1, -1, 1], [-1, -1, 1]], units: 'plus-minus' })
  assert.equal(signs.weights, net.weights)
})

for (const units of ['zero-one', 'plus-minus'] as const) {
  const off = low[units]

  test(`${units}: asked one at a time, each change lowers the energy, and the end is stable`, () => {
    const N = 61
    const patterns = [1, 2, 3, 4].map((seed) => draw(N, seed, off))
    const thresholds = random(5).normal(N, 0, 0.7)
    for (const clipped of [false, true]) {
      const net = hopfield({ patterns, units, thresholds, clipped })
      for (let seed = 10; seed < 20; seed++) {
        const energies: number[] = []
        const start = draw(N, seed, off)
        assert.ok(Math.abs(net.energy(start) - energyByHand(net.weights, thresholds, start)) < 1e-9)
        const { state, stable } = net.settle(start, {
          order: 'asynchronous', rng: random(seed), watch: (energy) => energies.push(energy),
        })
        assert.ok(stable)
        assert.ok(energies.length > 1)
        for (let k = 1; k < energies.length; k++) assert.ok(energies[k] < energies[k - 1] + 1e-9)
        assert.ok(Math.abs(energies[energies.length - 1] - net.energy(state)) < 1e-9)
        const again = net.settle(state, { order: 'synchronous' })
        assert.equal([again.state, again.sweeps], [state, 1])
      }
    }
  })

  test(`${units}: a few patterns are stable, and come back when some units are turned over`, () => {
    const N = 100
    const patterns = [1, 2, 3].map((seed) => draw(N, seed, off))
    const net = hopfield({ patterns, units })
    for (const pattern of patterns) {
      const damaged = pattern.map((value, i) => i % 10 === 0 ? 1 + off - value : value)
      const { state } = net.settle(damaged, { order: 'asynchronous', rng: random(1) })
      assert.equal(state, pattern)
    }
  })
}

test('with units of -1 and 1 the opposite of a stored pattern is stable as well', () => {
  const patterns = [1, 2].map((seed) => draw(80, seed, -1))
  const net = hopfield({ patterns, units: 'plus-minus' })
  const opposite = patterns[0].map((value) => -value)
  assert.equal(net.settle(opposite, { order: 'synchronous' }).state, opposite)
  assert.is(net.energy(opposite), net.energy(patterns[0]))
})

test('all at once, two states can alternate for ever: the energy argument needs one at a time', () => {
  const net = hopfield({ patterns: [[1, -1]], units: 'plus-minus' }) // each wants to be the other's opposite
  const { state, stable, sweeps } = net.settle([1, 1], { order: 'synchronous', sweeps: 7 })
  assert.equal([[...state], stable, sweeps], [[-1, -1], false, 7])
  assert.ok(net.settle([1, 1], { order: 'asynchronous', rng: random(1) }).stable)
})

test('a unit that is asked for nothing keeps its value', () => {
  const net = hopfield({ patterns: [[1, 1, -1], [1, -1, 1]], units: 'plus-minus' })
  // T between unit 0 and the others is 0: nothing tells it what to be
  for (const first of [1, -1]) assert.is(net.settle([first, 1, -1], { order: 'synchronous' }).state[0], first)
})

test('a net from the weights of another one is the same net', () => {
  const patterns = [1, 2, 3].map((seed) => draw(40, seed, -1))
  const thresholds = random(9).normal(40)
  const net = hopfield({ patterns, units: 'plus-minus', thresholds, clipped: true })
  const again = hopfield({ weights: net.weights, units: net.units, thresholds: net.thresholds })
  const start = draw(40, 8, -1)
  const settled = [net, again].map((one) => one.settle(start, { order: 'asynchronous', rng: random(1) }))
  assert.equal(settled[0], settled[1])
  assert.is(net.energy(start), again.energy(start))
})

test('errors name what does not fit', () => {
  const patterns = [[1, -1, 1]]
  const net = hopfield({ patterns, units: 'plus-minus' })
  assert.is(message(() => hopfield({ patterns: [], units: 'zero-one' })),
    'hopfield: there is no pattern; store at least one')
  assert.is(message(() => hopfield({ patterns, units: 'zero-one' })),
    'hopfield: pattern 0: unit 1 is -1; it must be 0 or 1')
  assert.is(message(() => hopfield({ patterns: [[1, -1], [1]], units: 'plus-minus' })),
    'hopfield: pattern 1 has 1 units; it must have 2')
  assert.is(message(() => hopfield({ patterns, units: 'plus-minus', thresholds: [1, NaN, 1] })),
    'hopfield: thresholds must be 3 finite numbers, one for each unit; there are 3')
  assert.is(message(() => net.settle([1, 1, 1], { order: 'asynchronous' })),
    'settle, whose asynchronous order is drawn: rng is missing; pass a generator, such as random(1)')
  assert.is(message(() => net.settle([1, 1, 1], { order: 'random' as 'synchronous' })),
    'settle: order is random; it must be asynchronous or synchronous')
  assert.is(message(() => hopfield({ patterns, units: 'binary' as 'zero-one' })),
    'hopfield: units is binary; it must be zero-one or plus-minus')
  assert.is(message(() => hopfield({ units: 'zero-one' })),
    'hopfield: give either patterns to store or the weights of a net that has stored some')
  assert.is(message(() => hopfield({ weights: [0, 1, 2, 0], units: 'zero-one' })),
    'hopfield: the weights between units 1 and 0 are 2 and 1; they must be finite, the same both ways, ' +
    'and 0 from a unit to itself, or the energy may rise')
  assert.is(message(() => net.energy([1, 1])), 'energy: the state has 2 units; it must have 3')
  assert.is(message(() => overlap([1], [1, 1])), 'overlap: 1 units and 2; they must be as many, 1 or more')
})

test.run()

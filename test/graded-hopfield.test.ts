// The Hopfield nets of graded units: 1984, whose energy falls and whose stable states are those of 1982 when
// the gain is high; and the modern one, whose step is attention.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { cpu } from '../src/cpu/device.ts'
import { continuousHopfield } from '../src/memory/continuous-hopfield.ts'
import { hopfield, overlap } from '../src/memory/hopfield.ts'
import { modernHopfield } from '../src/memory/modern-hopfield.ts'
import { div } from '../src/ops/elementwise.ts'
import { matmul } from '../src/ops/matmul.ts'
import { softmax } from '../src/ops/softmax.ts'
import { random } from '../src/random.ts'
import { tensor } from '../src/tensor.ts'
import { message } from './one-line.ts'

const test = suite('graded hopfield')

const signs = (count: number, seed: number) => random(seed).uniform(count).map((u) => u < 0.5 ? -1 : 1)

const N = 60
const patterns = [1, 2, 3].map((seed) => signs(N, seed))
const weights = hopfield({ patterns, units: 'plus-minus' }).weights.map((weight) => weight / N)

test('1984: the energy never rises, and its minimum on the way is where the circuit comes to rest', () => {
  const currents = random(9).normal(N, 0, 0.05)
  const net = continuousHopfield({ weights, gain: 3, currents, resistance: 2, capacitance: 0.5 })
  for (let seed = 20; seed < 25; seed++) {
    const energies: number[] = []
    const start = random(seed).uniform(N, -0.9, 0.9)
    const end = net.flow(start, { watch: (energy) => energies.push(energy) })
    assert.is(energies.length, 1001)
    assert.ok(energies[1000] < energies[0] - 1)
    for (let k = 1; k < energies.length; k++) assert.ok(energies[k] <= energies[k - 1] + 1e-12, `step ${k}`)
    const further = net.flow(end, { duration: 5 })
    assert.ok(end.every((v, i) => Math.abs(v - further[i]) < 1e-6))
  }
})

test('1984: at rest each unit has what eq. 5 asks for, u = R (sum_j T_ij V_j + I)', () => {
  const net = continuousHopfield({ weights, gain: 2, resistance: 3 })
  const V = net.flow(random(2).uniform(N, -0.5, 0.5), { duration: 600 })
  for (let i = 0; i < N; i++) {
    let input = 0
    for (let j = 0; j < N; j++) input += weights[i * N + j] * V[j]
    assert.ok(Math.abs(V[i] - Math.tanh(2 * 3 * input)) < 1e-9)
  }
})

test('1984: with a high gain the rest is a stable state of 1982; with a low one all is forgotten', () => {
  const discrete = hopfield({ patterns, units: 'plus-minus' })
  const start = patterns[0].map((value, i) => (i % 6 === 0 ? -value : value) * 0.3)
  const V = continuousHopfield({ weights, gain: 20 }).flow(start)
  const rounded = V.map(Math.sign)
  assert.is(overlap(rounded, patterns[0]), 1)
  assert.ok(discrete.settle(rounded, { order: 'synchronous' }).sweeps === 1)
  const weak = continuousHopfield({ weights, gain: 0.5 }).flow(start) // gain R T's eigenvalue is below 1
  assert.ok(Math.max(...weak.map(Math.abs)) < 1e-6)
})

test('1984: the energy by its definition, the integral summed in small pieces', () => {
  const currents = random(3).normal(4)
  const T = [0, 1, -2, 0.5, 1, 0, 0.25, -1, -2, 0.25, 0, 1, 0.5, -1, 1, 0]
  const net = continuousHopfield({ weights: T, gain: 1.5, currents, resistance: 0.7 })
  const V = [0.3, -0.8, 0.95, -0.1]
  let wanted = 0
  const pieces = 20000
  V.forEach((v, i) => {
    V.forEach((w, j) => { wanted -= T[i * 4 + j] * v * w / 2 })
    for (let k = 0; k < pieces; k++) wanted += Math.atanh(v * (k + 0.5) / pieces) / 1.5 * v / pieces / 0.7
    wanted -= currents[i] * v
  })
  assert.ok(Math.abs(net.energy(V) - wanted) < 1e-6)
  assert.ok(Number.isFinite(net.energy([1, -1, 1, -1]))) // corners have an energy too
})

const d = 32
const keys = Array.from({ length: 50 }, (_, k) => random(100 + k).normal(d))

test('modern: one step from several states is attention, softmax(Q K^T / sqrt(d)) K', async () => {
  const device = cpu({ precision: 'float64' })
  const queries = [1, 2, 3].map((seed) => random(seed).normal(d))
  const K = tensor(keys.flatMap((key) => [...key]), { shape: [50, d], device })
  const Q = tensor(queries.flatMap((query) => [...query]), { shape: [3, d], device })
  const attention = matmul(softmax(div(matmul(Q, K, { transposeB: true }), Math.sqrt(d))), K)
  const wanted = await attention.read()
  const net = modernHopfield({ patterns: keys })
  const found = queries.flatMap((query) => [...net.recall(query)])
  assert.is(found.length, wanted.length)
  found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < 1e-12))
})

test('modern: the energy never rises, lies between 0 and 2 M^2, and is that of eq. 2', () => {
  for (const beta of [0.1, 0.5, 4]) {
    const net = modernHopfield({ patterns: keys, beta })
    const longest = Math.max(...keys.map((key) => Math.hypot(...key)))
    let state = random(7).normal(d)
    const scale = longest / Math.hypot(...state)
    state = state.map((x) => x * scale)
    let last = Infinity
    for (let k = 0; k < 20; k++) {
      const energy = net.energy(state)
      const lse = Math.log(keys.reduce((sum, key) =>
        sum + Math.exp(beta * key.reduce((dot, x, i) => dot + x * state[i], 0)), 0)) / beta
      const wanted = -lse + Math.hypot(...state) ** 2 / 2 + Math.log(50) / beta + longest ** 2 / 2
      assert.ok(Math.abs(energy - wanted) < 1e-9)
      assert.ok(energy <= last + 1e-12 && energy >= -1e-12 && energy <= 2 * longest ** 2)
      const length = Math.hypot(...state) // lse lies between a mean of the products and the largest of them
      const [least, most] = [(longest - length) ** 2 / 2, (longest + length) ** 2 / 2]
      assert.ok(energy >= least - 1e-12 && energy <= most + 1e-12)
      last = energy
      state = net.recall(state)
    }
  }
})

test('modern: with a high beta a damaged pattern comes back in one step; more patterns than units', () => {
  const net = modernHopfield({ patterns: keys, beta: 8 })
  for (const key of keys) {
    const damaged = key.map((x, i) => i < 8 ? 0 : x)
    const restored = net.recall(damaged)
    assert.ok(restored.every((x, i) => Math.abs(x - key[i]) < 0.05))
    assert.ok(Math.abs(net.weights(damaged).reduce((sum, w) => sum + w, 0) - 1) < 1e-12)
  }
  assert.equal(net.recall(keys[0], 3), net.recall(net.recall(net.recall(keys[0]))))
})

test('modern: huge scores do not overflow', () => {
  const net = modernHopfield({ patterns: [[1000, 0], [0, 1000]], beta: 10 })
  assert.equal([...net.recall([1000, 1])], [1000, 0])
  assert.ok(Number.isFinite(net.energy([1000, 1])))
})

test('errors name what does not fit', () => {
  assert.is(message(() => continuousHopfield({ weights: [0, 1, 2, 0] })),
    'continuousHopfield: the weights between units 1 and 0 are 2 and 1; they must be finite and the same, ' +
    'or there is no energy')
  assert.is(message(() => continuousHopfield({ weights: [0, 1, 2] })),
    'continuousHopfield: there are 3 weights; they must be N x N for N units')
  assert.is(message(() => continuousHopfield({ weights: [0], gain: 0 })),
    'continuousHopfield: gain is 0; it must be a positive number')
  const net = continuousHopfield({ weights: [0, 1, 1, 0] })
  assert.is(message(() => net.flow([1, 0])), 'flow: output 0 is 1; it must lie strictly between -1 and 1')
  assert.is(message(() => net.energy([2, 0])), 'energy: output 0 is 2; it must lie between -1 and 1')
  assert.is(message(() => modernHopfield({ patterns: [[1, 2], [1]] })),
    'modernHopfield: pattern 1 has 1 numbers; it must have 2')
  assert.is(message(() => modernHopfield({ patterns: [[1]], beta: -1 })),
    'modernHopfield: beta is -1; it must be a positive number')
  assert.is(message(() => modernHopfield({ patterns: [[1]] }).recall([1], 0)),
    'recall: steps is 0; it must be a whole number of 1 or more')
})

test.run()

// The liquid state machine: neurons and synapses against what can be worked out, the column against the
// paper's numbers, and that different inputs leave different states.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { decodeSafetensors, encodeSafetensors } from '../src/io/safetensors.ts'
import { random } from '../src/random.ts'
import { liquid } from '../src/reservoir/liquid.ts'
import { afterPause, type ColumnOptions } from '../src/reservoir/liquid-column.ts'
import { liquidTensors } from '../src/reservoir/liquid-weights.ts'
import { message } from './one-line.ts'

const test = suite('liquid')

const column = (options: Partial<ColumnOptions> = {}, seed = 1) => liquid({ rng: random(seed), ...options })
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, x) => sum + x, 0) / values.length

test('one neuron under a constant current spikes at the interval of the equation', () => {
  for (const [inhibitory, rest] of [[0, 3], [1, 2]]) {
    const one = column({ shape: [1, 1, 1], background: 18, noise: 0, inhibitory })
    const { spikes: [times] } = one.run({ inputs: [[]], duration: 2000, rng: random(2) })
    const interval = 30 * Math.log((18 - 13.5) / (18 - 15)) + rest // from 13.5 to 15 mV on the way to 18
    const found = (times[times.length - 1] - times[0]) / (times.length - 1)
    assert.ok(found >= interval && found < interval + 0.5, `${found}, should be ${interval}, rounded up`)
  }
})

test('the state is the sum of the spikes, each fading with 30 ms', () => {
  const net = column({ weightScale: 3 })
  const inputs = [random(3).uniform(40, 0, 500)]
  const { states, spikes } = net.run({ inputs, duration: 500, rng: random(4), readAt: [123, 400, 500] })
  assert.is(states.length, 3 * 135)
  assert.ok(spikes.flat().length > 50)
  for (const [k, time] of [123, 400, 500].entries()) {
    spikes.forEach((times, i) => {
      const wanted = times.filter((at) => at <= time)
        .reduce((sum, at) => sum + Math.exp(-(time - at) / 30), 0)
      assert.ok(Math.abs(states[k * 135 + i] - wanted) < 1e-9)
    })
  }
})

test('without input, and with the background below threshold, nothing spikes for long', () => {
  const { spikes } = column().run({ inputs: [[]], duration: 1000, rng: random(1) })
  assert.is(spikes.flat().filter((time) => time > 100).length, 0)
})

test('a synapse that spikes regularly comes to the steady state of the equations', () => {
  for (const [U, D, F] of [[0.5, 1100, 50], [0.05, 125, 1200], [0.32, 144, 60]]) {
    const pause = 50
    let [u, R] = [U, 1]
    for (let k = 0; k < 500; k++) [u, R] = afterPause({ U, D, F }, u, R, pause)
    const uWanted = U / (1 - (1 - U) * Math.exp(-pause / F))
    const rWanted = (1 - Math.exp(-pause / D)) / (1 - (1 - uWanted) * Math.exp(-pause / D))
    assert.ok(Math.abs(u - uWanted) < 1e-12 && Math.abs(R - rWanted) < 1e-12)
  }
  const [u, R] = afterPause({ U: 0.5, D: 1100, F: 50 }, 0.5, 1, 1e6)
  assert.equal([u, R], [0.5, 1]) // rested
  assert.equal(afterPause({ U: 0.5, D: 1100, F: 50 }, 0.5, 1, 0), [0.75, 0.5]) // at once again
})

test('the column has the kinds of synapses, the weights and the dynamics of the paper', () => {
  const kinds = new Map<string, { A: number[], U: number[], D: number[], F: number[], delay: number }>()
  for (let seed = 1; seed <= 12; seed++) {
    const { column: { excitatory, synapses: s } } = column({}, seed)
    assert.is(excitatory.filter((excites) => !excites).length, 27) // 20 % of 135
    for (let from = 0; from < 135; from++) {
      for (let k = s.starts[from]; k < s.starts[from + 1]; k++) {
        assert.is.not(s.targets[k], from)
        const kind = `${excitatory[from] ? 'E' : 'I'}${excitatory[s.targets[k]] ? 'E' : 'I'}`
        const list = kinds.get(kind) ?? { A: [], U: [], D: [], F: [], delay: s.delays[k] }
        kinds.set(kind, list)
        for (const name of ['A', 'U', 'D', 'F'] as const) list[name].push(s[name][k])
      }
    }
  }
  const wanted = { EE: [30, 1.5, 0.5, 1100], EI: [60, 0.8, 0.05, 125], IE: [-19, 0.8, 0.25, 700] } as const
  for (const [kind, [A, delay, U, D]] of Object.entries(wanted)) {
    const found = kinds.get(kind)
    assert.ok(found)
    const deviation = Math.sqrt(mean(found.A.map((a) => a ** 2)) - mean(found.A) ** 2)
    assert.ok(Math.abs(mean(found.A) / A - 1) < 0.15, `${kind} A ${mean(found.A)}`)
    assert.ok(Math.abs(deviation / Math.abs(A) - 1) < 0.25, `${kind} deviation ${deviation}`)
    assert.is(found.delay, delay)
    assert.ok(Math.abs(mean(found.U) / U - 1) < 0.15 && Math.abs(mean(found.D) / D - 1) < 0.15)
    assert.ok(found.U.every((u) => u > 0 && u <= 1) && found.D.every((d) => d > 0))
  }
})

test('synapses grow rarer with distance, as C exp(-(d / lambda)^2)', () => {
  const [lambda, pairs, found] = [2, [0, 0, 0, 0], [0, 0, 0, 0]]
  for (let seed = 1; seed <= 30; seed++) {
    const { column: { synapses: s } } = column({ shape: [1, 1, 40], inhibitory: 0, lambda }, seed)
    for (let a = 0; a < 40; a++) {
      const targets = new Set(s.targets.subarray(s.starts[a], s.starts[a + 1]))
      for (const d of [1, 2, 3]) {
        if (a + d >= 40) continue
        pairs[d]++
        if (targets.has(a + d)) found[d]++
      }
    }
  }
  for (const d of [1, 2, 3]) {
    const chance = 0.3 * Math.exp(-((d / lambda) ** 2))
    const deviation = Math.sqrt(chance * (1 - chance) / pairs[d])
    const share = found[d] / pairs[d]
    assert.ok(Math.abs(share - chance) < 4 * deviation, `${d}: ${share}, ${chance}`)
  }
})

const apart = (a: Float64Array, b: Float64Array) => Math.hypot(...a.map((x, i) => x - b[i]))
const train = (seed: number) => random(seed).uniform(20, 0, 500)

test('separation: other inputs leave states further apart than the noise does', () => {
  const net = column()
  const state = (input: Float64Array, seed: number) =>
    net.run({ inputs: [input], duration: 500, rng: random(seed) }).states
  const same = mean([1, 2, 3, 4, 5, 6].map((k) => apart(state(train(k), 10), state(train(k), 20 + k))))
  const other = mean([1, 2, 3, 4, 5, 6].map((k) => apart(state(train(k), 10), state(train(k + 50), 20 + k))))
  assert.ok(other > 1.5 * same, `${other}, with the same input ${same}`)
})

test('static synapses let the column run away: depression is what holds it', () => {
  const rate = (dynamic: boolean) =>
    column({ dynamic }).run({ inputs: [train(1)], duration: 500, rng: random(1) }).spikes.flat().length
  assert.ok(rate(false) > 5 * rate(true), `${rate(false)}, ${rate(true)}`)
})

test('the same seeds give the same run; another run does not remember the one before', () => {
  const net = column()
  const run = () => net.run({ inputs: [train(1)], duration: 300, rng: random(7) }).states
  assert.equal(run(), run())
  assert.equal(column().run({ inputs: [train(1)], duration: 300, rng: random(7) }).states, run())
})

test('saved as safetensors and made again, a liquid answers bit by bit as it did', () => {
  for (const [options, trains] of [
    [{}, 1], [{ shape: [2, 3, 4], inputs: 3, dynamic: false, noise: 0.7, background: 13.7 }, 3],
    [{ shape: [1, 1, 1], inputShare: 0 }, 1],
  ] as const) {
    const one = column(options, 5)
    const bytes = encodeSafetensors(liquidTensors(one))
    const { tensors } = decodeSafetensors(bytes, 'liquid.safetensors')
    const weights = Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]))
    const again = liquid({ weights })
    assert.equal(again.column, one.column)
    const inputs = Array.from({ length: trains }, (_, k) => train(k))
    const run = (net: typeof one) => net.run({ inputs, duration: 300, rng: random(8), readAt: [100, 300] })
    assert.equal(run(again), run(one))
    assert.ok(one.size === 1 || run(again).spikes.flat().length > 20)
    assert.equal(encodeSafetensors(liquidTensors(again)), bytes)
  }
})

test('weights of a liquid that do not fit each other are refused', () => {
  const tensors = liquidTensors(column({ shape: [2, 2, 2] }))
  const weights: Record<string, Float64Array> =
    Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]))
  const refusal = (changes: Record<string, ArrayLike<number>>) =>
    message(() => liquid({ weights: { ...weights, ...changes } })).replace('liquid: weights: ', '')
  const all = weights.A.length
  assert.is(refusal({ A: [1] }), `A has 1 numbers; it must have ${all}`)
  assert.is(refusal({ excitatory: [] }), 'excitatory has 0 numbers; it must have 1 or more')
  assert.is(refusal({ noise: [1, 2] }), 'noise has 2 numbers; it must have 9 or more')
  assert.is(refusal({ starts: weights.starts.map((x, k) => k === 2 ? -1 : x) }),
    'starts: number 2 is -1; it must be 0 and then ascend in whole numbers')
  assert.is(refusal({ targets: weights.targets.map(() => 8) }),
    'targets: number 0 is 8; it must be a neuron, 0 to 7')
  assert.is(refusal({ D: weights.D.map(() => NaN) }), 'D: number 0 is NaN; it must be above 0 ms')
  assert.is(refusal({ U: weights.U.map(() => 2) }), 'U: number 0 is 2; it must be above 0 and at most 1')
  assert.is(refusal({ delays: weights.delays.map(() => 4) }),
    'delays: number 0 is 4; it must be from 0 to 3.5 ms')
  const far = weights.starts.map((x, k) => k === 8 ? 3e9 : x) // more than an Int32 holds
  assert.is(refusal({ starts: far }), `targets has ${all} numbers; it must have 3000000000`)
  assert.match(refusal({ delay: [1] }), 'there is no option delay; did you mean delays?')
  const both: { weights: typeof weights } = { weights, ...{ rng: random(1) } }
  assert.match(message(() => liquid(both)), 'liquid: there is no option rng; it takes weights')
})

test('weights that are no lists of numbers, and columns that are none, are named', () => {
  const tensors = liquidTensors(column({ shape: [2, 2, 2] }))
  const refusal = (weights: object) => message(() => liquid({ weights: { ...weights } }))
  const all = Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]))
  assert.is(refusal(Object.fromEntries(tensors)),
    'liquid: weights: excitatory is an object; it must be a list of numbers')
  assert.is(refusal({ ...all, A: 3 }), 'liquid: weights: A is 3; it must be a list of numbers')
  const map: object = tensors
  assert.match(message(() => Reflect.apply(liquid, undefined, [{ weights: map }])),
    /^liquid: weights is a map; it must be an object of lists: .* \[name, data\]\)\)$/)
  for (const net of [{ column: 3 }, { column: {} }]) {
    assert.match(message(() => Reflect.apply(liquidTensors, undefined, [net])),
      /^liquidTensors: the column .*; it must be what liquid\(\) makes$/)
  }
})

test('the longest delay there is arrives when it should', () => {
  const weights = {
    excitatory: [1, 1], noise: [0, 0, 0], background: [0], dynamic: [0], starts: [0, 1, 1], targets: [1],
    A: [1e4], U: [1], D: [1], F: [1], delays: [3.5],
    'inputs.starts': [0, 1], 'inputs.targets': [0], 'inputs.weights': [1e4],
  }
  const { spikes: [[first], [second]] } =
    liquid({ weights }).run({ inputs: [[20]], duration: 40, rng: random(1) })
  assert.is(second - first, 3.5)
})

test('errors name what does not fit', () => {
  const net = column()
  const run = { inputs: [[]], duration: 10, rng: random(1) }
  assert.is(message(() => column({ shape: [3, 0, 1] })),
    'liquid: shape[1] is 0; it must be a whole number of 1 or more')
  assert.is(message(() => column({ inhibitory: 2 })), 'liquid: inhibitory is 2; it must be from 0 to 1')
  assert.is(message(() => column({ noise: -1 })), 'liquid: noise is -1; it must be 0 or more')
  assert.is(message(() => net.run({ ...run, inputs: [] })),
    'run: there are spikes of 0 inputs; the liquid has 1')
  assert.match(message(() => net.run({ ...run, inputs: [[NaN]] })), 'input 0 must be a list of spike times')
  assert.match(message(() => net.run({ ...run, duration: 0 })), 'it must be 0.5 ms or more')
  const order = /^run: readAt 1 is 3; the times must ascend/
  assert.match(message(() => net.run({ ...run, readAt: [5, 3] })), order)
  assert.match(message(() => net.run({ ...run, readAt: [50] })), 'to the duration, 10')
})

test.run()

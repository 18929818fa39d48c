// The echo state network: its equation by hand, its echo state property, fitting at once and step by step.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { decodeSafetensors, encodeSafetensors } from '../src/io/safetensors.ts'
import { random } from '../src/random.ts'
import { echoStateTensors } from '../src/reservoir/echo-state-weights.ts'
import { echoState, type EchoStateOptions } from '../src/reservoir/echo-state.ts'
import { leastSquares } from '../src/reservoir/least-squares.ts'
import { spectralRadius } from '../src/reservoir/matrices.ts'
import { recursiveLeastSquares } from '../src/reservoir/recursive-least-squares.ts'
import { message } from './one-line.ts'

const test = suite('echo state')

const near = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number) => {
  assert.is(a.length, b.length)
  for (let i = 0; i < a.length; i++) assert.ok(Math.abs(a[i] - b[i]) <= tolerance, `${i}: ${a[i]}, ${b[i]}`)
}
const net = (options: Partial<EchoStateOptions> = {}, seed = 1) =>
  echoState({ inputs: 1, units: 60, outputs: 1, rng: random(seed), ...options })

test('one step is the equation: leak, gain, input, feedback, bias', () => {
  const [W, input] = [[0.1, -0.2, 0.3, 0], [1, 0, 0.5, -1, 0, 2]]
  const [feedback, bias] = [[0.7, -0.4], [0.05, -0.15]]
  for (const activation of ['tanh', 'linear'] as const) {
    const small = echoState({
      inputs: 3, units: 2, outputs: 1, rng: random(1), leak: 0.3, gain: 0.8, activation,
      weights: { recurrent: W, input, feedback, bias },
    })
    small.reset([0.4, -0.6])
    const [u, y] = [[0.2, -0.1, 0.9], [0.35]]
    const f = activation === 'tanh' ? Math.tanh : (x: number) => x
    const driven = [
      0.2 * 1 + 0.9 * 0.5 + 0.1 * 0.4 + -0.2 * -0.6 + 0.7 * 0.35 + 0.05,
      0.2 * -1 + 0.9 * 2 + 0.3 * 0.4 + -0.4 * 0.35 - 0.15,
    ]
    const seen = small.step(u, y)
    near(seen, [1, ...u, 0.7 * 0.4 + 0.8 * f(driven[0]), 0.7 * -0.6 + 0.8 * f(driven[1])], 1e-15)
    small.readout.set([2, 0, 0, 1, 0.5, -0.5])
    near(small.read(seen), [2 + 0.9 + 0.5 * seen[4] - 0.5 * seen[5]], 1e-15)
  }
})

test('the drawn weights are what the options say', () => {
  const scales = { spectralRadius: 0.8, inputScaling: 0.5, biasScaling: 2 }
  const { weights } = net({ units: 200, density: 0.2, ...scales })
  assert.ok(Math.abs(spectralRadius(weights.recurrent) - 0.8) < 1e-6)
  assert.ok(Math.abs(weights.recurrent.values.length / 200 ** 2 - 0.2) < 0.02)
  const largest = (values: Float64Array) => Math.max(...values.map(Math.abs))
  assert.ok(largest(weights.input.values) < 0.5 && largest(weights.input.values) > 0.4)
  assert.ok(largest(weights.bias) < 2 && largest(weights.bias) > 1.8)
  assert.is(weights.feedback, null)
})

/** How far two starts are apart after so many steps of the same input. */
function apart(options: Partial<EchoStateOptions>, inputs: Float64Array): number {
  const ends = [1, 2].map((seed) => {
    const one = net(options)
    one.reset(random(seed).uniform(60, -1, 1))
    one.run(inputs)
    return one.state
  })
  return Math.hypot(...ends[0].map((x, i) => x - ends[1][i]))
}

test('echo state property: two starts converge below radius 1, and stay apart far above it', () => {
  const inputs = random(5).uniform(600, -0.5, 0.5)
  for (const activation of ['tanh', 'linear'] as const) {
    assert.ok(apart({ spectralRadius: 0.9, activation }, inputs) < 1e-12)
    assert.ok(apart({ spectralRadius: 0.9, leak: 0.3, activation }, inputs) < 1e-6)
  }
  const silence = new Float64Array(600)
  assert.ok(apart({ spectralRadius: 2 }, silence) > 1) // Jaeger 2001, proposition 3
  assert.ok(apart({ spectralRadius: 0.9 }, silence) < 1e-12)
  assert.ok(apart({ spectralRadius: 1.01, activation: 'linear' }, silence) > 1)
})

test('a strong input can quiet a reservoir that does not come to rest without it', () => {
  assert.ok(apart({ spectralRadius: 1.3 }, new Float64Array(600)) > 1e-3)
  assert.ok(apart({ spectralRadius: 1.3, inputScaling: 5 }, random(5).uniform(600, -1, 1)) < 1e-9)
})

test('fit and run: a delayed input is read; the warm-up is left out; run goes on where fit ended', () => {
  const u = random(2).uniform(900, -0.5, 0.5)
  const delayed = u.map((_, t) => t < 5 ? 99 : u[t - 5]) // the first five would spoil the fit
  const one = net({ activation: 'linear' })
  one.fit(u.subarray(0, 600), delayed.subarray(0, 600), { warmup: 100, ridge: 1e-12 })
  near(one.run(u.subarray(600)), delayed.subarray(600), 1e-6)
  one.reset()
  near(one.run(u, { warmup: 600 }), delayed.subarray(600), 1e-6)
  const whole = net({ activation: 'linear' })
  whole.fit(u.subarray(0, 600), delayed.subarray(0, 600), { ridge: 1e-12 })
  assert.ok(Math.abs(whole.run(u.subarray(600))[0] - delayed[600]) > 1e-3)
})

test('several sequences: each from state 0 with a warm-up of its own, one regression on all', () => {
  const lengths = [50, 31, 44]
  const inputs = random(4).normal(125)
  const targets = random(5).normal(125)
  const one = net({ units: 8, density: 0.5, feedbackScaling: 0.3 })
  one.fit(inputs, targets, { lengths, warmup: 5, ridge: 0.1 })
  const other = net({ units: 8, density: 0.5, feedbackScaling: 0.3 })
  const [X, Y]: [number[], number[]] = [[], []]
  let start = 0
  for (const length of lengths) {
    other.reset()
    for (let t = start; t < start + length; t++) {
      const features = other.step([inputs[t]], [t === start ? 0 : targets[t - 1]])
      if (t < start + 5) continue
      X.push(...features)
      Y.push(targets[t])
    }
    start += length
  }
  const shape = { features: one.features, outputs: 1, ridge: 0.1 }
  assert.equal(one.readout, leastSquares(Float64Array.from(X), Float64Array.from(Y), shape))
  assert.is(message(() => one.fit(inputs, targets, { lengths: [50, 31] })),
    "fit: the lengths are [50, 31]; they must be whole numbers above the warm-up's 0 steps and add up to " +
    'T, 125')
})

test('feedback: taught a wave, the net goes on with it by itself; a teacher sets it going', () => {
  const wave = Float64Array.from({ length: 1200 }, (_, t) => 0.6 * Math.sin(t / 4))
  const one = net({ feedbackScaling: 0.8, outputActivation: 'tanh', noise: 1e-6 })
  const silence = new Float64Array(1200)
  one.fit(silence.subarray(0, 800), wave.subarray(0, 800), { warmup: 200, ridge: 1e-8 })
  near(one.run(silence.subarray(800)), wave.subarray(800), 0.02)
  one.reset()
  const taught = one.run(silence.subarray(0, 400), { warmup: 200, teacher: wave.subarray(0, 200) })
  near(taught, wave.subarray(200, 400), 0.02)
  one.reset()
  const alone = one.run(silence.subarray(0, 400), { warmup: 200 }) // from 0, where it does not know the phase
  assert.ok(alone.some((y, t) => Math.abs(y - wave[200 + t]) > 0.1))
})

test('step by step, recursive least squares comes to the ridge regression on all steps', () => {
  const T = 150
  const u = random(3).uniform(T * 2, -0.5, 0.5)
  const y = random(4).normal(T * 2, 0, 0.2).map(Math.tanh)
  for (const outputActivation of ['linear', 'tanh'] as const) {
    const options = { inputs: 2, units: 20, outputs: 2, feedbackScaling: 0.3, outputActivation } as const
    const atOnce = echoState({ ...options, rng: random(1) })
    atOnce.fit(u, y, { ridge: 0.5 })
    const online = echoState({ ...options, rng: random(1) })
    const learner = recursiveLeastSquares(online, { ridge: 0.5 })
    for (let t = 0; t < T; t++) learner.learn(u.subarray(2 * t, 2 * t + 2), y.subarray(2 * t, 2 * t + 2))
    near(online.readout, atOnce.readout, 1e-10)
  }
})

test('with forgetting, what has changed is learnt anew; without, it is not', () => {
  const u = random(3).uniform(1500, -0.5, 0.5)
  const target = (t: number) => t < 2 ? 0 : t < 800 ? u[t - 1] : -u[t - 2]
  const lastError = (forgetting: number) => {
    const one = net({ units: 20, inputScaling: 0.3 })
    const learner = recursiveLeastSquares(one, { forgetting, ridge: 1e-4 })
    let sum = 0
    for (let t = 0; t < 1500; t++) {
      const [y] = learner.learn([u[t]], [target(t)])
      if (t >= 1300) sum += (y - target(t)) ** 2
    }
    return Math.sqrt(sum / 200)
  }
  assert.ok(lastError(0.98) < 1e-3, String(lastError(0.98)))
  assert.ok(lastError(1) > 0.1, String(lastError(1)))
})

test('saved as safetensors and made again, a net runs on as it did, with its feedback', () => {
  const u = random(6).normal(400)
  const delayed = u.map((_, t) => (t < 2 ? 0 : Math.tanh(u[t - 2] / 3)))
  const options = { units: 30, leak: 0.7, feedbackScaling: 0.2, biasScaling: 0.1 }
  const one = net(options)
  one.fit(u.subarray(0, 300), delayed.subarray(0, 300), { warmup: 20, ridge: 1e-8 })
  const { tensors } = decodeSafetensors(encodeSafetensors(echoStateTensors(one)), 'net.safetensors')
  assert.equal([...tensors.keys()], ['recurrent', 'input', 'feedback', 'bias', 'readout'])
  const weights = Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]))
  const again = net({ ...options, weights }, 99)
  for (const each of [one, again]) each.reset()
  assert.equal(again.run(u.subarray(300)), one.run(u.subarray(300)))
})

test('errors name what does not fit', () => {
  const one = net()
  assert.is(message(() => net({ activation: 'relu' as 'tanh' })),
    'echoState: activation is relu; it must be tanh or linear')
  assert.match(message(() => net({ outputActivation: 'softmax' as 'tanh' })), 'outputActivation is softmax')
  assert.is(message(() => net({ rng: undefined! })),
    'echoState: rng is missing; pass a generator, such as random(1)')
  assert.match(message(() => net({ weights: { readout: [1] } })), 'must be [62, 1], finite numbers')
  assert.is(message(() => one.step([1], [1, 2])), 'step: what is fed back has 2 numbers; it must have 1')
  assert.match(message(() => one.read(new Float64Array(3))), 'there must be the 62 that step gives')
  assert.match(message(() => one.reset(new Array<number>(60).fill(NaN))), 'must be 60 finite numbers')
  assert.is(message(() => net({ leak: 2 })), 'echoState: leak is 2; it must be from 0 to 1')
  assert.is(message(() => net({ units: 0 })), 'echoState: units is 0; it must be a whole number of 1 or more')
  assert.is(message(() => net({ density: 0 })), 'echoState: density is 0; it must be above 0 and at most 1')
  assert.match(message(() => net({ spectralRadius: -1 })), 'spectralRadius is -1; it must be 0 or more')
  assert.match(message(() => net({ units: 2, density: 1e-9 })), /nothing is connected in a loop/)
  assert.match(message(() => net({ weights: { bias: [1] } })), 'must be 60 finite numbers; there are 1')
  const map: object = new Map([['bias', [1]]])
  assert.match(message(() => net({ weights: map })), /^echoState: weights is a map; it must be an object of/)
  const number: object = { input: 3 }
  assert.is(message(() => net({ weights: number })),
    'echoState: weights: input is 3; it must be a list of numbers')
  const slip: object = { spectralRadios: 1 }
  assert.match(message(() => net({ ...slip })), 'did you mean spectralRadius?')
  assert.is(message(() => one.step([1, 2])), 'step: the input must be 1 finite numbers; it is [1, 2]')
  assert.match(message(() => one.step([NaN])), 'it is [NaN]')
  assert.is(message(() => one.fit([1, 2, 3], [1, 2])),
    'fit: there are 2 targets; for 3 steps there must be [3, 1]')
  assert.match(message(() => one.fit([1, 2], [1, 2], { warmup: 2 })), "above the warm-up's 2 steps")
  assert.match(message(() => one.fit([1, 2], [1, 2])), 'cannot fit 62 weights')
  assert.match(message(() => one.run([1, NaN])), 'an input is not finite')
  assert.match(message(() => one.run([1, 2, 3], { warmup: 2, teacher: [1] })), 'it must be [2, 1]')
  assert.match(message(() => net({ outputActivation: 'tanh' }).fit([1, 2], [0, 1], { ridge: 1 })),
    'must lie strictly between -1 and 1')
  assert.is(message(() => recursiveLeastSquares(one, { forgetting: 0 })),
    'recursiveLeastSquares: forgetting is 0; it must be above 0 and at most 1')
  assert.match(message(() => recursiveLeastSquares(one).learn([1], [])), 'it must have 1')
})

test.run()

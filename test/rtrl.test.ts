// Real-time recurrent learning, which never goes back in time, against full backpropagation through time.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Cell, Named } from '../src/nn/cell.ts'
import { elman } from '../src/nn/elman.ts'
import { parameters } from '../src/nn/linear.ts'
import { lstm } from '../src/nn/lstm.ts'
import { unroll } from '../src/nn/unroll.ts'
import { mul, square, sub } from '../src/ops/elementwise.ts'
import { slice } from '../src/ops/move.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { leaves, type Tensor } from '../src/tensor.ts'
import { bptt } from '../src/train/bptt.ts'
import { type Dynamics, elmanDynamics, lstmDynamics } from '../src/train/dynamics.ts'
import { Rtrl, rtrl } from '../src/train/rtrl.ts'
import { rowsOf } from './by-hand.ts'
import { device, flat, normal, refused, someState, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('rtrl')
const [T, D, H] = [10, 3, 4]
const sizes = { inputs: D, hidden: H }
const own = () => ({ ...sizes, device, rng: random(1) })

const nets: Record<string, [Cell<Named>, Dynamics]> = {}
for (const bias of [true, false]) {
  const label = bias ? '' : ', no bias'
  for (const nonlinearity of ['tanh', 'logistic'] as const) {
    nets[`elman, ${nonlinearity}${label}`] =
      [elman({ ...own(), nonlinearity, bias }), elmanDynamics({ ...sizes, nonlinearity, bias })]
  }
  nets[`lstm${label}`] = [lstm({ ...own(), bias }), lstmDynamics({ ...sizes, bias })]
}

for (const [name, [cell, net]] of Object.entries(nets)) {
  const xs = normal(2, T, 1, D)
  const scale = normal(3, T, 1, H) // the loss is sum of scale y^2 / 2
  const state = someState(cell, 1)

  test(`${name}: full BPTT to 1e-10, from a state that is not zero`, async () => {
    using tape = new Tape()
    const { outputs, state: last } = unroll(cell, xs, state)
    const loss = mul(sum(mul(mul(outputs, outputs), scale)), 0.5)
    const expected = (await values(tape.gradients(loss, leaves(cell.parameters)))).flat()
    const [weights, first, end] = await values(flat(cell.parameters), flat(state), flat(last))
    assert.is(weights.length, net.weights)
    const scales = await rowsOf(scale)
    const found = rtrl(net, {
      weights, state: first, xs: await rowsOf(xs), dLoss: (y, t) => y.map((value, k) => value * scales[t][k]),
    })
    assert.ok(difference(found.gradient, expected) < 1e-10)
    assert.ok(difference(found.outputs.flatMap((y) => [...y]), (await values(outputs))[0]) < 1e-13)
    assert.ok(difference(found.state, end) < 1e-13)
  })

  test(`${name}: bptt of two sequences is the sum of what each has alone`, async () => {
    const [pair, targets] = [normal(5, T, 2, D), normal(6, T, 2, H)]
    const whole = {
      parameters: parameters({ cell }),
      run: (x: Tensor, first: Named) => unroll(cell, x, first),
      loss: (outputs: Tensor, ys: Tensor) => sum(square(sub(outputs, ys))),
    }
    using tape = new Tape()
    const { grads } = bptt(tape, whole, pair, targets, cell.initial(2))
    const [weights] = await values(flat(cell.parameters))
    const [xRows, yRows] = [await rowsOf(pair), await rowsOf(targets)]
    const [one, two] = [0, 1].map((b) => { // the rows of sequence b: every other one
      const dLoss = (y: Float64Array, t: number) => y.map((value, k) => 2 * (value - yRows[2 * t + b][k]))
      return rtrl(net, { weights, xs: xRows.filter((_, row) => row % 2 === b), dLoss }).gradient
    })
    assert.ok(difference((await values([...grads.values()])).flat(), one.map((v, p) => v + two[p])) < 1e-10)
  })

  test(`${name}: after each step the gradient of that step's loss alone`, async () => {
    const [weights] = await values(flat(cell.parameters))
    const run = new Rtrl(net, weights)
    const rows = await rowsOf(xs)
    for (let t = 0; t < T; t++) {
      run.step(rows[t])
      using tape = new Tape()
      const { outputs } = unroll(cell, slice(xs, 0, 0, t + 1))
      const loss = sum(slice(outputs, 0, t, t + 1))
      const expected = (await values(tape.gradients(loss, leaves(cell.parameters)))).flat()
      assert.ok(difference(run.gradient([1, 1, 1, 1]), expected) < 1e-10, `step ${t}`)
    }
  })
}

test('a step learns while it runs: two units of a fully recurrent net learn what x was two steps ago', () => {
  const net = elmanDynamics({ inputs: 1, hidden: 3 })
  const draw = random(4)
  const run = new Rtrl(net, draw.uniform(net.weights, -0.5, 0.5))
  const [seen, errors]: number[][] = [[], []]
  for (let t = 0; t < 6000; t++) {
    const x = draw.uniform(1)[0] < 0.5 ? -0.5 : 0.5
    seen.push(x)
    const [y] = run.step([x])
    if (t < 2) continue
    const error = y - seen[t - 2]
    errors.push(error * error)
    run.gradient([error, 0, 0]).forEach((slope, p) => { run.weights[p] -= 0.1 * slope })
  }
  const mean = (list: number[]) => list.reduce((a, b) => a + b) / list.length
  const [before, after] = [mean(errors.slice(0, 200)), mean(errors.slice(-200))]
  assert.ok(before > 0.2 && after < 0.01, `${before}, later ${after}`)
})

test('what does not fit is refused', () => {
  const net = elmanDynamics(sizes)
  const weights = new Float64Array(net.weights)
  refused(() => new Rtrl(net, [1, 2]), 'rtrl: weights has 2 numbers; it must have 36')
  refused(() => new Rtrl(net, weights, [1]), 'rtrl: state has 1 numbers; it must have 4')
  refused(() => new Rtrl(net, weights).step([1]), 'rtrl: x has 1 numbers; it must have 3')
  refused(() => new Rtrl(net, weights).gradient([1]), 'rtrl: dy has 1 numbers; it must have 4')
  refused(() => rtrl(net, { weights, xs: [], dLoss: (y) => y }),
    'rtrl: xs is empty; it needs one step or more')
  refused(() => elmanDynamics({ ...sizes, nonlinearity: 'relu' as 'tanh' }),
    'elmanDynamics: nonlinearity is relu; it must be tanh or logistic')
  refused(() => lstmDynamics({ inputs: 3, hidden: 0 }),
    'lstmDynamics: hidden is 0; it must be a whole number of 1 or more')
})

test.run()

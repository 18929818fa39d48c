// Cells: gradients through time by finite differences, values by hand, parameters, refusals.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatReport, gradcheck } from '../src/gradcheck.ts'
import type { Cell, Named } from '../src/nn/cell.ts'
import { coupled } from '../src/nn/coupled.ts'
import { elman } from '../src/nn/elman.ts'
import { gruBefore, gruChung } from '../src/nn/gru-before.ts'
import { gru } from '../src/nn/gru.ts'
import { jordan } from '../src/nn/jordan.ts'
import { lstm } from '../src/nn/lstm.ts'
import { lstmp } from '../src/nn/lstmp.ts'
import { peephole } from '../src/nn/peephole.ts'
import { unroll } from '../src/nn/unroll.ts'
import { add, mul, tanh } from '../src/ops/elementwise.ts'
import { random } from '../src/random.ts'
import { Scope } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { type Tensor, zeros } from '../src/tensor.ts'
import {
  compareStep, elmanStep, functions, gruStep, jordanStep, lstmStep, rowsOf, weightsOf,
} from './by-hand.ts'
import { device, everyCell, flat, normal, refused, someState, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('cells')
const sizes = { inputs: 2, hidden: 3, device }
const T = 4
const B = 2

/** Checks the gradients of outputs and final state by the parameters, the input and the first state. */
async function checkThroughTime(name: string, cell: Cell<Named>, order: 1 | 2): Promise<void> {
  const xs = normal(3, T, B, cell.inputs)
  const state = someState(cell, B)
  const f = () => {
    const result = unroll(cell, xs, state)
    return flat([result.outputs, result.state])
  }
  const report = await gradcheck(f, { ...cell.parameters, xs, ...state }, { order })
  assert.ok(report.passed, `${name}, order ${order}: ${formatReport(report)}`)
  const wrt = [...Object.values(cell.parameters), xs, ...Object.values(state)]
  assert.is(report.count, wrt.reduce((n, x) => n + x.size, 0), 'every element of every input')
  if (order === 2) return
  assert.ok(report.entries.some((entry) => Math.abs(entry.numeric) > 1e-3), 'gradients that are not zero')
}

for (const { name, make } of everyCell) {
  for (const order of [1, 2] as const) {
    test(`gradients of order ${order} through time: ${name}`, async () => {
      await checkThroughTime(name, make({ ...sizes, rng: random(11) }), order)
    })
  }
}

test('a cell of your own, with step alone, runs in unroll and passes the same check', async () => {
  const weight = normal(1, 3)
  const decay = normal(2, 3)
  const own: Cell<Named> = { // a leaky unit: h = tanh(w x + d h), element by element
    parameters: { weight, decay },
    inputs: 3,
    outputs: 3,
    initial: (batch) => ({ h: zeros([batch, 3], device) }),
    step(x, { h }) {
      const next = tanh(add(mul(x, weight), mul(h, decay)))
      return { output: next, state: { h: next } }
    },
  }
  await checkThroughTime('leaky unit', own, 1)
  await checkThroughTime('leaky unit', own, 2)
  const xs = normal(3, T, B, 3)
  const [found] = await values(unroll(own, xs).outputs)
  const x = await xs.read()
  const w = await weight.read()
  const d = await decay.read()
  let h = [0, 0, 0]
  for (let t = 0; t < T; t++) h = h.map((old, k) => Math.tanh(w[k] * x[t * B * 3 + k] + d[k] * old))
  assert.ok(difference(found.slice((T - 1) * B * 3, (T - 1) * B * 3 + 3), h) < 1e-14)
})

for (const bias of [true, false]) {
  const options = { ...sizes, hidden: 5, bias }
  const label = bias ? '' : ', no bias'

  for (const nonlinearity of ['tanh', 'relu', 'sigmoid', 'logistic'] as const) {
    test(`elman by hand, ${nonlinearity}${label}`, async () => {
      const cell = elman({ ...options, nonlinearity, rng: random(1) })
      const w = await weightsOf(cell.parameters)
      await compareStep(cell, (x, { h }) => {
        const next = elmanStep(w, functions[nonlinearity], x, h)
        return { output: next, state: { h: next } }
      })
    })

    test(`jordan by hand, ${nonlinearity}${label}`, async () => {
      const cell = jordan({ ...options, outputs: 4, decay: 0.8, nonlinearity, rng: random(1) })
      const w = await weightsOf(cell.parameters)
      await compareStep(cell, (x, before) => {
        const { y, s } = jordanStep(w, functions[nonlinearity], 0.8, x, before.s)
        return { output: y, state: { s } }
      })
    })
  }

  for (const projection of [0, 2]) {
    test(`lstm by hand, projection ${projection}${label}`, async () => {
      const cell = lstm({ ...options, projection, rng: random(1) })
      const w = await weightsOf(cell.parameters)
      await compareStep(cell, (x, { h, c }) => {
        const state = lstmStep(w, x, h, c)
        return { output: state.h, state }
      })
    })
  }

  test(`gru by hand${label}`, async () => {
    const cell = gru({ ...options, rng: random(1) })
    const w = await weightsOf(cell.parameters)
    await compareStep(cell, (x, { h }) => {
      const next = gruStep(w, x, h)
      return { output: next, state: { h: next } }
    })
  })
}

test('jordan: the state decays, by 0.5 by default; the hidden units are logistic by default', async () => {
  const cell = jordan({ ...sizes, rng: random(1) })
  const w = await weightsOf(cell.parameters)
  await compareStep(cell, (x, before) => {
    const { y, s } = jordanStep(w, functions.logistic, 0.5, x, before.s)
    return { output: y, state: { s } }
  })
  // s_T = sum over t of mu^(T-1-t) y_t
  const keen = jordan({ ...sizes, decay: 0.9, rng: random(1) })
  const { outputs, state } = unroll(keen, normal(3, 6, 1, 2))
  const y = await rowsOf(outputs)
  const expected = [0, 1, 2].map((k) => y.reduce((total, row, t) => total + 0.9 ** (5 - t) * row[k], 0))
  assert.ok(difference(await state.s.read(), expected) < 1e-14)
  const forgetful = unroll(jordan({ ...sizes, decay: 0, rng: random(1) }), normal(3, 6, 1, 2))
  assert.equal((await values(forgetful.state))[0], (await rowsOf(forgetful.outputs))[5],
    'decay 0: the last outputs')
})

function permutations(list: number[]): number[][] {
  if (list.length < 2) return [list]
  return list.flatMap((x, i) => permutations(list.toSpliced(i, 1)).map((rest) => [x, ...rest]))
}

test('no other order of the gates gives the same step', async () => {
  const long = lstm({ ...sizes, rng: random(1) })
  const gated = gru({ ...sizes, rng: random(1) })
  const wLong = await weightsOf(long.parameters)
  const wGated = await weightsOf(gated.parameters)
  const x = [0.7, -1.1]
  const h = [0.4, -0.3, 0.9]
  const c = [1.2, -0.8, 0.5]
  const right = lstmStep(wLong, x, h, c)
  const others = permutations([0, 1, 2, 3]).filter((order) => order.join('') !== '0123')
  assert.is(others.length, 23)
  for (const order of others) {
    const wrong = lstmStep(wLong, x, h, c, order)
    assert.ok(difference([...wrong.h, ...wrong.c], [...right.h, ...right.c]) > 1e-3, `lstm: ${order}`)
  }
  for (const order of permutations([0, 1, 2]).filter((o) => o.join('') !== '012')) {
    assert.ok(difference(gruStep(wGated, x, h, order), gruStep(wGated, x, h)) > 1e-3, `gru: ${order}`)
  }
})

test('names and shapes of the parameters are PyTorch\'s, and sizes of states are as documented', () => {
  const H = 5
  const D = 3
  const options = { inputs: D, hidden: H, device, rng: random(1) }
  const shapes = (tree: Named) => Object.fromEntries(Object.entries(tree).map(([name, x]) => [name, x.shape]))
  const four = { weight_ih: [20, D], weight_hh: [20, H], bias_ih: [20], bias_hh: [20] }
  const listed: [Cell<Named>, Record<string, number[]>, Record<string, number[]>][] = [
    [elman(options), { weight_ih: [H, D], weight_hh: [H, H], bias_ih: [H], bias_hh: [H] }, { h: [2, H] }],
    [elman({ ...options, bias: false }), { weight_ih: [H, D], weight_hh: [H, H] }, { h: [2, H] }],
    [lstm(options), four, { h: [2, H], c: [2, H] }],
    [lstm({ ...options, projection: 2 }), { ...four, weight_hh: [20, 2], weight_hr: [2, H] },
      { h: [2, 2], c: [2, H] }],
    [lstm({ ...options, bias: false }), { weight_ih: [20, D], weight_hh: [20, H] }, { h: [2, H], c: [2, H] }],
    [gru(options), { weight_ih: [15, D], weight_hh: [15, H], bias_ih: [15], bias_hh: [15] }, { h: [2, H] }],
    [gru({ ...options, bias: false }), { weight_ih: [15, D], weight_hh: [15, H] }, { h: [2, H] }],
    [peephole(options), { ...four, weight_ch: [15] }, { h: [2, H], c: [2, H] }],
    [coupled(options), { weight_ih: [15, D], weight_hh: [15, H], bias_ih: [15], bias_hh: [15] },
      { h: [2, H], c: [2, H] }],
    [lstmp(options), { ...four, weight_hh: [20, 3], weight_ch: [15], weight_hr: [3, H], weight_hp: [2, H] },
      { h: [2, 3], c: [2, H] }],
    [gruBefore(options), { weight_ih: [15, D], weight_hh: [15, H], bias_ih: [15], bias_hh: [15] },
      { h: [2, H] }],
    [jordan({ ...options, outputs: 4 }),
      { weight_ih: [H, D], weight_sh: [H, 4], weight_ho: [4, H], bias_ih: [H], bias_ho: [4] }, { s: [2, 4] }],
    [jordan({ ...options, bias: false }), { weight_ih: [H, D], weight_sh: [H, H], weight_ho: [H, H] },
      { s: [2, H] }],
  ]
  for (const [cell, parameters, state] of listed) {
    assert.equal(shapes(cell.parameters), parameters)
    assert.equal(Object.keys(cell.parameters), Object.keys(parameters), 'order')
    assert.equal(shapes(cell.initial(2)), state)
    assert.is(cell.inputs, D)
    assert.equal(cell.step(normal(1, 2, D), cell.initial(2)).output.shape, [2, cell.outputs])
  }
})

for (const { name, make } of everyCell) {
  test(`${name}: weights start uniform in ±1/sqrt(H), all different, by the seed`, async () => {
    const options = { inputs: 7, hidden: 16, device }
    const drawn = (seed: number) => { // gains and the shifts beside them are not: they begin at 1 and 0
      const all = Object.entries(make({ ...options, rng: random(seed) }).parameters)
      return values(all.filter(([name]) => /^(weight|bias)_[ish]/.test(name)).map(([, x]) => x))
    }
    const all = (await drawn(4)).flat()
    const bound = 1 / 4
    assert.ok(all.every((w) => w >= -bound && w < bound), 'in range')
    assert.ok(Math.max(...all) > 0.97 * bound && Math.min(...all) < -0.97 * bound, 'the whole range')
    const mean = all.reduce((total, w) => total + w, 0) / all.length
    const deviation = bound / Math.sqrt(3 * all.length)
    assert.ok(Math.abs(mean) < 4 * deviation, `the mean is ${mean}`)
    const variance = all.reduce((total, w) => total + w * w, 0) / all.length
    assert.ok(Math.abs(variance / (bound * bound / 3) - 1) < 0.15, `uniform: the variance is ${variance}`)
    assert.is(new Set(all).size, all.length, 'all different')
    assert.equal((await drawn(4)).flat(), all, 'the same seed')
    const others = (await drawn(5)).flat()
    assert.ok(difference(others, all) > 0.1, 'another seed')
  })
}

test('parameters are the user\'s, even when a tape or scope was open as they were made', async () => {
  for (const { name, make } of everyCell) {
    const tape = new Tape()
    const taped = make({ ...sizes, rng: random(1) })
    tape.close()
    const scope = new Scope()
    const scoped = make({ ...sizes, rng: random(1) })
    scope.close()
    assert.equal(await values(taped.parameters), await values(scoped.parameters), name)
  }
})

const made = { elman, jordan, lstm, gru, peephole, coupled, gruBefore, gruChung }

test('wrong options are refused', () => {
  const whole = 'it must be a whole number of 1 or more'
  const rng = random(1)
  for (const [name, make] of Object.entries(made)) {
    refused(() => make({ ...sizes, hidden: 0, rng }), `${name}: hidden is 0; ${whole}`)
    refused(() => make({ ...sizes, inputs: 1.5, rng }), `${name}: inputs is 1.5; ${whole}`)
    const noDevice = { inputs: 2, hidden: 3, rng } as Parameters<typeof make>[0]
    refused(() => make(noDevice), `${name}: device is missing; pass one, such as cpu()`)
    refused(() => make(sizes as Parameters<typeof make>[0]),
      `${name}: rng is missing; pass a generator, such as random(1)`)
  }
  refused(() => elman({ ...sizes, nonlinearity: 'sine' as 'tanh', rng }),
    'elman: nonlinearity is sine; it must be tanh, relu, or sigmoid, which is also called logistic')
  refused(() => jordan({ ...sizes, outputs: 0, rng }), `jordan: outputs is 0; ${whole}`)
  for (const decay of [1, -0.1, NaN]) {
    refused(() => jordan({ ...sizes, decay, rng }), `jordan: decay is ${decay}; it must lie in [0, 1)`)
  }
  refused(() => lstm({ ...sizes, projection: 3, rng }),
    'lstm: projection is 3; it must be 0 (none) or less than hidden, 3')
})

test('a step with a wrong input or state is refused in the cell\'s own words', () => {
  const x = (...shape: number[]): Tensor => normal(1, ...shape)
  for (const [name, make] of Object.entries(made)) {
    const cell: Cell<Named> = make({ ...sizes, rng: random(1) })
    const state = cell.initial(2)
    const [first] = Object.keys(state)
    refused(() => cell.step(x(2, 5), state), `${name}: x is [2, 5]; it must be [B, 2]`)
    refused(() => cell.step(x(2), state), `${name}: x is [2]; it must be [B, 2]`)
    refused(() => cell.step(x(4, 2), state), `${name}: the state's ${first} is [2, 3]; it must be [4, 3]`)
    refused(() => cell.step(x(2, 2), { ...state, [first]: x(2, 4) }),
      `${name}: the state's ${first} is [2, 4]; it must be [2, 3]`)
    refused(() => cell.step(x(2, 2), {}), `${name}: the state's ${first} is missing; it must be [2, 3]`)
  }
  const cell: Cell<Named> = lstm({ ...sizes, projection: 2, rng: random(1) })
  const { h, c } = cell.initial(2)
  refused(() => cell.step(x(2, 2), { h }), 'lstm: the state\'s c is missing; it must be [2, 3]')
  refused(() => cell.step(x(2, 2), { h, c: x(1, 3) }), 'lstm: the state\'s c is [1, 3]; it must be [2, 3]')
  refused(() => cell.step(x(2, 2), { h: c, c }), 'lstm: the state\'s h is [2, 3]; it must be [2, 2]')
})

test.run()

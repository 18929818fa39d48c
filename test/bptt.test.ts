// Truncated BPTT against finite differences with the older state frozen; full BPTT against RTRL by hand.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { elman, type ElmanState } from '../src/nn/elman.ts'
import { parameters } from '../src/nn/linear.ts'
import { unroll } from '../src/nn/unroll.ts'
import { square, sub } from '../src/ops/elementwise.ts'
import { slice } from '../src/ops/move.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { unowned, untracked } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { dispose, type Tensor } from '../src/tensor.ts'
import { bptt, truncatedBptt } from '../src/train/bptt.ts'
import {
  byFiniteDifferences, eachWindow, layersOf, makeNet, readMap, type State, stream, total, update,
  wholeGradient,
} from './bptt-net.ts'
import { elmanStep, type Matrix, rowsOf, weightsOf } from './by-hand.ts'
import { device, normal, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('bptt')
type Kind = keyof typeof layersOf
const kinds = Object.keys(layersOf) as Kind[]

/** The worst difference over all parameters: max |a - b| / max |b| of each. */
function worst(found: ReadonlyMap<string, number[]>, expected: ReadonlyMap<string, number[]>): number {
  assert.equal([...found.keys()], [...expected.keys()])
  return Math.max(...[...expected].map(([name, b]) => difference(found.get(name)!, b)))
}

async function sameStates(found: State, expected: State, what: string): Promise<void> {
  const [a, b] = [await values(found), await values(expected)]
  assert.is(a.length, b.length)
  a.forEach((list, k) => assert.ok(difference(list, b[k]) < 1e-12, what))
}

/**
 * Every window of a stream against: the last k1 losses, as a function of the weights of that moment, with the
 * state k2 steps before as a constant. That state is what single steps gave, each with the weights it met.
 */
async function checkWindows(kind: Kind, k1: number, k2: number, updates: boolean): Promise<void> {
  const net = makeNet(kind)
  const run = truncatedBptt(net, { every: k1, horizon: k2, initial: net.initial })
  const T = k1 * (Math.ceil(k2 / k1) + 3) // three windows that start after the first state
  const { xs, targets } = stream(T)
  const states: State[] = [net.initial]
  await eachWindow(net, run, k1, T, async ({ t, loss, grads }) => {
    const lossFrom = (start: number) => {
      const { outputs } = net.run(slice(xs, 0, start, t), states[start])
      return net.loss(slice(outputs, 0, t - k1 - start), slice(targets, 0, t - k1, t))
    }
    const partial = () => lossFrom(Math.max(0, t - k2))
    for (let s = t - k1; s < t; s++) {
      states.push(unowned(() => net.run(slice(xs, 0, s, s + 1), states[s]).state))
    }
    await sameStates(run.state, states[t], `the carried state at ${t}`)
    const losses = await values(loss, untracked(partial), untracked(() => lossFrom(t - k1)))
    const [[found], [expected], [notAgain]] = losses
    assert.ok(difference([found], [expected]) < 1e-12, `the loss at ${t}`)
    const stale = updates && k2 > k1 && t > k1
    assert.is(difference([found], [notAgain]) > 1e-7, stale,
      `older steps are computed again with the weights at ${t}`)
    const d = worst(await readMap(grads), await byFiniteDifferences(net, partial))
    assert.ok(d < 1e-6, `the gradient at ${t} differs by ${d}`)
    if (updates) update(net, grads)
  })
  run.dispose()
  dispose(states.slice(1))
}

const windows = [[1, 1], [1, 4], [2, 2], [2, 3], [2, 5], [3, 4], [3, 7], [4, 8], [5, 6]]

for (const kind of kinds) {
  for (const [k1, k2] of kind === 'elman' ? windows : [[2, 3], [3, 7], [4, 4]]) {
    for (const updates of [false, true]) {
      const held = updates ? 'with updates between' : 'weights held'
      test(`${kind}, every ${k1}, horizon ${k2}, ${held}: the gradient is the partial sum`, async () => {
        await checkWindows(kind, k1, k2, updates)
      })
    }
  }
}

/** All windows of T steps with the weights held: the losses, the sum of the gradients, and the last state. */
async function held(kind: Kind, k1: number, k2: number | undefined, T: number) {
  const net = makeNet(kind)
  const run = truncatedBptt(net, { every: k1, horizon: k2, initial: net.initial })
  let loss = 0
  const gradients: Map<string, number[]>[] = []
  await eachWindow(net, run, k1, T, async (window) => {
    loss += await window.loss.item()
    gradients.push(await readMap(window.grads))
  })
  const state = await values(run.state)
  run.dispose()
  return { loss, gradients: total(gradients), state }
}

for (const kind of kinds) {
  const T = 12

  test(`${kind}: weights held, each loss counts once, and the state is that of one long run`, async () => {
    const whole = await wholeGradient(makeNet(kind), T)
    for (const [k1, k2] of [[1, 1], [1, 3], [2, 5], [3, 3], [4, 9], [6, 12], [12, 12]]) {
      const { loss, state } = await held(kind, k1, k2, T)
      const label = `every ${k1}, horizon ${k2}`
      assert.ok(difference([loss], [whole.loss]) < 1e-12, `${label}: ${loss}, not ${whole.loss}`)
      state.forEach((list, k) => assert.ok(difference(list, whole.state[k]) < 1e-12, `${label}: state`))
    }
  })

  test(`${kind}: a horizon of all steps gives the full gradient, in one window or over many`, async () => {
    const whole = await wholeGradient(makeNet(kind), T)
    for (const [k1, k2] of [[12, 12], [6, 12], [3, 12], [1, 12], [4, 100]]) {
      const d = worst((await held(kind, k1, k2, T)).gradients, whole.grads)
      assert.ok(d < 1e-12, `every ${k1}, horizon ${k2}: differs by ${d}`)
    }
    const d = worst((await held(kind, 4, undefined, T)).gradients, whole.grads)
    assert.ok(d > 1e-3, 'and a shorter one does not; the horizon is `every` by default')
  })

  test(`${kind}: full BPTT by finite differences`, async () => {
    const net = makeNet(kind)
    const { xs, targets } = stream(6)
    const expected = await byFiniteDifferences(net, () => net.loss(net.run(xs, net.initial).outputs, targets))
    assert.ok(worst((await wholeGradient(net, 6)).grads, expected) < 1e-6)
  })
}

test('the truncated gradient turns towards the full one as the horizon grows', async () => {
  const T = 24
  const full = [...(await wholeGradient(makeNet('elman'), T)).grads.values()].flat()
  const dot = (a: number[], b: number[]) => a.reduce((all, x, i) => all + x * b[i], 0)
  const horizons = [1, 2, 3, 4, 6, 8, 12, 24]
  const cosines: number[] = []
  for (const k2 of horizons) {
    const part = [...(await held('elman', 1, k2, T)).gradients.values()].flat()
    cosines.push(dot(part, full) / Math.sqrt(dot(part, part) * dot(full, full)))
  }
  const text = horizons.map((k, i) => `${k}: ${cosines[i].toFixed(6)}`).join(', ')
  const rises = cosines.every((cosine, i) => i === 0 || cosine > cosines[i - 1])
  assert.ok(rises, `horizon and cosine: ${text}`)
  assert.ok(cosines[0] < 0.99 && Math.abs(cosines.at(-1)! - 1) < 1e-12, text)
})

/**
 * Real-time recurrent learning (Williams and Zipser 1989) for one sequence through an Elman cell, with
 * loss sum (h_t - y_t)^2: P[k][p] = dh_k / dp is carried forward, so nothing is ever run backward.
 */
function rtrl(w: Record<string, Matrix>, xs: Matrix, ys: Matrix): number[] {
  const H = w.weight_hh.length
  const sizes = Object.values(w).map((matrix) => matrix.flat().length)
  const gradient = new Array<number>(sizes.reduce((a, b) => a + b)).fill(0)
  let h = new Array<number>(H).fill(0)
  let P = h.map(() => gradient.map(() => 0))
  xs.forEach((x, t) => {
    const next = elmanStep(w, Math.tanh, x, h)
    const direct = h.map((_, k) => [ // da_k / dp, the state before held
      ...h.flatMap((_, row) => x.map((value) => (row === k ? value : 0))),
      ...h.flatMap((_, row) => h.map((value) => (row === k ? value : 0))),
      ...h.map((_, row) => (row === k ? 1 : 0)),
      ...h.map((_, row) => (row === k ? 1 : 0)),
    ])
    P = next.map((value, k) => direct[k].map((own, p) =>
      (1 - value * value) * (own + w.weight_hh[k].reduce((all, weight, j) => all + weight * P[j][p], 0))))
    h = next
    h.forEach((value, k) => P[k].forEach((slope, p) => { gradient[p] += 2 * (value - ys[t][k]) * slope }))
  })
  return gradient
}

test('full BPTT gives what real-time recurrent learning gives, which never goes back in time', async () => {
  const cell = elman({ inputs: 3, hidden: 4, device, rng: random(1) })
  const net = {
    parameters: parameters({ cell }),
    run: (xs: Tensor, state: ElmanState) => unroll(cell, xs, state),
    loss: (outputs: Tensor, targets: Tensor) => sum(square(sub(outputs, targets))),
  }
  const T = 10
  const xs = normal(5, T, 2, 3)
  const ys = normal(6, T, 2, 4)
  using tape = new Tape()
  const { grads } = bptt(tape, net, xs, ys, cell.initial(2))
  const found = (await values([...grads.values()])).flat()
  const w = await weightsOf(cell.parameters)
  const xRows = await rowsOf(xs)
  const yRows = await rowsOf(ys)
  const [one, two] = [0, 1].map((b) => { // the rows of sequence b: every other one
    const own = (rows: Matrix) => rows.filter((_, row) => row % 2 === b)
    return rtrl(w, own(xRows), own(yRows))
  })
  const d = difference(found, one.map((value, p) => value + two[p]))
  assert.ok(d < 1e-10, `differs by ${d}`)
})

test.run()

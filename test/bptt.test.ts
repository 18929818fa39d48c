// Truncated BPTT against finite differences with the older state frozen, and against full BPTT.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { slice } from '../src/ops/move.ts'
import { unowned, untracked } from '../src/scope.ts'
import { dispose } from '../src/tensor.ts'
import { truncatedBptt } from '../src/train/bptt.ts'
import {
  byFiniteDifferences, eachWindow, layersOf, makeNet, readMap, type State, stream, total, update,
  wholeGradient,
} from './bptt-net.ts'
import { values } from './every-cell.ts'
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

test.run()

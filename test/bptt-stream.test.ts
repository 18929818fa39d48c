// Truncated BPTT as a stream without end: reset, flat memory that comes back, asking a tape again, refusals.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isRecording } from '../src/context.ts'
import { gradientFlow } from '../src/inspect/flow.ts'
import { concat, slice } from '../src/ops/move.ts'
import { Tape } from '../src/tape.ts'
import { mapTree, type Tensor, tensor } from '../src/tensor.ts'
import { type TruncatedBptt, truncatedBptt } from '../src/train/bptt.ts'
import { B, eachWindow, makeNet, readMap, type State, stream, update } from './bptt-net.ts'
import { device, normal, refused, values } from './every-cell.ts'

const test = suite('bptt-stream')
const lengths = [[3, 3], [3, 4], [2, 6]] as const

/** What every window gives, as numbers. */
async function record(net: ReturnType<typeof makeNet>, run: TruncatedBptt<State>, k1: number, T: number) {
  const seen: unknown[] = []
  await eachWindow(net, run, k1, T, async ({ loss, grads }) => {
    seen.push(await loss.item(), await readMap(grads), await values(run.state))
  })
  return seen
}

for (const [k1, k2] of lengths) {
  const label = `every ${k1}, horizon ${k2}`
  const T = 4 * k1

  test(`${label}: reset starts again, with no past`, async () => {
    const net = makeNet('gru')
    const run = truncatedBptt(net, { every: k1, horizon: k2, initial: net.initial })
    const first = await record(net, run, k1, T)
    run.reset(net.initial)
    assert.equal(await values(run.state), await values(net.initial))
    assert.equal(await record(net, run, k1, T), first)
    run.dispose()
  })

  test(`${label}: reset to its own state keeps the state and forgets the past`, async () => {
    const net = makeNet('gru')
    const run = truncatedBptt(net, { every: k1, horizon: k2, initial: net.initial })
    await record(net, run, k1, T)
    const now = await values(run.state)
    run.reset(run.state)
    assert.equal(await values(run.state), now)
    const fresh = truncatedBptt(net, { every: k1, horizon: k2, initial: run.state })
    assert.equal(await record(net, run, k1, T), await record(net, fresh, k1, T))
    run.dispose()
    fresh.dispose()
  })

  test(`${label}: the first state is copied, so its owner may do with it what he likes`, async () => {
    const net = makeNet('gru')
    const own = mapTree(net.initial, (x) => normal(8, ...x.shape))
    const run = truncatedBptt(net, { every: k1, horizon: k2, initial: own })
    const expected = await values(own)
    mapTree(own, (x) => {
      x.dispose()
      return x
    })
    assert.equal(await values(run.state), expected)
    await record(net, run, k1, T)
    run.dispose()
  })

  test(`${label}: dispose gives all memory back, and 200 windows take no more than 10`, async () => {
    const net = makeNet('lstm with projection under elman')
    const { xs, targets } = stream(k1)
    const { live, buffers } = device.memory()
    const run = truncatedBptt(net, { every: k1, horizon: k2, initial: net.initial })
    const reports: { now: number, count: number, peak: number }[] = []
    for (let window = 0; window < 200; window++) {
      device.resetPeak()
      const tape = new Tape()
      const { grads } = run.step(tape, xs, targets)
      update(net, grads)
      tape.close()
      const { live: now, buffers: count, peak } = device.memory()
      reports.push({ now, count, peak })
    }
    for (const report of reports.slice(10)) assert.equal(report, reports[10])
    run.reset(net.initial)
    run.dispose()
    assert.equal([device.memory().live, device.memory().buffers], [live, buffers])
  })

  test(`${label}: a tape may be asked again, even after a reset, until the next window`, async () => {
    const net = makeNet('gru')
    const run = truncatedBptt(net, { every: k1, horizon: k2, initial: net.initial })
    let asked = 0
    await eachWindow(net, run, k1, T, async ({ t, loss, grads, tape }) => {
      const first = await readMap(grads)
      assert.equal(await readMap(tape.gradients(loss, net.parameters)), first)
      const flow = await gradientFlow(tape, loss, net.parameters)
      const steps = new Set(flow.states.map((entry) => entry.t))
      assert.is(steps.size, Math.min(t, k2), 'as many steps as the gradient reaches')
      assert.ok(flow.contributions.length >= 4 * steps.size)
      if (t === T) run.reset(net.initial)
      assert.equal(await readMap(tape.gradients(loss, net.parameters)), first)
      asked++
    })
    assert.is(asked, 4)
    run.dispose()
  })
}

test('a gradient reaches k2 steps back and no further', async () => {
  const net = makeNet('gru')
  const run = truncatedBptt(net, { every: 2, horizon: 5, initial: net.initial })
  const { xs, targets } = stream(8)
  for (let t = 0; t < 8; t += 2) {
    using tape = new Tape()
    const { loss } = run.step(tape, slice(xs, 0, t, t + 2), slice(targets, 0, t, t + 2))
    const { states } = await gradientFlow(tape, loss)
    assert.is(states.length, Math.min(5, t + 2))
    assert.ok(states.every(({ norm }) => norm > 0))
  }
  run.dispose()
})

test('after dispose it says so; to dispose twice is no matter', () => {
  const net = makeNet('gru')
  const { xs, targets } = stream(3)
  for (const horizon of [3, 5]) {
    const run = truncatedBptt(net, { every: 3, horizon, initial: net.initial })
    const { live } = device.memory()
    run.dispose()
    assert.ok(device.memory().live < live)
    run.dispose()
    using tape = new Tape()
    const text = 'truncatedBptt: it was disposed, and holds no state any more; make another'
    refused(() => run.step(tape, xs, targets), text)
    refused(() => run.reset(net.initial), text)
    refused(() => run.state, text)
  }
})

test('k1 = 4, k2 = 10, as the comment has it: which steps each window runs', async () => {
  const whole = makeNet('gru')
  let runs: Promise<string>[] = []
  const xs = tensor(Array.from({ length: 16 }, (_, t) => [[t], [t]]), { device }) // each input is its time
  const net: typeof whole = {
    ...whole,
    run(part, state) {
      const label = isRecording() ? 'tape ' : ''
      runs.push(part.read().then(([from]) => `${label}${from}+${part.shape[0]}`))
      return whole.run(concat([part, part], 2), state)
    },
  }
  const run = truncatedBptt(net, { every: 4, horizon: 10, initial: net.initial })
  const seen: string[] = []
  for (let t = 0; t < 16; t += 4) {
    using tape = new Tape()
    run.step(tape, slice(xs, 0, t, t + 4), slice(stream(16).targets, 0, t, t + 4))
    seen.push((await Promise.all(runs)).join(', '))
    runs = []
  }
  assert.equal(seen, [
    'tape 0+4, 0+2, 2+2', 'tape 0+8, 4+2, 6+2', 'tape 2+10, 8+2, 10+2', 'tape 6+10, 12+2, 14+2',
  ])
  run.dispose()
})

test('wrong lengths and windows are refused, and a refused window changes nothing', async () => {
  const net = makeNet('gru')
  const { initial } = net
  const whole = (value: number) => `is ${value}; it must be a whole number of 1 or more`
  refused(() => truncatedBptt(net, { every: 0, initial }), `truncatedBptt: every ${whole(0)}`)
  refused(() => truncatedBptt(net, { every: 2.5, initial }), `truncatedBptt: every ${whole(2.5)}`)
  refused(() => truncatedBptt(net, { every: 2, horizon: NaN, initial }),
    `truncatedBptt: horizon ${whole(NaN)}`)
  refused(() => truncatedBptt(net, { every: 3, horizon: 2, initial }),
    'truncatedBptt: horizon is 2, every is 3; the horizon must not be shorter')
  for (const horizon of [3, 5]) {
    const run = truncatedBptt(net, { every: 3, horizon, initial })
    const other = truncatedBptt(net, { every: 3, horizon, initial })
    const bad = (xs: Tensor, targets: Tensor, text: RegExp) => {
      using tape = new Tape()
      assert.throws(() => run.step(tape, xs, targets), text)
    }
    const { xs, targets } = stream(3)
    for (const T of [2, 4]) {
      const text = new RegExp(`truncatedBptt: xs is \\[${T}, 2, 2\\]; a window has 3 steps, time first`)
      bad(normal(1, T, B, 2), targets, text)
    }
    bad(normal(1, 3, B, 5), targets, /xs is \[3, 2, 5\]/)
    bad(xs, normal(1, 3, B, 3), /sub: shapes do not broadcast/)
    assert.equal(await record(net, run, 3, 9), await record(net, other, 3, 9))
    run.dispose()
    other.dispose()
  }
})

test.run()

// Clipping equals PyTorch's; norm, "clipped", "finite" are device scalars; no broken gradient gets past.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { NonFiniteError, UnrolledError } from '../src/check.ts'
import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import { mul, square } from '../src/ops/elementwise.ts'
import { sum } from '../src/ops/reduce.ts'
import { Scope } from '../src/scope.ts'
import { type GradientMap, Tape } from '../src/tape.ts'
import { tensor } from '../src/tensor.ts'
import { type Clipped, clipByGlobalNorm, clipByNorm, clipByValue, requireFinite } from '../src/train/clip.ts'
import { devices } from './devices.ts'
import golden from './golden/clip.json'

const test = suite('clip')

type Values = { shape: number[], data: number[] }

function upload(values: readonly Values[], device: Device): GradientMap {
  return new Map(values.map(({ shape, data }, i) => [`p${i}`, tensor(data, { shape, device })]))
}

async function values(map: ReadonlyMap<string, { read(): Promise<ArrayLike<number>> }>): Promise<number[][]> {
  return Promise.all([...map.values()].map(async (x) => Array.from(await x.read())))
}

/** max |a - b| / max |b|, and 0 for two tensors of zeros */
function error(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const list = Array.from(b)
  const worst = Math.max(...list.map((v, i) => Math.abs(a[i] - v)))
  return worst === 0 ? 0 : worst / Math.max(...list.map(Math.abs))
}

async function scalars({ norm, clipped, finite }: Clipped): Promise<[number, number, number]> {
  assert.equal([norm.shape, clipped.shape, finite.shape], [[], [], []])
  return [await norm.item(), await clipped.item(), await finite.item()]
}

const hypot = (lists: number[][]) => Math.hypot(...lists.flat())

for (const { name, device } of devices) {
  const tolerance = name === 'cpu float64' ? 1e-12 : 1e-6
  test(`every case as PyTorch computes it, ${name}`, async () => {
    using _ = new Scope()
    const counts = [0, 0]
    for (const { rule, bound, before, norm, after } of golden.cases) {
      const grads = upload(before, device)
      const result = (rule === 'norm' ? clipByGlobalNorm : clipByValue)(grads, bound)
      assert.equal([...result.grads.keys()], [...grads.keys()])
      for (const [i, got] of (await values(result.grads)).entries()) {
        assert.ok(error(got, after[i].data) < tolerance, `${rule} ${bound}, tensor ${i}`)
      }
      const [measured, clipped, finite] = await scalars(result)
      const expected = norm ?? hypot(before.map(({ data }) => data))
      const difference = Math.abs(measured - expected)
      assert.ok(difference <= tolerance * expected, `norm ${measured}, expected ${expected}`)
      assert.is(finite, 1)
      const changed = before.some(({ data }, i) => data.some((v, k) => v !== after[i].data[k]))
      assert.is(clipped, changed ? 1 : 0, `${rule} ${bound}`)
      counts[clipped]++
      // read, never written
      assert.equal(await values(grads), await values(upload(before, device)))
    }
    assert.ok(counts[0] >= 3 && counts[1] >= 3)
  })
}

test('by norm per parameter is the global form on each alone', async () => {
  const device = cpu({ precision: 'float64' })
  const grads = upload(golden.cases[0].before, device)
  const { norms, ...result } = clipByNorm(grads, 2)
  const own = golden.cases[0].before.map(({ data }) => Math.hypot(...data))
  assert.ok(Math.min(...own) < 2 && Math.max(...own) > 2) // some are clipped, some are not
  for (const [name, g] of grads) {
    const alone = clipByGlobalNorm(new Map([[name, g]]), 2)
    assert.equal(await result.grads.get(name)!.read(), await alone.grads.get(name)!.read())
    assert.equal(await norms.get(name)!.read(), await alone.norm.read())
  }
  const [norm, clipped, finite] = await scalars(result)
  assert.ok(Math.abs(norm - Math.hypot(...own)) < 1e-12)
  assert.equal([clipped, finite], [1, 1])
  assert.is(await clipByNorm(grads, 100).clipped.item(), 0)
})

test('one NaN, or an infinity, anywhere gives finite = 0', async () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    for (const clip of [clipByGlobalNorm, clipByNorm, clipByValue]) {
      const grads = upload([...golden.cases[0].before, { shape: [2], data: [1, bad] }], cpu())
      const [norm, , finite] = await scalars(clip(grads, 1))
      assert.is(finite, 0)
      assert.not.ok(Number.isFinite(norm))
    }
  }
  const kept = clipByValue(upload([{ shape: [3], data: [NaN, Infinity, -7] }], cpu()), 2)
  assert.equal(await values(kept.grads), [[NaN, 2, -2]])
})

test('Infinity measures and changes nothing', async () => {
  const grads = upload(golden.cases[1].before, cpu())
  for (const clip of [clipByGlobalNorm, clipByNorm, clipByValue]) {
    const result = clip(grads, Infinity)
    assert.equal(await values(result.grads), await values(grads))
    assert.is(await result.clipped.item(), 0)
  }
})

test('results belong to the open tape, intermediates are freed, nothing is recorded', async () => {
  const device = cpu()
  const w = tensor([[3, 4], [0, 12]], { device })
  const before = device.memory().live
  const tape = new Tape()
  const grads = tape.gradients(sum(mul(square(w), 0.5)), new Map([['w', w]])) // the gradient is w itself
  const [records, live] = [tape.records.length, device.memory().live]
  const clips = [clipByGlobalNorm(grads, 6.5), clipByNorm(grads, 6.5), clipByValue(grads, 6.5)]
  assert.is(tape.records.length, records)
  // per clip: a gradient of 4 numbers, norm, clipped, finite; one more norm per parameter
  assert.is(device.memory().live - live, 4 * (3 * (4 + 3) + 1))
  assert.ok(error((await values(clips[0].grads))[0], [1.5, 2, 0, 6]) < 1e-6)
  assert.ok(error((await values(clips[1].grads))[0], [1.5, 2, 0, 6]) < 1e-6)
  assert.equal((await values(clips[2].grads))[0], [3, 4, 0, 6.5])
  tape.close()
  assert.is(device.memory().live, before)
  assert.throws(() => mul(clips[0].norm, 1), /closed/)
})

test('a scope gives all back; with nothing open the results are the caller\'s', () => {
  const device = cpu()
  const grads = upload(golden.cases[0].before, device)
  const before = device.memory().live
  const scope = new Scope()
  for (let i = 0; i < 3; i++) clipByGlobalNorm(grads, 1)
  scope.close()
  assert.is(device.memory().live, before)
  const { grads: mine } = clipByGlobalNorm(grads, 1)
  for (const g of mine.values()) g.dispose()
  assert.is(device.memory().live, before + 3 * 4) // the three scalars
})

test('requireFinite stops a broken run with one line', async () => {
  const device = cpu()
  await requireFinite(tensor(3, { device }), 'the gradient norm')
  for (const value of [NaN, Infinity]) {
    let message = ''
    await requireFinite(tensor(value, { device }), 'the gradient norm of step 12').catch((error: Error) => {
      assert.instance(error, NonFiniteError)
      message = error.message
    })
    assert.ok(message.startsWith(`the gradient norm of step 12 is ${value}; `), message)
    assert.match(message, /^[^\n]*learning rate[^\n]*clip[^\n]*watch: true[^\n]*$/)
  }
})

test('a bound that is no bound is refused', () => {
  const grads = upload(golden.cases[0].before, cpu())
  for (const clip of [clipByGlobalNorm, clipByNorm, clipByValue]) {
    for (const max of [0, -1, NaN]) {
      const message = `${clip.name}: max is ${max}; it must be a number above 0`
      assert.throws(() => clip(grads, max), (error: Error) =>
        error instanceof UnrolledError && error.message === message)
    }
    assert.throws(() => clip(new Map(), 1), /the map of gradients is empty; it needs at least one$/)
  }
})

test.run()

// The tape: what gradients are, to any order. What it refuses is in tape-refusals.test.ts, memory in
// tape-memory.test.ts.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { at } from '../src/context.ts'
import { elman } from '../src/nn/elman.ts'
import { add, detach, div, exp, mul, sigmoid, square, tanh } from '../src/ops/elementwise.ts'
import { matmul } from '../src/ops/matmul.ts'
import { reshape, slice, split } from '../src/ops/move.ts'
import { mean, sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { untracked } from '../src/scope.ts'
import { record, Tape } from '../src/tape.ts'
import { type Tensor, tensor, zeros } from '../src/tensor.ts'
import { judge as device } from './devices.ts'

const test = suite('tape')

const scalar = (value: number) => tensor(value, { device })
const near = (actual: ArrayLike<number>, expected: number[], tolerance = 1e-13) => {
  assert.is(actual.length, expected.length)
  expected.forEach((v, i) =>
    assert.ok(Math.abs(actual[i] - v) <= tolerance * Math.max(1, Math.abs(v)), `${actual[i]} is not ${v}`))
}

// Gradients

test('diamond: two ways from x to the loss are summed', async () => {
  using tape = new Tape()
  const x = scalar(0.7)
  const a = square(x)
  const loss = add(mul(a, 3), mul(tanh(a), a)) // 3 x^2 + x^2 tanh(x^2)
  const [dx, da] = tape.gradients(loss, [x, a])
  const t = Math.tanh(0.49)
  near(await da.read(), [3 + t + 0.49 * (1 - t * t)])
  near(await dx.read(), [(3 + t + 0.49 * (1 - t * t)) * 1.4])
})

test('a reused value gets the sum of all its uses; x + x; x x x', async () => {
  using tape = new Tape()
  const x = scalar(3)
  near(await tape.gradients(add(x, x), [x])[0].read(), [2])
  near(await tape.gradients(mul(mul(x, x), x), [x])[0].read(), [27])
  const y = add(x, 1)
  near(await tape.gradients(mul(add(y, y), add(x, y)), [x])[0].read(), [2 * 7 + 8 * 2])
})

test('one result of a vjp for two inputs, one of them there twice, is summed apart', async () => {
  using tape = new Tape()
  const x = tensor([1, 2], { device })
  const z = tensor([3, 4], { device })
  const result = { memory: device.fill(2, 0), shape: [2] }
  const y = record('c', [x, x, z], result, (dy) => {
    const g = mul(dy, 2)
    const h = mul(dy, 3)
    return [() => g, () => h, () => g]
  })
  const [dx, dz] = tape.gradients(sum(y), [x, z])
  near(await dx.read(), [5, 5])
  near(await dz.read(), [2, 2])
})

test('gradients that share memory are summed apart', async () => {
  using tape = new Tape()
  const a = tensor([1, 2], { device })
  const b = tensor([3, 4], { device })
  const c = add(a, b) // da and db are the same memory as dc
  const loss = sum(add(mul(c, c), add(mul(a, 10), mul(b, 100))))
  const [da, db, dc] = tape.gradients(loss, [a, b, c])
  near(await dc.read(), [8, 12])
  near(await da.read(), [18, 22])
  near(await db.read(), [108, 112])
})

test('of the loss itself, and of values on the way that views look at', async () => {
  using tape = new Tape()
  const x = tensor([[1, 2], [3, 4]], { device })
  const y = mul(x, 2)
  const flat = reshape(y, [4]) // its gradient is a view of dy's memory ...
  const loss = sum(add(square(flat), reshape(mul(y, 10), [4]))) // ... to which y's other use is added
  const [dloss, dflat, dy, dx] = tape.gradients(loss, [loss, flat, y, x])
  near(await dloss.read(), [1])
  near(await dflat.read(), [4, 8, 12, 16])
  near(await dy.read(), [14, 18, 22, 26])
  near(await dx.read(), [28, 36, 44, 52])
  const [alone] = tape.gradients(loss, [y]) // nothing before y is asked for
  near(await alone.read(), [14, 18, 22, 26])
})

test('a record of gradients for a record of tensors', async () => {
  using tape = new Tape()
  const weights = { a: scalar(2), b: scalar(5) }
  const { a, b } = tape.gradients(mul(square(weights.a), weights.b), weights)
  near([await a.item(), await b.item()], [20, 4])
  const cell = elman({ inputs: 2, hidden: 3, device, rng: random(1) })
  const loss = sum(cell.step(zeros([1, 2], device), cell.initial(1)).output)
  const grads = tape.gradients(loss, cell.parameters)
  assert.equal(Object.keys(grads), Object.keys(cell.parameters))
  for (const [name, x] of Object.entries(cell.parameters)) assert.equal([...grads[name].shape], [...x.shape])
})

test('zeros for what the loss does not depend on; an array for an array, a map for a map', async () => {
  using tape = new Tape()
  const [x, y, unused] = [scalar(2), scalar(5), zeros([2, 3], device)]
  const loss = mul(x, y)
  tanh(unused)
  const grads = tape.gradients(loss, new Map([['y', y], ['unused', unused], ['x', x]]))
  assert.equal([...grads.keys()], ['y', 'unused', 'x'])
  near(await grads.get('x')!.read(), [5])
  near(await grads.get('unused')!.read(), [0, 0, 0, 0, 0, 0])
  assert.equal([...grads.get('unused')!.shape], [2, 3])
  const [dLoss, dx, again] = tape.gradients(loss, [loss, x, x])
  near(await dLoss.read(), [1])
  near(await dx.read(), [5])
  near(await again.read(), [5])
})

test('a second call gives the same numbers, and so does another loss of the same tape', async () => {
  using tape = new Tape()
  const rng = random(3)
  const w = tensor(rng.normal(12), { device, shape: [3, 4] })
  const x = tensor(rng.normal(8), { device, shape: [4, 2] })
  const h = tanh(matmul(w, x))
  const loss = mean(square(h))
  const other = sum(h)
  const first = await tape.gradients(loss, [w])[0].read()
  const second = await tape.gradients(other, [w])[0].read()
  assert.equal(await tape.gradients(loss, [w])[0].read(), first)
  assert.equal(await tape.gradients(other, [w])[0].read(), second)
  assert.not.equal(first, second)
})

test('a loss of any shape with one value', async () => {
  using tape = new Tape()
  const x = tensor([[3]], { device })
  near(await tape.gradients(square(x), [x])[0].read(), [6])
})

test('a chain of 100,000 records', async () => {
  const before = process.cpuUsage()
  using tape = new Tape()
  const x = scalar(0.5)
  let y = x
  for (let i = 0; i < 50_000; i++) y = add(mul(y, 1 - 1e-5), 1e-6)
  near(await tape.gradients(y, [x])[0].read(), [(1 - 1e-5) ** 50_000], 1e-10)
  assert.is(tape.records.length, 100_000)
  const { user, system } = process.cpuUsage(before) // of the processor: what others do does not count
  assert.ok(user + system < 20e6, `${(user + system) / 1e6} s`)
})

test('10,000 uses of one value', async () => {
  using tape = new Tape()
  const x = tensor([1, 2], { device })
  let total: Tensor = mul(x, 0)
  for (let i = 1; i <= 10_000; i++) total = add(total, mul(x, i))
  near(await tape.gradients(sum(total), [x])[0].read(), [50_005_000, 50_005_000])
})

test('outputs that nothing uses count as zeros', async () => {
  using tape = new Tape()
  const x = tensor([1, 2, 3, 4], { device })
  const [, middle] = split(x, [1, 2, 1])
  near(await tape.gradients(sum(square(middle)), [x])[0].read(), [0, 4, 6, 0])
})

test('detach lets no gradient through; untracked records nothing', async () => {
  using tape = new Tape()
  const x = scalar(3)
  near(await tape.gradients(mul(detach(square(x)), x), [x])[0].read(), [9])
  const records = tape.records.length
  const frozen = untracked(() => square(x))
  assert.is(tape.records.length, records)
  near(await tape.gradients(mul(frozen, x), [x])[0].read(), [9])
  assert.is(untracked(() => {}), undefined)
})

// Higher orders

const closedForms: Record<string, { f: (x: Tensor) => Tensor, derivatives: (x: number) => number[] }> = {
  tanh: {
    f: tanh,
    derivatives: (x) => {
      const y = Math.tanh(x)
      const s = 1 - y * y
      return [s, -2 * y * s, s * (6 * y * y - 2)]
    },
  },
  sigmoid: {
    f: sigmoid,
    derivatives: (x) => {
      const y = 1 / (1 + Math.exp(-x))
      const s = y * (1 - y)
      return [s, s * (1 - 2 * y), s * (1 - 6 * s)]
    },
  },
  'exp(-x^2)': {
    f: (x) => exp(mul(square(x), -1)),
    derivatives: (x) => [-2 * x, 4 * x * x - 2, 12 * x - 8 * x ** 3].map((v) => v * Math.exp(-x * x)),
  },
  'x^3 / x': { f: (x) => div(mul(mul(x, x), x), x), derivatives: (x) => [2 * x, 2, 0] },
}

for (const [name, { f, derivatives }] of Object.entries(closedForms)) {
  test(`a tape inside a tape inside a tape: three derivatives of ${name}`, async () => {
    for (const at of [-1.3, -0.2, 0.4, 2]) {
      using outer = new Tape()
      const x = scalar(at)
      using middle = new Tape({ inside: outer })
      using inner = new Tape({ inside: middle })
      const [first] = inner.gradients(f(x), [x])
      inner.close()
      const [second] = middle.gradients(first, [x])
      middle.close()
      const [third] = outer.gradients(second, [x])
      near([await first.item(), await second.item(), await third.item()], derivatives(at), 1e-12)
    }
  })
}

test('a gradient penalty: the loss holds a gradient', async () => {
  using outer = new Tape()
  const x = tensor([1, -2, 0.5], { device })
  const w = tensor([0.3, 0.2, -1], { device })
  const inner = new Tape({ inside: outer })
  const y = tanh(sum(mul(x, w)))
  const [dx] = inner.gradients(y, [x]) // (1 - y^2) w
  inner.close()
  const [dw] = outer.gradients(sum(square(dx)), [w]) // of (1 - y^2)^2 |w|^2
  const a = 0.3 - 0.4 - 0.5
  const t = Math.tanh(a)
  const s = 1 - t * t
  const norm = 0.09 + 0.04 + 1
  near(await dw.read(), [0, 1, 2].map((i) => {
    const [xi, wi] = [[1, -2, 0.5][i], [0.3, 0.2, -1][i]]
    return 2 * s * (-2 * t * s) * xi * norm + s * s * 2 * wi
  }))
})

test('with an outer tape, sums of gradients are ops; they have the same bits as those in place', async () => {
  const rng = random(8)
  const w = tensor(rng.normal(9), { device, shape: [3, 3] })
  const x = tensor(rng.normal(3), { device, shape: [1, 3] })
  const run = () => {
    let h = x
    for (let t = 0; t < 9; t++) h = add(tanh(matmul(h, w)), mul(h, 0.5))
    return sum(add(square(h), slice(h, 1, 0, 1)))
  }
  using outer = new Tape()
  const inner = new Tape({ inside: outer })
  const slow = inner.gradients(run(), [w, x])
  inner.close()
  const numbers = await Promise.all(slow.map((dx) => dx.read()))
  outer.close()
  using tape = new Tape()
  assert.equal(await Promise.all(tape.gradients(run(), [w, x]).map((dx) => dx.read())), numbers)
})

test('what a vjp computes is recorded where its op was', async () => {
  const x = tensor([0.3, -0.7], { device })
  const outer = new Tape()
  const inner = new Tape({ inside: outer })
  const loss = at({ layer: 1, t: 5 }, () => sum(tanh(mul(x, x))))
  const forward = outer.records.length
  inner.gradients(loss, [x])
  inner.close()
  const places = outer.records.slice(forward).filter(({ op }) => op !== 'detach').map(({ where }) => where)
  assert.ok(places.length > 3)
  for (const place of places) assert.equal(place, { layer: 1, t: 5 })
  outer.close()
})

test.run()

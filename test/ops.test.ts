// Every op's gradients, first and second order, against finite differences in float64: the rows are in
// src/cli/gradcheck-ops.ts. ops-golden.test.ts compares with PyTorch.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readdirSync } from 'node:fs'
import { formatReport, gradcheck } from '../src/gradcheck.ts'
import * as dropouts from '../src/ops/dropout.ts'
import * as elementwise from '../src/ops/elementwise.ts'
import * as gathers from '../src/ops/gather.ts'
import * as losses from '../src/ops/loss.ts'
import * as matmuls from '../src/ops/matmul.ts'
import * as moves from '../src/ops/move.ts'
import * as norms from '../src/ops/norm.ts'
import * as recurrences from '../src/ops/recurrence.ts'
import * as reductions from '../src/ops/reduce.ts'
import * as softmaxes from '../src/ops/softmax.ts'
import { random } from '../src/random.ts'
import { Scope } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { type Tensor, tensor, zeros } from '../src/tensor.ts'
import { devices, judge } from './devices.ts'
import { inputsOf, notOps, type Row, table, withoutGradient } from '../src/cli/gradcheck-ops.ts'

const files = {
  'dropout.ts': dropouts, 'elementwise.ts': elementwise, 'gather.ts': gathers, 'loss.ts': losses,
  'matmul.ts': matmuls, 'move.ts': moves, 'norm.ts': norms, 'recurrence.ts': recurrences,
  'reduce.ts': reductions, 'softmax.ts': softmaxes,
}

const test = suite('ops')

async function failures(row: Row, order: 1 | 2): Promise<string[]> {
  using scope = new Scope()
  const report = await gradcheck(row.call, inputsOf(row, judge), { order })
  assert.not(scope.isClosed)
  if (report.passed) return []
  return [`${row.op} ${JSON.stringify(row.shapes)}\n${row.call}\n${formatReport(report)}`]
}

for (const op of new Set(table.map((row) => row.op))) {
  for (const order of [1, 2] as const) {
    test(`${op}: ${order === 1 ? 'gradient' : 'second derivative'}`, async () => {
      const found: string[] = []
      for (const row of table) if (row.op === op) found.push(...await failures(row, order))
      assert.is(found.join('\n\n'), '')
    })
  }
}

test('every file of src/ops is looked at, and every export has a row', () => {
  assert.equal(readdirSync('src/ops').sort(), Object.keys(files).sort())
  const exports = Object.values(files).flatMap((file) => Object.keys(file))
  const listed = [...table, ...withoutGradient].map(({ op }) => op).concat(Object.keys(notOps))
  assert.equal(exports.filter((name) => !listed.includes(name)), [], 'exports without a row')
  assert.equal([...new Set(listed)].filter((name) => !exports.includes(name)), [],
    'rows of ops that are gone')
})

test('no row compares what is rounding noise: a gradient is zero, or large enough to be seen', async () => {
  const noise: string[] = []
  for (const row of table) {
    using tape = new Tape()
    const inputs = inputsOf(row, judge)
    const y = row.call(inputs)
    const weights = tensor(random(3).uniform(y.size, 0.5, 1.5), { device: judge, shape: y.shape })
    for (const dx of tape.gradients(reductions.sum(elementwise.mul(weights, y)), inputs)) {
      const largest = [...await dx.read()].reduce((most, v) => Math.max(most, Math.abs(v)), 0)
      if (largest > 1e-14 && largest < 1e-3) noise.push(`${row.op} ${JSON.stringify(row.shapes)}: ${largest}`)
    }
  }
  assert.equal(noise, [])
})

/** The same numbers as a view that starts inside a larger memory, with NaN before and after them. */
function inside(x: Tensor): Tensor {
  const values = moves.reshape(x, [x.size])
  const { device } = x
  const wide = moves.concat([tensor([NaN, NaN, NaN], { device }), values, tensor([NaN], { device })])
  return moves.reshape(moves.slice(wide, 0, 3, 3 + x.size), x.shape)
}

test('every op reads a view that starts inside its memory', async () => {
  for (const row of table) {
    using tape = new Tape()
    const run = (inputs: Tensor[]) => {
      const y = row.call(inputs)
      return [y, ...tape.gradients(reductions.sum(elementwise.mul(inside(y), y)), inputs)]
    }
    const plain = inputsOf(row, judge)
    const views = plain.map(inside)
    assert.ok(views.every((x) => x.offset === 3))
    const expected = await Promise.all(run(plain).map((x) => x.read()))
    assert.equal(await Promise.all(run(views).map((x) => x.read())), expected, `${row.op} ${row.call}`)
  }
})

test('indices may be such views too', async () => {
  using scope = new Scope()
  const ids = (...values: number[]) =>
    moves.slice(tensor([9, 9, ...values, 9], { device: judge, dtype: 'int32' }), 0, 2, 2 + values.length)
  const x = tensor([[1, 2], [3, 4], [5, 6]], { device: judge })
  assert.equal([...await gathers.gather(x, ids(2, 0)).read()], [5, 6, 1, 2])
  assert.equal([...await gathers.scatterAdd(x, ids(1, 0, 1), 2).read()], [3, 4, 6, 8])
  assert.equal([...await gathers.oneHot(ids(1, 0), 2).read()], [0, 1, 1, 0])
  assert.equal([...await moves.reverseTime(x, ids(3, 2)).read()], [5, 4, 3, 2, 1, 6])
  assert.equal([...await moves.transpose(moves.reshape(ids(1, 2, 3, 4), [2, 2])).read()], [1, 3, 2, 4])
  assert.not(scope.isClosed)
})

test('concat of 200,000 parts and its gradient take time in proportion', async () => {
  using tape = new Tape()
  const x = tensor([1, 2], { device: judge })
  const before = process.cpuUsage()
  const y = moves.concat(new Array<Tensor>(200_000).fill(x))
  const [dx] = tape.gradients(reductions.sum(y), [x])
  const { user, system } = process.cpuUsage(before) // of the processor: what others do does not count
  const seconds = (user + system) / 1e6
  assert.equal([...await dx.read()], [200_000, 200_000])
  assert.ok(seconds < 5, `${seconds.toFixed(1)} s; it must be under 5, and is well under one`)
})

for (const { op, reason, call } of withoutGradient) {
  test(`${op}: no gradient, on purpose (${reason})`, async () => {
    using tape = new Tape()
    const x = tensor([[-1.5, 0, 0.5], [0.5, 2, 100]], { device: judge })
    const loss = reductions.sum(elementwise.mul(call(x), 3))
    const [dx] = tape.gradients(loss, [x])
    assert.equal([...await dx.read()], [0, 0, 0, 0, 0, 0])
  })
}

for (const { name, device } of devices) {
  test(`${name}: |x| = 100 gives finite values and gradients`, async () => {
    const values = [-100, -88, -50, -20, -1e-3, 0, 1e-3, 20, 50, 88, 100]
    const labels = tensor(values.map((_, i) => i % 2), { device, dtype: 'int32' })
    const { relu, softplus, sigmoid, silu, gelu, tanh, abs, square, clamp } = elementwise
    const { softmax, logSoftmax } = softmaxes
    const curves = { relu, softplus, sigmoid, silu, gelu, tanh, abs, square }
    for (const [op, f] of Object.entries({
      ...curves, softmax, logSoftmax, logsumexp: reductions.logsumexp,
      clamp: (x: Tensor) => clamp(x, -1, 1),
      layerNorm: (x: Tensor) => norms.layerNorm(x), rmsNorm: (x: Tensor) => norms.rmsNorm(x),
      crossEntropy: (x: Tensor) =>
        losses.crossEntropy(moves.stack([x, elementwise.neg(x)], 1), labels, { reduction: 'none' }),
      binaryCrossEntropy: (x: Tensor) => losses.binaryCrossEntropy(x, elementwise.greater(x, 30)),
      mse: (x: Tensor) => losses.mse(x, zeros(x.shape, device)),
      huber: (x: Tensor) => losses.huber(x, zeros(x.shape, device)),
    })) {
      using tape = new Tape()
      const x = tensor(values, { device })
      const y = f(x)
      const [dx] = tape.gradients(reductions.sum(y), [x])
      assert.ok([...await y.read()].every(Number.isFinite), `${op}: ${await y.format()}`)
      assert.ok([...await dx.read()].every(Number.isFinite), `${op}, gradient: ${await dx.format()}`)
    }
  })

  test(`${name}: exact where rounding would ruin a naive form`, async () => {
    using scope = new Scope()
    const tiny = tensor([1e-7, -1e-7], { device })
    for (const f of [elementwise.expm1, elementwise.log1p, elementwise.tanh]) {
      const y = await f(tiny).read()
      y.forEach((v, i) => assert.ok(Math.abs(v / (i ? -1e-7 : 1e-7) - 1) < 1e-6, `${f.name}: ${v}`))
    }
    const low = await softmaxes.logSoftmax(tensor([0, 100], { device })).read()
    assert.is(low[0], -100)
    assert.is(await elementwise.softplus(tensor(-50, { device })).item() > 0, true)
    assert.not(scope.isClosed)
  })

  test(`${name}: clamp of infinities and NaN, relu and maximum of NaN`, async () => {
    using tape = new Tape()
    const x = tensor([-Infinity, Infinity, NaN, 0.5], { device })
    const y = elementwise.clamp(x, -1, 2)
    assert.equal([...await y.read()], [-1, 2, NaN, 0.5])
    const [dx] = tape.gradients(reductions.sum(y), [x])
    assert.equal([...await dx.read()], [0, 0, 1, 1])
    assert.ok(Number.isNaN((await elementwise.relu(x).read())[2]))
    assert.ok(Number.isNaN((await elementwise.maximum(x, 0).read())[2]))
    assert.ok(Number.isNaN(await reductions.max(x).item()))
  })

  test(`${name}: ties share the gradient; conventions at kinks`, async () => {
    const gradientAt = async (values: number[], f: (x: Tensor) => Tensor) => {
      using tape = new Tape()
      const x = tensor(values, { device })
      const [dx] = tape.gradients(reductions.sum(f(x)), [x])
      return [...await dx.read()]
    }
    assert.equal(await gradientAt([3, 1, 3, 3, 0, 3], (x) => reductions.max(x)),
      [0.25, 0, 0.25, 0.25, 0, 0.25])
    assert.equal(await gradientAt([1, 2, 3], (x) => elementwise.maximum(x, 2)), [0, 0.5, 1])
    assert.equal(await gradientAt([1, 2, 3], (x) => elementwise.minimum(x, 2)), [1, 0.5, 0])
    assert.equal(await gradientAt([-1, 0, 1], elementwise.relu), [0, 0, 1])
    assert.equal(await gradientAt([-1, 0, 1], elementwise.abs), [-1, 0, 1])
    assert.equal(await gradientAt([-1, 0, 2], (x) => elementwise.clamp(x, -1, 2)), [1, 1, 1])
    assert.equal(await gradientAt([0, 2], (x) => elementwise.pow(x, 2)), [0, 4])
    assert.equal(await gradientAt([0, 2], (x) => elementwise.pow(0, x)), [0, 0])
    assert.equal(await gradientAt([0, -2], (x) => elementwise.pow(x, 0)), [0, 0])
  })

  test(`${name}: empty tensors`, async () => {
    using tape = new Tape()
    const x = zeros([0, 3], device)
    const w = tensor([[1, 2, 3]], { device })
    const y = matmuls.affine(elementwise.tanh(elementwise.add(x, w)), w)
    assert.equal([...y.shape], [0, 1])
    assert.equal((await y.read()).length, 0)
    const loss = reductions.sum(y)
    assert.is(await loss.item(), 0)
    const [dx, dw] = tape.gradients(loss, [x, w])
    assert.equal([...dx.shape], [0, 3])
    assert.equal([...await dw.read()], [0, 0, 0])
    assert.equal([...await reductions.sum(x, 0).read()], [0, 0, 0])
    assert.equal([...await moves.concat([x, w, x]).read()], [1, 2, 3])
    assert.equal([...moves.slice(w, 1, 2, 2).shape], [1, 0])
    assert.equal([...await matmuls.matmul(moves.transpose(x), x).read()], [0, 0, 0, 0, 0, 0, 0, 0, 0])
    const none = matmuls.matmul(zeros([2, 5, 0], device), zeros([0, 3], device)) // a sum of no products
    assert.equal([[...none.shape], ...await none.read()], [[2, 5, 3], ...new Array<number>(30).fill(0)])
    assert.equal(moves.unstack(x), [])
    assert.throws(() => reductions.mean(x), 'mean: x is [0, 3]; the mean of no values does not exist')
    assert.throws(() => reductions.max(x, 0), 'max: x is [0, 3]; the largest of no values does not exist')
  })

  test(`${name}: dropout keeps the expectation, and repeats with the seed`, async () => {
    using scope = new Scope()
    const x = elementwise.add(zeros([1000], device), 1)
    const read = async (seed: number) => [...await dropouts.dropout(x, 0.25, random(seed)).read()]
    const first = await read(5)
    assert.equal(await read(5), first)
    assert.not.equal(await read(6), first)
    assert.equal([...new Set(first.map((v) => v.toFixed(6)))].sort(), ['0.000000', '1.333333'])
    const kept = first.filter((v) => v > 0).length
    assert.ok(Math.abs(kept - 750) < 3.5 * Math.sqrt(1000 * 0.25 * 0.75), `kept ${kept}`)
    assert.is(dropouts.dropout(x, 0, random(1)), x)
    assert.throws(() => dropouts.dropout(x, 1, random(1)), 'dropout: p is 1; it must lie in [0, 1)')
    assert.not(scope.isClosed)
  })
}

test.run()

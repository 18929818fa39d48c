// gradcheck itself: wrong gradients are caught, right ones pass, and the report says what it saw.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpu } from '../src/cpu/device.ts'
import { formatReport, gradcheck, type GradcheckOptions } from '../src/gradcheck.ts'
import { dropout } from '../src/ops/dropout.ts'
import { add, detach, mul, neg, relu, square, sub, tanh } from '../src/ops/elementwise.ts'
import { matmul } from '../src/ops/matmul.ts'
import { reshape, slice } from '../src/ops/move.ts'
import { mean, sum } from '../src/ops/reduce.ts'
import { softmax } from '../src/ops/softmax.ts'
import { random } from '../src/random.ts'
import { Scope } from '../src/scope.ts'
import { record } from '../src/tape.ts'
import { type Tensor, tensor } from '../src/tensor.ts'
import { judge as device } from './devices.ts'

const test = suite('gradcheck')

const rng = random(5)

function draw(...shape: number[]): Tensor {
  return tensor(rng.normal(shape.reduce((n, m) => n * m, 1)), { device, shape })
}

type Vjp = (dy: Tensor, a: Tensor, b: Tensor) => [() => Tensor, () => Tensor]

/** a * b (elementwise, broadcast) and A B with any vjp one likes. */
function multiply(a: Tensor, b: Tensor, vjp: Vjp): Tensor {
  const memory = device.binary('mul', a, b, a.shape)
  return record('multiply', [a, b], { memory, shape: a.shape }, (dy) => vjp(dy, a, b))
}

function product(a: Tensor, b: Tensor, vjp: Vjp): Tensor {
  const memory = device.matmul(a, b, false, false)
  return record('product', [a, b], { memory, shape: [a.shape[0], b.shape[1]] }, (dy) => vjp(dy, a, b))
}

const elementwise: Vjp = (dy, a, b) => [() => mul(dy, b), () => mul(dy, a)]
const rows: Vjp = (dy, a, b) => [() => mul(dy, b), () => sum(mul(dy, a), 0)] // a [3, 4], b [4]
const matrices: Vjp = (dy, a, b) => [
  () => matmul(dy, b, { transposeB: true }), () => matmul(a, dy, { transposeA: true }),
]

const right: Record<string, [(inputs: readonly Tensor[]) => Tensor, Tensor[]]> = {
  'an elementwise op': [([a, b]) => multiply(a, b, elementwise), [draw(3, 4), draw(3, 4)]],
  'broadcasting': [([a, b]) => multiply(a, b, rows), [draw(3, 4), draw(4)]],
  'a matrix product': [([a, b]) => product(a, b, matrices), [draw(3, 3), draw(3, 3)]],
  'the same tensor twice': [([a]) => multiply(a, a, elementwise), [draw(2, 3)]],
}

/** Mistakes that people make; each must be seen. */
const wrong: Record<string, [(inputs: readonly Tensor[]) => Tensor, Tensor[]]> = {
  'a factor': [([a, b]) => multiply(a, b, (dy) => [() => mul(mul(dy, b), 1.00001), () => mul(dy, a)]),
    [draw(3, 4), draw(3, 4)]],
  'a sign': [([a, b]) => multiply(a, b, (dy) => [() => mul(dy, b), () => neg(mul(dy, a))]),
    [draw(3, 4), draw(3, 4)]],
  'swapped operands': [([a, b]) => multiply(a, b, (dy) => [() => mul(dy, a), () => mul(dy, b)]),
    [draw(3, 4), draw(3, 4)]],
  'a missing transpose': [([a, b]) => product(a, b, (dy) => [() => matmul(dy, b), () => matmul(a, dy)]),
    [draw(3, 3), draw(3, 3)]],
  'a broadcast that is summed over the wrong axis': [([a, b]) => multiply(a, b, (dy) => [
    () => mul(dy, b), () => sum(mul(dy, a), 1)]), [draw(4, 4), draw(4)]],
  'a broadcast of which one copy is taken': [([a, b]) => multiply(a, b, (dy) => [
    () => mul(dy, b), () => reshape(slice(mul(dy, a), 0, 0, 1), [4])]), [draw(3, 4), draw(4)]],
  'a mean for a sum': [([a, b]) => multiply(a, b, (dy) => [() => mul(dy, b), () => mean(mul(dy, a), 0)]),
    [draw(3, 4), draw(4)]],
  'one use of two (assign for accumulate)': [([a]) => multiply(a, detach(a), elementwise), [draw(2, 3)]],
  'two uses of one (accumulate for assign)': [([a, b]) => multiply(a, b, (dy) => [
    () => { const da = mul(dy, b); return add(da, da) }, () => mul(dy, a)]), [draw(2, 3), draw(2, 3)]],
  'one element of many': [([a, b]) => multiply(a, b, (dy) => [
    () => mul(mul(dy, b), oneOff(12)), () => mul(dy, a)]), [draw(3, 4), draw(3, 4)]],
  'no gradient at all': [([a, b]) => add(detach(tanh(a)), mul(b, 0)), [draw(3), draw(3)]],
  'a gradient where there is none': [([a]) => record('constant', [a],
    { memory: device.fill(3, 1), shape: [3] }, (dy) => [() => mul(dy, 0.001)]), [draw(3)]],
  'NaN': [([a]) => record('broken', [a],
    { memory: device.unary('tanh', a), shape: [3] }, (dy) => [() => mul(dy, NaN)]), [draw(3)]],
}

function oneOff(count: number): Tensor {
  const factors = new Array<number>(count).fill(1)
  factors[7] = 1.001
  return tensor(factors, { device, shape: [3, 4] })
}

/** For order 2: g is right, but its own vjp is wrong: d(dy b)/d(dy) = b gets a mistake. */
const squareTwice = (factor: number): ((inputs: readonly Tensor[]) => Tensor) => ([a]) => {
  const wrongSlope = (x: Tensor): Tensor => record('slope', [x],
    { memory: device.binary('mul', x, 2, x.shape), shape: x.shape }, (dy) => [() => mul(dy, 2 * factor)])
  const memory = device.unary('square', a)
  return record('square', [a], { memory, shape: a.shape }, (dy) => [() => mul(dy, wrongSlope(a))])
}

const ways: Record<string, GradcheckOptions> = {
  'element by element': {},
  'by projection': { projections: 3 },
}

for (const [way, options] of Object.entries(ways)) {
  test(`right gradients pass, ${way}, first and second order`, async () => {
    for (const [name, [f, inputs]] of Object.entries(right)) {
      for (const order of [1, 2] as const) {
        const report = await gradcheck(f, inputs, { ...options, order })
        assert.ok(report.passed, `${name}, order ${order}\n${formatReport(report)}`)
        assert.ok(report.error < 1e-7)
      }
    }
  })

  for (const [name, [f, inputs]] of Object.entries(wrong)) {
    test(`${way}: caught: ${name}`, async () => {
      const report = await gradcheck(f, inputs, options)
      assert.not(report.passed, formatReport(report))
      assert.ok(report.error >= report.tolerance)
      assert.match(formatReport(report), /^FAILED: gradient, /)
    })
  }

  test(`${way}: a wrong second derivative is caught, by order 2 alone`, async () => {
    const x = [draw(3)]
    for (const factor of [1.001, -1, 0]) {
      assert.ok((await gradcheck(squareTwice(factor), x, options)).passed)
      assert.not((await gradcheck(squareTwice(factor), x, { ...options, order: 2 })).passed)
    }
    assert.ok((await gradcheck(squareTwice(1), x, { ...options, order: 2 })).passed)
  })
}

test('the report names the element, and prints both numbers', async () => {
  const [f, inputs] = wrong['one element of many']
  const a = inputs[0]
  const report = await gradcheck(f, inputs)
  assert.equal([report.count, report.order, report.tolerance], [24, 1, 1e-6])
  const [worst, next] = report.entries
  assert.equal([worst.input, worst.index], ['input 0', [1, 3]])
  assert.ok(Math.abs(worst.analytic / worst.numeric - 1.001) < 1e-8)
  assert.ok(next.error < 1e-8)
  assert.is(worst.difference, Math.abs(worst.analytic - worst.numeric))
  assert.equal(report.inputs.map(({ name, shape }) => ({ name, shape: [...shape] })),
    [{ name: 'input 0', shape: [3, 4] }, { name: 'input 1', shape: [3, 4] }])
  assert.ok(report.inputs[0].error > 1e-6 && report.inputs[1].error < 1e-8)
  const lines = formatReport(report).split('\n')
  assert.match(lines[0], /^FAILED: gradient, 24 derivatives, largest error \S+e-\d \(must be under 1e-6\)$/)
  assert.match(lines[1], /^input +index +tape +finite differences +difference +error$/)
  for (const number of [worst.analytic, worst.numeric]) assert.ok(lines[2].includes(number.toPrecision(10)))
  assert.match(lines[2], /^input 0 +\[1, 3\] /)
  assert.is(new Set(lines.slice(1).map((line) => line.length)).size, 1, 'the columns line up')
  assert.ok(a.size === 12)
})

test('a wrong small derivative beside a large one is seen, a right one beside it passes', async () => {
  const weighted = (x: Tensor, ...claimed: number[]) => {
    const memory = device.binary('mul', x, tensor([1e8, 1], { device }), [2])
    return record('weighted', [x], { memory, shape: [2] }, (dy) =>
      [() => mul(dy, tensor(claimed, { device }))])
  }
  const x = tensor([0.7, -0.4], { device })
  const good = await gradcheck(([a]) => weighted(a, 1e8, 1), [x])
  assert.ok(good.passed, formatReport(good))
  for (const claimed of [3, 0, -1]) {
    const bad = await gradcheck(([a]) => weighted(a, 1e8, claimed), [x])
    assert.not(bad.passed, formatReport(bad))
    assert.equal(bad.entries[0].index, [1])
  }
  const curved = await gradcheck(([a]) => mul(tanh(mul(a, 300)), tensor([1e6, 1e-3], { device })), [x])
  assert.ok(curved.passed, formatReport(curved))
})

test('lists, records, maps; a function that ignores its argument, as cells with parameters do', async () => {
  const cell = { weight: draw(3, 4), bias: draw(3) }
  const x = draw(2, 4)
  const loss = () => mean(square(tanh(add(matmul(x, cell.weight, { transposeB: true }), cell.bias))))
  const params = new Map(Object.entries(cell))
  const before = [...await cell.weight.read()]
  const bytes = device.memory().live
  for (const options of [{}, { order: 2 }, { projections: 2 }, { order: 2, projections: 2 }] as const) {
    const report = await gradcheck(loss, params, options)
    assert.ok(report.passed, formatReport(report))
    assert.equal(report.inputs.map(({ name }) => name), ['weight', 'bias'])
    assert.is(report.count, 'projections' in options ? 4 : 15)
  }
  const named = await gradcheck(({ weight, bias }) => add(sum(square(weight)), sum(bias)), cell)
  assert.ok(named.passed)
  const mapped = await gradcheck((map) => square(map.get('bias')!), params)
  assert.ok(mapped.passed)
  assert.equal([...await cell.weight.read()], before, 'values are restored')
  assert.is(device.memory().live, bytes, 'memory is given back')
})

test('all gradients zero passes absolutely, also where rounding leaves a crumb', async () => {
  const constant = await gradcheck(([x]) => mul(x, 0), [draw(3)])
  assert.equal([constant.passed, constant.error], [true, 0])
  const shift = draw()
  const unseen = await gradcheck(([x, s]) => softmax(add(x, s)), [draw(2, 5), shift])
  assert.ok(unseen.passed, formatReport(unseen))
  const small = await gradcheck(([x]) => mul(square(x), 1e-30), [draw(3)])
  assert.ok(small.passed, 'not the size of the gradient counts, but its share of the value')
})

test('refused: float32, int32, nothing to check, random functions, wrong options', async () => {
  const refused = async (run: () => Promise<unknown>, text: RegExp) => {
    const error = await run().then(() => new Error('was not refused'), (reason: Error) => reason)
    assert.match(error.message, text)
    assert.not.match(error.message, /\n/)
  }
  const x = draw(4)
  await refused(() => gradcheck(([a]) => tanh(a), [tensor([1, 2], { device: cpu() })]),
    /^gradcheck: input 0 is float32 \[2\]; .* cpu\(\{ precision: 'float64' \}\)/)
  await refused(() => gradcheck(({ ids }) => ids, { ids: tensor([1], { device, dtype: 'int32' }) }),
    /ids is int32 \[1\]/)
  await refused(() => gradcheck(([a]) => a, [] as Tensor[]), /nothing to check/)
  await refused(() => gradcheck(([a]) => a, [draw(0, 3)]), /nothing to check/)
  await refused(() => gradcheck(([a]) => dropout(a, 0.5, rng), [x]), /two results for the same inputs/)
  await refused(() => gradcheck(([a]) => a, [x], { projections: 0 }), /projections is 0/)
  await refused(() => gradcheck(([a]) => a, [x], { step: NaN }), /step is NaN/)
  let calls = 0
  const failing = (a: Tensor) => {
    if (++calls > 5) throw new Error('f fails half-way')
    return relu(a)
  }
  const before = [...await x.read()]
  await refused(() => gradcheck(([a]) => failing(a), [x]), /f fails half-way/)
  assert.equal([...await x.read()], before, 'values are restored')
})

test('inside an open scope', async () => {
  const scope = new Scope()
  const report = await gradcheck(([a, b]) => sub(a, b), [draw(2), draw(2)])
  scope.close()
  assert.ok(report.passed)
})

test.run()

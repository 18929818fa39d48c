// Softmax, its logarithm, layer norm and RMS norm as one op each on the gpu and the simd device: values and
// gradients against the composed forms in float64, at rows across the edges of workgroups and vectors.
//
// Tolerance: a sum of D numbers, each off by some half digits of 2^-24, is off by at most D + 8 of them, and
// so is what is divided by it: by tensor (max |a - b| / max |b|), (2 D + 64) 2^-24 at worst. A gradient for x
// is a difference of two such numbers, of the size of dy, for a norm divided by that of x: where they cancel,
// that size is what counts.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { composed } from '../src/context.ts'
import type { Device } from '../src/device.ts'
import { inNarrowGrids } from '../src/gpu/recorder.ts'
import { mul } from '../src/ops/elementwise.ts'
import { reshape, slice } from '../src/ops/move.ts'
import { layerNorm, rmsNorm } from '../src/ops/norm.ts'
import { sum } from '../src/ops/reduce.ts'
import { logSoftmax, softmax } from '../src/ops/softmax.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { type Tensor, tensor } from '../src/tensor.ts'
import { gpu, judge, simd } from './devices.ts'
import { difference } from './golden-numbers.ts'

const test = suite('rows')

const fast = { gpu, simd }

type Op = (x: Tensor, weight: Tensor, bias: Tensor) => Tensor

const ops: Record<string, Op> = {
  'softmax': (x) => softmax(x),
  'logSoftmax': (x) => logSoftmax(x),
  'layerNorm, weight and bias': (x, weight, bias) => layerNorm(x, { weight, bias }),
  'layerNorm, bias': (x, _, bias) => layerNorm(x, { bias, eps: 1e-3 }),
  'layerNorm': (x) => layerNorm(x),
  'rmsNorm, weight': (x, weight) => rmsNorm(x, { weight }),
  'rmsNorm': (x) => rmsNorm(x),
}

/** y, and the gradients for x, weight and bias, all at offsets of their own. */
async function both(device: Device, op: Op, shape: readonly number[], values: Float32Array) {
  using tape = new Tape()
  const D = shape.at(-1)!
  const rng = random(4)
  const put = (list: ArrayLike<number>) => slice(tensor([9, 9, 9, ...Array.from(list)], { device }), 0, 3)
  const [x, weight, bias] = [put(values), put(Float32Array.from(rng.normal(D, 1, 0.3))),
    put(Float32Array.from(rng.normal(D, 0, 1)))]
  const y = op(reshape(x, shape), weight, bias)
  const name = tape.records.map((record) => record.op).filter((each) => /soft|norm/i.test(each))
  const dy = tensor(Float32Array.from(rng.normal(values.length, 0, 1)), { shape, device })
  const gradients = tape.gradients(sum(mul(y, dy)), [x, weight, bias])
  const lists: number[][] = []
  for (const each of [y, ...gradients]) lists.push(Array.from(await each.read()))
  return { lists, fused: name.length === 1 }
}

const SHAPES = [[1, 2], [3, 63], [2, 2, 64], [65], [5, 257], [2, 5000]]

for (const [where, device] of Object.entries(fast)) {
  for (const [name, op] of Object.entries(ops)) {
    test(`${where}, ${name}: value and gradients`, async () => {
      for (const shape of SHAPES) {
        const size = shape.reduce((product, n) => product * n, 1)
        for (const scale of [1, 100]) {
          const values = Float32Array.from(random(3).normal(size, 0, scale))
          const found = await both(device, op, shape, values)
          const wanted = await both(judge, (...given) => composed(() => op(...given)), shape, values)
          assert.ok(found.fused, 'it is one op')
          const tolerance = (2 * shape.at(-1)! + 64) * 2 ** -24
          const least = [0, /softmax/i.test(name) ? 1 : 1 / scale, 0, 0]
          wanted.lists.forEach((list, k) => {
            const size = list.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
            const share = size === 0 ? 1 : Math.min(1, size / least[k])
            const off = difference(found.lists[k], list) * share
            assert.ok(off <= tolerance, `${shape}, about ${scale}: list ${k}: ${off} is above ${tolerance}`)
          })
        }
      }
    })
  }

  test(`${where}, softmax: impossible classes; rows of them alone are NaN, as composed`, async () => {
    const no = -Infinity
    const values = Float32Array.from([1, no, 2, no, 0, no, no, no, no])
    for (const name of ['softmax', 'logSoftmax']) {
      const found = await both(device, ops[name], [3, 3], values)
      const wanted = await both(judge, (...given) => composed(() => ops[name](...given)), [3, 3], values)
      found.lists[0].forEach((y, i) => {
        const expected = wanted.lists[0][i]
        assert.ok(Object.is(y, expected) || Math.abs(y - expected) < 1e-6, `${name}: ${y} and ${expected}`)
      })
    }
  })

  test(`${where}, more rows than one axis of a grid has workgroups`, async () => {
    for (const [name, op] of Object.entries(ops)) {
      const values = Float32Array.from(random(3).normal(3 * 500, 0, 1))
      const run = (device: Device) => both(device, op, [500, 3], values)
      const [found, { lists }] = [await inNarrowGrids(37, () => run(device)), await run(judge)]
      lists.forEach((list, k) => assert.ok(difference(found.lists[k], list) < 1e-5, `${name}: list ${k}`))
    }
  })

  test(`${where}, along another axis, or with nothing in them, they are composed`, async () => {
    const x = tensor(random(1).normal(12, 0, 1), { shape: [4, 3], device })
    using tape = new Tape()
    softmax(x, 0)
    softmax(slice(x, 0, 0, 0))
    layerNorm(slice(x, 0, 0, 0))
    assert.not(tape.records.some(({ op }) => /softmax|norm/i.test(op)))
  })

  test(`${where}, with no tape, nothing is left behind`, () => {
    const x = tensor(random(1).normal(12, 0, 1), { shape: [4, 3], device })
    const before = device.memory().live
    for (const y of [softmax(x), logSoftmax(x), layerNorm(x), rmsNorm(x)]) y.dispose()
    assert.is(device.memory().live, before)
  })
}

test.run()

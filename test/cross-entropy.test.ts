// Cross-entropy as one op against its composed form, on every device: values, gradients, errors.
//
// In float64 both are equal to 1e-12. In float32 a sum of V numbers e^s <= 1, each off by 4 half digits of
// 2^-24, is off by at most V + 4 of them, and so are its logarithm and each share of it; the mean over N rows
// adds N more. Those bounds are of the worst case; 1e-5 of the largest value covers them at these sizes.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { composed } from '../src/context.ts'
import type { Device } from '../src/device.ts'
import { mul } from '../src/ops/elementwise.ts'
import { crossEntropy, type CrossEntropyOptions, type Reduction } from '../src/ops/loss.ts'
import { reshape, slice } from '../src/ops/move.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { tensor } from '../src/tensor.ts'
import { devices } from './devices.ts'
import { difference } from './golden-numbers.ts'

const test = suite('cross-entropy')
const REDUCTIONS: Reduction[] = ['mean', 'sum', 'none']

interface Case {
  shape: readonly number[]
  logits: ArrayLike<number>
  targets: ArrayLike<number>
  options: CrossEntropyOptions
}

/** Loss, and gradient of the loss (of its sum with odd weights, if there are several) for the logits. */
async function both(device: Device, { shape, logits, targets, options }: Case, fused: boolean) {
  using tape = new Tape()
  // the logits and the targets each at an offset of their own
  const x = slice(tensor([7, ...Array.from(logits)], { device }), 0, 1)
  const rows = targets.length
  const labels = slice(tensor([0, 0, ...Array.from(targets)], { device, dtype: 'int32' }), 0, 2)
  const wide = x.shape[0] / rows
  const run = () => crossEntropy(reshape(x, [...shape, wide]), reshape(labels, shape), options)
  const loss = fused ? run() : composed(run)
  assert.is(tape.records.some(({ op }) => op === 'crossEntropy'), fused)
  const weights = random(9).normal(loss.size, 0, 1)
  const total = sum(mul(loss, tensor(weights, { shape: loss.shape, device })))
  const [dx] = tape.gradients(total, [x])
  return [Array.from(await loss.read()), Array.from(await dx.read())]
}

async function holds(device: Device, tolerance: number, one: Case, what: string): Promise<void> {
  const [found, wanted] = [await both(device, one, true), await both(device, one, false)]
  found.forEach((list, k) => {
    const plain = (numbers: number[]) => numbers.map((v) => (Number.isFinite(v) ? v : 0))
    assert.equal(list.map((v) => (Number.isFinite(v) ? 0 : v)),
      wanted[k].map((v) => (Number.isFinite(v) ? 0 : v)), `${what}: what is not finite`)
    const off = difference(plain(list), plain(wanted[k]))
    assert.ok(off <= tolerance, `${what}: ${k ? 'gradient' : 'value'} is off by ${off}`)
  })
}

for (const { name, device, tolerance } of devices) {
  const allowed = name === 'cpu float64' ? 1e-12 : tolerance

  test(`${name}: equal to the composed form, at sizes across the edges of workgroups`, async () => {
    const rng = random(3)
    for (const [shape, V] of [
      [[1], 1], [[3], 2], [[5, 13], 63], [[64], 64], [[2, 7], 65], [[257], 86], [[2, 2, 2], 257], [[3], 5000],
    ] as const) {
      const N = shape.reduce<number>((product, n) => product * n, 1)
      for (const size of [1, 100]) {
        const logits = rng.normal(N * V, 0, size)
        const targets = Int32Array.from({ length: N }, () => rng.integer(V))
        for (const reduction of REDUCTIONS) {
          await holds(device, allowed, { shape, logits, targets, options: { reduction } },
            `${shape} of ${V}, about ${size}, ${reduction}`)
        }
        targets[0] = -1
        if (N > 2) targets[2] = -1
        if (N === 1) continue
        for (const reduction of REDUCTIONS) {
          await holds(device, allowed, { shape, logits, targets, options: { reduction, ignoreIndex: -1 } },
            `${shape} of ${V}, some ignored, ${reduction}`)
        }
      }
    }
  })

  test(`${name}: classes that a mask made impossible`, async () => {
    const logits = [1, -Infinity, 2, -Infinity, 0.5, 3, -1, 0, -Infinity]
    for (const reduction of REDUCTIONS) {
      const one = { shape: [3], logits, targets: [0, 1, 0], options: { reduction } }
      await holds(device, allowed, one, 'masked')
    }
    const [[loss]] = await both(device, {
      shape: [1], logits: [0, -Infinity], targets: [1], options: {},
    }, true)
    assert.is(loss, Infinity)
  })

  test(`${name}: an ignored class in the range, one that is no index; no target that counts`, async () => {
    const logits = random(4).normal(12, 0, 1)
    for (const ignoreIndex of [2, 1e12, 0.5, NaN]) {
      await holds(device, allowed, {
        shape: [4], logits, targets: [2, 0, 2, 1], options: { ignoreIndex },
      }, `${ignoreIndex}`)
    }
    const x = tensor(logits, { shape: [4, 3], device })
    const none = tensor([-1, -1, -1, -1], { device, dtype: 'int32' })
    assert.ok(Number.isNaN(await crossEntropy(x, none, { ignoreIndex: -1 }).item()))
    assert.is(await crossEntropy(x, none, { ignoreIndex: -1, reduction: 'sum' }).item(), 0)
  })

  test(`${name}: the same errors`, () => {
    const x = tensor(random(4).normal(12, 0, 1), { shape: [4, 3], device })
    for (const targets of [[0, 1, 3, 2], [0, -1, 3, 2], [-100, -1, 0, 0]]) {
      const labels = tensor(targets, { device, dtype: 'int32' })
      const message = (f: () => unknown) => {
        try {
          f()
        } catch (error) {
          return (error as Error).message
        }
        return 'no error'
      }
      const [one, other] = [message(() => crossEntropy(x, labels)),
        message(() => composed(() => crossEntropy(x, labels)))]
      assert.match(one, /^crossEntropy: index -?\d at position \d is out of range; it must be 0 to 2$/)
      assert.is(one, other)
    }
  })

  test(`${name}: with class weights, on a tape that watches or a nested one, it is composed`, async () => {
    const x = tensor(random(4).normal(12, 0, 1), { shape: [4, 3], device })
    const labels = tensor([0, 1, 2, 2], { device, dtype: 'int32' })
    const fused = (tape: Tape) => tape.records.some(({ op }) => op === 'crossEntropy')
    {
      using tape = new Tape({ watch: true })
      crossEntropy(x, labels)
      assert.not(fused(tape))
    }
    using outer = new Tape()
    crossEntropy(x, labels, { weight: tensor([1, 2, 3], { device }) })
    using inner = new Tape({ inside: outer })
    crossEntropy(x, labels)
    assert.not(fused(outer) || fused(inner))
  })

  test(`${name}: with no tape, nothing is left behind`, () => {
    const x = tensor(random(4).normal(12, 0, 1), { shape: [4, 3], device })
    const labels = tensor([0, 1, 2, 2], { device, dtype: 'int32' })
    const before = device.memory().live
    crossEntropy(x, labels).dispose()
    assert.is(device.memory().live, before)
  })
}

test.run()

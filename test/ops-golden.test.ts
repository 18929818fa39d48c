// Values and gradients of ops and losses against PyTorch (test/golden/ops.json), on every device; inputs up
// to |x| = 100.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Device } from '../src/device.ts'
import * as e from '../src/ops/elementwise.ts'
import { gather } from '../src/ops/gather.ts'
import * as losses from '../src/ops/loss.ts'
import { matmul, type MatmulOptions } from '../src/ops/matmul.ts'
import { layerNorm, rmsNorm } from '../src/ops/norm.ts'
import { logsumexp, max, mean, sum } from '../src/ops/reduce.ts'
import { logSoftmax, softmax } from '../src/ops/softmax.ts'
import { Tape } from '../src/tape.ts'
import { type Tensor, tensor } from '../src/tensor.ts'
import { devices, type TestDevice } from './devices.ts'
import { difference, golden, type Golden, load } from './golden-numbers.ts'

type Options = MatmulOptions & {
  exponent: number, min: number, max: number, axis: number, axes: number[], keepDims: boolean, eps: number,
  reduction: losses.Reduction, ignoreIndex?: number, classWeights?: Golden, delta: number,
}

interface Case {
  op: string
  inputs: Golden[]
  options: Options
  dy: Golden
  y: Golden
  grads: (Golden | null)[]
}

type Call = (inputs: Tensor[], options: Options) => Tensor

const { tanh, sigmoid, relu, softplus, silu, gelu, exp, abs, log, sqrt } = e
const curves = { tanh, sigmoid, relu, softplus, silu, gelu, exp, abs, log, sqrt }

const calls: Record<string, Call> = {
  ...Object.fromEntries(Object.entries(curves).map(([op, f]): [string, Call] => [op, ([x]) => f(x)])),
  ...Object.fromEntries(Object.entries({ sum, mean, max, logsumexp }).map(([op, f]): [string, Call] =>
    [op, ([x], { axes, keepDims }) => f(x, axes, keepDims)])),
  softmax: ([x], { axis }) => softmax(x, axis),
  logSoftmax: ([x], { axis }) => logSoftmax(x, axis),
  pow: ([x], { exponent }) => e.pow(x, exponent),
  clamp: ([x], options) => e.clamp(x, options.min, options.max),
  maximum: ([a, b]) => e.maximum(a, b),
  minimum: ([a, b]) => e.minimum(a, b),
  where: ([condition, a, b]) => e.where(condition, a, b),
  matmul: ([a, b], options) => matmul(a, b, options),
  gather: ([x, index]) => gather(x, index),
  layerNorm: ([x, weight, bias], { eps }) => layerNorm(x, { weight, bias, eps }),
  rmsNorm: ([x, weight], { eps }) => rmsNorm(x, { weight, eps }),
  crossEntropy: ([x, t], { reduction, ignoreIndex, classWeights }) => losses.crossEntropy(x, t, {
    reduction, ignoreIndex, weight: classWeights && load(x.device, classWeights),
  }),
  binaryCrossEntropy: ([x, t], { reduction }) => losses.binaryCrossEntropy(x, t, reduction),
  mse: ([x, t], { reduction }) => losses.mse(x, t, reduction),
  l1: ([x, t], { reduction }) => losses.l1(x, t, reduction),
  huber: ([x, t], { reduction, delta }) => losses.huber(x, t, { reduction, delta }),
}

const { cases, extremes } = golden<{ cases: Case[], extremes: Case[] }>('ops.json')

/** where's condition is a bool in PyTorch, written as int32; here it is a tensor of the float type. */
function inputsOf({ op, inputs }: Case, device: Device): Tensor[] {
  return inputs.map((x, i) =>
    op === 'where' && i === 0 ? tensor(x.data, { device, shape: x.shape }) : load(device, x))
}

async function compare(entry: Case, { device, tolerance }: TestDevice): Promise<string[]> {
  using tape = new Tape()
  const inputs = inputsOf(entry, device)
  const y = calls[entry.op](inputs, entry.options)
  const gradients = tape.gradients(sum(e.mul(y, load(device, entry.dy))),
    inputs.filter((_, i) => entry.grads[i]))
  const wrong: string[] = []
  const judge = async (what: string, x: Tensor, expected: Golden) => {
    assert.equal([...x.shape], expected.shape)
    const error = difference(await x.read(), expected.data)
    if (!(error < tolerance)) wrong.push(`${entry.op} ${JSON.stringify(entry.options)} ${what}: ${error}`)
  }
  await judge('y', y, entry.y)
  const expected = entry.grads.filter((dx) => dx !== null)
  for (const [i, dx] of gradients.entries()) await judge(`gradient ${i}`, dx, expected[i])
  return wrong
}

const test = suite('ops, golden')

for (const device of devices) {
  for (const [kind, list] of Object.entries({ cases, extremes })) {
    test(`${device.name}: ${list.length} ${kind} equal PyTorch's to ${device.tolerance}`, async () => {
      const wrong: string[] = []
      for (const entry of list) wrong.push(...await compare(entry, device))
      assert.equal(wrong, [])
    })
  }
}

test('every op of the file is compared', () => {
  assert.equal([...new Set([...cases, ...extremes].map(({ op }) => op))].sort(), Object.keys(calls).sort())
})

test.run()

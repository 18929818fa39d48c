// Losses and softmax keep their digits where a naive form, or a rearranged one, loses them: large logits that
// lie close together, and losses that are almost zero.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mul } from '../src/ops/elementwise.ts'
import { binaryCrossEntropy, crossEntropy } from '../src/ops/loss.ts'
import { logsumexp, sum } from '../src/ops/reduce.ts'
import { logSoftmax, softmax } from '../src/ops/softmax.ts'
import { Tape } from '../src/tape.ts'
import { full, tensor } from '../src/tensor.ts'
import { devices } from './devices.ts'

const test = suite('precision')

function near(actual: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  assert.is(actual.length, expected.length)
  expected.forEach((v, i) =>
    assert.ok(Math.abs(actual[i] - v) <= tolerance * Math.abs(v), `${actual[i]} is not ${v}`))
}

for (const { name, device } of devices) {
  test(`${name}: softmax, its logarithm and the cross-entropy of large logits`, async () => {
    using tape = new Tape()
    const x = tensor([1e8, 1e8, 0], { device })
    near(await softmax(x).read(), [0.5, 0.5, 0], 1e-7)
    near(await logSoftmax(x).read(), [-Math.LN2, -Math.LN2, -1e8], 1e-7)
    const loss = async (logits: number[]) => {
      const z = tensor([logits], { device })
      return crossEntropy(z, tensor([0], { device, dtype: 'int32' })).item()
    }
    near([await loss([1e8, 1e8, 0])], [Math.LN2], 1e-7)
    near([await loss([1e4, 9999, 9998])], [Math.log(1 + Math.exp(-1) + Math.exp(-2))], 1e-6)
    near([await loss([-1e4, -1e4, -2e4])], [Math.LN2], 1e-7)
    // 1 + 6e-6 is rounded before its logarithm is taken: to one hundredth of those 6e-6
    near([await loss([20, 8, 0])], [Math.log1p(Math.exp(-12) + Math.exp(-20))], 0.01)
    const [dx] = tape.gradients(sum(mul(logSoftmax(x), tensor([1, 0, 0], { device }))), [x])
    near(await dx.read(), [0.5, -0.5, 0], 1e-7)
  })

  test(`${name}: infinite logits: masked classes have probability 0; nothing else changes`, async () => {
    using tape = new Tape()
    const x = tensor([[-Infinity, 3, 3], [0, -Infinity, -Infinity]], { device })
    near(await softmax(x).read(), [0, 0.5, 0.5, 1, 0, 0], 1e-7)
    const logs = await logSoftmax(x).read()
    assert.equal([...logs.slice(3)], [0, -Infinity, -Infinity])
    assert.is(logs[0], -Infinity)
    assert.equal([...await logsumexp(tensor([-Infinity, -Infinity], { device }), 0).read()], [-Infinity])
    const [dx] = tape.gradients(sum(mul(softmax(x), tensor([1, 2, 3], { device }))), [x])
    near(await dx.read(), [0, -0.25, 0.25, 0, 0, 0], 1e-6)
  })

  test(`${name}: binary cross-entropy of confident and right answers, with two derivatives`, async () => {
    const values = [15, 10, 50, -15, -10, 0, 0.7]
    const labels = [1, 1, 1, 0, 0, 1, 0.3]
    const sigmoid = (v: number) => 1 / (1 + Math.exp(-v))
    const softplus = (v: number) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)))
    using outer = new Tape()
    const inner = new Tape({ inside: outer })
    const x = tensor(values, { device })
    const t = tensor(labels, { device })
    const losses = binaryCrossEntropy(x, t, 'none')
    const [dx, dt] = inner.gradients(sum(losses), [x, t])
    inner.close()
    const [ddx] = outer.gradients(sum(mul(dx, full([7], 1, device))), [x])
    near(await losses.read(), values.map((v, i) =>
      labels[i] * softplus(-v) + (1 - labels[i]) * softplus(v)), 1e-6)
    near(await dx.read(), values.map((v, i) =>
      (1 - labels[i]) * sigmoid(v) - labels[i] * sigmoid(-v)), 1e-6)
    near(await dt.read(), values.map((v) => -v), 1e-6)
    near(await ddx.read(), values.map((v) => sigmoid(v) * sigmoid(-v)), 1e-6)
  })
}

test.run()

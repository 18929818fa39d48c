// Inputs that do not fit: one line with the op, the shapes and what is needed; the same words on every
// device.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import { dropout } from '../src/ops/dropout.ts'
import * as e from '../src/ops/elementwise.ts'
import { gather, oneHot, scatterAdd } from '../src/ops/gather.ts'
import * as losses from '../src/ops/loss.ts'
import { affine, matmul } from '../src/ops/matmul.ts'
import * as move from '../src/ops/move.ts'
import { layerNorm, rmsNorm } from '../src/ops/norm.ts'
import { logsumexp, max, mean, sum, sumTo } from '../src/ops/reduce.ts'
import { logSoftmax, softmax } from '../src/ops/softmax.ts'
import { random } from '../src/random.ts'
import { sizeOf } from '../src/shape.ts'
import { Scope } from '../src/scope.ts'
import { tensor, type Tensor, zeros } from '../src/tensor.ts'
import { devices } from './devices.ts'
import { message } from './one-line.ts'

type Shaped = (...shape: number[]) => Tensor

/** What is called, and the whole text of the error. */
function shapeErrors(x: Shaped, ids: Shaped): [() => unknown, string][] {
  return [
    [() => e.add(x(2, 3), x(4, 5)), 'add: shapes do not broadcast; a is [2, 3], b is [4, 5]; ' +
      'counted from the right, sizes must be equal or 1 (here 3 and 5)'],
    [() => e.mul(x(2, 3), x(2)), 'mul: shapes do not broadcast; a is [2, 3], b is [2]; ' +
      'counted from the right, sizes must be equal or 1 (here 3 and 2)'],
    [() => e.where(x(2), x(3), 0), 'where: shapes do not broadcast; a is [2], b is [3]; ' +
      'counted from the right, sizes must be equal or 1 (here 2 and 3)'],
    [() => e.add(1, 2), 'add: its inputs are the numbers 1 and 2; ' +
      'at least one must be a tensor: tensor(value, { device }) makes one'],
    [() => e.clamp(x(2), 3, 1), 'clamp: low is 3, high is 1; low must not exceed high'],
    [() => matmul(x(2, 3), x(4, 5)), 'matmul: inner sizes differ; a is [2, 3], b is [4, 5]; 3 must equal 4'],
    [() => matmul(x(2, 3), x(3, 5), { transposeA: true }),
      'matmul: inner sizes differ; a is [2, 3] transposed, b is [3, 5]; 2 must equal 3'],
    [() => matmul(x(3), x(3, 5)), 'matmul: a is [3], b is [3, 5]; both need at least two axes: ' +
      'reshape a vector to [1, n] or [n, 1]'],
    [() => matmul(x(2, 3, 4), x(3, 4, 2)), 'matmul: shapes do not broadcast; a is [2], b is [3]; ' +
      'counted from the right, sizes must be equal or 1 (here 2 and 3)'],
    [() => affine(x(2, 3), x(5, 4)), 'affine: x is [2, 3], weight is [5, 4]; x must end in 4 features'],
    [() => affine(x(2, 3), x(3)), 'affine: weight is [3]; it must be [out, in]'],
    [() => affine(x(2, 3), x(5, 3), x(4)),
      'affine: weight is [5, 3], bias is [4]; the bias must be [5]'],
    [() => sum(x(2, 3), 2), 'sum: axis 2 does not exist; x is [2, 3]; axes run from -2 to 1'],
    [() => mean(x(2, 3), [0, -2]), 'mean: an axis is named twice; axes are [0, 0]'],
    [() => logsumexp(x(2, 0), 1), 'logsumexp: x is [2, 0]; the largest of no values does not exist'],
    [() => softmax(x(2, 0)), 'softmax: x is [2, 0]; the largest of no values does not exist'],
    [() => max(x(2), 0.5), 'max: axis 0.5 does not exist; x is [2]; axes run from -1 to 0'],
    [() => softmax(x(2, 3), -3), 'softmax: axis -3 does not exist; x is [2, 3]; axes run from -2 to 1'],
    [() => logSoftmax(x(2, 3), 5), 'logSoftmax: axis 5 does not exist; x is [2, 3]; axes run from -2 to 1'],
    [() => e.less(x(2), x(3)), 'less: shapes do not broadcast; a is [2], b is [3]; ' +
      'counted from the right, sizes must be equal or 1 (here 2 and 3)'],
    [() => move.reshape(x(2, 3), [4, -1]), 'reshape: [2, 3] holds 6 values; they do not fit [4, -1]'],
    [() => move.reshape(x(2, 3), [-1, -1]), 'reshape: [2, 3] holds 6 values; they do not fit [-1, -1]'],
    [() => move.reshape(x(2, 3), [5]), 'reshape: [2, 3] holds 6 values; they do not fit [5]'],
    [() => move.reshape(x(2, 3), [-2, -3]), 'reshape: [2, 3] holds 6 values; they do not fit [-2, -3]'],
    [() => move.reshape(x(2, 3), [1, 1, 1, 2, 3]),
      'reshape: [1, 1, 1, 2, 3] is not a shape; up to 4 sizes, each a whole number of 0 or more'],
    [() => move.broadcastTo(x(2, 3), [1, 1, 1, 2, 3]),
      'broadcastTo: [1, 1, 1, 2, 3] is not a shape; up to 4 sizes, each a whole number of 0 or more'],
    [() => move.stack([x(1, 1, 2, 3)]),
      'stack: [1, 1, 1, 2, 3] is not a shape; up to 4 sizes, each a whole number of 0 or more'],
    [() => logSoftmax(x(2, 0)), 'logSoftmax: x is [2, 0]; the largest of no values does not exist'],
    [() => move.transpose(x(2, 3), [0, 0]),
      'transpose: [0, 0] is not an order of the axes of [2, 3]; name each axis 0 to 1 once'],
    [() => move.broadcastTo(x(2, 3), [3]),
      'broadcastTo: [2, 3] does not broadcast to [3]; sizes, from the right, must be equal or 1'],
    [() => move.slice(x(2, 3), 1, 1, 4),
      'slice: 1 to 4 does not lie in axis 1 of [2, 3], which has 3 elements'],
    [() => move.slice(x(2, 3), 0, 2, 1),
      'slice: 2 to 1 does not lie in axis 0 of [2, 3], which has 2 elements'],
    [() => move.pad(x(2, 3), 1, 2, 4), 'pad: [2, 3] at 2 does not fit into 4 elements along axis 1'],
    [() => move.concat([x(2, 3), x(2, 4)]),
      `concat: shapes differ outside axis 0; a is [2, 3] ${x().dtype}, b is [2, 4] ${x().dtype}`],
    [() => move.concat([x(2), ids(2)]),
      `concat: shapes differ outside axis 0; a is [2] ${x().dtype}, b is [2] int32`],
    [() => move.concat([]), 'concat: it needs at least one tensor'],
    [() => move.stack([]), 'stack: it needs at least one tensor'],
    [() => move.stack([x(2), x(3)]),
      `stack: shapes differ; a is [2] ${x().dtype}, b is [3] ${x().dtype}; all must be equal`],
    [() => move.stack([x(2), ids(2)]),
      `stack: shapes differ; a is [2] ${x().dtype}, b is [2] int32; all must be equal`],
    [() => move.stack([x(2)], 2), 'stack: axis 2 does not exist; the result has 2 axes, -2 to 1'],
    [() => move.split(x(5), [2, 2]), 'split: sizes [2, 2] add up to 4; axis 0 of [5] has 5 elements'],
    [() => move.unstack(x()), 'unstack: axis 0 does not exist; x is []; a scalar has no axes'],
    [() => move.reverseTime(x(4, 3), ids(2)),
      'reverseTime: x is [4, 3], lengths is [2]; needed are [T, B, ...] and [B]'],
    [() => sumTo(x(2, 3), [2]), 'sumTo: shapes do not broadcast; a is [2], b is [2, 3]; ' +
      'counted from the right, sizes must be equal or 1 (here 2 and 3)'],
    [() => sumTo(x(3), [2, 3]),
      'sumTo: [2, 3] does not broadcast to [3]; sizes, from the right, must be equal or 1'],
    [() => gather(x(3), ids(2)), 'gather: the table is [3]; it must be [V, D]'],
    [() => scatterAdd(x(3, 2), ids(2), 4),
      'scatterAdd: rows is [3, 2], index is [2]; needed are [N, D] and [N]'],
    [() => oneHot(ids(2), 0), 'oneHot: the number of classes is 0; it must be a whole number of 1 or more'],
    [() => layerNorm(x(2, 3), { weight: x(2) }),
      'layerNorm: x is [2, 3], weight or bias is [2]; it must be [3]'],
    [() => rmsNorm(x(2, 3), { weight: x(1, 3) }),
      'rmsNorm: x is [2, 3], weight or bias is [1, 3]; it must be [3]'],
    [() => layerNorm(x()), 'layerNorm: x is []; its last axis must hold values'],
    [() => rmsNorm(x(2, 0)), 'rmsNorm: x is [2, 0]; its last axis must hold values'],
    [() => losses.mse(x(0), x(0)), 'mse: x is [0]; the mean of no values does not exist'],
    [() => losses.crossEntropy(x(2, 0), ids(2)),
      'crossEntropy: the number of classes is 0; it must be a whole number of 1 or more'],
    [() => losses.crossEntropy(x(2, 3), ids(3)),
      'crossEntropy: logits is [2, 3], targets is [3]; needed are [..., V] and [...]'],
    [() => losses.crossEntropy(x(2, 3), ids(2), { weight: x(2) }),
      'crossEntropy: weight is [2]; it must be [3], one for each class'],
    [() => losses.mse(x(2, 3), x(2, 1)),
      'mse: shapes differ; x is [2, 3], target is [2, 1]; they must be equal'],
    [() => losses.huber(x(2), x(2), { delta: 0 }), 'huber: delta is 0; it must be a positive number'],
    // @ts-expect-error: not a reduction
    [() => losses.l1(x(2), x(2), 'average'), 'l1: reduction is average; it must be mean, sum or none'],
  ]
}

/** Indices where numbers are needed, numbers where indices are needed, and indices out of range. */
function typeErrors(x: Shaped, ids: Shaped, at: (...values: number[]) => Tensor): [() => unknown, string][] {
  const float = x().dtype
  const needed = (op: string, shape: string) =>
    `${op}: a tensor of shape ${shape} is int32; it must be ${float}`
  const index = (op: string) =>
    `${op}: the index is ${float} [2]; it must be int32: tensor(values, { dtype: 'int32', device })`
  return [
    [() => e.tanh(ids(2)), needed('tanh', '[2]')],
    [() => e.add(x(2), ids(2)), needed('add', '[2]')],
    [() => e.where(ids(2), x(2), 0), needed('where', '[2]')],
    [() => matmul(ids(2, 3), x(3, 4)), needed('matmul', '[2, 3]')],
    [() => sum(ids(2, 3)), needed('sum', '[2, 3]')],
    [() => mean(ids(2, 3), 0), needed('mean', '[2, 3]')],
    [() => logsumexp(ids(2)), needed('logsumexp', '[2]')],
    [() => sumTo(ids(2, 3), [3]), needed('sumTo', '[2, 3]')],
    [() => softmax(ids(2)), needed('softmax', '[2]')],
    [() => logSoftmax(ids(2)), needed('logSoftmax', '[2]')],
    [() => e.less(x(2), ids(2)), needed('less', '[2]')],
    [() => e.clamp(ids(2), 0, 1), needed('clamp', '[2]')],
    [() => e.silu(ids(2)), needed('silu', '[2]')],
    [() => e.gelu(ids(2)), needed('gelu', '[2]')],
    [() => dropout(ids(2), 0.5, random(1)), needed('dropout', '[2]')],
    [() => affine(ids(2), x(3, 2)), needed('affine', '[2]')],
    [() => layerNorm(ids(2)), needed('layerNorm', '[2]')],
    [() => rmsNorm(x(2), { weight: ids(2) }), needed('rmsNorm', '[2]')],
    [() => losses.crossEntropy(ids(2, 3), ids(2)), needed('crossEntropy', '[2, 3]')],
    [() => losses.crossEntropy(x(2, 3), ids(2), { weight: ids(3) }), needed('crossEntropy', '[3]')],
    [() => losses.binaryCrossEntropy(x(2), ids(2)), needed('binaryCrossEntropy', '[2]')],
    [() => losses.mse(x(2), ids(2)), needed('mse', '[2]')],
    [() => losses.l1(ids(2), ids(2)), needed('l1', '[2]')],
    [() => losses.huber(ids(2), x(2)), needed('huber', '[2]')],
    [() => gather(ids(2, 3), at(0)), needed('gather', '[2, 3]')],
    [() => scatterAdd(ids(2, 3), ids(2), 2), needed('scatterAdd', '[2, 3]')],
    [() => move.reverseTime(ids(2, 3), ids(3)), needed('reverseTime', '[2, 3]')],
    [() => move.pad(ids(2), 0, 0, 3), needed('pad', '[2]')],
    [() => gather(x(3, 2), x(2)), index('gather')],
    [() => scatterAdd(x(2, 3), x(2), 4), index('scatterAdd')],
    [() => oneHot(x(2), 3), index('oneHot')],
    [() => losses.crossEntropy(x(2, 3), x(2)), index('crossEntropy')],
    [() => move.reverseTime(x(4, 2), x(2)), index('reverseTime')],
    [() => gather(x(3, 2), at(0, 3)), 'gather: index 3 at position 1 is out of range; it must be 0 to 2'],
    [() => gather(x(3, 2), at(-1)), 'gather: index -1 at position 0 is out of range; it must be 0 to 2'],
    [() => scatterAdd(x(2, 3), at(0, 4), 4),
      'scatterAdd: index 4 at position 1 is out of range; it must be 0 to 3'],
    [() => losses.crossEntropy(x(2, 3), at(1, 3)),
      'crossEntropy: index 3 at position 1 is out of range; it must be 0 to 2'],
    [() => move.reverseTime(x(4, 2), at(4, 5)),
      'reverseTime: length 5 at position 1 is out of range; it must be 0 to 4'],
  ]
}

/** What the types forbid, and plain JavaScript does not. */
function kindErrors(x: Tensor, ids: Tensor): [() => unknown, string][] {
  const needed = (op: string, input: string, what = 'a tensor') =>
    `${op}: an input is ${input}; it must be ${what}: tensor(values, { device }) makes one`
  return [
    // @ts-expect-error: no tensor
    [() => e.add(x, 'x'), needed('add', '"x"', 'a tensor or a number')],
    // @ts-expect-error: no tensor
    [() => e.add([1, 2], x), needed('add', 'a list', 'a tensor or a number')],
    // @ts-expect-error: no tensor
    [() => e.mul(x), needed('mul', 'undefined', 'a tensor or a number')],
    // @ts-expect-error: no tensor
    [() => e.less(null, x), needed('less', 'null', 'a tensor or a number')],
    // @ts-expect-error: no tensor
    [() => e.where(true, x, 0), needed('where', 'true')],
    // @ts-expect-error: no tensor
    [() => e.tanh(1), needed('tanh', '1')],
    // @ts-expect-error: no tensor
    [() => e.detach(1), needed('detach', '1')],
    // @ts-expect-error: no tensor
    [() => matmul(x, [[1]]), needed('matmul', 'a list')],
    // @ts-expect-error: no tensor
    [() => affine(x, { x }), needed('affine', 'an object')],
    // @ts-expect-error: no tensor
    [() => sum([1, 2]), needed('sum', 'a list')],
    // @ts-expect-error: no tensor
    [() => softmax([1, 2]), needed('softmax', 'a list')],
    // @ts-expect-error: no tensor
    [() => losses.mse(x, 1), needed('mse', '1')],
    // @ts-expect-error: no tensor
    [() => losses.crossEntropy(x, [1]), needed('crossEntropy', 'a list')],
    // @ts-expect-error: no tensor
    [() => move.concat([x, 1]), needed('concat', '1')],
    // @ts-expect-error: no tensor
    [() => gather(() => x, ids), needed('gather', 'a function')],
  ]
}

/** Two devices: the op that was called says so, not one that it is made of. */
function deviceErrors(
  name: string, x: Shaped, other: Shaped, ids: Shaped,
): [() => unknown, string][] {
  const calls: [string, () => unknown][] = [
    ['add', () => e.add(x(2), other(2))], ['less', () => e.less(x(2), other(2))],
    ['affine', () => affine(x(2), other(3, 2))], ['stack', () => move.stack([x(2), other(2)])],
    ['mse', () => losses.mse(x(2), other(2))], ['layerNorm', () => layerNorm(x(2), { weight: other(2) })],
    ['crossEntropy', () => losses.crossEntropy(other(2, 3), ids(2))],
  ]
  const names = (op: string) => (op === 'crossEntropy' ? `cpu, ${name}` : `${name}, cpu`)
  return calls.map(([op, run]) => [run, `${op}: its inputs live on two devices (${names(op)}); ` +
    'every cpu(), simd() or gpu() is a device of its own: ' +
    'make one and share it, or read one tensor and upload it'])
}

const test = suite('ops, errors')

for (const { name, device } of devices) {
  const make = (dtype?: 'int32') => (...shape: number[]) =>
    dtype ? tensor(new Int32Array(sizeOf(shape)), { device, shape, dtype }) : zeros(shape, device)
  const list = (...values: number[]) => tensor(values, { device, dtype: 'int32' })

  test(`${name}: shapes`, () => compareAll(shapeErrors(make(), make('int32'))))
  test(`${name}: dtypes and indices`, () => compareAll(typeErrors(make(), make('int32'), list)))
  test(`${name}: no tensors`, () => compareAll(kindErrors(zeros([2], device), list(0, 1))))
  test(`${name}: two devices`, () => {
    const other = cpu({ precision: device.dtype })
    compareAll(deviceErrors(device.name, make(), (...shape) => zeros(shape, other), make('int32')))
  })
  test(`${name}: an op that is refused leaves no memory behind`, () =>
    leavesNothing(device, make(), make('int32'), list))
}

function compareAll(cases: [() => unknown, string][]): void {
  const scope = new Scope()
  const wrong: string[] = []
  for (const [run, expected] of cases) {
    try {
      assert.is(message(run), expected)
    } catch (error) {
      wrong.push(`${run}: ${(error as Error).message}\n${(error as { details?: string }).details}`)
    }
  }
  assert.is(wrong.join('\n'), '')
  scope.close()
}

function leavesNothing(device: Device, x: Shaped, ids: Shaped, at: (...values: number[]) => Tensor): void {
  const cases = [...shapeErrors(x, ids), ...typeErrors(x, ids, at)]
  const { live, buffers } = device.memory()
  for (const [run] of cases) {
    const scope = new Scope()
    assert.throws(run)
    scope.close()
    assert.equal([device.memory().live, device.memory().buffers], [live, buffers], String(run))
  }
}

test.run()

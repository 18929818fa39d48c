// Tensors: made from numbers, printed, read, assigned, given back; what does not fit is refused with one
// clear line.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpu } from '../src/cpu/device.ts'
import { add, exp, square } from '../src/ops/elementwise.ts'
import { reshape, slice, unstack } from '../src/ops/move.ts'
import { sum } from '../src/ops/reduce.ts'
import { Tape } from '../src/tape.ts'
import {
  dispose, full, leaves, mapTree, ones, Tensor, tensor, type TensorOptions, zeros,
} from '../src/tensor.ts'
import { devices } from './devices.ts'
import { message } from './one-line.ts'

const test = suite('tensor')

for (const { name, device } of devices) {
  const options: TensorOptions = { device }

  test(`${name}: numbers, nested or flat with a shape`, async () => {
    const cases: [Tensor, number[], number[]][] = [
      [tensor(2.5, options), [], [2.5]],
      [tensor([1, 2, 3], options), [3], [1, 2, 3]],
      [tensor([[1, 2], [3, 4], [5, 6]], options), [3, 2], [1, 2, 3, 4, 5, 6]],
      [tensor([[[[1], [2]]]], options), [1, 1, 2, 1], [1, 2]],
      [tensor([], options), [0], []],
      [tensor([[], []], options), [2, 0], []],
      [tensor([1, 2, 3, 4], { device, shape: [2, 2] }), [2, 2], [1, 2, 3, 4]],
      [tensor(new Float32Array([0.5, 0.25]), options), [2], [0.5, 0.25]],
      [tensor(new Float64Array(6).fill(3), { device, shape: [2, 1, 3] }), [2, 1, 3], [3, 3, 3, 3, 3, 3]],
      [tensor(new Uint8Array([7, 255]), options), [2], [7, 255]],
      [tensor([7], { device, shape: [] }), [], [7]],
      [zeros([2, 2], device), [2, 2], [0, 0, 0, 0]],
      [ones([3], device), [3], [1, 1, 1]],
      [full([1, 2], -4, device), [1, 2], [-4, -4]],
    ]
    for (const [x, shape, values] of cases) {
      assert.equal([...x.shape], shape)
      assert.equal([x.rank, x.size, x.dtype], [shape.length, values.length, device.dtype])
      assert.equal([...await x.read()], values)
    }
  })

  test(`${name}: int32`, async () => {
    const x = tensor([[1, -2], [3, 2 ** 31 - 1]], { device, dtype: 'int32' })
    assert.is(x.dtype, 'int32')
    const values = await x.read()
    assert.instance(values, Int32Array)
    assert.equal([...values], [1, -2, 3, 2 ** 31 - 1])
    assert.is(await tensor(new Int32Array([9]), { device, dtype: 'int32' }).item(), 9)
  })

  test(`${name}: read copies, item is one value, format is text`, async () => {
    const x = tensor([[1, -2.5], [3.25, 100]], options)
    const values = await x.read()
    values[0] = 99
    assert.is((await x.read())[0], 1)
    assert.is(await tensor([[-3]], options).item(), -3)
    assert.is(await x.format(2), `${device.dtype} [2, 2]\n[[  1.00  -2.50]\n [  3.25 100.00]]`)
    assert.is(await tensor(2, options).format(), `${device.dtype} []\n  2.0000`)
    assert.is(await tensor([7, -1], { device, dtype: 'int32' }).format(0), 'int32 [2]\n[   7   -1]')
    assert.is(await zeros([0, 3], device).format(), `${device.dtype} [0, 3]\n[]`)
    const error = await x.item().catch((reason: Error) => reason.message)
    assert.is(error, 'item: x is [2, 2]; it must hold exactly one value')
  })

  test(`${name}: assign writes in place, through views too`, async () => {
    const x = tensor([[1, 2], [3, 4]], options)
    const row = slice(x, 0, 1, 2)
    const version = x.memory.version
    x.assign(tensor([[5, 6], [7, 8]], options))
    assert.ok(x.memory.version > version)
    assert.equal([...await row.read()], [7, 8])
    row.assign(tensor([[0, 1]], options))
    assert.equal([...await x.read()], [5, 6, 0, 1])
    x.assign(x)
    assert.equal([...await x.read()], [5, 6, 0, 1])
    assert.is(message(() => x.assign(row)), 'assign: shapes or dtypes differ; ' +
      `the target is [2, 2] ${device.dtype}, the values are [1, 2] ${device.dtype}`)
    const ids = tensor([[1, 2], [3, 4]], { device, dtype: 'int32' })
    assert.match(message(() => x.assign(ids)), /the values are \[2, 2\] int32$/)
  })

  test(`${name}: dispose gives memory back; views of it are gone too`, async () => {
    const { live } = device.memory()
    const x = tensor([[1, 2], [3, 4]], options)
    const [first, second] = unstack(x)
    const flat = reshape(x, [4])
    dispose({ a: [x, first], b: { flat } })
    assert.is(device.memory().live, live)
    for (const gone of [x, second, flat]) {
      assert.match(message(() => exp(gone)), /used after the tape or scope that owned it was closed/)
      assert.match(message(() => gone.dispose()), /^dispose: a tensor of shape \[.*\] was given back before$/)
      const error = await gone.read().catch((reason: Error) => reason.message)
      assert.match(String(error), /is used after/)
    }
  })
}

const device = cpu()

test('refused: ragged nesting, wrong counts, no shapes, too many axes', () => {
  const nested = (values: Parameters<typeof tensor>[0], shape?: number[]) =>
    message(() => tensor(values, { device, shape }))
  assert.is(nested([[1, 2], [3]]), 'tensor: nested arrays are ragged; parts are [2] and [1]')
  assert.is(nested([[1, 2], 3]), 'tensor: nested arrays are ragged; parts are [2] and []')
  assert.is(nested([1, 2, 3], [2, 2]), 'tensor: 3 values do not fill the shape [2, 2], which holds 4')
  assert.match(nested([[[[[1]]]]]), /^tensor: \[1, 1, 1, 1, 1\] is not a shape; up to 4 sizes/)
  assert.match(nested([1], [-1]), /^tensor: \[-1\] is not a shape/)
  assert.match(nested([1], [0.5, 2]), /^tensor: \[0.5, 2\] is not a shape/)
  assert.match(message(() => zeros([2, NaN], device)), /^zeros: \[2, NaN\] is not a shape/)
})

test('refused: indices that are no whole numbers', () => {
  for (const bad of [1.5, NaN, Infinity, 2 ** 31]) {
    assert.match(message(() => tensor([0, bad], { device, dtype: 'int32' })),
      /^tensor: value 1 is (1.5|NaN|Infinity|2147483648); int32 holds whole numbers/)
  }
})

test('refused: the other precision, and another device', () => {
  assert.is(message(() => tensor([1], { device, dtype: 'float64' })),
    "upload: this device holds float32 and int32; the values are float64; open cpu({ precision: 'float64' })")
  const a = tensor([1], { device })
  const b = tensor([1], { device: cpu() })
  assert.is(message(() => add(a, b)),
    'add: its inputs live on two devices (cpu, cpu); every cpu(), simd() or gpu() is a device of its own: ' +
    'make one and share it, or read one tensor and upload it')
  // @ts-expect-error: not a precision
  assert.match(message(() => cpu({ precision: 'float16' })),
    /precision is float16; it must be float32 or float64/)
  // @ts-expect-error: a slip of the hand; float32 would come of it unseen
  assert.is(message(() => cpu({ precison: 'float64' })),
    'cpu: there is no option precison; did you mean precision?')
})

test('refused: what the types forbid, and plain JavaScript does not', () => {
  const missing = (op: string, call: string) =>
    `${op}: it needs a device; make one, const device = cpu(), and call ${call}`
  const among = (what: string) =>
    `tensor: ${what} is among the values; they must be numbers, or lists of numbers`
  const cases: [() => unknown, string][] = [
    // @ts-expect-error: no options
    [() => tensor([1, 2]), missing('tensor', 'tensor(values, { device })')],
    // @ts-expect-error: no device
    [() => tensor([1, 2], {}), missing('tensor', 'tensor(values, { device })')],
    // @ts-expect-error: a device where options are needed
    [() => tensor([1, 2], device), missing('tensor', 'tensor(values, { device })')],
    // @ts-expect-error: no device
    [() => zeros([2]), missing('zeros', 'zeros(shape, device)')],
    // @ts-expect-error: options where a device is needed
    [() => ones([2], { device }), missing('ones', 'ones(shape, device)')],
    // @ts-expect-error: no device
    [() => full([2], 1), missing('full', 'full(shape, value, device)')],
    // @ts-expect-error: no list
    [() => zeros(2, device), 'zeros: 2 is not a shape; up to 4 sizes, each a whole number of 0 or more'],
    // @ts-expect-error: no number
    [() => tensor(['a'], { device }), among('"a"')],
    // @ts-expect-error: no number
    [() => tensor([[1], [null]], { device }), among('null')],
    // @ts-expect-error: no numbers
    [() => tensor('12', { device }), among('"12"')],
    // @ts-expect-error: no values
    [() => tensor(undefined, { device }), among('undefined')],
    // @ts-expect-error: no numbers
    [() => tensor({ a: 1 }, { device }), among('an object')],
  ]
  for (const [run, expected] of cases) assert.is(message(run), expected, String(run))
})

test('trees: any nesting of lists and records', () => {
  const [a, b, c] = [1, 2, 3].map((value) => tensor(value, { device }))
  const tree = { h: a, layers: [{ h: b, c }, []] }
  assert.equal(leaves(tree).map((x) => [a, b, c].indexOf(x)), [0, 1, 2])
  const shifted = mapTree(tree, (x) => new Tensor(x.memory, 0, [1]))
  assert.equal([...(shifted.layers[0] as { c: Tensor }).c.shape], [1])
  assert.is(leaves(b)[0], b)
})

test('a tensor made while a tape is open is the tape\'s', () => {
  const tape = new Tape()
  const x = zeros([2], device)
  tape.close()
  assert.match(message(() => exp(x)), /used after/)
})

test('a map is a tree too; what holds no tensors is refused', async () => {
  const x = tensor([1, 2], { device: device })
  const tape = new Tape()
  const grads = tape.gradients(sum(square(x)), new Map([['x', x]]))
  const kept = tape.keep({ grads, list: [x] })
  tape.close()
  assert.equal([...kept.grads.keys()], ['x'])
  assert.equal([...await kept.grads.get('x')!.read()], [2, 4])
  assert.equal(leaves(kept).length, 2)
  const paths: string[] = []
  mapTree(kept, (y, path) => {
    paths.push(path)
    return y
  })
  assert.equal(paths, ['grads.x', 'list.0'])
  dispose(kept)
  assert.ok(kept.grads.get('x')!.memory.freed)
  // @ts-expect-error: a set
  assert.match(message(() => dispose(new Set([x]))), /^a tree of tensors is an object; it must be a tensor, /)
  // @ts-expect-error: a number
  assert.match(message(() => leaves({ a: [x, 5] })), /^a tree of tensors holds 5 at a.1; it must be/)
  x.dispose()
})

test.run()

// Which class an error has: ShapeError for shapes, axes and dtypes; plain UnrolledError for everything else
// that is the user's to mend; both are UnrolledErrors.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { check, checkThat, ShapeError, UnrolledError } from '../src/check.ts'
import { cpu } from '../src/cpu/device.ts'
import { gradcheck } from '../src/gradcheck.ts'
import { dropout } from '../src/ops/dropout.ts'
import { add, square, tanh } from '../src/ops/elementwise.ts'
import { concat, stack } from '../src/ops/move.ts'
import { sum } from '../src/ops/reduce.ts'
import { record, Tape } from '../src/tape.ts'
import { tensor, zeros } from '../src/tensor.ts'
import { judge as device } from './devices.ts'

const test = suite('check')

/** The name of the class of the error that `run` throws, or that its promise is rejected with. */
async function classOf(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    assert.instance(error, UnrolledError)
    return (error as UnrolledError).constructor.name
  }
  return 'nothing was thrown'
}

test('the two functions', () => {
  const message = () => 'op: what was wrong'
  assert.throws(() => check(false, message), (error: Error) => error instanceof ShapeError)
  assert.throws(() => checkThat(false, message), (error: Error) =>
    error instanceof UnrolledError && !(error instanceof ShapeError) && error.message === message())
  const never = () => { throw new Error('a message was built for a check that holds') }
  check(true, never)
  checkThat(true, never)
})

test('shapes, axes and dtypes', async () => {
  assert.is(await classOf(() => add(zeros([2], device), zeros([3], device))), 'ShapeError')
  assert.is(await classOf(() => sum(zeros([2], device), 1)), 'ShapeError')
  assert.is(await classOf(() => tensor([1], { device, dtype: 'float32' })), 'ShapeError')
  assert.is(await classOf(() => tanh(tensor([1], { device, dtype: 'int32' }))), 'ShapeError')
})

test('everything else', async () => {
  const x = tensor([1, 2], { device })
  const few = () => {
    const tape = new Tape()
    try {
      const y = record('few', [x], { memory: device.fill(1, 0), shape: [] }, () => [] as never)
      tape.gradients(y, [x])
    } finally {
      tape.close()
    }
  }
  const cases: (() => unknown)[] = [
    // @ts-expect-error: not a precision
    () => cpu({ precision: 'float16' }),
    () => gradcheck(([a]) => square(a), [x], { step: 0 }),
    // @ts-expect-error: not an order
    () => gradcheck(([a]) => square(a), [x], { order: 3 }),
    () => gradcheck(([a]) => square(a), [zeros([0], device)]),
    // @ts-expect-error: no tensor
    () => gradcheck(() => 1, [x]),
    () => add(x, zeros([2], cpu())),
    () => concat([]),
    () => stack([]),
    few,
    // @ts-expect-error: no generator
    () => dropout(x, 0.5),
  ]
  for (const run of cases) assert.is(await classOf(run), 'UnrolledError', String(run))
})

test.run()

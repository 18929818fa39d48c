// What a tape refuses, each with one clear line: wrong order, wrong time, numbers that are not finite.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NonFiniteError, TapeError, UnrolledError } from '../src/check.ts'
import { at } from '../src/context.ts'
import { cpu } from '../src/cpu/device.ts'
import { add, exp, log, mul, sqrt, square, sub, tanh } from '../src/ops/elementwise.ts'
import { reshape } from '../src/ops/move.ts'
import { sum } from '../src/ops/reduce.ts'
import { Scope, unowned, untracked } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { ones, type Tensor, tensor } from '../src/tensor.ts'
import { judge as device } from './devices.ts'

const test = suite('tape, refusals')

const scalar = (value: number) => tensor(value, { device })

function refused(run: () => unknown, text: RegExp, kind: typeof UnrolledError = TapeError): void {
  let caught: unknown
  try {
    run()
  } catch (error) {
    caught = error
  }
  assert.instance(caught, kind)
  assert.match((caught as Error).message, text)
  assert.not.match((caught as Error).message, /\n/)
}

test('a loss with many values, a loss from elsewhere, a closed tape', () => {
  const x = tensor([1, 2], { device })
  const tape = new Tape()
  refused(() => tape.gradients(square(x), [x]), /^gradients: the loss is \[2\]; it must be a scalar/,
    UnrolledError)
  refused(() => tape.gradients(scalar(1), [x]), /not computed on this tape/)
  const loss = sum(x)
  tape.close()
  refused(() => tape.gradients(loss, [x]), /this tape is closed/)
  tape.close() // once more does no harm
})

test('gradients of what is no group of tensors, or of what is no loss', () => {
  using tape = new Tape()
  const x = tensor([1, 2], { device })
  const loss = sum(square(x))
  const plain = (run: () => unknown, text: RegExp) => refused(run, text, UnrolledError)
  // @ts-expect-error: a tensor where a list is needed
  plain(() => tape.gradients(loss, x), /^gradients: a single tensor is given; put it into a list, \[x\]$/)
  // @ts-expect-error: nothing
  plain(() => tape.gradients(loss), /^gradients: undefined is given; it takes a list, a map or a record/)
  // @ts-expect-error: a set
  plain(() => tape.gradients(loss, new Set([x])), /^gradients: an object is given; it takes a list/)
  // @ts-expect-error: layers where parameters are needed
  plain(() => tape.gradients(loss, { cell: { parameters: { x } } }),
    /^gradients: cell is an object; it takes .* parameters\(\{ cell \}\) or cell.parameters$/)
  // @ts-expect-error: a number
  plain(() => tape.gradients(loss, [x, 3]), /^gradients: 1 is 3; it takes a list/)
  // @ts-expect-error: a number
  plain(() => tape.gradients(5, [x]), /^gradients: the loss is 5; it must be a tensor$/)
})

test('a tensor used after its tape or scope closed; a result that was kept', async () => {
  const x = tensor([1, 2], { device })
  const tape = new Tape()
  const y = square(x)
  const kept = tape.keep({ y, parts: [y, add(y, 1)] })
  tape.close()
  refused(() => add(y, 1), /shape \[2\] is used after the tape or scope that owned it was closed; keep/)
  assert.equal([...await kept.parts[1].read()], [2, 5])
  const replaced = new Scope()
  const next = replaced.keep(square(kept.y), kept)
  replaced.close()
  refused(() => add(kept.y, 1), /used after/)
  assert.equal([...await next.read()], [1, 16])
  next.dispose()
  refused(() => next.dispose(), /given back before/)
  x.dispose()
})

test('a parameter that was assigned to after its use makes the tape stale', async () => {
  const w = scalar(2)
  using tape = new Tape()
  const loss = square(w)
  assert.is(await tape.gradients(loss, [w])[0].item(), 4)
  w.assign(scalar(3))
  refused(() => tape.gradients(loss, [w]), /updated in place after this tape used it/)
  const again = square(w) // with the new value: the tape has seen both
  refused(() => tape.gradients(again, [w]), /updated in place after this tape used it/)
})

test('so does an assignment to what the tape computed: an inner result, a view of it, the loss', () => {
  const x = tensor([1, 2], { device })
  const stale = /updated in place after this tape used it/
  const spoilt = (spoil: (y: Tensor, loss: Tensor) => void) => {
    using tape = new Tape()
    const y = exp(x) // its gradient is computed from y
    const loss = sum(y)
    spoil(y, loss)
    refused(() => tape.gradients(loss, [x]), stale)
  }
  spoilt((y) => y.assign(x))
  spoilt((y) => reshape(y, [1, 2]).assign(reshape(x, [1, 2])))
  spoilt((_, loss) => loss.assign(scalar(1)))
  using tape = new Tape()
  const y = exp(x)
  y.assign(x) // before anything used it
  const loss = sum(y)
  refused(() => tape.gradients(loss, [x]), stale)
})

test('two trainings that interleave are refused; tapes that close before an await are fine', async () => {
  const w = [scalar(1), scalar(2)]
  const train = async (i: number, closeFirst: boolean) => {
    for (let step = 0; step < 3; step++) {
      const tape = new Tape()
      try {
        const [dw] = tape.gradients(square(w[i]), [w[i]])
        const kept = tape.keep(sub(w[i], mul(dw, 0.25)))
        if (closeFirst) tape.close()
        await kept.read()
        w[i].assign(kept)
        kept.dispose()
      } finally {
        tape.close()
      }
    }
  }
  const [a, b] = await Promise.allSettled([train(0, false), train(1, false)])
  assert.is(a.status, 'fulfilled')
  assert.match((b as PromiseRejectedResult).reason.message, /^Tape: another tape is open; close it first/)
  assert.equal([await w[0].item(), await w[1].item()], [1 / 8, 2])
  await Promise.all([train(0, true), train(1, true)])
  assert.equal([await w[0].item(), await w[1].item()], [1 / 64, 2 / 8])
})

test('nested wrongly: not the innermost tape, closed out of order; afterwards all is well', async () => {
  const outer = new Tape()
  const inner = new Tape({ inside: outer })
  refused(() => new Tape({ inside: outer }), /`inside` must be the innermost open tape/)
  refused(() => outer.close(), /opened inside this one and is still open/)
  inner.close()
  using tape = new Tape()
  const x = scalar(2)
  assert.is(await tape.gradients(square(x), [x])[0].item(), 4)
})

test('closed inside untracked: refused, and no tape that is closed records afterwards', async () => {
  const x = scalar(2)
  for (const inside of [untracked, unowned]) {
    const tape = new Tape()
    refused(() => inside(() => {
      tape.close()
      return x
    }), /opened inside this one and is still open/)
    using next = new Tape()
    assert.is(await next.gradients(square(x), [x])[0].item(), 4)
    assert.is(tape.records.length, 0)
  }
})

test("an error thrown while a tape or scope is open inside comes out, and closes it", async () => {
  const x = scalar(2)
  const { buffers } = device.memory()
  const lose = (): Tensor => {
    new Scope()
    new Tape()
    square(x)
    throw new Error('mine')
  }
  const tape = new Tape()
  for (const run of [
    () => untracked(lose), () => unowned(lose), () => tape.backward(square(x), [x], lose),
  ]) assert.throws(run, (error: Error) => error.message === 'mine')
  assert.is(await tape.gradients(square(x), [x])[0].item(), 4)
  tape.close()
  assert.is(device.memory().buffers, buffers)
})

test('a tape that an exception left open: the next one says what to do, and closeAll does it', async () => {
  const x = scalar(2)
  const { buffers } = device.memory()
  const lost = new Tape()
  const scope = new Scope()
  square(x)
  refused(() => new Tape(), /^Tape: another tape is open; .* in a finally.* Scope\.closeAll\(\)/)
  Scope.closeAll()
  assert.ok(lost.isClosed && scope.isClosed)
  assert.is(device.memory().buffers, buffers)
  using tape = new Tape()
  assert.is(await tape.gradients(square(x), [x])[0].item(), 4)
})

// Where, and the watch

test('every record knows where it was made; records name their op', () => {
  using tape = new Tape()
  const x = scalar(1)
  at({ layer: 1, direction: 'reverse' }, () => at({ t: 4 }, () => tanh(x)))
  at({ t: 'all' }, () => square(x))
  sqrt(x)
  assert.equal(tape.records.map(({ op, where }) => ({ op, where })), [
    { op: 'tanh', where: { layer: 1, direction: 'reverse', t: 4 } },
    { op: 'square', where: { t: 'all' } },
    { op: 'sqrt', where: {} },
  ])
})

async function complaint(f: (x: Tensor) => Tensor): Promise<string> {
  using tape = new Tape({ watch: true })
  const x = tensor([-1, 0, 4], { device: cpu() })
  tape.gradients(f(x), [x])
  const error: unknown = await tape.check().then(() => undefined, (reason) => reason)
  if (error) assert.instance(error, NonFiniteError)
  return error instanceof Error ? error.message : ''
}

test('watch: the first op, or gradient, that is not finite, and where', async () => {
  assert.is(await complaint((x) => sum(tanh(x))), '')
  const place = { layer: 2, direction: 'forward', t: 7 } as const
  assert.match(await complaint((x) => sum(mul(at(place, () => log(add(x, 0))), 2))),
    /^log gave 2 of 3 values that are not finite, at layer 2, forward, t = 7: the first/)
  assert.match(await complaint((x) => sum(at(place, () => sqrt(square(x))))),
    /^the gradient through sqrt, input 0, gave 1 of 3 values that are not finite, at layer 2, forward, t = 7/)
  using blind = new Tape()
  assert.match(await blind.check().then(() => '', (error: Error) => error.message),
    /new Tape\(\{ watch: true \}\)/)
})

test('watch: more values than float32 counts exactly', async () => {
  using tape = new Tape({ watch: true })
  const wide = ones([2 ** 24 + 1], cpu())
  square(wide)
  await tape.check()
})

test.run()

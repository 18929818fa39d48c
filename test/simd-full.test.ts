// An op that finds no room half-way gives back what it took, whatever it is and wherever it stops: here each
// request for memory fails in turn, of an op alone, of a pass forward and back, of a training step.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Pool } from '../src/cpu/pool.ts'
import { stream } from '../src/nn/stream.ts'
import { lstm } from '../src/nn/lstm.ts'
import { recurrent, type RecurrentState } from '../src/nn/recurrent.ts'
import { dropout } from '../src/ops/dropout.ts'
import { add, exp, where } from '../src/ops/elementwise.ts'
import { gather, oneHot, scatterAdd } from '../src/ops/gather.ts'
import { crossEntropy } from '../src/ops/loss.ts'
import { affine, matmul } from '../src/ops/matmul.ts'
import { concat, pad, reverseTime, transpose } from '../src/ops/move.ts'
import { layerNorm } from '../src/ops/norm.ts'
import { sum } from '../src/ops/reduce.ts'
import { logSoftmax } from '../src/ops/softmax.ts'
import { random } from '../src/random.ts'
import { Scope } from '../src/scope.ts'
import { Scratch } from '../src/simd/scratch.ts'
import { simd } from '../src/simd/open.ts'
import { Tape } from '../src/tape.ts'
import { dispose, type Tensor, tensor, zeros } from '../src/tensor.ts'
import { clipByGlobalNorm } from '../src/train/clip.ts'
import { adam } from '../src/train/optimizers.ts'

const test = suite('simd, no room')

const { take } = Pool.prototype
const scratch = Scratch.prototype.take

/** What fn throws when its request number `at` for memory fails; and how many it made. */
function failing(at: number, fn: () => void): { error: unknown, requests: number } {
  let requests = 0
  const count = () => {
    if (++requests === at) throw new Error('no room')
  }
  Pool.prototype.take = function (...request) {
    count()
    return take.apply(this, request)
  }
  Scratch.prototype.take = function (length) {
    count()
    return scratch.call(this, length)
  }
  try {
    fn()
    return { error: undefined, requests }
  } catch (error) {
    return { error, requests }
  } finally {
    Pool.prototype.take = take
    Scratch.prototype.take = scratch
  }
}

const device = await simd({ threads: 1 })
const normal = (seed: number, ...shape: number[]): Tensor =>
  tensor(random(seed).normal(shape.reduce((a, b) => a * b, 1)), { shape, device })
const integers = (values: number[]): Tensor => tensor(values, { device, dtype: 'int32' })

/** fn, in a scope of its own, which is closed whatever comes. */
function scoped(fn: () => void): void {
  using _ = new Scope()
  fn()
}

function giveBack(what: string, fn: () => void): void {
  scoped(fn) // what is made once is there
  const { live, buffers } = device.memory()
  const { error, requests } = failing(Infinity, () => scoped(fn))
  assert.is(error, undefined, `${what}: ${String(error)}`)
  assert.ok(requests > 0, what)
  for (let at = 1; at <= requests; at++) {
    const { error } = failing(at, () => scoped(fn))
    assert.match(String(error), /no room/, `${what}, ${at} of ${requests}`)
    const now = device.memory()
    assert.equal([now.live, now.buffers], [live, buffers], `${what}, ${at} of ${requests}`)
  }
}

const x = normal(1, 6, 10)
const ids = integers([3, 0, 5, 5])
const ops: Record<string, () => Tensor> = {
  exp: () => exp(x),
  add: () => add(x, x),
  broadcast: () => add(x, normal(2, 10)),
  where: () => where(x, x, 1),
  sum: () => sum(x, 0),
  matmul: () => matmul(x, x, { transposeB: true }),
  affine: () => affine(x, normal(2, 7, 10), normal(3, 7)),
  transpose: () => transpose(x),
  pad: () => pad(x, 0, 1, 8),
  concat: () => concat([x, x]),
  reverseTime: () => reverseTime(x, integers([5, 1, 2, 3, 6, 4, 1, 1, 1, 1])),
  gather: () => gather(x, ids),
  scatterAdd: () => scatterAdd(normal(4, 4, 10), ids, 6),
  oneHot: () => oneHot(ids, 6),
  dropout: () => dropout(x, 0.5, random(5)),
  logSoftmax: () => logSoftmax(x, -1),
  layerNorm: () => layerNorm(x, { weight: normal(6, 10), bias: normal(7, 10) }),
  crossEntropy: () => crossEntropy(x, integers([1, 2, 3, 4, 5, 6])),
}

test('every op by itself, and with its gradient, watched or not', () => {
  for (const [name, op] of Object.entries(ops)) {
    giveBack(name, op)
    for (const watch of [false, true]) {
      giveBack(`${name}, its gradient`, () => {
        using tape = new Tape({ watch })
        tape.gradients(sum(op()), [x])
      })
    }
  }
})

test('layers: both directions, lengths, a projection', () => {
  for (const kind of ['RNN', 'GRU', 'LSTM'] as const) {
    const form = { inputs: 10, hidden: 5, bidirectional: true, ...(kind === 'LSTM' && { projection: 4 }) }
    const net = recurrent({ kind, ...form, device, rng: random(1) })
    const xs = normal(8, 4, 3, 10)
    const [h, c] = [4, 5].map((size) => zeros([2, 3, size], device))
    const state = (kind === 'LSTM' ? { h, c } : { h: c }) as RecurrentState
    const run = () => net(xs, { state, lengths: [4, 2, 1] })
    giveBack(kind, () => {
      const { outputs, state } = run()
      using inner = new Scope()
      dispose(inner.keep({ outputs, ...state }))
    })
    giveBack(`${kind}, its gradient`, () => {
      using tape = new Tape()
      tape.gradients(sum(run().outputs), Object.values(net.parameters))
    })
  }
})

test('clipping and an update; streaming', () => {
  const params = new Map([['a', normal(1, 7, 9)], ['b', normal(2, 9)]])
  const optimizer = adam({ learningRate: 0.01 })
  giveBack('clip and update', () => {
    const { grads } = clipByGlobalNorm(params, 0.1)
    optimizer.update(params, grads)
  })
  const cell = lstm({ inputs: 4, hidden: 6, device, rng: random(1) })
  giveBack('stream', () => {
    const reader = stream(cell)
    reader.step([1, 2, 3, 4])
    reader.dispose()
  })
})

test.after(() => device.close())

test.run()

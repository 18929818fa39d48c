// The fused op where it may not be used, where it is used wrongly, and what it leaves behind.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Cell, Named } from '../src/nn/cell.ts'
import { gru } from '../src/nn/gru.ts'
import { lstm } from '../src/nn/lstm.ts'
import { unroll, type UnrollOptions } from '../src/nn/unroll.ts'
import { add, mul } from '../src/ops/elementwise.ts'
import { recurrence } from '../src/ops/recurrence.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { untracked } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { leaves, type Tensor, tensor } from '../src/tensor.ts'
import { device, energy, normal, refused } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('fused: limits')

const run = (cell: Cell<Named>, xs: Tensor, state?: Named, options?: UnrollOptions) =>
  ({ ...unroll(cell, xs, state, options) })

test('where steps must be seen one by one, they are', async () => {
  const cell = gru({ inputs: 2, hidden: 3, device, rng: random(1) })
  const xs = normal(2, 4, 2, 2)
  const ops = (tape: Tape) => new Set(tape.records.map(({ op }) => op))
  const outer = new Tape()
  const inner = new Tape({ inside: outer })
  unroll(cell, xs)
  assert.not.ok(ops(inner).has('recurrence'), 'a nested tape')
  inner.close()
  outer.close()
  const watching = new Tape({ watch: true })
  unroll(cell, xs)
  assert.not.ok(ops(watching).has('recurrence'), 'a tape that watches')
  watching.close()
  const other = { ...cell, advance: (x: Tensor, state: { h: Tensor }) => cell.advance(x, { h: state.h }) }
  const tape = new Tape()
  unroll(other, xs)
  assert.not.ok(ops(tape).has('recurrence'), 'an advance of its own')
  tape.close()
})

test('second derivatives: steps are recorded one by one and right; of the op itself, refused', async () => {
  const cell = lstm({ inputs: 2, hidden: 3, device, rng: random(1) })
  const xs = normal(2, 4, 2, 2)
  /** |dLoss/dx|^2 */
  const slope = (x: Tensor, inside?: Tape) => {
    using inner = new Tape(inside ? { inside } : {})
    const [dx] = inner.gradients(energy(unroll(cell, x).outputs), [x])
    const found = sum(mul(dx, dx))
    return inside ? found : inner.keep(found)
  }
  using outer = new Tape()
  const [exact] = outer.gradients(slope(xs, outer), [xs])
  const found = Array.from(await exact.read())
  outer.close()
  const start = Array.from(await xs.read())
  const at = async (i: number, step: number) => {
    const moved = start.map((value, k) => value + (k === i ? step : 0))
    return await slope(tensor(moved, { shape: xs.shape, device })).item() // fused: its tape is not nested
  }
  const differences = []
  for (let i = 0; i < start.length; i++) differences.push((await at(i, 1e-5) - await at(i, -1e-5)) / 2e-5)
  assert.ok(difference(found, differences) < 1e-8)

  const parts = {
    kind: 'gru', projected: normal(1, 3, 2, 6), weight_hh: normal(2, 6, 2), h: normal(3, 2, 2),
  } as const
  const first = new Tape()
  const second = new Tape({ inside: first })
  const [y] = recurrence(parts)
  refused(() => second.gradients(energy(y), [parts.h]),
    'recurrence: it has no second derivative; record the steps one by one: composed(() => unroll(cell, xs))')
  second.close()
  first.close()
})

test('parts that do not fit are refused', () => {
  const parts = {
    kind: 'lstm', projected: normal(1, 3, 2, 8), weight_hh: normal(2, 8, 2), h: normal(3, 2, 2),
    c: normal(4, 2, 2),
  } as const
  const bad = (change: object, text: string) =>
    refused(() => recurrence({ ...parts, ...change }), `recurrence: ${text}`)
  bad({ projected: normal(1, 3, 2, 7) },
    'projected is [3, 2, 7]; it must be [T, B, 4 H], with one step or more')
  bad({ projected: normal(1, 0, 2, 8) },
    'projected is [0, 2, 8]; it must be [T, B, 4 H], with one step or more')
  bad({ weight_hh: normal(2, 8, 3) }, 'weight_hh is [8, 3]; it must be [8, 2]')
  bad({ bias_hh: normal(2, 7) }, 'bias_hh is [7]; it must be [8]')
  bad({ weight_hr: normal(2, 1, 3) }, 'weight_hh is [8, 2]; it must be [8, 1]')
  bad({ h: normal(3, 3, 2) }, 'h is [3, 2]; it must be [2, 2]')
  bad({ c: normal(3, 2, 3) }, 'c is [2, 3]; it must be [2, 2]')
  bad({ c: undefined }, 'kind is lstm; an lstm needs c, and no other kind takes c or weight_hr')
  const peepholes = 'peephole needs weight_ch, takes no bias_hh (put it into projected), and no other kind ' +
    'takes weight_ch'
  bad({ weight_ch: normal(5, 6) }, `kind is lstm; ${peepholes}`)
  bad({ kind: 'peephole' }, `kind is peephole; ${peepholes}`)
  bad({ kind: 'peephole', weight_ch: normal(5, 6), bias_hh: normal(5, 8) }, `kind is peephole; ${peepholes}`)
  bad({ kind: 'peephole', weight_ch: normal(5, 8) }, 'weight_ch is [8]; it must be [6]')
  const gru = {
    kind: 'gruChung', projected: normal(1, 3, 2, 6), weight_hh: normal(2, 6, 2), bias_hh: normal(3, 6),
    c: undefined,
  } as const
  bad(gru, 'kind is gruChung; it takes no bias_hh (put it into projected)')
  const truncated = 'only an lstm without weight_hr has no other way back than c'
  bad({ truncated: true, weight_hh: normal(2, 8, 1), weight_hr: normal(5, 1, 2), h: normal(3, 2, 1) },
    `kind is lstm, truncated; ${truncated}`)
  bad({ ...gru, bias_hh: undefined, truncated: true }, `kind is gruChung, truncated; ${truncated}`)
  const lengths = tensor([1, 2, 3], { dtype: 'int32', device })
  refused(() => recurrence(parts, { lengths }), 'recurrence: lengths is [3]; it must be [2]')
})

test('a state may be given back while outputs live on, and nothing is left behind', async () => {
  const cell = lstm({ inputs: 2, hidden: 3, device, rng: random(1) })
  const xs = normal(2, 4, 2, 2)
  const before = device.memory()
  const kept = untracked(() => run(cell, xs))
  const copy = await kept.outputs.read()
  leaves(kept.state).forEach((x) => x.dispose())
  assert.equal(await kept.outputs.read(), copy)
  kept.outputs.dispose()
  assert.is(device.memory().live, before.live)
  const tape = new Tape()
  const { outputs, state } = run(cell, xs, undefined, { lengths: [2, 4] })
  tape.gradients(add(energy(outputs), energy(state)), Object.values(cell.parameters))
  tape.close()
  assert.equal([device.memory().live, device.memory().buffers], [before.live, before.buffers])
})

test.run()

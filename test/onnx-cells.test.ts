// Cells against ONNX on every device: LSTM, peepholes, coupled gates, both GRUs, all directions, lengths.
//
// Two judges: onnxruntime, which computes in float32, and the reference implementation of the standard in
// float64 where it has the operator. A float32 sum of D + H + 2 = 10 terms is off by 10 2^-24 = 6e-7 of their
// size at most, and the squashing functions flatten that: 1e-6 of the largest value is allowed.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cells } from '../src/nn/cells.ts'
import { loadParameters } from '../src/nn/linear.ts'
import { recurrent } from '../src/nn/recurrent.ts'
import { unroll } from '../src/nn/unroll.ts'
import { reshape } from '../src/ops/move.ts'
import { random } from '../src/random.ts'
import { devices } from './devices.ts'
import { difference, golden, type Golden, load } from './golden-numbers.ts'

type Results = Record<'y' | 'h_n' | 'c_n', Golden | undefined>

interface Case {
  cell: 'lstm' | 'peephole' | 'coupled' | 'gru' | 'gru-before'
  options: { inputs: number, hidden: number, bidirectional: boolean }
  direction: 'forward' | 'reverse' | 'bidirectional'
  lengths: number[] | null
  parameters: Record<string, Golden>
  x: Golden
  state: Record<string, Golden> | null
  runtime: Results
  reference: Results | null
}

const { cases } = golden<{ cases: Case[] }>('onnx.json')
const test = suite('onnx cells')
const RUNTIME = 1e-6

/** The net of a case: two directions by recurrent, one by unroll. */
function run(c: Case, device: typeof devices[number]['device']) {
  const { bidirectional, ...sizes } = c.options
  const x = load(device, c.x)
  const given = c.state && Object.entries(c.state).map(([name, s]) => [name, load(device, s)] as const)
  const lengths = c.lengths ?? undefined
  if (bidirectional) {
    const net = recurrent({ kind: cells[c.cell], ...sizes, bidirectional, device, rng: random(1) })
    const own = Object.entries(net.parameters).map(([name, p]) => [name.replace('_l0', ''), p] as const)
    loadParameters(new Map(own), new Map(Object.entries(c.parameters)))
    return net(x, { lengths, ...(given && { state: Object.fromEntries(given) }) })
  }
  const cell = cells[c.cell]({ ...sizes, device, rng: random(1) })
  loadParameters(new Map(Object.entries(cell.parameters)), new Map(Object.entries(c.parameters)))
  const first = given?.map(([name, s]) => [name, reshape(s, s.shape.slice(1))] as const)
  const state = first && Object.fromEntries(first) as ReturnType<typeof cell.initial>
  return unroll(cell, x, state, { lengths, direction: c.direction === 'reverse' ? 'reverse' : 'forward' })
}

for (const { name, device, tolerance } of devices) {
  for (const c of cases) {
    const what = [c.cell, c.direction, c.lengths && 'lengths', c.state && 'given state'].filter(Boolean)
    test(`${name}: ${what.join(', ')}`, async () => {
      const { outputs, state } = run(c, device)
      const found = { y: outputs, h_n: state.h, c_n: state.c }
      const bounds = { runtime: Math.max(RUNTIME, tolerance), reference: tolerance }
      for (const [judge, bound] of Object.entries(bounds)) {
        const results = c[judge as keyof typeof bounds]
        if (!results) continue
        for (const part of ['y', 'h_n', 'c_n'] as const) {
          assert.is(found[part] === undefined, results[part] === undefined)
          if (!results[part]) continue
          const d = difference(await found[part].read(), results[part].data)
          assert.ok(d < bound, `${judge}: ${part} differs by ${d}`)
        }
      }
    })
  }
}

test('the reference has judged every cell but the coupled one', () => {
  const judged = new Set(cases.filter(({ reference }) => reference).map(({ cell }) => cell))
  assert.equal([...judged], ['lstm', 'peephole', 'gru', 'gru-before'])
})

test.run()

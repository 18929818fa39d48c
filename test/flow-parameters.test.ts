// gradientFlow takes parameters as a list, a map or a record, and refuses anything else with one clear line.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UnrolledError } from '../src/check.ts'
import { type GradientFlow, gradientFlow } from '../src/inspect/flow.ts'
import { elman } from '../src/nn/elman.ts'
import { unroll } from '../src/nn/unroll.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { device, energy, normal } from './every-cell.ts'

const test = suite('flow, parameters')

test('a list, a map or a record; one clear line for anything else', async () => {
  const cell = elman({ inputs: 2, hidden: 3, device, rng: random(1) })
  using tape = new Tape()
  const loss = energy(unroll(cell, normal(2, 5, 3, 2)).outputs)
  const byMap = await gradientFlow(tape, loss, new Map(Object.entries(cell.parameters)))
  assert.ok(byMap.contributions.length > 0)
  assert.equal(await gradientFlow(tape, loss, cell.parameters), byMap)
  const byList = await gradientFlow(tape, loss, Object.values(cell.parameters))
  const norms = (flow: GradientFlow) => flow.contributions.map(({ norm }) => norm).sort()
  assert.equal(norms(byList), norms(byMap))
  // @ts-expect-error: a cell where its parameters are needed
  await gradientFlow(tape, loss, { cell }).then(() => assert.unreachable(), (error: Error) => {
    assert.instance(error, UnrolledError)
    assert.match(error.message, /^gradientFlow: cell is an object; it takes a list, a map or a record/)
  })
})

test.run()

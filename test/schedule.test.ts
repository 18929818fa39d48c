// Schedules equal PyTorch's schedulers, rate by rate, and bad ones are refused.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { UnrolledError } from '../src/check.ts'
import { constant, cosine, type Schedule, stepDecay, warmup } from '../src/train/schedule.ts'
import golden from './golden/optim.json'

const test = suite('schedule')

const cosineTail = cosine({ total: 15, min: 0.01 })
const schedules: Record<string, Schedule> = {
  step: stepDecay({ every: 6, factor: 0.3 }),
  cosine: cosine({ total: 20, min: 0.01 }),
  warmup: warmup({ steps: 5, start: 0.1 }),
  warmupCosine: warmup({ steps: 5, start: 0.1, then: cosineTail }),
}

const rates = (schedule: Schedule, count: number, base: number) =>
  Array.from({ length: count }, (_, step) => schedule(step, base))

function near(actual: number[], expected: number[]): void {
  assert.is(actual.length, expected.length)
  actual.forEach((rate, step) => {
    const error = Math.abs(rate - expected[step]) / expected[step]
    assert.ok(error < 1e-13, `step ${step}: ${rate}, expected ${expected[step]}`)
  })
}

for (const { schedule, lr, rates: expected } of golden.schedules) {
  test(`${schedule}: 20 rates as PyTorch gives them`, () => {
    assert.is(expected.length, 20)
    assert.ok(new Set(expected).size > 3)
    near(rates(schedules[schedule], 20, lr), expected)
  })
}

test('constant is the base rate', () => {
  assert.equal(rates(constant(), 3, 0.7), [0.7, 0.7, 0.7])
})

test('a schedule ends where it should and stays there', () => {
  const falling = cosine({ total: 4, min: 0.25 })
  near([0, 2, 4, 5, 900].map((step) => falling(step, 1)), [1, 0.625, 0.25, 0.25, 0.25])
  const rising = warmup({ steps: 3 })
  near(rates(rising, 5, 3), [1, 1 + 2 / 3, 1 + 4 / 3, 3, 3]) // PyTorch's default start, 1/3
  near(rates(warmup({ steps: 2, start: 0.5, then: stepDecay({ every: 2, factor: 0.1 }) }), 7, 1),
    [0.5, 0.75, 1, 1, 0.1, 0.1, 0.01])
})

test('step decay that is held: the first periods at the base rate, then a factor for each', () => {
  const zaremba = stepDecay({ every: 2, factor: 0.5, hold: 4 })
  assert.equal(rates(zaremba, 13, 1), [1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125])
  assert.equal(rates(stepDecay({ every: 3, factor: 0.1, hold: 1 }), 10, 2),
    rates(stepDecay({ every: 3, factor: 0.1 }), 10, 2))
})

test('bad schedules give one clear line', () => {
  const cases: [() => unknown, string][] = [
    [() => stepDecay({ every: 0, factor: 1 }),
      'stepDecay: every is 0; it must be a whole number of 1 or more'],
    [() => stepDecay({ every: 2, factor: 0.5, hold: 0 }),
      'stepDecay: hold is 0; it must be a whole number of 1 or more'],
    [() => stepDecay({ every: 2, factor: NaN }), 'stepDecay: factor is NaN; it must be a number from 0 to 1'],
    [() => stepDecay({ every: 2, factor: 1.5 }), 'stepDecay: factor is 1.5; it must be a number from 0 to 1'],
    [() => cosine({ total: 2.5 }), 'cosine: total is 2.5; it must be a whole number of 1 or more'],
    [() => cosine({ total: 2, min: -1 }), 'cosine: min is -1; it must be a number of 0 or more'],
    [() => warmup({ steps: 0 }), 'warmup: steps is 0; it must be a whole number of 1 or more'],
    [() => warmup({ steps: 2, start: -0.1 }), 'warmup: start is -0.1; it must be a number from 0 to 1'],
  ]
  for (const [make, message] of cases) {
    assert.throws(make, (error: Error) => error instanceof UnrolledError && error.message === message)
  }
})

test.run()

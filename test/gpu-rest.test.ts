// Waiting for a gpu in software leaves the processor to it: Node's event loop turns slowly, but turns.
// The test holds the clock: a turn of the loop takes 0.01 ms and a nap as long as it says, on any machine.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { restWhile } from '../src/gpu/node-rest.ts'

const test = suite('waiting for a gpu')

const real = { now: performance.now, wait: Atomics.wait }
let clock = 0
let waits = 0 // promises of `after` that are not settled
let isTurning = false

test.before(() => {
  performance.now = () => clock
  Object.assign(Atomics, {
    wait: (_words: Int32Array, _word: number, _value: number, milliseconds: number) => {
      clock += milliseconds
      return 'timed-out'
    },
  })
})

test.after(() => {
  performance.now = real.now
  Object.assign(Atomics, { wait: real.wait })
})

/** Turns the loop as long as something waits. */
function turn(): void {
  clock += 0.01
  isTurning = waits > 0
  if (isTurning) setImmediate(turn)
}

function after(milliseconds: number): Promise<void> {
  const end = clock + milliseconds
  waits++
  if (!isTurning) setImmediate(turn)
  isTurning = true
  return new Promise((done) => {
    const look = (): void => {
      if (clock < end) return void setImmediate(look)
      waits--
      done()
    }
    setImmediate(look)
  })
}

/** How often the event loop turns until the promise is settled. */
async function turnsUntil(promise: Promise<unknown>): Promise<number> {
  let turns = 0
  let waiting = true
  const count = () => {
    turns++
    if (waiting) setImmediate(count)
  }
  setImmediate(count)
  await promise.catch(() => {})
  waiting = false
  return turns
}

test('the event loop turns slowly, as long as something is awaited', async () => {
  const spinning = await turnsUntil(after(100))
  const promises = [after(100), after(50), after(100).then(() => { throw new Error('lost') })]
  for (const promise of promises) restWhile(promise)
  const resting = await turnsUntil(Promise.allSettled(promises))
  const free = await turnsUntil(after(100))
  // naps of a sixteenth of the time before: 16 ln(16 ms / 0.01 ms) turns to 16 ms, then one a millisecond
  assert.ok(resting < 400, `${resting} turns`)
  assert.ok(spinning > 9000 && free > 9000, `${spinning}, ${resting}, ${free} turns`)
})

test('many short waits, one after another, do not add up their naps', async () => {
  let at = clock
  for (let n = 0; n < 200; n++) {
    const short = after(1)
    restWhile(short)
    await short
  }
  assert.ok(clock - at < 250, `${clock - at} ms for 200 waits of 1 ms`)
  at = clock
  const long = after(50)
  restWhile(long)
  const turns = await turnsUntil(long)
  assert.ok(turns > 20, `${turns} turns in ${clock - at} ms`)
})

test('a wait ends soon after its promise, and other work goes on meanwhile', async () => {
  const end = clock + 80
  const long = after(80)
  restWhile(long)
  let ticks = 0
  let next = clock + 4
  const tick = (): void => {
    if (clock >= next) [ticks, next] = [ticks + 1, next + 4]
    if (clock < end) setImmediate(tick)
  }
  setImmediate(tick)
  await long
  assert.ok(clock < end + 1.1, `${clock - end} ms late`)
  assert.ok(ticks >= 15, `${ticks} ticks of 20`)
})

test.run()

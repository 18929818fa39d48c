// Waiting for a gpu in software leaves the processor to it: Node's event loop turns slowly, but turns.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { restWhile } from '../src/gpu/node-rest.ts'

const test = suite('waiting for a gpu')

const after = (ms: number) => new Promise<void>((done) => setTimeout(done, ms))

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
  assert.ok(spinning > 2 * resting && free > 2 * resting, `${spinning}, ${resting}, ${free} turns`)
})

test('many short waits, one after another, do not add up their naps', async () => {
  let at = performance.now()
  for (let n = 0; n < 200; n++) {
    const short = after(1)
    restWhile(short)
    await short
  }
  assert.ok(performance.now() - at < 2000, `${performance.now() - at} ms for 200 waits of 1 ms`)
  at = performance.now()
  const long = after(50)
  restWhile(long)
  const turns = await turnsUntil(long)
  assert.ok(turns > 20, `${turns} turns in ${performance.now() - at} ms`)
})

test('a wait ends soon after its promise, and other work goes on meanwhile', async () => {
  const long = after(80)
  restWhile(long)
  let ticks = 0
  const ticking = setInterval(() => { ticks++ }, 4)
  await long
  clearInterval(ticking)
  assert.ok(ticks >= 5, `${ticks} ticks of 20`)
})

test.run()

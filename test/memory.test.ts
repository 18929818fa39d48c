// A long training run needs no more memory at its end than at its beginning: on the device and off it.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { cpu } from '../src/cpu/device.ts'
import { CELLS, type CellName } from '../src/nn/cells.ts'
import { random } from '../src/random.ts'
import { sample } from '../src/train/evaluate.ts'
import { languageModel } from '../src/train/language-model.ts'
import { train } from '../src/train/loop.ts'
import { adam } from '../src/train/optimizers.ts'
import { constant } from '../src/train/schedule.ts'

const test = suite('memory')

async function collect(): Promise<NodeJS.MemoryUsage> {
  assert.type(globalThis.gc, 'function', 'run by test/run.mjs, which exposes gc()')
  globalThis.gc?.()
  await new Promise((done) => { setTimeout(done, 50) }) // array buffers are counted out on another thread
  globalThis.gc?.()
  return process.memoryUsage()
}

/** A thousand steps of a tiny net, with an epoch every 33: what its memory was on the way and at the end. */
async function longRun(cell: CellName, horizon: number) {
  const device = cpu()
  const form = { cell, symbols: 5, embed: 3, hidden: 4, layers: 2, dropout: cell === 'gru' ? 0.2 : 0 }
  const model = languageModel(form, { device, rng: random(1) })
  const atRest = device.memory().live
  const draw = random(2)
  const steps = train({
    model, ids: Int32Array.from({ length: 200 }, () => draw.integer(5)), batch: 3, window: 2, horizon,
    clip: 1, optimizer: adam({ learningRate: 0.01 }), schedule: constant(), rng: random(3),
    stop: { steps: 1000 },
  })
  const live: number[] = [] // after each step past the first epochs
  const buffers: number[] = []
  const heaps: NodeJS.MemoryUsage[] = [] // after steps 200, 600 and 1,000
  for await (const { step } of steps) {
    if (step > 100) live.push(device.memory().live)
    if (step > 100) buffers.push(device.memory().buffers)
    if (step === 200 || step === 600 || step === 1000) heaps.push(await collect())
  }
  const weights = [...model.parameters.values()].reduce((total, x) => total + x.size, 0)
  return { live, buffers, heaps, left: device.memory().live - atRest, weights }
}

// The engine compiles the hot loops on the way, and its code lies on the heap: not in the runs that count.
test.before(async () => { await longRun('elman', 2) })

for (const cell of CELLS) {
  for (const horizon of cell === 'lstm' ? [2, 5] : [2]) {
    test(`${cell}, horizon ${horizon}: 1,000 steps leave the device and the heap as they were`, async () => {
      const { live, buffers, heaps, left, weights } = await longRun(cell, horizon)
      const most = (values: number[], from: number) => Math.max(...values.slice(from, from + 100))
      assert.is(most(live, 800), most(live, 0), 'live bytes on the device')
      assert.is(most(buffers, 800), most(buffers, 0), 'live buffers on the device')
      const [early, middle, late] = heaps
      // Code of the engine's still comes, in bursts of up to 500 kB; what every step keeps is in both halves.
      const halves = [middle.heapUsed - early.heapUsed, late.heapUsed - middle.heapUsed]
      assert.ok(Math.min(...halves) < 200_000, `the heap grew by ${halves} bytes in 400 steps each`)
      const outside = late.arrayBuffers - early.arrayBuffers
      assert.ok(outside < 100_000, `array buffers grew by ${outside} bytes in 800 steps`)
      const moments = 2 * 4 * weights // Adam's m and v belong to the optimiser; nothing else may stay
      assert.ok(left >= moments && left < moments + 1000, `${left} bytes are left, ${moments} are Adam's`)
    })
  }
}

test('sampling: 4,000 symbols, each leaves the device and the heap as they were', async () => {
  const device = cpu()
  const form = { cell: 'lstm', symbols: 30, embed: 8, hidden: 16, layers: 2, dropout: 0 } as const
  const model = languageModel(form, { device, rng: random(1) })
  const atRest = device.memory().live
  const levels = new Set<string>() // live bytes and buffers after each symbol
  const heaps: NodeJS.MemoryUsage[] = [] // after 1,000 and 4,000 symbols
  let drawn = 0
  const options = { prompt: Int32Array.of(1, 2, 3), length: 4000, temperature: 0.8, topP: 0.9 }
  for await (const _ of sample(model, { ...options, rng: random(2) })) {
    drawn++
    const { live, buffers } = device.memory()
    levels.add(`${live} ${buffers}`)
    if (drawn === 1000 || drawn === 4000) heaps.push(await collect())
  }
  assert.is(levels.size, 1, [...levels].join(', '))
  assert.is(device.memory().live, atRest)
  const [early, late] = heaps
  // Some code of the engine's, as above; 100 bytes kept of every symbol would be 300 kB.
  const grown = late.heapUsed - early.heapUsed
  assert.ok(grown < 250_000, `the heap grew by ${grown} bytes in 3,000 symbols`)
  const outside = late.arrayBuffers - early.arrayBuffers
  assert.ok(outside < 50_000, `array buffers grew by ${outside} bytes in 3,000 symbols`)
})

test.run()

// A long training run needs no more memory at its end than at its beginning: on the device and off it.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { cpu } from '../src/cpu/device.ts'
import { random } from '../src/random.ts'
import { CELLS, languageModel } from '../src/train/language-model.ts'
import { train } from '../src/train/loop.ts'
import { adam } from '../src/train/optimizers.ts'
import { constant } from '../src/train/schedule.ts'

const test = suite('memory')

function collect(): NodeJS.MemoryUsage {
  assert.type(globalThis.gc, 'function', 'run by test/run.mjs, which exposes gc()')
  globalThis.gc?.()
  return process.memoryUsage()
}

for (const cell of CELLS) {
  for (const horizon of cell === 'lstm' ? [2, 5] : [2]) {
    test(`${cell}, horizon ${horizon}: 1,000 steps leave the device and the heap as they were`, async () => {
      const device = cpu()
      const form = { cell, symbols: 5, embed: 3, hidden: 4, layers: 2, dropout: cell === 'gru' ? 0.2 : 0 }
      const model = languageModel(form, { device, rng: random(1) })
      const atRest = device.memory()
      const draw = random(2)
      const ids = Int32Array.from({ length: 200 }, () => draw.integer(5)) // an epoch every 33 or so steps
      const options = {
        model, ids, batch: 3, window: 2, horizon, clip: 1, optimizer: adam({ learningRate: 0.01 }),
        schedule: constant(), rng: random(3), stop: { steps: 1000 },
      }
      const live: number[] = [] // after each step past the first epochs
      const buffers: number[] = []
      let early: NodeJS.MemoryUsage | undefined
      let late: NodeJS.MemoryUsage | undefined
      for await (const { step } of train(options)) {
        if (step > 100) live.push(device.memory().live)
        if (step > 100) buffers.push(device.memory().buffers)
        if (step === 200) early = collect()
        if (step === 1000) late = collect()
      }
      assert.ok(early && late)
      const most = (values: number[], from: number) => Math.max(...values.slice(from, from + 100))
      assert.is(most(live, 800), most(live, 0), 'live bytes on the device')
      assert.is(most(buffers, 800), most(buffers, 0), 'live buffers on the device')
      const grown = late.heapUsed - early.heapUsed
      // The engine's own compiled code is in it, up to 250 kB; one record kept per step would be 0.5 MB more.
      assert.ok(grown < 400_000, `the heap grew by ${grown} bytes in 800 steps`)
      const outside = late.arrayBuffers - early.arrayBuffers
      assert.ok(outside < 100_000, `array buffers grew by ${outside} bytes in 800 steps`)
      const weights = [...model.parameters.values()].reduce((total, x) => total + x.size, 0)
      const moments = 2 * 4 * weights // Adam's m and v belong to the optimiser; nothing else may stay
      const left = device.memory().live - atRest.live
      const enough = left >= moments && left < moments + 1000
      assert.ok(enough, `${left} bytes are left, of which ${moments} are Adam's`)
    })
  }
}

test.run()

// The simd device's one memory: parts that come and go in any order leave no holes behind; where it is full,
// what is kept for later makes room, and an error names the remedy and leaves the rest as it was; and nothing
// is written outside of what was asked for.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { NumberArray } from '../src/device.ts'
import { recurrent } from '../src/nn/recurrent.ts'
import { matmul } from '../src/ops/matmul.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Scope, unowned } from '../src/scope.ts'
import { Heap } from '../src/simd/heap.ts'
import type { Simd } from '../src/simd/device.ts'
import { simd } from '../src/simd/open.ts'
import { Scratch } from '../src/simd/scratch.ts'
import { Tape } from '../src/tape.ts'
import { tensor, zeros } from '../src/tensor.ts'
import { languageModel } from '../src/train/language-model.ts'
import { train } from '../src/train/loop.ts'
import { adam } from '../src/train/optimizers.ts'
import { constant } from '../src/train/schedule.ts'

const test = suite('simd memory')

const small = () => new WebAssembly.Memory({ initial: 16, maximum: 16, shared: true }) // 1 MiB

test('100,000 arrays of random sizes come and go: none meets another, and all is one in the end', () => {
  const heap = new Heap(small(), 1000)
  const rng = random(1)
  const held: NumberArray[] = []
  const most = 2 ** 20 - 1024 // addresses begin at the next multiple of 64
  for (let k = 0; k < 100_000; k++) {
    if (held.length > 60 || held.length > 0 && rng.integer(2) === 0) {
      const [array] = held.splice(rng.integer(held.length), 1)
      assert.ok(array.every((value) => value === array.length), `${array.length} at ${array.byteOffset}`)
      heap.release(array)
    } else {
      const array = heap.allocate(rng.integer(2) ? 'float32' : 'int32', rng.integer(2 ** rng.integer(12)))
      assert.is(array.byteOffset % 64, 0)
      held.push(array.fill(array.length))
    }
  }
  held.forEach((array) => heap.release(array))
  const all = heap.allocate('float32', most / 4 - 8)
  assert.throws(() => heap.allocate('float32', 1),
    /^simd: out of memory: 64 bytes more are wanted of 1048576; take a smaller batch or window, or cpu\(\)/)
  heap.release(all)
  assert.throws(() => heap.allocate('float64', 1), /simd: this device holds float32 and int32/)
})

test('scratch that found no room does not go on with what it gave back', () => {
  const heap = new Heap(small(), 0)
  const scratch = new Scratch(heap)
  const first = scratch.take(1000)
  assert.is(scratch.take(10), first)
  assert.throws(() => scratch.take(2 ** 20), /out of memory/)
  const other = heap.allocate('float32', 1000)
  const again = scratch.take(10)
  assert.ok(again >= other.byteOffset + other.byteLength || again + 40 <= other.byteOffset)
})

/** A device where no more than 64 MiB can be had. */
async function smallDevice(): Promise<Simd> {
  const { Memory } = WebAssembly
  WebAssembly.Memory = class extends Memory {
    constructor(wanted: WebAssembly.MemoryDescriptor) {
      if (wanted.initial > 1024) throw new RangeError('could not allocate memory')
      super(wanted)
    }
  }
  try {
    return await simd({ threads: 1 })
  } finally {
    WebAssembly.Memory = Memory
  }
}

test('a full memory: kept arrays make room; then one line, and it goes on', async () => {
  const device = await smallDevice()
  const part = 2 ** 20 // numbers: 4 MiB
  const held = []
  try {
    for (;;) held.push(device.fill(part, 1))
  } catch (error) {
    assert.match((error as Error).message, /^simd: out of memory: 4194368 bytes more are wanted of 67108864;/)
  }
  const a = tensor(random(1).normal(7 * 300), { shape: [7, 300], device })
  const small = []
  try {
    for (;;) small.push(device.fill(2 ** 12, 1))
  } catch {}
  device.free(small.pop()!) // room for a result, none for what a product packs
  const { live } = device.memory()
  assert.throws(() => matmul(a, a, { transposeB: true }), /^simd: out of memory: \d+ bytes more are wanted/)
  assert.is(device.memory().live, live)
  for (const memory of [...small, ...held.splice(-4)]) device.free(memory)
  assert.ok(device.memory().pooled >= 4 * 4 * part)
  const x = device.fill(part + 1, 2) // of another size: only where the kept ones lie is there room
  assert.is(device.memory().pooled, 0)
  device.free(x)
  assert.is((await sum(matmul(a, zeros([300, 900], device))).item()), 0)
  held.forEach((memory) => device.free(memory))
  device.close()
})

test('a batch of no sequences writes nothing', async () => {
  const device = await simd({ threads: 1 })
  for (const kind of ['RNN', 'LSTM', 'GRU'] as const) {
    using _ = new Scope()
    const net = recurrent({ kind, inputs: 3, hidden: 200, device, rng: random(1) })
    const canary = device.upload(new Float32Array(200_000).fill(7), 'float32')
    using tape = new Tape()
    const { outputs } = net(zeros([5, 0, 3], device))
    assert.equal(outputs.shape, [5, 0, 200])
    for (const dx of tape.gradients(sum(outputs), Object.values(net.parameters))) {
      assert.ok((await dx.read()).every((value) => value === 0))
    }
    const values = await device.read({ memory: canary, offset: 0, shape: [200_000] })
    assert.ok(values.every((value) => value === 7), kind)
    device.free(canary)
  }
  device.close()
})

async function collect(): Promise<number> {
  for (let k = 0; k < 3; k++) {
    globalThis.gc?.()
    await new Promise((done) => { setTimeout(done, 20) })
  }
  return process.memoryUsage().rss
}

test('1,000 steps leave live and kept bytes and the process as they were', async () => {
  const device = await simd({ threads: 2 })
  const form = { cell: 'lstm', symbols: 5, embed: 3, hidden: 40, layers: 2, dropout: 0.2 } as const
  const model = languageModel(form, { device, rng: random(1) })
  const ids = Int32Array.from(random(2).uniform(400), (u) => Math.floor(5 * u))
  const steps = train({
    model, ids, batch: 16, window: 8, clip: 1, optimizer: adam({ learningRate: 0.01 }),
    schedule: constant(), rng: random(3), stop: { steps: 1000 },
  })
  const seen: { live: number, kept: number, rss: number }[] = []
  for await (const { step } of steps) {
    if (step % 200 !== 0) continue
    const { live, pooled } = device.memory()
    seen.push({ live, kept: pooled, rss: await collect() })
  }
  const [first, last] = [seen[1], seen[4]]
  assert.is(last.live, first.live)
  assert.is(last.kept, first.kept)
  assert.ok(last.rss - first.rss < 25e6, `the process grew by ${last.rss - first.rss} bytes`)
  device.close()
})

test('tensors that nobody holds or promised to free come back with the garbage', async () => {
  const device = await simd({ threads: 1 })
  const before = device.memory()
  for (let k = 0; k < 200; k++) unowned(() => tensor(new Float32Array(10_000), { device }))
  assert.is(device.memory().live - before.live, 200 * 40_000)
  await collect()
  assert.ok(device.memory().live - before.live <= 40_000, `${device.memory().live} bytes live`)
  device.close()
})

test.run()

// Threads of the simd device that end when nobody asked them to, and devices that are closed: an error of one
// line at once, from then on, and never a wait without end. Here workers are sabotaged as they are started.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import type { Worker } from 'node:worker_threads'
import { UnrolledError } from '../src/check.ts'
import type { Device } from '../src/device.ts'
import { add, exp } from '../src/ops/elementwise.ts'
import { matmul } from '../src/ops/matmul.ts'
import { reshape, transpose } from '../src/ops/move.ts'
import { random } from '../src/random.ts'
import { Scope } from '../src/scope.ts'
import type { Simd } from '../src/simd/device.ts'
import { simd } from '../src/simd/open.ts'
import { type Tensor, tensor, zeros } from '../src/tensor.ts'

const test = suite('simd, threads that are lost')

const modules = createRequire(import.meta.url)('node:worker_threads') as { Worker: typeof Worker }
const Plain = modules.Worker

/** Opens a device of two threads whose worker runs `sabotage` instead of its 30th job. */
async function sabotaged(sabotage: string): Promise<{ device: Simd, worker: Worker }> {
  const workers: Worker[] = []
  const honest = 'meeting.serve(kernels.perform)'
  const serve = `meeting.serve((...job) => { if (++jobs === 30) { ${sabotage} } kernels.perform(...job) })`
  modules.Worker = class extends Plain {
    constructor(text: string | URL, options: object) {
      assert.ok(String(text).includes(honest))
      super('let jobs = 0;' + String(text).replace(honest, serve), options)
      workers.push(this)
    }
  }
  syncBuiltinESMExports()
  try {
    const device = await simd({ threads: 2 })
    assert.is(workers.length, 1)
    return { device, worker: workers[0] }
  } finally {
    modules.Worker = Plain
    syncBuiltinESMExports()
  }
}

const square = (device: Device, n = 128): Tensor =>
  tensor(random(1).normal(n * n), { shape: [n, n], device })

/** Products, which are shared, until one fails, and how long that one took. */
function multiplyUntilLost(x: Tensor): { error?: unknown, took: number } {
  using _ = new Scope()
  for (let k = 0; k < 100; k++) {
    const begun = performance.now()
    try {
      matmul(x, x)
    } catch (error) {
      return { error, took: performance.now() - begun }
    }
  }
  return { took: 0 }
}

async function checkLost(device: Simd, x: Tensor, error: unknown, wanted: RegExp): Promise<void> {
  assert.instance(error, UnrolledError)
  assert.match((error as Error).message, wanted)
  assert.not.match((error as Error).message, /\n/)
  await checkRefused(device, x, wanted)
  await checkClosed(device, x)
}

/** Everything that would compute or read; also small jobs, which need no other thread. */
async function checkRefused(device: Simd, x: Tensor, wanted: RegExp): Promise<void> {
  const calls = [
    () => exp(x), () => tensor([1], { device }), () => zeros([2], device), () => device.fill(2, 1),
    () => device.numbers!(x), () => x.assign(x), () => reshape(transpose(x), [x.size]),
  ]
  for (const call of calls) assert.throws(call, wanted)
  assert.match(await x.read().then(String, (error: Error) => error.message), wanted)
}

/** Closing it twice is well, and so is giving back, late, what was on it. */
async function checkClosed(device: Simd, x: Tensor): Promise<void> {
  const scope = new Scope()
  device.close()
  device.close()
  await checkRefused(device, x, /simd: the device is closed; open another$/)
  x.dispose()
  scope.close()
}

const LOST = /^simd: a thread has ended or does not answer; what was computed is lost; open the device again$/

const ways = {
  'exits inside a job': 'process.exit(3)',
  'throws inside a job': 'throw new Error("sabotage")',
  'traps inside a job': 'kernels.perform(10, 2 ** 32 - 8, 0, 1)',
}
for (const [name, sabotage] of Object.entries(ways)) {
  test(`a thread that ${name} is missed because it says so, not for its silence`, async () => {
    const { device } = await sabotaged(sabotage)
    const x = square(device)
    const { now } = performance
    let clock = 0
    performance.now = () => (clock += 0.1) // on which 20 seconds of naps of 50 ms take hours
    const error = multiplyUntilLost(x).error
    performance.now = now
    assert.ok(clock < 1000, `${clock} ms`)
    await checkLost(device, x, error, LOST)
  })
}

const hangs = {
  'sleeps for ever': 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)',
  'runs in circles': 'for (;;);',
}
for (const [name, sabotage] of Object.entries(hangs)) {
  test(`a thread that ${name} is given up after 20 seconds, and the process can end`, async () => {
    const { device, worker } = await sabotaged(sabotage)
    const x = square(device)
    const [{ wait }, { now }] = [Atomics, performance]
    let clock = 0
    // a nap of 50 ms, by the clock, takes one
    const short = (words: Int32Array, word: number, value: number, nap: number) => {
      clock += nap
      return wait(words, word, value, 1)
    }
    Object.assign(Atomics, { wait: short })
    performance.now = () => (clock += 0.1)
    const { error, took } = multiplyUntilLost(x)
    Object.assign(Atomics, { wait })
    performance.now = now
    assert.ok(took >= 20_000 && took < 25_000, `${took} ms`)
    const ended = new Promise((done) => { worker.once('exit', done) })
    await checkLost(device, x, error, LOST)
    await ended
  })
}

test('a thread that is stopped between jobs is told of by its end', async () => {
  const { device, worker } = await sabotaged('')
  const x = square(device)
  await worker.terminate()
  const { error } = multiplyUntilLost(x)
  await checkLost(device, x, error, /^simd: a thread has ended: it ended with code 1; what/)
})

/** Runs fn, where the main thread's first call of Atomics.add after `calls` of them throws. */
function failing(calls: number, fn: () => void): void {
  const { add: honest } = Atomics
  let left = calls
  Object.assign(Atomics, {
    add: (words: Int32Array, word: number, value: number) => {
      if (left-- === 0) throw new Error('sabotage')
      return honest(words, word, value)
    },
  })
  try {
    fn()
  } finally {
    Object.assign(Atomics, { add: honest })
  }
}

for (const threads of [2, 3]) {
  test(`${threads} threads: an error of the main one in a job costs the job, not the device`, async () => {
    const [device, alone] = [await simd({ threads }), await simd({ threads: 1 })]
    const wanted = await matmul(square(alone, 700), square(alone, 700)).read()
    const x = square(device, 700) // a product in three blocks: the threads meet at each
    for (let n = 0; n < 30; n++) {
      failing(1 + n % 3, () => assert.throws(() => matmul(x, x), /^sabotage$/)) // the first tells of the job
      assert.equal(await matmul(x, x).read(), wanted)
    }
    device.close()
    alone.close()
  })
}

test('a stack that is full, wherever, costs the job alone', async () => {
  const device = await simd({ threads: 2 })
  const x = square(device, 300)
  const wanted = await matmul(x, x).read()
  let full = 0
  for (let deeper = 0; deeper < 37; deeper++) {
    let tries = 0
    const fill = (): void => {
      try {
        fill()
      } catch (error) { // the innermost calls come here first: each leaves a little more room
        if (tries++ > 5) throw error
        try {
          matmul(x, x)
        } catch {
          full++
        }
        throw error
      }
    }
    const below = (calls: number): void => calls === 0 ? fill() : below(calls - 1)
    assert.throws(() => below(deeper), /call stack/)
  }
  assert.ok(full > 100, `${full}`)
  assert.equal(await matmul(x, x).read(), wanted)
  device.close()
})

test('no thread is given up because a clock jumps: the machine was asleep', async () => {
  const { device } = await sabotaged('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)')
  const [{ now }, wall] = [performance, Date.now]
  let jumps = 0
  performance.now = () => now.call(performance) + 3_600_000 * jumps++
  Date.now = () => wall() + 3_600_000 * jumps++
  const { error } = multiplyUntilLost(square(device))
  performance.now = now
  Date.now = wall
  assert.is(error, undefined)
  assert.ok(jumps > 1)
  device.close()
})

test('fifty devices, one after the other', async () => {
  for (let k = 0; k < 50; k++) {
    const device = await simd({ threads: 2 })
    assert.is((await matmul(square(device), square(device)).read()).length, 128 * 128)
    device.close()
  }
})

test('two devices at once; the tensors of one are refused by the other', async () => {
  const [one, two] = [await simd({ threads: 2 }), await simd({ threads: 1 })]
  assert.throws(() => add(square(one), square(two)), /add: its inputs live on two devices \(simd, simd\)/)
  const [a, b] = await Promise.all([one, two].map((device) => matmul(square(device), square(device)).read()))
  assert.equal(a, b)
  one.close()
  two.close()
})

test.run()

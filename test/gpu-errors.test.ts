// What the gpu says when something is wrong with a kernel or the device is closed; and that what nobody gave
// back, indices and bind groups among it, is found again.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Blanks, KernelName } from '../src/gpu/kernels.ts'
import { openGpu } from '../src/gpu/open.ts'
import { sources } from '../src/gpu/sources.ts'
import { tanh } from '../src/ops/elementwise.ts'
import { gather } from '../src/ops/gather.ts'
import { untracked } from '../src/scope.ts'
import { type Tensor, tensor, zeros } from '../src/tensor.ts'
import { gpu } from './devices.ts'
import { testAdapter } from './gpu-adapter.ts'

const test = suite('the gpu, when something is wrong')

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'no error', (error: Error) => error.message)
}

/** What is said of a kernel with this in a blank, at its first use and at its second. */
async function broken(kernel: KernelName, blanks: Blanks, buffers: number): Promise<string[]> {
  const device = await openGpu(testAdapter)
  const memories = Array.from({ length: buffers }, () => device.take(64))
  const [x] = memories
  const read = () => {
    device.launch({
      kernel, variant: 'broken', blanks: () => blanks, buffers: memories.map(({ buffer }) => buffer!),
      values: new Array<number>(64).fill(0).slice(0, wordsOf(kernel)), grid: { x: 1, y: 1, z: 1 },
    })
    return messageOf(device.read({ memory: x, offset: 0, shape: [64] }))
  }
  const said = [await read(), await read()]
  device.close()
  return said
}

const wordsOf = (kernel: KernelName): number =>
  [.../struct Params \{([^}]*)\}/.exec(sources[kernel])![1].matchAll(/:\s*[ufi]32/g)].length

/** The number of the line that holds this, from 1. */
const lineOf = (kernel: KernelName, text: string): number =>
  sources[kernel].split('\n').findIndex((line) => line.includes(text)) + 1

test('a kernel that does not compile: its file, the line in it, and the line itself', async () => {
  const [first, again] = await broken('unary', { f: 'nonsense(v)' }, 2)
  assert.ok(first.startsWith('gpu: kernel unary (broken), ' +
    `kernels/unary.wgsl, line ${lineOf('unary', 'y[i] = ')}: `), first)
  assert.ok(first.endsWith(': y[i] = nonsense(v);'), first)
  assert.is(again, first)
})

test('the line is found behind other files, in another file, and in a blank of many lines', async () => {
  const [inReduce] = await broken('reduceRows', { place: 'r', first: '0.0', step: 'total + nonsense' }, 2)
  assert.match(inReduce, `kernels/reduce_rows.wgsl, line ${lineOf('reduceRows', '{{step}}')}: `)
  const [inParts] = await broken('matmulBlock', { parts: '\n\nnonsense' }, 3)
  assert.match(inParts,
    `kernels/matmul_block.wgsl, line ${lineOf('matmulBlock', '{{parts}}')}, line 3 of {{parts}}: `)
  const rule = { constants: 'weightDecay: f32', skipped: 'false', slots: '', load: '', store: '' }
  const [inRule] = await broken('update', { ...rule, rule: sources.updateSgd }, 5)
  const line = lineOf('updateSgd', 'params.momentum')
  assert.match(inRule, `kernels/update_sgd.wgsl, line ${line}: `)
})

test('a closed device says so at once', async () => {
  const device = await openGpu(testAdapter)
  const y = tanh(tensor([1, 2, 3], { device }))
  const reading = messageOf(y.read())
  device.close()
  assert.throws(() => tanh(y), /: it was closed; open another$/)
  assert.match(await reading, /: it was closed; open another$/)
  assert.match(await messageOf(y.read()), /: it was closed; open another$/)
  y.dispose()
})

test('what was refused costs its step: every read of it says so, and the next step is well', async () => {
  const device = await openGpu(testAdapter)
  const step = (x: Tensor) => untracked(() => tanh(x))
  const x = tensor([1, 2, 3], { device })
  for (const again of [1, 2]) {
    const small = device.take(64)
    device.recorder.copy(small.buffer!, 0, device.take(64).buffer!, 0, 2 ** 20) // which neither of them holds
    const said = await Promise.all([step(x), step(x)].map((y) => messageOf(y.read())))
    for (const each of said) assert.match(each, /^gpu \(.*\): .*[Cc]opy/)
    assert.is(said[0].split('\n').length, 1)
    const y = step(x)
    assert.ok(Math.abs((await y.read())[0] - Math.tanh(1)) < 1e-6, `well again, time ${again}`)
  }
  device.close()
})

test('memory runs out: it is told, what was asked for is given back, and the device goes on', async () => {
  const device = await openGpu({ kind: 'null' }) // which holds 512 MiB
  const large = () => device.fill(2 ** 25, 1) // 128 MiB
  const x = tensor([1, 2, 3], { device })
  for (const again of [1, 2]) {
    const taken = Array.from({ length: 6 }, large)
    const said = await messageOf(x.read())
    assert.match(said, /the device has no memory left \(.*\); take a smaller net, batch or window$/,
      `time ${again}`)
    assert.is(await messageOf(device.read({ memory: taken[0], offset: 0, shape: [3] })), 'no error')
    for (const memory of taken) device.free(memory)
    assert.is(await messageOf(tanh(x).read()), 'no error')
    const few = [large(), large()]
    assert.is(await messageOf(device.read({ memory: few[1], offset: 0, shape: [3] })), 'no error')
    for (const memory of few) device.free(memory)
  }
  device.close()
})

const pause = () => new Promise((done) => { setTimeout(done, 20) })

/** Runs the garbage collector until `fits` says so, at most 50 times. */
async function collectUntil(fits: () => boolean): Promise<boolean> {
  for (let i = 0; i < 50 && !fits(); i++) {
    globalThis.gc!()
    await pause()
  }
  return fits()
}

test('indices that nobody gave back: their buffers come back to the pool, once', async () => {
  const device = await openGpu(testAdapter)
  const table = zeros([10, 4], device)
  const use = () => {
    const index = tensor([1, 2, 3], { device, dtype: 'int32' })
    gather(table, index).dispose()
    index.assign(tensor([3, 2, 1], { device, dtype: 'int32' })) // drops the first buffer
    gather(table, index).dispose()
  }
  for (let i = 0; i < 20; i++) use()
  assert.ok(await collectUntil(() => device.memory().buffers === 1), `${device.memory().buffers} buffers`)
  const { pooled } = device.memory()
  assert.ok(pooled >= 20 * 256, `${pooled} bytes in the pool`)
  const buffers = Array.from({ length: 100 }, () => device.pool.takeBuffer(256))
  assert.is(new Set(buffers).size, 100)
  assert.is(device.memory().pooled, 0)
  device.close()
})

test('bind groups of buffers that are no more are forgotten', async () => {
  const { recorder, pool } = gpu
  const keep = gpu.take(64)
  const groups = recorder.bindGroups
  for (let i = 0; i < 30; i++) {
    const y = gpu.take(2 ** 14)
    gpu.launch({
      kernel: 'unary', variant: 'neg', blanks: () => ({ f: '-v' }), buffers: [keep.buffer!, y.buffer!],
      values: [64, 0], grid: { x: 1, y: 1, z: 1 },
    })
    gpu.free(y)
    pool.empty()
  }
  assert.ok(recorder.bindGroups <= groups, `${recorder.bindGroups} groups`)
  gpu.free(keep)
})

test.run()

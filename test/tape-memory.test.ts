// Who owns memory, when it goes back, and how much a backward pass holds.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { composed } from '../src/context.ts'
import { CpuMemory } from '../src/cpu/pool.ts'
import { cpu } from '../src/cpu/device.ts'
import type { Device, FloatType, Memory } from '../src/device.ts'
import { add, exp, mul, sigmoid, square, sub, tanh } from '../src/ops/elementwise.ts'
import { gather } from '../src/ops/gather.ts'
import { crossEntropy } from '../src/ops/loss.ts'
import { affine, matmul } from '../src/ops/matmul.ts'
import { concat, split, unstack } from '../src/ops/move.ts'
import { mean, sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Scope, untracked } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { dispose, type Tensor, tensor, zeros } from '../src/tensor.ts'
import { inputsOf, table } from '../src/cli/gradcheck-ops.ts'

const test = suite('tape, memory')

/** A little recurrent loss with a shared weight: ids -> embedding -> gated tanh steps -> cross-entropy. */
function model(device: Device, { T = 6, B = 3, H = 5, V = 7 } = {}) {
  const rng = random(4)
  const draw = (...shape: number[]) =>
    tensor(rng.normal(shape.reduce((n, m) => n * m), 0, 0.4), { device, shape })
  const params = { table: draw(V, H), W: draw(H, H), U: draw(H, H), b: draw(H), out: draw(V, H) }
  const ids = Array.from({ length: (T + 1) * B }, () => rng.integer(V))
  const xs = tensor(ids.slice(B), { device, shape: [T, B], dtype: 'int32' })
  const targets = tensor(ids.slice(0, T * B), { device, shape: [T, B], dtype: 'int32' })
  const loss = (carried: Tensor): { loss: Tensor, state: Tensor } => {
    let h = carried
    const hs: Tensor[] = []
    for (const x of unstack(affine(gather(params.table, xs), params.W, params.b))) {
      const [z] = split(sigmoid(h), [h.shape[0]])
      h = add(mul(z, h), mul(sub(1, z), tanh(add(x, matmul(h, params.U, { transposeB: true })))))
      hs.push(h)
    }
    return { loss: crossEntropy(affine(concat(hs), params.out), untracked(() => flat(targets))), state: h }
  }
  return { params, loss, zero: zeros([B, H], device), all: { ...params, xs, targets } }
}

function flat(ids: Tensor): Tensor {
  return split(concat(unstack(ids)), [ids.size])[0]
}

test('live bytes are back where they were once a tape or scope is closed', () => {
  const device = cpu()
  const { params, loss, zero } = model(device)
  const before = device.memory()
  const tape = new Tape()
  tape.gradients(loss(zero).loss, Object.values(params))
  tape.gradients(loss(zero).loss, Object.values(params))
  assert.ok(device.memory().live > before.live)
  tape.close()
  assert.equal([device.memory().live, device.memory().buffers], [before.live, before.buffers])
  const scope = new Scope()
  loss(zero)
  scope.close()
  assert.equal([device.memory().live, device.memory().buffers], [before.live, before.buffers])
})

test('also after a tape inside a tape, and after an error half-way through a backward pass', () => {
  const device = cpu({ precision: 'float64' })
  const { params, loss, zero } = model(device)
  const before = device.memory()
  const outer = new Tape()
  const inner = new Tape({ inside: outer })
  const grads = inner.gradients(loss(zero).loss, [params.U, params.b])
  inner.close()
  outer.gradients(add(sum(square(grads[0])), sum(square(grads[1]))), Object.values(params))
  outer.close()
  assert.equal([device.memory().live, device.memory().buffers], [before.live, before.buffers])
  const tape = new Tape()
  const broken = () => { throw new Error('a broken visitor') }
  assert.throws(() => tape.backward(loss(zero).loss, [params.U], broken), /a broken visitor/)
  tape.close()
  assert.equal([device.memory().live, device.memory().buffers], [before.live, before.buffers])
})

test('to forget the peak does not empty the pool', () => {
  const device = cpu()
  const sizes = [1000, 2000, 3000]
  const step = () => {
    const scope = new Scope()
    for (const size of sizes) zeros([size], device)
    scope.close()
  }
  step()
  const { pooled } = device.memory()
  assert.is(pooled, 4 * 6000)
  device.resetPeak()
  assert.is(device.memory().peak, 0)
  zeros([3000], device).dispose()
  zeros([10], device).dispose()
  assert.is(device.memory().pooled, pooled + 4 * 10)
  assert.is(device.memory().peak, 4 * 3000)
})

test('100 training steps leave live bytes, buffers and pooled bytes flat', () => {
  const device = cpu()
  const { params, loss, zero } = model(device)
  let carried = zero
  const reports: string[] = []
  for (let step = 0; step < 100; step++) {
    const tape = new Tape()
    const found = loss(carried)
    const list = Object.values(params)
    tape.gradients(found.loss, list).forEach((dx, i) => list[i].assign(sub(list[i], mul(dx, 0.1))))
    carried = tape.keep(found.state, step > 0 ? carried : undefined)
    tape.close()
    const { live, buffers, pooled, peak } = device.memory()
    reports.push(JSON.stringify({ live, buffers, pooled, peak }))
  }
  assert.equal([...new Set(reports.slice(2))], [reports[99]])
})

test('a scope owns what is computed in it, but not what an open tape records', async () => {
  const device = cpu()
  const x = tensor([1, 2], { device })
  using tape = new Tape()
  const scope = new Scope()
  const y = square(x)
  scope.close()
  assert.equal([...await y.read()], [1, 4])
  assert.is(tape.records.length, 1)
  const z = untracked(() => exp(mul(y, 0))) // the result is the tape's, the rest is given back
  const { live } = device.memory()
  untracked(() => { exp(exp(y)) })
  assert.is(device.memory().live, live)
  assert.equal([...await z.read()], [1, 1])
})

test('with nothing open, results are yours; what is forgotten is counted out once collected', async () => {
  const collect = globalThis.gc
  assert.ok(collect, 'the runner gives --expose-gc')
  const device = cpu()
  const x = zeros([1000], device)
  const { live, buffers } = device.memory()
  const forget = () => {
    for (let i = 0; i < 20; i++) untracked(() => add(square(x), i))
  }
  forget()
  assert.ok(device.memory().live > live)
  for (let i = 0; i < 50 && device.memory().live > live; i++) {
    await new Promise((done) => setTimeout(done, 10))
    collect()
  }
  await new Promise((done) => setTimeout(done, 20))
  assert.equal([device.memory().live, device.memory().buffers], [live, buffers])
  dispose({ x })
  assert.is(device.memory().buffers, buffers - 1)
})

test('backward through 200 uses of one weight holds one or two of its gradients, not 200', () => {
  const device = cpu()
  const H = 64
  const w = tensor(random(2).normal(H * H, 0, 0.1), { device, shape: [H, H] })
  const weight = w.memory.length * 4
  const x = zeros([2, H], device)
  using tape = new Tape()
  let h = x
  for (let t = 0; t < 200; t++) h = tanh(add(matmul(h, w, { transposeB: true }), 0.1))
  const loss = mean(h)
  device.resetPeak()
  const before = device.memory()
  tape.gradients(loss, [w])
  const { peak, live } = device.memory()
  assert.ok(peak - before.live < 2.5 * weight,
    `peak is ${((peak - before.live) / weight).toFixed(2)} weights`)
  assert.is(live - before.live, weight)
})

// Freed memory is filled with NaN (or an index far out of range): whoever reads it afterwards is found out.
function poison(device: Device): { freed: number } {
  const count = { freed: 0 }
  const free = device.free.bind(device)
  device.free = (memory: Memory) => {
    if (memory instanceof CpuMemory) memory.data.fill(memory.dtype === 'int32' ? -(2 ** 31) : NaN)
    count.freed++
    free(memory)
  }
  return count
}

const precisions: FloatType[] = ['float64', 'float32']
for (const precision of precisions) {
  test(`${precision}: nothing reads memory that was freed: gradients of the net with freed memory poisoned`,
    async () => {
    const run = async (device: Device) => {
      const { params, loss, zero } = model(device)
      const wrt = [...Object.values(params), zero]
      const all: (readonly number[])[] = []
      let carried = zero
      for (let step = 0; step < 3; step++) {
        const tape = new Tape()
        const found = loss(carried)
        for (const dx of tape.gradients(found.loss, [...wrt, found.state])) all.push([...await dx.read()])
        carried = tape.keep(found.state)
        tape.close()
      }
      return all
    }
    const poisoned = cpu({ precision })
    const count = poison(poisoned)
    assert.equal(await run(poisoned), await run(cpu({ precision })))
    assert.ok(count.freed > 100)
  })
}

test('nothing reads memory that was freed: every op, first and second order', async () => {
  const run = async (device: Device) => {
    const all: string[] = []
    for (const row of table) {
      const inputs = inputsOf(row, device)
      const outer = new Tape()
      const inner = new Tape({ inside: outer })
      const grads = inner.gradients(sum(square(row.call(inputs))), inputs)
      inner.close()
      const penalty = grads.map((dx) => sum(square(dx))).reduce((a, b) => add(a, b))
      const second = outer.gradients(penalty, inputs)
      const numbers = await Promise.all([...grads, ...second].map((dx) => dx.read()))
      outer.close()
      const plain = async () => {
        using tape = new Tape()
        const [first] = tape.gradients(sum(square(row.call(inputs))), inputs)
        return await first.read()
      }
      numbers.push(await plain()) // as one op, where there is one
      const composedToo = await composed(plain)
      assert.equal([...composedToo], [...numbers[0]], `${row.op}: in place or not, the same bits`)
      all.push(`${row.op} ${numbers.map((list) => list.join(' ')).join('; ')}`)
    }
    return all
  }
  const poisoned = cpu({ precision: 'float64' })
  poison(poisoned)
  const clean = await run(cpu({ precision: 'float64' }))
  assert.equal(await run(poisoned), clean)
  assert.is(clean.filter((line) => line.includes('NaN')).join('\n'), '')
})

test('the poison works', async () => {
  const device = cpu()
  poison(device)
  const x = tensor([1, 2, 3], { device })
  assert.instance(x.memory, CpuMemory)
  const { data } = x.memory as CpuMemory
  x.dispose()
  assert.ok(data.every((v) => Number.isNaN(v)))
})

test.run()

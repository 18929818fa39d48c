// Jordan's net taught and left to itself; Elman's context and the truncation that he trained with.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Device } from '../src/device.ts'
import { formatReport, gradcheck } from '../src/gradcheck.ts'
import { contextAsInput, elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { freeRunning, jordan, teacherForced } from '../src/nn/jordan.ts'
import { unroll } from '../src/nn/unroll.ts'
import { mul } from '../src/ops/elementwise.ts'
import { slice } from '../src/ops/move.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { type Tensor, tensor } from '../src/tensor.ts'
import { truncatedBptt } from '../src/train/bptt.ts'
import { elmanStep, functions, jordanStep, logistic, type Matrix, rowsOf, weightsOf } from './by-hand.ts'
import { devices } from './devices.ts'
import { device, energy, flat, normal, refused, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('jordan and elman')
const [T, B, D, O] = [6, 2, 3, 4]
const DECAY = 0.7

const make = (on: Device) => jordan({
  inputs: D, hidden: 5, outputs: O, decay: DECAY, nonlinearity: 'tanh', device: on, rng: random(1),
})

/** The numbers of a tensor on another device. */
const onto = async (x: Tensor, on: Device) => tensor(await x.read(), { shape: x.shape, device: on })

for (const { name, device: on, tolerance } of devices) {
  test(`${name}: a Jordan net by hand, taught and free`, async () => {
    const cell = make(on)
    const w = await weightsOf(cell.parameters)
    const [plan, targets] = [await onto(normal(2, B, D), on), await onto(normal(3, T, B, O), on)]
    const state = { s: await onto(normal(4, B, O), on) }
    const [plans, right] = [await rowsOf(plan), await rowsOf(targets)]
    for (const taught of [true, false]) {
      const { outputs, state: last } = taught
        ? teacherForced(cell, plan, targets, state) : freeRunning(cell, plan, T, state)
      let s = await rowsOf(state.s)
      const said: Matrix = []
      for (let t = 0; t < T; t++) {
        s = s.map((row, b) => {
          const step = jordanStep(w, functions.tanh, DECAY, plans[b], row)
          said.push(step.y)
          return taught ? row.map((old, k) => DECAY * old + right[t * B + b][k]) : step.s
        })
      }
      const near = Math.max(tolerance, 1e-14)
      assert.equal(outputs.shape, [T, B, O])
      assert.ok(difference(await outputs.read(), said.flat()) < near, `outputs, ${taught}`)
      assert.ok(difference(await last.s.read(), s.flat()) < near, `state, ${taught}`)
    }
  })

  test(`${name}: Elman's truncation by hand: logistic units, a context of 0.5, one step back`, async () => {
    const plain = elman({
      inputs: D, hidden: O, nonlinearity: 'logistic', context: 0.5, device: on, rng: random(1),
    })
    const cell = contextAsInput(plain)
    const w = await weightsOf(cell.parameters)
    const [xs, dy] = [await onto(normal(2, T, B, D), on), await onto(normal(3, T, B, O), on)]
    using tape = new Tape()
    const { outputs } = unroll(cell, xs)
    const grads = tape.gradients(sum(mul(outputs, dy)), cell.parameters)
    const [rows, errors] = [await rowsOf(xs), await rowsOf(dy)]
    const expected = {
      weight_ih: zero(O, D), weight_hh: zero(O, O), bias_ih: zero(1, O), bias_hh: zero(1, O),
    }
    for (let b = 0; b < B; b++) {
      let h = [0.5, 0.5, 0.5, 0.5]
      for (let t = 0; t < T; t++) {
        const before = h
        h = elmanStep(w, logistic, rows[t * B + b], before)
        h.forEach((y, k) => {
          const delta = errors[t * B + b][k] * y * (1 - y)
          rows[t * B + b].forEach((x, j) => { expected.weight_ih[k][j] += delta * x })
          before.forEach((x, j) => { expected.weight_hh[k][j] += delta * x })
          expected.bias_ih[0][k] += delta
          expected.bias_hh[0][k] += delta
        })
      }
      const found = (await rowsOf(outputs))[(T - 1) * B + b]
      assert.ok(difference(found, h) < Math.max(tolerance, 1e-14), 'the last hidden units')
    }
    for (const [parameter, g] of Object.entries(expected)) {
      const d = difference(await grads[parameter].read(), g.flat())
      assert.ok(d < Math.max(tolerance, 1e-13), `gradient of ${parameter} differs by ${d}`)
    }
  })
}

function zero(rows: number, width: number): Matrix {
  return Array.from({ length: rows }, () => Array<number>(width).fill(0))
}

test('taught with its own outputs, a Jordan net says what it says when it is free', async () => {
  const cell = make(device)
  const plan = normal(2, B, D)
  const free = freeRunning(cell, plan, T)
  const taught = teacherForced(cell, plan, free.outputs)
  assert.ok(difference(await taught.outputs.read(), await free.outputs.read()) < 1e-15)
  assert.ok(difference(await taught.state.s.read(), await free.state.s.read()) < 1e-15)
})

test('gradients of both ways by finite differences', async () => {
  const cell = make(device)
  const [plan, targets, s] = [normal(2, B, D), normal(3, T, B, O), normal(4, B, O)]
  const ways = {
    taught: () => teacherForced(cell, plan, targets, { s }),
    free: () => freeRunning(cell, plan, T, { s }),
  }
  for (const [way, run] of Object.entries(ways)) {
    const f = () => {
      const { outputs, state } = run()
      return flat([outputs, state])
    }
    for (const order of [1, 2] as const) {
      const report = await gradcheck(f, { ...cell.parameters, plan, targets, s }, { order })
      assert.ok(report.passed, `${way}: ${formatReport(report)}`)
    }
  }
})

test('under a teacher no error travels through time: the last step alone gives its gradient', async () => {
  const cell = make(device)
  const [plan, targets] = [normal(2, B, D), normal(3, T, B, O)]
  const grads = async (run: () => Tensor) => {
    using tape = new Tape()
    return values(tape.gradients(energy(run()), Object.values(cell.parameters)))
  }
  const { s } = teacherForced(cell, plan, slice(targets, 0, 0, T - 1)).state
  const alone = await grads(() => cell.step(plan, { s }).output)
  const all = await grads(() => slice(teacherForced(cell, plan, targets).outputs, 0, T - 1))
  all.forEach((g, k) => assert.ok(difference(g, alone[k]) < 1e-14))
  const free = await grads(() => slice(freeRunning(cell, plan, T).outputs, 0, T - 1))
  assert.ok(difference(free[1], all[1]) > 0.01)
})

test('one step back is truncated BPTT with windows of one step, for any cell', async () => {
  for (const cell of [
    elman({ inputs: D, hidden: O, nonlinearity: 'logistic', context: 0.5, device, rng: random(1) }),
    gru({ inputs: D, hidden: O, device, rng: random(1) }),
  ]) {
    const [xs, dy] = [normal(2, T, B, D), normal(3, T, B, O)]
    using tape = new Tape()
    const { outputs } = unroll(contextAsInput(cell), xs)
    assert.equal(await outputs.read(), await unroll(cell, xs).outputs.read())
    const found = await values(tape.gradients(sum(mul(outputs, dy)), Object.values(cell.parameters)))
    const full = await values(tape.gradients(
      sum(mul(unroll(cell, xs).outputs, dy)), Object.values(cell.parameters)))
    assert.ok(difference(found[1], full[1]) > 0.01, 'full BPTT gives another gradient')
    const net = {
      parameters: new Map(Object.entries(cell.parameters)),
      run: (x: Tensor, state: { h: Tensor }) => unroll(cell, x, { h: state.h }),
      loss: (y: Tensor, d: Tensor) => sum(mul(y, d)),
    }
    tape.close()
    const bptt = truncatedBptt(net, { every: 1, initial: cell.initial(B) })
    const total = found.map((g) => g.map(() => 0))
    for (let t = 0; t < T; t++) {
      using step = new Tape()
      const { grads } = bptt.step(step, slice(xs, 0, t, t + 1), slice(dy, 0, t, t + 1))
      const lists = await values([...grads.values()])
      lists.forEach((g, k) => g.forEach((x, i) => { total[k][i] += x }))
    }
    bptt.dispose()
    found.forEach((g, k) => assert.ok(difference(g, total[k]) < 1e-13))
  }
})

test('gradients of one step back, second ones too, where no state is asked for', async () => {
  const cell = contextAsInput(elman({ inputs: D, hidden: O, device, rng: random(1) }))
  const xs = normal(2, 1, B, D)
  for (const order of [1, 2] as const) {
    const f = () => flat(unroll(cell, xs).outputs)
    const report = await gradcheck(f, { ...cell.parameters, xs }, { order })
    assert.ok(report.passed, formatReport(report))
  }
})

test('what does not fit is refused', () => {
  const cell = make(device)
  refused(() => teacherForced(cell, normal(1, B, D), normal(1, T, B, O + 1)),
    `teacherForced: targets is [6, 2, 5]; it must be [T, 2, 4]`)
  refused(() => freeRunning(cell, normal(1, T, B, D), 3),
    'jordan: the plan is [6, 2, 3]; it must be [B, D], held for all steps')
  refused(() => freeRunning(cell, normal(1, B, D), 0),
    'freeRunning: T is 0; it must be a whole number of 1 or more')
  refused(() => elman({ inputs: 2, hidden: 3, context: NaN, device, rng: random(1) }),
    'elman: context is NaN; it must be a finite number')
})

test.run()

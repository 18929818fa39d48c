// recurrent() against PyTorch: every pair of options occurs; values and every gradient, to 1e-10 in float64
// and 1e-5 in float32, on the cpu and on the gpu.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpu } from '../src/cpu/device.ts'
import { recurrent, type RecurrentState } from '../src/nn/recurrent.ts'
import { loadParameters } from '../src/nn/linear.ts'
import { add, mul } from '../src/ops/elementwise.ts'
import { sum } from '../src/ops/reduce.ts'
import { transpose } from '../src/ops/move.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { type Tensor, tensor } from '../src/tensor.ts'
import { devices } from './devices.ts'
import { difference, golden, type Golden, load } from './golden-numbers.ts'

interface Case {
  kind: 'RNN' | 'LSTM' | 'GRU'
  options: {
    inputs: number, hidden: number, layers: number, bidirectional: boolean, bias: boolean
    projection: number, nonlinearity: 'tanh' | 'relu' | null
  }
  lengths: number[] | null
  parameters: Record<string, Golden>
  x: Golden
  h0: Golden | null
  c0: Golden | null
  dy: Golden
  dh_n: Golden
  dc_n: Golden | null
  y: Golden
  h_n: Golden
  c_n: Golden | null
  grads: { parameters: Record<string, Golden>, x: Golden, h0: Golden | null, c0: Golden | null }
}

const { cases } = golden<{ cases: Case[] }>('recurrent.json')
const test = suite('recurrent')

function describe({ kind, options, lengths, h0 }: Case): string {
  const { layers, bidirectional, bias, projection, nonlinearity } = options
  return [
    kind, nonlinearity, `${layers} layers`,
    bidirectional ? 'both directions' : 'forward', bias ? 'bias' : 'no bias',
    projection ? `projection ${projection}` : null, lengths ? `lengths ${lengths}` : null,
    h0 ? 'given state' : 'zero state',
  ].filter(Boolean).join(', ')
}

for (const { name, device, tolerance } of devices) {
  for (const c of cases) {
    test(`${name}: ${describe(c)}`, async () => {
      const { nonlinearity, ...options } = c.options
      const rnn = recurrent({
        kind: c.kind, ...options, ...(nonlinearity && { nonlinearity }), device, rng: random(1),
      })
      assert.equal(Object.keys(rnn.parameters), Object.keys(c.parameters), 'names and order')
      loadParameters(new Map(Object.entries(rnn.parameters)), new Map(Object.entries(c.parameters)))
      const x = load(device, c.x)
      const state: Record<string, Tensor> | undefined = c.h0 ? { h: load(device, c.h0) } : undefined
      if (state && c.c0) state.c = load(device, c.c0)
      const dys: Record<string, Tensor> = { h: load(device, c.dh_n) }
      if (c.dc_n) dys.c = load(device, c.dc_n)
      const dy = load(device, c.dy)

      const tape = new Tape()
      const result = rnn(x, { state, lengths: c.lengths ?? undefined })
      const loss = Object.entries(dys).reduce(
        (total, [name, d]) => add(total, sum(mul(result.state[name], d))), sum(mul(result.outputs, dy)))
      const wrt = [...Object.values(rnn.parameters), x, ...Object.values(state ?? {})]
      const found = tape.gradients(loss, wrt)
      const expected = [
        ...Object.values(c.grads.parameters), c.grads.x,
        ...(state ? [c.grads.h0!, ...(c.c0 ? [c.grads.c0!] : [])] : []),
      ]
      const names = [...Object.keys(rnn.parameters), 'x', 'h0', 'c0']
      const compare = async (what: string, a: Tensor, b: Golden) => {
        assert.equal(a.shape, b.shape, `${what}: shape`)
        const d = difference(await a.read(), b.data)
        assert.ok(d < tolerance, `${what}: differs by ${d}`)
      }
      await compare('outputs', result.outputs, c.y)
      await compare('h_n', result.state.h, c.h_n)
      if (c.c_n) await compare('c_n', result.state.c, c.c_n)
      for (let i = 0; i < wrt.length; i++) await compare(`gradient of ${names[i]}`, found[i], expected[i])
      tape.close()
    })
  }
}

test('batch first and a single sequence give the same numbers', async () => {
  const device = cpu({ precision: 'float64' })
  const options = { kind: 'LSTM', inputs: 3, hidden: 4, layers: 2, bidirectional: true, device } as const
  const rnn = recurrent({ ...options, rng: random(5) })
  const turned = recurrent({ ...options, batchFirst: true, rng: random(5) })
  const x = tensor(random(2).normal(5 * 1 * 3), { shape: [5, 1, 3], device })
  const { outputs, state } = rnn(x)
  const first = turned(transpose(x, [1, 0, 2]))
  const single = rnn(tensor(await x.read(), { shape: [5, 3], device }))
  assert.equal(first.outputs.shape, [1, 5, 8])
  assert.equal(single.outputs.shape, [5, 8])
  assert.equal(single.state.h.shape, [4, 4])
  assert.equal(await first.outputs.read(), await outputs.read())
  assert.equal(await single.outputs.read(), await outputs.read())
  assert.equal(await single.state.c.read(), await state.c.read())
})

test('dropout falls between layers only, and only when a generator is passed', async () => {
  const device = cpu({ precision: 'float64' })
  const options = { kind: 'GRU', inputs: 3, hidden: 4, dropout: 0.5, device } as const
  const x = tensor(random(2).normal(5 * 2 * 3), { shape: [5, 2, 3], device })
  const one = recurrent({ ...options, rng: random(5) })
  const dropped = await one(x, { rng: random(1) }).outputs.read()
  assert.equal(dropped, await one(x).outputs.read(), 'one layer: nothing between')
  const two = recurrent({ ...options, layers: 2, rng: random(5) })
  const evaluated = await two(x).outputs.read()
  const trained = await two(x, { rng: random(1) }).outputs.read()
  assert.ok(difference(trained, evaluated) > 0.01)
  assert.equal(await two(x, { rng: random(1) }).outputs.read(), trained, 'the same seed drops the same')
})

test('an omitted state is a zero state', async () => {
  const device = cpu({ precision: 'float64' })
  const rnn = recurrent({ kind: 'LSTM', inputs: 3, hidden: 4, layers: 2, device, rng: random(5) })
  const x = tensor(random(2).normal(5 * 2 * 3), { shape: [5, 2, 3], device })
  assert.equal(await rnn(x, { state: rnn.initial(2) }).outputs.read(), await rnn(x).outputs.read())
})

test('wrong shapes and options are refused with what is needed', () => {
  const device = cpu()
  const options = { kind: 'LSTM', inputs: 3, hidden: 4, device, rng: random(5) } as const
  const x = tensor(new Float32Array(30), { shape: [5, 2, 3], device })
  const rnn = recurrent(options)
  const bad = (f: () => unknown, text: RegExp) => assert.throws(f, text)
  bad(() => rnn(tensor([1, 2, 3], { device })), /recurrent: x is \[3\]; it must be \[T, B, 3\], or \[T, 3\]/)
  bad(() => rnn(x, { lengths: [6, 1] }), /lengths is \[6, 1\]; needed are 2 whole numbers from 1 to 5/)
  bad(() => rnn(x, { state: { h: x } as RecurrentState }),
    /the state's h is \[5, 2, 3\]; it must be \[1, 2, 4\]/)
  bad(() => rnn(x, { state: { h: rnn.initial(2).h } }), /the state's c is missing/)
  bad(() => recurrent({ ...options, hidden: 0 }), /recurrent: hidden is 0; it must be a whole number of 1 or/)
  bad(() => recurrent({ ...options, projection: 4 }),
    /projection is 4; it must be 0 \(none\) or less than hidden, 4/)
  bad(() => recurrent({ ...options, kind: 'GRU', projection: 2 }), /projection is for the LSTM; kind is GRU/)
  bad(() => recurrent({ ...options, dropout: 1 }), /dropout is 1; it must lie in \[0, 1\)/)
})

test.run()

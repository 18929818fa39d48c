// The layer-normalised LSTM, and an LSTM with all regularisers at once, against PyTorch: values and every
// gradient, on every device.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Device } from '../src/device.ts'
import { layerNormLstm } from '../src/nn/layer-norm-lstm.ts'
import { loadParameters } from '../src/nn/linear.ts'
import { lstm } from '../src/nn/lstm.ts'
import { regularised, type Regularisers } from '../src/nn/regularised.ts'
import { unroll } from '../src/nn/unroll.ts'
import { add, mul } from '../src/ops/elementwise.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import type { Tensor } from '../src/tensor.ts'
import { devices } from './devices.ts'
import { difference, golden, type Golden, load } from './golden-numbers.ts'

type Names = 'x' | 'h0' | 'c0' | 'y' | 'h_n' | 'c_n' | 'dy' | 'dh_n' | 'dc_n'

interface Case extends Record<Names, Golden> {
  name: string
  parameters: Record<string, Golden>
  grads: Record<string, Golden>
}

const { sizes, seed, shares, cases } = golden<{
  sizes: { D: number, H: number }, seed: number, shares: Regularisers, cases: Case[]
}>('regularised.json')

const test = suite('regularised golden')

function cellOf({ name, parameters }: Case, device: Device) {
  const options = { inputs: sizes.D, hidden: sizes.H, device, rng: random(1) }
  if (name === 'all that is dropped') return regularised(lstm(options), shares)
  return layerNormLstm({ ...options, bias: 'bias' in parameters })
}

for (const { name, device, tolerance } of devices) {
  for (const c of cases) {
    test(`${name}: ${c.name}`, async () => {
      const cell = cellOf(c, device)
      assert.equal(Object.keys(cell.parameters), Object.keys(c.parameters), 'names and order')
      loadParameters(new Map(Object.entries(cell.parameters)), new Map(Object.entries(c.parameters)))
      const [x, h0, c0] = [load(device, c.x), load(device, c.h0), load(device, c.c0)]
      const weigh = (y: Tensor, dy: Golden) => sum(mul(y, load(device, dy)))
      using tape = new Tape()
      const { outputs, state } = unroll(cell, x, { h: h0, c: c0 }, { rng: random(seed) })
      const loss = add(weigh(outputs, c.dy), add(weigh(state.h, c.dh_n), weigh(state.c, c.dc_n)))
      const grads = tape.gradients(loss, { ...cell.parameters, x, h0, c0 })
      assert.equal(Object.keys(grads), Object.keys(c.grads))
      const pairs: [string, Tensor, Golden][] = [
        ['outputs', outputs, c.y], ['h_n', state.h, c.h_n], ['c_n', state.c, c.c_n],
        ...Object.entries(grads).map(([key, g]): [string, Tensor, Golden] =>
          [`gradient of ${key}`, g, c.grads[key]]),
      ]
      for (const [what, found, wanted] of pairs) {
        assert.equal(found.shape, wanted.shape, `${what}: shape`)
        const d = difference(await found.read(), wanted.data)
        assert.ok(d < tolerance, `${what}: differs by ${d}`)
      }
    })
  }
}

test('gains start at 1, shifts at 0', async () => {
  const cell = layerNormLstm({ inputs: 2, hidden: 3, device: devices[0].device, rng: random(1) })
  const { gain_ih, gain_hh, gain_c, bias, bias_c } = cell.parameters
  for (const [x, size, value] of [[gain_ih, 12, 1], [gain_hh, 12, 1], [gain_c, 3, 1], [bias, 12, 0],
    [bias_c, 3, 0]] as const) assert.equal(Array.from(await x.read()), Array(size).fill(value))
  const options = { inputs: 2, hidden: 2, device: devices[0].device, gateBias: { forget: 3 } }
  const open = layerNormLstm({ ...options, rng: random(1) })
  assert.equal(Array.from(await open.parameters.bias.read()), [0, 0, 3, 3, 0, 0, 0, 0])
})

test.run()

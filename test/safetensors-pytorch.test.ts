// A state_dict of PyTorch's nn.LSTM, in four types: it loads into recurrent() and gives the same outputs, and
// what we write is what PyTorch writes, byte for byte. How the files were made: golden/state_dict.py; the
// other way round, our files in PyTorch: golden/README.md.
//
// The expected outputs were computed in float64 from the numbers that each file holds. Widening is exact, so
// the tolerance depends only on what we compute with: 1e-12 on the float64 device, 1e-6 on the float32 one
// (where the F64 file's weights are rounded to float32). Both measure max |a - b| / max |b|.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'

import { cpu } from '../src/cpu/device.ts'
import { decodeSafetensors, encodeSafetensors, type HostTensor } from '../src/io/safetensors.ts'
import { loadParameters } from '../src/nn/linear.ts'
import { recurrent } from '../src/nn/recurrent.ts'
import { random } from '../src/random.ts'
import { difference, golden, type Golden, load } from './golden-numbers.ts'

const types = ['F64', 'F32', 'F16', 'BF16'] as const
const { sizes: { D, H }, x, outputs } = golden<{
  sizes: { T: number, B: number, D: number, H: number }
  x: Golden
  outputs: Record<(typeof types)[number], Record<'y' | 'h_n' | 'c_n', Golden>>
}>('lstm.json')

const test = suite('safetensors and PyTorch')
const bytesOf = (dtype: string) => new Uint8Array(readFileSync(`test/golden/lstm.${dtype}.safetensors`))
const fromPyTorch = (dtype: string) => decodeSafetensors(bytesOf(dtype), dtype)

for (const [precision, tolerance] of [['float64', 1e-12], ['float32', 1e-6]] as const) {
  for (const dtype of types) {
    test(`a state_dict in ${dtype} gives the same outputs in ${precision}`, async () => {
      const device = cpu({ precision })
      const options = { kind: 'LSTM', inputs: D, hidden: H, layers: 2, bidirectional: true } as const
      const rnn = recurrent({ ...options, device, rng: random(1) })
      const { tensors } = fromPyTorch(dtype)
      for (const { dtype: read } of tensors.values()) assert.is(read, dtype)
      loadParameters(new Map(Object.entries(rnn.parameters)), tensors)
      const { outputs: y, state: { h, c } } = rnn(load(device, x))
      const { y: wantedY, h_n, c_n } = outputs[dtype]
      for (const [got, wanted] of [[y, wantedY], [h, h_n], [c, c_n]] as const) {
        assert.equal(got.shape, wanted.shape)
        const d = difference(await got.read(), wanted.data)
        assert.ok(d < tolerance, `${d}`)
      }
    })
  }
}

test('the four files differ: a test that mixed them up would see it', () => {
  assert.ok(difference(outputs.F16.y.data, outputs.F64.y.data) > 1e-5)
  assert.ok(difference(outputs.BF16.y.data, outputs.F16.y.data) > 1e-4)
  assert.ok(difference(outputs.F32.y.data, outputs.F64.y.data) > 1e-9)
})

test('rounded by us, F32 becomes the F16 and the BF16 that PyTorch wrote, byte for byte', () => {
  const { tensors, metadata } = fromPyTorch('F32')
  for (const dtype of ['F32', 'F16', 'BF16'] as const) {
    const rounded = new Map<string, HostTensor>()
    for (const [name, { shape, data }] of tensors) {
      rounded.set(name, { shape, data: Float32Array.from(data), dtype })
    }
    assert.equal(encodeSafetensors(rounded, metadata), bytesOf(dtype))
  }
  const doubles = fromPyTorch('F64')
  assert.equal(encodeSafetensors(doubles.tensors, doubles.metadata), bytesOf('F64'))
})

test.run()

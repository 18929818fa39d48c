// Writes what load_ours.py loads: an LSTM of Unrolled in four files, and its input and outputs in a fifth.
//
//   node src/build.mjs && node test/golden/write_ours.mjs DIR
//
// The outputs are computed in float64 from the numbers that each file holds.

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  cpu, decodeSafetensors, encodeSafetensors, loadParameters, random, recurrent, tensor, writeAtomically,
} from 'unrolled/node'

const [T, B, D, H] = [6, 2, 3, 5]
const dir = process.argv[2] ?? 'ours'
const device = cpu({ precision: 'float64' })
const rng = random(5)
const rnn = recurrent({ kind: 'LSTM', inputs: D, hidden: H, layers: 2, bidirectional: true, device, rng })
const parameters = new Map(Object.entries(rnn.parameters))
const weights = new Map()
for (const [name, x] of parameters) weights.set(name, { shape: x.shape, data: await x.read() })

const x = Float64Array.from(rng.normal(T * B * D))
const numbers = new Map([['x', { shape: [T, B, D], data: x, dtype: 'F64' }]])
mkdirSync(dir, { recursive: true })
for (const dtype of ['F64', 'F32', 'F16', 'BF16']) {
  const path = join(dir, `lstm.${dtype}.safetensors`)
  const tensors = new Map()
  for (const [name, { shape, data }] of weights) {
    tensors.set(name, { shape, data: dtype === 'F64' ? data : Float32Array.from(data), dtype })
  }
  writeAtomically(path, encodeSafetensors(tensors, new Map([['format', 'pt']])))
  loadParameters(parameters, decodeSafetensors(readFileSync(path), path).tensors)
  const { outputs } = rnn(tensor(x, { shape: [T, B, D], device }))
  numbers.set(`y.${dtype}`, { shape: outputs.shape, data: await outputs.read(), dtype: 'F64' })
}
writeAtomically(join(dir, 'numbers.safetensors'), encodeSafetensors(numbers))

// The main job from the same initial weights and data as PyTorch: each cell's first ten losses and gradient
// norms, as a body that runs on any device.

import type { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadCorpus } from '../src/data/node-corpus.ts'
import { splitText, Vocabulary } from '../src/data/text.ts'
import type { Device } from '../src/device.ts'
import { loadParameters } from '../src/nn/linear.ts'
import { random } from '../src/random.ts'
import { languageModel } from '../src/train/language-model.ts'
import { train } from '../src/train/loop.ts'
import { adam } from '../src/train/optimizers.ts'
import { constant } from '../src/train/schedule.ts'
import { golden } from './golden-numbers.ts'

interface FirstLosses {
  text: { sha256: string, n: number, V: number }
  sizes: { H: number, embedding: number, B: number, T: number }
  clip: number
  runs: {
    cell: 'LSTM' | 'GRU' | 'RNN', lr: number
    weights: { name: string, shape: number[], scale: number }[]
    float32: { losses: number[], gradNorms: number[] }
  }[]
}

export const expected = golden<FirstLosses>('first-losses.json')
export const text = loadCorpus('moby-dick')

/** The generator of test/golden/first_losses.py, one stream through all weights. */
function drawWeights(weights: FirstLosses['runs'][number]['weights']) {
  let s = 12345
  return weights.map(({ name, shape, scale }) => {
    const data = Float32Array.from({ length: shape.reduce((n, k) => n * k, 1) }, () => {
      s = (1664525 * s + 1013904223) % 2 ** 32
      return (s / 2 ** 32 * 2 - 1) * scale
    })
    return [name.replace(/^cell\./, 'rnn.'), { shape, data }] as const
  })
}

export function firstLosses(test: ReturnType<typeof suite>, device: Device): void {
  for (const run of expected.runs) testRun(test, device, run)
}

function testRun(test: ReturnType<typeof suite>, device: Device, run: FirstLosses['runs'][number]): void {
  const what = 'ten steps of Adam, clipped, within 1e-5 of PyTorch\'s losses'
  test(`${run.cell}, ${device.name}: ${what}`, async () => {
    const { H, embedding: embed, B: batch, T: window } = expected.sizes
    const vocabulary = Vocabulary.of(text)
    const { train: ids } = splitText(vocabulary.encode(text))
    const cell = ({ LSTM: 'lstm', GRU: 'gru', RNN: 'elman' } as const)[run.cell]
    const form = { cell, symbols: vocabulary.size, embed, hidden: H, layers: 1, dropout: 0 }
    const model = languageModel(form, { device, rng: random(1) })
    loadParameters(model.parameters, new Map(drawWeights(run.weights)))
    const events = train({
      model, ids, batch, window, clip: expected.clip,
      optimizer: adam({ learningRate: run.lr }), schedule: constant(),
      rng: random(2), stop: { steps: 10 },
    })
    for await (const { step, loss, gradNorm } of events) {
      const wanted = run.float32.losses[step - 1]
      assert.ok(Math.abs(loss - wanted) < 1e-5 * wanted,
        `step ${step}: the loss is ${loss}, PyTorch's ${wanted}`)
      const norm = run.float32.gradNorms[step - 1]
      assert.ok(Math.abs(gradNorm - norm) < 1e-3 * norm,
        `step ${step}: the gradient norm is ${gradNorm}, PyTorch's ${norm}`)
    }
  })
}

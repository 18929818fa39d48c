// The quality bar: a character model on Moby-Dick learns as fast as PyTorch's. H = 128, embedding 64, B = 32,
// window 64, clip 5, Adam; validation bits per character after 300 and 500 steps, the mean of two seeds,
// within 2 % of what PyTorch 2.13 reached with one seed. About five minutes a run on one core, six runs.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpu } from '../../src/cpu/device.ts'
import { loadCorpus } from '../../src/data/node-corpus.ts'
import { splitText, Vocabulary } from '../../src/data/text.ts'
import type { CellName } from '../../src/nn/cells.ts'
import { random } from '../../src/random.ts'
import { evaluate } from '../../src/train/evaluate.ts'
import { languageModel } from '../../src/train/language-model.ts'
import { train } from '../../src/train/loop.ts'
import { adam } from '../../src/train/optimizers.ts'
import { constant } from '../../src/train/schedule.ts'

const bars: { cell: CellName, learningRate: number, at300: number, at500: number }[] = [
  { cell: 'lstm', learningRate: 0.004, at300: 2.78, at500: 2.64 },
  { cell: 'gru', learningRate: 0.004, at300: 2.61, at500: 2.48 },
  { cell: 'elman', learningRate: 0.002, at300: 2.85, at500: 2.69 },
]

const text = loadCorpus('moby-dick')
const vocabulary = Vocabulary.of(text)
const parts = splitText(vocabulary.encode(text))
const test = suite('quality')

async function bitsAt300And500(
  cell: CellName, learningRate: number, seed: number,
): Promise<[number, number]> {
  const form = { cell, symbols: vocabulary.size, embed: 64, hidden: 128, layers: 1, dropout: 0 }
  const model = languageModel(form, { device: cpu(), rng: random(seed) })
  const measured: number[] = []
  const events = train({
    model, ids: parts.train, batch: 32, window: 64, clip: 5,
    optimizer: adam({ learningRate }), schedule: constant(),
    rng: random(seed + 2 ** 32), stop: { steps: 500 },
  })
  for await (const { step } of events) {
    if (step !== 300 && step !== 500) continue
    const { bitsPerChar } = await evaluate(model, parts.valid, { before: parts.train.at(-1) })
    measured.push(bitsPerChar)
  }
  return [measured[0], measured[1]]
}

for (const { cell, learningRate, at300, at500 } of bars) {
  test(`${cell}: within 2 % of PyTorch after 300 and 500 steps`, async () => {
    const first = await bitsAt300And500(cell, learningRate, 1)
    const second = await bitsAt300And500(cell, learningRate, 2)
    for (const [k, bar] of [at300, at500].entries()) {
      const mean = (first[k] + second[k]) / 2
      console.log(`${cell}, step ${[300, 500][k]}: ${mean.toFixed(3)} bits per character, PyTorch ${bar}`)
      assert.ok(mean <= bar * 1.02, `${mean} bits per character; PyTorch reached ${bar}`)
      assert.ok(mean >= bar * 0.9,
        `${mean} bits per character is too good to be true; PyTorch reached ${bar}`)
    }
  })
}

test.run()

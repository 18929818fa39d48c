// The quality bar: a character model on Moby-Dick learns as fast as PyTorch's. H = 128, embedding 64, B = 32,
// window 64, clip 5, Adam; validation bits per character after 300 to 1,500 steps, the mean of two seeds,
// within 2 % of what PyTorch 2.13 reached with one seed. About a minute a run on the simd device, six runs.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadCorpus } from '../../src/data/node-corpus.ts'
import { splitText, Vocabulary } from '../../src/data/text.ts'
import type { CellName } from '../../src/nn/cells.ts'
import { random } from '../../src/random.ts'
import { simd } from '../../src/simd/open.ts'
import { evaluate } from '../../src/train/evaluate.ts'
import { languageModel } from '../../src/train/language-model.ts'
import { train } from '../../src/train/loop.ts'
import { adam } from '../../src/train/optimizers.ts'
import { constant } from '../../src/train/schedule.ts'

const STEPS = [300, 500, 1000, 1500]

const bars: { cell: CellName, learningRate: number, bits: readonly number[] }[] = [
  { cell: 'lstm', learningRate: 0.004, bits: [2.78, 2.64, 2.47, 2.39] },
  { cell: 'gru', learningRate: 0.004, bits: [2.61, 2.48, 2.35, 2.29] },
  { cell: 'elman', learningRate: 0.002, bits: [2.85, 2.69, 2.53, 2.45] },
]

const device = await simd()
const text = loadCorpus('moby-dick')
const vocabulary = Vocabulary.of(text)
const parts = splitText(vocabulary.encode(text))
const test = suite('quality')

async function bitsAt(cell: CellName, learningRate: number, seed: number): Promise<number[]> {
  const form = { cell, symbols: vocabulary.size, embed: 64, hidden: 128, layers: 1, dropout: 0 }
  const model = languageModel(form, { device, rng: random(seed) })
  const measured: number[] = []
  const events = train({
    model, ids: parts.train, batch: 32, window: 64, clip: 5,
    optimizer: adam({ learningRate }), schedule: constant(),
    rng: random(seed + 2 ** 32), stop: { steps: STEPS.at(-1)! },
  })
  for await (const { step } of events) {
    if (!STEPS.includes(step)) continue
    const { bitsPerChar } = await evaluate(model, parts.valid, { before: parts.train.at(-1) })
    measured.push(bitsPerChar)
  }
  return measured
}

for (const { cell, learningRate, bits } of bars) {
  test(`${cell}: within 2 % of PyTorch after ${STEPS.join(', ')} steps`, async () => {
    const first = await bitsAt(cell, learningRate, 1)
    const second = await bitsAt(cell, learningRate, 2)
    for (const [k, bar] of bits.entries()) {
      const mean = (first[k] + second[k]) / 2
      console.log(`${cell}, step ${STEPS[k]}: ${mean.toFixed(3)} bits per character, PyTorch ${bar}`)
      assert.ok(mean <= bar * 1.02, `${mean} bits per character; PyTorch reached ${bar}`)
      assert.ok(mean >= bar * 0.9,
        `${mean} bits per character is too good to be true; PyTorch reached ${bar}`)
    }
  })
}

test.run()

// The main job's first ten losses beside PyTorch's, on the cpu. On the gpu: long/first-losses-gpu.test.ts.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createHash } from 'node:crypto'
import { cpu } from '../src/cpu/device.ts'
import { Vocabulary } from '../src/data/text.ts'
import { expected, firstLosses, text } from './first-losses.ts'

const test = suite('first losses')

test('the text is the one that PyTorch read', () => {
  assert.is(createHash('sha256').update(text).digest('hex'), expected.text.sha256)
  assert.is(Vocabulary.of(text).size, expected.text.V)
})

firstLosses(test, cpu())

test.run()

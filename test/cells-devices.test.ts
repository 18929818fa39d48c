// Every cell through time on every device, values and all gradients, against float64 on the cpu.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cellTable } from '../src/cli/gradcheck-cells.ts'
import type { Device } from '../src/device.ts'
import { unroll, type UnrollOptions } from '../src/nn/unroll.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { leaves, tensor } from '../src/tensor.ts'
import { devices, judge } from './devices.ts'
import { energy, truncatedRows, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('cells on every device')
const [T, D, H] = [5, 4, 7]

/** Outputs, last state and gradients by all that they are made of. */
async function run(
  device: Device, make: typeof cellTable[number]['make'], B: number, options: UnrollOptions,
) {
  const cell = make({ inputs: D, hidden: H, device, rng: random(1) })
  const draw = (seed: number, shape: readonly number[]) =>
    tensor(random(seed).normal(shape.reduce((n, size) => n * size, 1)), { shape, device })
  const xs = draw(2, [T, B, D])
  const state = Object.fromEntries(Object.entries(cell.initial(B)).map(([name, x], k) =>
    [name, draw(3 + k, x.shape)]))
  using tape = new Tape()
  const result = { ...unroll(cell, xs, state, options) }
  const found = tape.gradients(energy(result), leaves([cell.parameters, xs, state]))
  return values(result, found)
}

for (const { name, device, tolerance } of devices.filter((one) => one.device !== judge)) {
  for (const { cell, variant, make } of [...cellTable, ...truncatedRows]) {
    test(`${name}: ${cell}, ${variant}`, async () => {
      for (const lengths of [undefined, [5, 1, 3], [4]]) { // of three sequences, or of one
        const [B, direction] = [lengths?.length ?? 3, lengths ? 'reverse' : 'forward'] as const
        const expected = await run(judge, make, B, { direction, lengths })
        const found = await run(device, make, B, { direction, lengths })
        assert.is(found.length, expected.length)
        found.forEach((list, k) => {
          const d = difference(list, expected[k])
          assert.ok(d < tolerance, `number ${k} differs by ${d}`)
        })
      }
    })
  }
}

test.run()

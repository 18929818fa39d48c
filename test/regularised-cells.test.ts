// Regularisers of the cells that regularised.test.ts has not: dropped weights are as other weights.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatReport, gradcheck } from '../src/gradcheck.ts'
import type { Named, ProjectedCell } from '../src/nn/cell.ts'
import { coupled } from '../src/nn/coupled.ts'
import { gruBefore } from '../src/nn/gru-before.ts'
import { layerNormLstm } from '../src/nn/layer-norm-lstm.ts'
import { lstm1997 } from '../src/nn/lstm-1997.ts'
import { lstm2000 } from '../src/nn/lstm-2000.ts'
import { lstmp } from '../src/nn/lstmp.ts'
import { peephole } from '../src/nn/peephole.ts'
import { regularised } from '../src/nn/regularised.ts'
import { unroll } from '../src/nn/unroll.ts'
import { random } from '../src/random.ts'
import { tensor } from '../src/tensor.ts'
import { device, normal } from './every-cell.ts'
import { rowsOf } from './by-hand.ts'
import { difference } from './golden-numbers.ts'

const test = suite('regularised cells')
const [T, B, D, H] = [5, 3, 4, 3]
const SEED = 5

/** Rows of 0 and 1 / (1 - p), drawn number by number. */
function drawn(rows: number, width: number, p: number): number[][] {
  const rng = random(SEED)
  return Array.from({ length: rows }, () =>
    Array.from({ length: width }, () => (rng.uniform(1)[0] >= p ? 1 / (1 - p) : 0)))
}

const sizes = () => ({ inputs: D, hidden: H, device, rng: random(1) })

const others: Record<string, () => ProjectedCell<Named>> = {
  lstm1997: () => lstm1997({ ...sizes(), hidden: 4, blockSize: 2, gateFeedback: true }),
  lstm2000: () => lstm2000({ ...sizes(), hidden: 4, blockSize: 2 }),
  'lstm1997 without blocks': () => lstm1997(sizes()), 'lstm2000 without blocks': () => lstm2000(sizes()),
  lstmp: () => lstmp({ ...sizes(), hidden: 5, recurrent: 2, nonRecurrent: 2 }),
  peephole: () => peephole(sizes()), coupled: () => coupled(sizes()), gruBefore: () => gruBefore(sizes()),
  layerNormLstm: () => layerNormLstm(sizes()),
}

for (const [name, make] of Object.entries(others)) {
  test(`${name}: what is dropped of weights and states, as other weights from the start`, async () => {
    const xs = normal(2, T, 1, D) // one sequence: what its state's mask does, a change of columns does too
    const { weight_hh } = make().parameters
    const [rows, columns] = weight_hh.shape
    const seen = make().initial(1).h.shape[1]
    for (const key of ['weightDrop', 'stateDropout'] as const) {
      const mask = key === 'weightDrop' ? drawn(rows, columns, 0.4) : drawn(1, seen, 0.4)
      const changed = make()
      const before = await rowsOf(weight_hh)
      const after = before.map((row, r) => row.map((u, j) => u * ((mask[r] ?? mask[0])[j] ?? 1)))
      changed.parameters.weight_hh.assign(tensor(after.flat(), { shape: [rows, columns], device }))
      const wanted = await unroll(changed, xs).outputs.read()
      const found = unroll(regularised(make(), { [key]: 0.4 }), xs, undefined, { rng: random(SEED) }).outputs
      assert.ok(difference(await found.read(), wanted) < 1e-13, key)
    }
  })

  test(`${name}: what gates would write is dropped; from c = 0 that is all of c`, async () => {
    const x = normal(3, 1, B, D)
    const part = 'c' in make().initial(1) ? 'c' : 'h'
    const plain = await unroll(make(), x).state[part].read()
    const subject = regularised(make(), { recurrentDropout: 0.5 })
    const dropped = await unroll(subject, x, undefined, { rng: random(SEED) }).state[part].read()
    const mask = drawn(B, dropped.length / B, 0.5).flat()
    assert.ok(difference(dropped, Array.from(plain, (c, k) => c * mask[k])) < 1e-14)
  })

  test(`${name}, with all of them: gradients in training`, async () => {
    const options = { stateDropout: 0.4, weightDrop: 0.5, recurrentDropout: 0.3, zoneout: 0.2 }
    const cell = regularised(make(), options)
    const xs = normal(2, 3, 2, D)
    const report = await gradcheck(
      () => unroll(cell, xs, undefined, { rng: random(SEED) }).outputs, { ...cell.parameters, xs })
    assert.ok(report.passed, formatReport(report))
  })
}

test.run()

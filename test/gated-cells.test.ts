// The gated cells beside lstm and gru: by hand, as special cases of each other, and where their gates start.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Cell, CellOptions, Named } from '../src/nn/cell.ts'
import { coupled } from '../src/nn/coupled.ts'
import { gruBefore, gruChung } from '../src/nn/gru-before.ts'
import { gru } from '../src/nn/gru.ts'
import { lstm } from '../src/nn/lstm.ts'
import { lstmp } from '../src/nn/lstmp.ts'
import { peephole } from '../src/nn/peephole.ts'
import { unroll } from '../src/nn/unroll.ts'
import { random } from '../src/random.ts'
import { tensor } from '../src/tensor.ts'
import { compareStep, coupledStep, gruBeforeStep, peepholeStep, weightsOf } from './by-hand.ts'
import { device, normal, refused, someState, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('gated cells')
const sizes = { inputs: 2, hidden: 3, device }
const T = 4
const B = 2

for (const bias of [true, false]) {
  const options = { ...sizes, hidden: 5, bias }
  const label = bias ? '' : ', no bias'
  const withC = {
    peephole: [peephole, peepholeStep],
    coupled: [coupled, coupledStep],
    lstmp: [lstmp, peepholeStep],
    'lstmp, 4 and 2': [(o: CellOptions) => lstmp({ ...o, recurrent: 4, nonRecurrent: 2 }), peepholeStep],
    'lstmp, one projection': [
      (o: CellOptions) => lstmp({ ...o, recurrent: 2, nonRecurrent: 0 }), peepholeStep],
  } as const
  for (const [name, [make, step]] of Object.entries(withC)) {
    test(`${name} by hand${label}`, async () => {
      const cell = make({ ...options, rng: random(1) })
      const w = await weightsOf(cell.parameters)
      await compareStep(cell, (x, { h, c }) => {
        const { y, ...state } = step(w, x, h, c)
        return { output: y, state }
      })
    })
  }

  for (const [make, keeps] of [[gruBefore, true], [gruChung, false]] as const) {
    test(`${make.name} by hand${label}`, async () => {
      const cell = make({ ...options, rng: random(1) })
      const w = await weightsOf(cell.parameters)
      await compareStep(cell, (x, { h }) => {
        const next = gruBeforeStep(w, x, h, keeps)
        return { output: next, state: { h: next } }
      })
    })
  }
}

/** A cell's weights set to those of another, by name; `change` makes of each what is set. */
async function copyWeights(
  to: Named, from: Named, change: (list: number[], name: string) => number[] = (list) => list,
): Promise<void> {
  for (const [name, x] of Object.entries(to)) {
    const source = from[name]
    const list = source ? Array.from(await source.read()) : new Array<number>(x.size).fill(0)
    x.assign(tensor(change(list, name), { shape: x.shape, device }))
  }
}

test('gruChung with z\'s weights negated is gruBefore', async () => {
  const [H, options] = [4, { ...sizes, hidden: 4 }]
  const cho = gruBefore({ ...options, rng: random(1) })
  const chung = gruChung({ ...options, rng: random(2) })
  await copyWeights(chung.parameters, cho.parameters, (list) => {
    const width = list.length / (3 * H)
    return list.map((value, i) => (i >= H * width && i < 2 * H * width ? -value : value))
  })
  const xs = normal(3, T, B, 2)
  const state = someState(cho, B)
  const [one, other] = await values(unroll(cho, xs, state).outputs, unroll(chung, xs, state).outputs)
  assert.ok(difference(one, other) < 1e-14)
})

test('an lstm is a peephole lstm that looks at nothing, and an lstmp that projects onto itself', async () => {
  const H = 4
  const options = { ...sizes, hidden: H }
  const plain = lstm({ ...options, rng: random(1) })
  const blind = peephole({ ...options, rng: random(2) })
  const same = lstmp({ ...options, recurrent: H, nonRecurrent: 0, rng: random(3) })
  await copyWeights(blind.parameters, plain.parameters)
  await copyWeights(same.parameters, plain.parameters, (list, name) =>
    (name === 'weight_hr' ? list.map((_, i) => (i % (H + 1) === 0 ? 1 : 0)) : list))
  const xs = normal(3, T, B, 2)
  const state = someState(plain, B)
  const [expected, ...others] = await values(
    ...[plain, blind, same].map((cell: Cell<Named>) => unroll(cell, xs, state).outputs))
  for (const found of others) assert.ok(difference(found, expected) < 1e-14)
  const projected = lstm({ ...options, projection: 2, rng: random(1) })
  const few = lstmp({ ...options, recurrent: 2, nonRecurrent: 0, rng: random(2) })
  await copyWeights(few.parameters, projected.parameters)
  const [right, found] = await values(unroll(projected, xs).outputs, unroll(few, xs).outputs)
  assert.ok(difference(found, right) < 1e-14)
})

test('lstmp: as many weights as Sak et al. count, and the sizes of r and p', () => {
  const count = (tree: Named) => Object.values(tree).reduce((total, x) => total + x.size, 0)
  const [D, H, R, P] = [7, 11, 4, 3]
  const cell = lstmp({
    inputs: D, hidden: H, recurrent: R, nonRecurrent: P, bias: false, device, rng: random(1),
  })
  assert.is(count(cell.parameters), H * R * 4 + D * H * 4 + H * R + H * P + 3 * H)
  assert.is(cell.outputs, R + P)
  for (const H of [1, 2, 5]) {
    const cell = lstmp({ ...sizes, hidden: H, rng: random(1) })
    assert.is(cell.outputs, H, 'r and p share it')
    assert.is(cell.initial(1).h.shape[1], Math.ceil(H / 2))
  }
  refused(() => lstmp({ ...sizes, recurrent: 0, rng: random(1) }),
    'lstmp: recurrent is 0; it must be a whole number of 1 or more')
  refused(() => lstmp({ ...sizes, nonRecurrent: -1, rng: random(1) }),
    'lstmp: nonRecurrent is -1; it must be a whole number of 0 or more')
})

test('gates start where they are told to, all others where they were', async () => {
  const H = 3
  const made = lstm({ ...sizes, gateBias: { forget: 1, output: [-1, -2, -3] }, rng: random(1) })
  const plain = lstm({ ...sizes, rng: random(1) })
  const [ih, hh, plainIh, plainHh] = await values(
    made.parameters.bias_ih, made.parameters.bias_hh, plain.parameters.bias_ih, plain.parameters.bias_hh)
  const rest = (list: number[]) => [...list.slice(0, H), ...list.slice(2 * H, 3 * H)]
  assert.equal([ih.slice(H, 2 * H), ih.slice(3 * H)], [[1, 1, 1], [-1, -2, -3]])
  assert.equal([hh.slice(H, 2 * H), hh.slice(3 * H)], [[0, 0, 0], [0, 0, 0]])
  assert.equal([rest(ih), rest(hh)], [rest(plainIh), rest(plainHh)])
  assert.equal(await values(made.parameters.weight_hh), await values(plain.parameters.weight_hh))
  const gates: [(o: CellOptions & { gateBias: object }) => Cell<Named>, string[]][] = [
    [lstm, ['input', 'forget', 'cell', 'output']], [peephole, ['input', 'forget', 'cell', 'output']],
    [lstmp, ['input', 'forget', 'cell', 'output']], [coupled, ['input', 'cell', 'output']],
    [gru, ['reset', 'update', 'candidate']], [gruBefore, ['reset', 'update', 'candidate']],
  ]
  for (const [make, names] of gates) {
    for (const [k, gate] of names.entries()) {
      const { bias_ih } = make({ ...sizes, gateBias: { [gate]: 9 }, rng: random(1) }).parameters
      const [list] = await values(bias_ih)
      const nines = list.flatMap((value, i) => (value === 9 ? [i] : []))
      assert.equal(nines, [k * H, k * H + 1, k * H + 2], gate)
    }
  }
  const wrong = (gateBias: object, bias = true) => () => lstm({ ...sizes, gateBias, bias, rng: random(1) })
  refused(wrong({ forgets: 1 }), 'lstm: gateBias: there is no option forgets; did you mean forget?')
  refused(wrong({ forget: [1, 2] }),
    'lstm: gateBias.forget has 2 numbers; it must be one number, or a list of 3')
  refused(wrong({ forget: NaN }), 'lstm: gateBias.forget is NaN; it must be a finite number')
  refused(wrong({ forget: 1 }, false), 'lstm: gateBias needs biases; bias is false')
})

test.run()

// The LSTMs of 1997 and 2000: by hand, their truncated gradient as the papers compute it, the papers' counts.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { composed } from '../src/context.ts'
import type { Cell, Named } from '../src/nn/cell.ts'
import { lstm1997 } from '../src/nn/lstm-1997.ts'
import { lstm2000 } from '../src/nn/lstm-2000.ts'
import { unroll } from '../src/nn/unroll.ts'
import { mul } from '../src/ops/elementwise.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { leaves } from '../src/tensor.ts'
import { compareStep, dot, logistic, type Row, rowsOf, type Weights, weightsOf } from './by-hand.ts'
import { device, normal, refused, someState, values } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

const test = suite('memory blocks')
const g = (x: number) => 4 * logistic(x) - 2
const h = (s: number) => 2 * logistic(s) - 1
const slope = (y: number) => y * (1 - y) // of the logistic function, from its value
const zeros = (n: number): Row => new Array<number>(n).fill(0)

interface Form { S: number, feedback?: boolean, cellBias?: boolean, forgets: boolean }

function make({ S, feedback = false, cellBias = true, forgets }: Form, H: number, truncated = false) {
  const options = { inputs: 3, hidden: H, blockSize: S, cellBias, truncated, device, rng: random(1) }
  return forgets ? lstm2000(options) : lstm1997({ ...options, gateFeedback: feedback })
}

/** All that a step computes. `seen` is what weight_hh multiplies. */
function stepByHand(w: Weights, { S, feedback, forgets }: Form, x: Row, state: Record<string, Row>) {
  const H = state.c.length
  const N = H / S
  const kinds = forgets ? 3 : 2
  const seen = feedback ? [...state.h, ...state.gates] : state.h
  const bias = w.bias_ih?.[0] ?? []
  const nets = w.weight_ih.map((row, k) => dot(row, x) + dot(w.weight_hh[k], seen) + (bias[k] ?? 0))
  const gates = nets.slice(0, kinds * N).map(logistic)
  const cells = nets.slice(kinds * N)
  const of = (kind: number, v: number) => gates[kind * N + Math.floor(v / S)] // of the block of cell v
  const s = cells.map((net, v) => state.c[v] * (forgets ? of(1, v) : 1) + of(0, v) * g(net))
  const y = s.map((value, v) => of(kinds - 1, v) * h(value))
  return { seen, cells, s, y, of, kinds, state: { h: y, c: s, ...(feedback && { gates }) } }
}

const forms: Record<string, Form> = {
  'lstm1997': { S: 1, forgets: false },
  'lstm1997, blocks of 2': { S: 2, forgets: false },
  'lstm1997, blocks of 3, gates fed back': { S: 3, feedback: true, forgets: false },
  'lstm1997, gates fed back, no bias of cells': { S: 1, feedback: true, cellBias: false, forgets: false },
  'lstm2000': { S: 1, forgets: true },
  'lstm2000, blocks of 2, no bias of cells': { S: 2, cellBias: false, forgets: true },
}

for (const [name, form] of Object.entries(forms)) {
  test(`${name}: a step by hand`, async () => {
    const cell = make(form, 6)
    const w = await weightsOf(cell.parameters)
    await compareStep(cell, (x, state) => {
      const { y, state: next } = stepByHand(w, form, x, state)
      return { output: y, state: next }
    })
  })

  test(`${name}: the truncated gradient is the papers', carried forward with the state`, async () => {
    const [T, H] = [6, 6]
    const cell: Cell<Named> = make(form, H, true)
    const xs = normal(2, T, 1, 3)
    const errors = normal(3, T, 1, H)
    const state = someState(cell, 1)
    const w = await weightsOf(cell.parameters)
    const parts = Object.entries(await weightsOf(state))
    const first = Object.fromEntries(parts.map(([part, [row]]) => [part, row]))
    const expected = truncatedByHand(w, form, await rowsOf(xs), await rowsOf(errors), first)
    for (const asIs of [true, false]) { // by one op, where there is one, and step by step
      const run = (net: typeof cell) => asIs ? unroll(net, xs, state) : composed(() => unroll(net, xs, state))
      using tape = new Tape()
      const { outputs } = run(cell)
      const found = tape.gradients(sum(mul(outputs, errors)), [...Object.values(cell.parameters), state.h])
      const [ih, hh, bias, before] = await values(found)
      assert.ok(difference(ih, expected.ih) < 1e-12, 'weight_ih')
      assert.ok(difference(hh, expected.hh) < 1e-12, 'weight_hh')
      assert.ok(difference(bias, expected.bias.slice(0, bias.length)) < 1e-12, 'bias_ih')
      assert.equal(before, zeros(H), 'nothing goes back through h')
      const [plain] = await values(run(make(form, H)).outputs)
      assert.equal((await values(outputs))[0], plain, 'truncation changes no value')
    }
  })
}

/**
 * Hochreiter and Schmidhuber 1997, appendix A.1; Gers et al. 2000, section 3.2: beside each state s_v goes
 * ds_v/dw, for every weight w into its own sum and into the input and forget gates of its block.
 */
function truncatedByHand(w: Weights, form: Form, xs: Row[], errors: Row[], first: Record<string, Row>) {
  const rows = w.weight_ih.length
  const D = w.weight_ih[0].length
  const width = D + w.weight_hh[0].length + 1 // the sources: x, what is seen, and 1 for the bias
  const gradient = Array.from({ length: rows }, () => zeros(width))
  const ds = first.c.map(() => Array.from({ length: rows }, () => zeros(width)))
  let state: Record<string, Row> = first
  xs.forEach((x, t) => {
    const { seen, cells, s, of, kinds, state: next } = stepByHand(w, form, x, state)
    const N = s.length / form.S
    const sources = [...x, ...seen, 1]
    s.forEach((value, v) => {
      const block = Math.floor(v / form.S)
      const [yIn, yF, yOut] = [of(0, v), form.forgets ? of(1, v) : 1, of(kinds - 1, v)]
      const into = zeros(rows) // ds_v by the sums of this step
      into[block] = g(cells[v]) * slope(yIn)
      if (form.forgets) into[N + block] = state.c[v] * slope(yF)
      into[kinds * N + v] = yIn * 4 * slope(logistic(cells[v]))
      const error = errors[t][v]
      for (let r = 0; r < rows; r++) {
        const direct = r === (kinds - 1) * N + block ? h(value) * slope(yOut) : 0 // the output gate
        sources.forEach((source, l) => {
          ds[v][r][l] = yF * ds[v][r][l] + into[r] * source
          gradient[r][l] += error * (yOut * 2 * slope(logistic(value)) * ds[v][r][l] + direct * source)
        })
      }
    })
    state = next
  })
  return {
    ih: gradient.flatMap((row) => row.slice(0, D)),
    hh: gradient.flatMap((row) => row.slice(D, width - 1)),
    bias: gradient.map((row) => row[width - 1]),
  }
}

test('truncated, the error in a state of 1997 stays what it is for 50 steps; else it does not', async () => {
  for (const truncated of [true, false]) {
    const cell: Cell<Named> = make({ S: 2, feedback: true, forgets: false }, 6, truncated)
    const state = someState(cell, 2)
    using tape = new Tape()
    const { state: last } = unroll(cell, normal(2, 50, 2, 3), state)
    const [dc] = await values(tape.gradients(sum(last.c), [state.c]))
    const exact = dc.every((value) => value === 1)
    assert.is(exact, truncated, `${dc}`)
  }
})

test('2000 with forget gates wide open is 1997', async () => {
  const sizes = { inputs: 3, hidden: 4, blockSize: 2 }
  const open = lstm2000({ ...sizes, gateBias: { forget: 60 }, device, rng: random(1) })
  const w = await weightsOf(open.parameters)
  const rows = [0, 1, 4, 5, 6, 7, 8, 9] // all but the two of the forget gates
  const only: Weights = { ...w, bias_ih: [rows.map((k) => w.bias_ih[0][k])] }
  for (const name of ['weight_ih', 'weight_hh']) only[name] = rows.map((k) => w[name][k])
  await compareStep(open, (x, state) => {
    const { y, state: next } = stepByHand(only, { S: 2, forgets: false }, x, state)
    return { output: y, state: next }
  })
})

test('as many weights as in the papers\' nets, with their output units', () => {
  const count = (cell: Cell<Named>, outputs: number, seen: number) =>
    leaves(cell.parameters).reduce((total, x) => total + x.size, 0) + outputs * seen
  const base = { device, rng: random(1), bias: true, gateFeedback: true }
  const reber = { ...base, inputs: 7, cellBias: false } // 7 output units without a bias
  assert.is(count(lstm1997({ ...reber, hidden: 4 }), 7, 4), 264)
  assert.is(count(lstm1997({ ...reber, hidden: 6, blockSize: 2 }), 7, 6), 276)
  const two = lstm1997({ ...base, inputs: 2, hidden: 4, blockSize: 2 }) // adding: an output with a bias
  assert.is(count(two, 1, 4 + 1), 93)
  const order = lstm1997({ ...base, inputs: 8, hidden: 4, blockSize: 2 }) // temporal order: four of them
  assert.is(count(order, 4, 4 + 1), 156)
  const eight = lstm1997({ ...base, inputs: 8, hidden: 6, blockSize: 2 }) // and with eight classes
  assert.is(count(eight, 8, 6 + 1), 308)
  const { gateFeedback: _, ...plain } = reber
  const continual = lstm2000({ ...plain, hidden: 8, blockSize: 2 }) // 7 outputs, that see the inputs too
  assert.is(count(continual, 7, 8 + 7 + 1), 424)
})

test('sizes of the state, where gates start, and refusals', async () => {
  const options = { inputs: 3, hidden: 6, blockSize: 2, device, rng: random(1) }
  const cell = lstm1997({ ...options, gateFeedback: true, gateBias: { input: [-1, -3, -5], cell: 0.5 } })
  const shapes = Object.entries(cell.initial(2)).map(([name, x]) => [name, x.shape])
  assert.equal(shapes, [['h', [2, 6]], ['c', [2, 6]], ['gates', [2, 6]]])
  const [bias] = await values(cell.parameters.bias_ih)
  assert.equal([bias.slice(0, 3), bias.slice(6)], [[-1, -3, -5], new Array(6).fill(0.5)])
  for (const make of [lstm1997, lstm2000]) {
    const { name } = make
    refused(() => make({ ...options, blockSize: 4 }), `${name}: blockSize is 4; it must divide hidden, 6`)
    refused(() => make({ ...options, blockSize: 0 }),
      `${name}: blockSize is 0; it must be a whole number of 1 or more`)
    refused(() => make({ ...options, gateBias: { output: [1] } }),
      `${name}: gateBias.output has 1 numbers; it must be one number, or a list of 3`)
    refused(() => make({ ...options, cellBias: false, gateBias: { cell: 1 } }),
      `${name}: gateBias: there is no option cell; it takes ` +
      (make === lstm1997 ? 'input, output' : 'input, forget, output'))
  }
})

test.run()

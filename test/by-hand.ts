// The cells once more, in plain numbers and with loops: one sequence, one step, straight from the equations.

import * as assert from 'uvu/assert'
import type { Cell, Named } from '../src/nn/cell.ts'
import type { Tensor } from '../src/tensor.ts'
import { normal, someState } from './every-cell.ts'
import { difference } from './golden-numbers.ts'

export type Row = number[]
export type Matrix = Row[]

/** The weights of a cell by name; a vector is a matrix with one row. */
export type Weights = Record<string, Matrix>

export async function rowsOf(x: Tensor): Promise<Matrix> {
  const data = Array.from(await x.read())
  const width = x.shape.at(-1)!
  return Array.from({ length: data.length / width }, (_, i) => data.slice(i * width, (i + 1) * width))
}

export async function weightsOf(parameters: Named): Promise<Weights> {
  const rows: Weights = {}
  for (const [name, x] of Object.entries(parameters)) rows[name] = await rowsOf(x)
  return rows
}

export const logistic = (x: number) => 1 / (1 + Math.exp(-x))
export const functions = { tanh: Math.tanh, relu: (x: number) => Math.max(0, x), sigmoid: logistic, logistic }

/** sum_j w_j x_j */
export function dot(w: Row, x: Row): number {
  let total = 0
  for (let j = 0; j < x.length; j++) total += w[j] * x[j]
  return total
}

/** one unit's own number of a bias that may not exist */
const biasOf = (bias: Matrix | undefined, k: number) => (bias ? bias[0][k] : 0)

export function elmanStep(w: Weights, f: (a: number) => number, x: Row, h: Row): Row {
  return h.map((_, k) => f(
    dot(w.weight_ih[k], x) + biasOf(w.bias_ih, k) + dot(w.weight_hh[k], h) + biasOf(w.bias_hh, k)))
}

export function jordanStep(w: Weights, f: (a: number) => number, decay: number, x: Row, s: Row) {
  const h = w.weight_ih.map((row, k) => f(dot(row, x) + biasOf(w.bias_ih, k) + dot(w.weight_sh[k], s)))
  const y = w.weight_ho.map((row, k) => logistic(dot(row, h) + biasOf(w.bias_ho, k)))
  return { y, s: s.map((old, k) => decay * old + y[k]) }
}

/** `order` says which block of rows each gate has: [0, 1, 2, 3] is i f g o; `kept` multiplies g. */
export function lstmStep(w: Weights, x: Row, h: Row, c: Row, order = [0, 1, 2, 3], kept?: Row) {
  const H = c.length
  const gate = (block: number, k: number) => {
    const row = block * H + k
    const fromInput = dot(w.weight_ih[row], x) + biasOf(w.bias_ih, row)
    return fromInput + dot(w.weight_hh[row], h) + biasOf(w.bias_hh, row)
  }
  const [I, F, G, O] = order
  const written = (k: number) => logistic(gate(I, k)) * Math.tanh(gate(G, k)) * (kept?.[k] ?? 1)
  const nextC = c.map((old, k) => logistic(gate(F, k)) * old + written(k))
  const shown = nextC.map((value, k) => logistic(gate(O, k)) * Math.tanh(value))
  return { h: w.weight_hr ? w.weight_hr.map((row) => dot(row, shown)) : shown, c: nextC }
}

/** W x + b + U h + b of one row. */
function sumOf(w: Weights, x: Row, h: Row, row: number): number {
  return dot(w.weight_ih[row], x) + biasOf(w.bias_ih, row) + dot(w.weight_hh[row], h) + biasOf(w.bias_hh, row)
}

/** An LSTM with peepholes; with weight_hr (and weight_hp) an LSTMP. */
export function peepholeStep(w: Weights, x: Row, h: Row, c: Row): { y: Row, h: Row, c: Row } {
  const H = c.length
  const peep = w.weight_ch[0] // of i, f, o
  const nextC = c.map((old, k) => {
    const i = logistic(sumOf(w, x, h, k) + peep[k] * old)
    const f = logistic(sumOf(w, x, h, H + k) + peep[H + k] * old)
    return f * old + i * Math.tanh(sumOf(w, x, h, 2 * H + k))
  })
  const m = nextC.map((value, k) =>
    logistic(sumOf(w, x, h, 3 * H + k) + peep[2 * H + k] * value) * Math.tanh(value))
  const r = w.weight_hr ? w.weight_hr.map((row) => dot(row, m)) : m
  const p = w.weight_hp ? w.weight_hp.map((row) => dot(row, m)) : []
  return { y: [...r, ...p], h: r, c: nextC }
}

/** Rows i g o. */
export function coupledStep(w: Weights, x: Row, h: Row, c: Row): { y: Row, h: Row, c: Row } {
  const H = c.length
  const nextC = c.map((old, k) => {
    const i = logistic(sumOf(w, x, h, k))
    return (1 - i) * old + i * Math.tanh(sumOf(w, x, h, H + k))
  })
  const y = nextC.map((value, k) => logistic(sumOf(w, x, h, 2 * H + k)) * Math.tanh(value))
  return { y, h: y, c: nextC }
}

/** Rows r z n, r before the product; `keeps` says whether z weighs h (Cho) or n (Chung). */
export function gruBeforeStep(w: Weights, x: Row, h: Row, keeps: boolean): Row {
  const H = h.length
  const reset = h.map((old, k) => logistic(sumOf(w, x, h, k)) * old)
  return h.map((old, k) => {
    const z = logistic(sumOf(w, x, h, H + k))
    const n = Math.tanh(sumOf(w, x, reset, 2 * H + k))
    return keeps ? z * old + (1 - z) * n : z * n + (1 - z) * old
  })
}

/** `order`: [0, 1, 2] is r z n; `seen` is what the weights see of h, `kept` multiplies n. */
export function gruStep(w: Weights, x: Row, h: Row, order = [0, 1, 2], seen = h, kept?: Row): Row {
  const H = h.length
  const input = (row: number) => dot(w.weight_ih[row], x) + biasOf(w.bias_ih, row)
  const recurrent = (row: number) => dot(w.weight_hh[row], seen) + biasOf(w.bias_hh, row)
  const [R, Z, N] = order.map((block) => block * H) // where the rows of each gate begin
  return h.map((old, k) => {
    const r = logistic(input(R + k) + recurrent(R + k))
    const z = logistic(input(Z + k) + recurrent(Z + k))
    const n = Math.tanh(input(N + k) + r * recurrent(N + k))
    return (1 - z) * n * (kept?.[k] ?? 1) + z * old
  })
}

/** One step of a cell beside the same step by hand, for each sequence of a batch of 3. */
export async function compareStep(
  cell: Cell<Named>,
  byHand: (x: Row, state: Record<string, Row>) => { output: Row, state: Record<string, Row> },
): Promise<void> {
  const x = normal(5, 3, cell.inputs)
  const before = someState(cell, 3)
  const { output, state } = cell.step(x, before)
  assert.equal(Object.keys(state), Object.keys(before))
  const xRows = await rowsOf(x)
  const beforeRows = Object.entries(await weightsOf(before))
  const afterRows = Object.entries(await weightsOf(state))
  const outputRows = await rowsOf(output)
  for (let b = 0; b < 3; b++) {
    const expected = byHand(xRows[b], Object.fromEntries(beforeRows.map(([name, h]) => [name, h[b]])))
    assert.ok(difference(outputRows[b], expected.output) < 1e-14, `output of sequence ${b}`)
    for (const [name, h] of afterRows) {
      assert.ok(difference(h[b], expected.state[name]) < 1e-14, `${name} of sequence ${b}`)
    }
  }
}

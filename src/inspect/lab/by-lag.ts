// How strongly the end of a sequence depends on each state before it: ||dL/dh_{T-1-lag}||, for each cell as
// it is drawn before training. L = v . y_{T-1}, with v a random vector of length 1 for each stream, so that
// the norm at lag 0 is 1 wherever y is h, whatever the size of the net. Where the curve falls exponentially,
// what was long ago cannot teach (Hochreiter 1991; Bengio, Simard and Frasconi 1994).
// Read next: ../last-loss-flow.ts, which measures; jacobian.ts.

import type { ChartPanel, Curve } from '../chart.ts'
import { lastLossFlow, type LastLossFlow } from '../last-loss-flow.ts'
import type { Named } from '../../nn/cell.ts'
import type { CellName } from '../../nn/cells.ts'
import { unroll } from '../../nn/unroll.ts'
import { mul } from '../../ops/elementwise.ts'
import { sum } from '../../ops/reduce.ts'
import { random } from '../../random.ts'
import { unowned } from '../../scope.ts'
import { dispose, tensor, type Tree } from '../../tensor.ts'
import { freshCell, float64, normals, SEEDS, STREAMS, type Subject, UNITS } from './nets.ts'
import {
  above0, fewLags, inkOf, lagOfThousandth, middles, type Part, shown, type Table,
} from './part.ts'

const TITLE = 'The gradient of the last output, by time lag, before training'

/** The norms of one part of a state, by lag from 0. */
export interface LagRow {
  readonly label: string
  readonly state: 'h' | 'c'
  readonly norms: readonly number[]
}

/** The gradient of v . y_{T-1} by lag; norms are root mean squares over the streams. */
export async function endFlow({ cell, xs }: Subject, seed: number): Promise<LastLossFlow> {
  const [T, B] = xs.shape
  const directions = random(seed + 1000).normal(B * cell.outputs)
  for (let b = 0; b < B; b++) {
    const row = directions.subarray(b * cell.outputs, (b + 1) * cell.outputs)
    const length = Math.hypot(...row)
    for (let k = 0; k < row.length; k++) row[k] /= length
  }
  const v = normals(directions, [1, B, cell.outputs])
  const none = unowned(() =>
    tensor(new Int32Array(T * B), { shape: [T, B], dtype: 'int32', device: float64() }))
  const state = unowned(() => cell.initial(B))
  const flow = await lastLossFlow({
    run: (sequence, from: Tree) => unroll(cell, sequence, from as Named),
    loss: (outputs) => mul(sum(mul(outputs, v)), 1 / B),
  }, xs, none, state)
  dispose([v, none, state])
  return flow
}

/** Runs each cell with each seed. */
export async function byLag(
  names: readonly CellName[], steps: number, breathe: () => Promise<void>,
): Promise<Part> {
  const rows: LagRow[] = []
  for (const name of names) {
    const flows: LastLossFlow[] = []
    for (const seed of SEEDS) {
      const subject = freshCell(name, steps, seed)
      flows.push(await endFlow(subject, seed))
      dispose([subject.xs, subject.cell.parameters])
      await breathe()
    }
    rows.push({ label: name, state: 'h', norms: middles(flows.map(({ layers }) => layers[0])) })
    if (flows[0].cells) {
      rows.push({ label: name, state: 'c', norms: middles(flows.map(({ cells }) => cells?.[0] ?? [])) })
    }
  }
  return {
    name: 'by-lag', title: TITLE,
    chart: {
      title: TITLE,
      look: 'How much of it is left so many steps back: h solid, c dashed. A straight fall is exponential.',
      caption: captionOf(rows),
      panels: [lagPanel(rows)],
    },
    table: lagTable(rows),
    notes: [
      `${UNITS} units, ${STREAMS} sequences of normal inputs, weights as each cell draws them; the middle ` +
      `of ${SEEDS.length} seeds.`,
      'For a cell with h and c, the norm for h does not count what goes through its own c.',
      ...names.includes('jordan') ? ['For jordan h is the state s, which its outputs feed.'] : [],
    ],
    numbers: rows,
  }
}

/** Curves by lag; the h of a net and its c in one colour. */
export function lagPanel(rows: readonly LagRow[], label = 'norm of the gradient'): ChartPanel {
  const labels = [...new Set(rows.map((row) => row.label))]
  const curves = rows.map(({ label, state, norms }): Curve => {
    const k = labels.indexOf(label)
    const points = above0(norms.map((_, lag) => lag), norms)
    return { points, ink: inkOf(k), dashed: state === 'c', label: state === 'c' ? `${label} c` : label }
  })
  return { height: 320, x: { label: 'lag (steps back from the end)' }, y: { label, log: true }, curves }
}

/** A row for each part of a state: norms at a few lags, and where a thousandth is left. */
export function lagTable(rows: readonly LagRow[]): Table {
  const lags = fewLags(rows[0].norms.length - 1)
  return {
    head: ['cell', 'state', ...lags.map((lag) => `lag ${lag}`), 'a thousandth at lag'],
    rows: rows.map(({ label, state, norms }) => [
      label, state, ...lags.map((lag) => norms[lag]),
      lagOfThousandth(norms) ?? `beyond ${norms.length - 1}`,
    ]),
  }
}

function captionOf(rows: readonly LagRow[]): string {
  const last = rows[0].norms.length - 1
  const said = rows.map(({ label, state, norms }) => `${label} ${state} ${shown(norms[last])}`)
  return `Norm at lag ${last}: ${said.join(', ')}.`
}

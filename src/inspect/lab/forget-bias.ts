// What the bias of an LSTM's forget gate does: c_t = f c_{t-1} + ..., so along the straight way through c the
// gradient shrinks by f = sigmoid(b + ...) in each step, and after `lag` of them by about sigmoid(b)^lag.
//
//   b = 0   f = 0.50   a thousandth after 10 steps        b = 2   f = 0.88   after 55
//   b = 1   f = 0.73   after 23                           b = 5   f = 0.993  after 1,029
//
// Gers, Schmidhuber and Cummins 2000; Jozefowicz, Zaremba and Sutskever 2015. Read next: by-lag.ts.

import type { Chart, Curve } from '../chart.ts'
import type { LastLossFlow } from '../last-loss-flow.ts'
import { lstm } from '../../nn/lstm.ts'
import { random } from '../../random.ts'
import { dispose } from '../../tensor.ts'
import { endFlow } from './by-lag.ts'
import { float64, INPUTS, normals, SEEDS, STREAMS, type Subject, UNITS } from './nets.ts'
import { above0, inkOf, lagOfThousandth, middles, type Part } from './part.ts'

const TITLE = 'What the forget bias of an LSTM does'

const BIASES = [0, 1, 2, 5]

interface Biased {
  readonly bias: number
  /** sigmoid(bias): what stays in a step if nothing but the bias speaks */
  readonly forget: number
  /** of dL/dc, by lag */
  readonly norms: readonly number[]
}

export async function forgetBias(steps: number, breathe: () => Promise<void>): Promise<Part> {
  const found: Biased[] = []
  for (const bias of BIASES) {
    const flows: LastLossFlow[] = []
    for (const seed of SEEDS) {
      const subject = biased(bias, steps, seed)
      flows.push(await endFlow(subject, seed))
      dispose([subject.xs, subject.cell.parameters])
      await breathe()
    }
    const norms = middles(flows.map(({ cells }) => cells?.[0] ?? []))
    found.push({ bias, forget: 1 / (1 + Math.exp(-bias)), norms })
  }
  return {
    name: 'forget-bias', title: TITLE, chart: chartOf(found),
    table: {
      head: ['forget bias', 'sigmoid(bias)', 'kept per step', 'a thousandth at lag', 'sigmoid says'],
      rows: found.map(({ bias, forget, norms }) => [
        String(bias), forget, keptPerStep(norms), lagOfThousandth(norms) ?? `beyond ${norms.length - 1}`,
        Math.ceil(Math.log(1e-3) / Math.log(forget)),
      ]),
    },
    notes: [
      'Kept per step: what the norm of dL/dc is multiplied by from one lag to the next, on the mean over ' +
      'all of them. It is not sigmoid(bias) alone: inputs move the gates, and a second way leads through h.',
    ],
    numbers: found,
  }
}

function biased(bias: number, steps: number, seed: number): Subject {
  const rng = random(seed)
  const cell = lstm({
    inputs: INPUTS, hidden: UNITS, gateBias: { forget: bias }, device: float64(), rng,
  })
  const xs = normals(rng.normal(steps * STREAMS * INPUTS), [steps, STREAMS, INPUTS])
  return { label: `forget bias ${bias}`, cell, xs }
}

/** The geometric mean of norm(lag + 1) / norm(lag). */
function keptPerStep(norms: readonly number[]): number | null {
  const last = norms.length - 1
  return last > 0 && norms[0] > 0 ? (norms[last] / norms[0]) ** (1 / last) : null
}

function chartOf(found: readonly Biased[]): Chart {
  const lags = found[0].norms.map((_, lag) => lag)
  const lowest = Math.min(...found.flatMap(({ norms }) => norms.filter((norm) => norm > 0)))
  const curves = found.flatMap(({ bias, forget, norms }, k): Curve[] => [
    { points: above0(lags, norms), ink: inkOf(k), label: `bias ${bias}` },
    {
      points: above0(lags, lags.map((lag) => norms[0] * forget ** lag)).filter(([, y]) => y > lowest),
      ink: inkOf(k), dashed: true, width: 1,
    },
  ])
  const said = found.map(({ bias, norms }) =>
    `${lagOfThousandth(norms) ?? `more than ${norms.length - 1}`} at bias ${bias}`)
  return {
    title: TITLE,
    look: 'The gradient of the cell state c by lag. Dashed: sigmoid(bias)^lag, the way through c alone.',
    caption: `The lag at which a thousandth of dL/dc is left: ${said.join(', ')}.`,
    panels: [{
      height: 300, x: { label: 'lag (steps back from the end)' }, y: { label: 'norm of dL/dc', log: true },
      curves,
    }],
  }
}

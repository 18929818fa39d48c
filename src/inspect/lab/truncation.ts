// What truncation cuts off: dL/dW = sum over t of each step's term; with a horizon of k steps only the last k
// are summed, the state before them taken as a constant (Williams and Peng 1990, BPTT(k)).
//
//   cut(k) = ||g - g_k|| / ||g||        g of the whole sequence, g_k of its last k steps, L = v . y_{T-1}
//
// A net whose gradient vanishes loses nothing by it: it could not have learnt from further back anyway. One
// whose gradient reaches far loses just that. Read next: ../../train/bptt.ts.

import type { Chart } from '../chart.ts'
import type { Named } from '../../nn/cell.ts'
import type { CellName } from '../../nn/cells.ts'
import { unroll } from '../../nn/unroll.ts'
import { mul } from '../../ops/elementwise.ts'
import { slice } from '../../ops/move.ts'
import { sum } from '../../ops/reduce.ts'
import { random } from '../../random.ts'
import { unowned } from '../../scope.ts'
import { Tape } from '../../tape.ts'
import { dispose } from '../../tensor.ts'
import { freshCell, normals, SEEDS, type Subject, tanhNet } from './nets.ts'
import { inkOf, middles, type Part } from './part.ts'

const TITLE = 'What truncation cuts off'

interface Cuts {
  readonly label: string
  readonly horizons: readonly number[]
  readonly cut: readonly number[]
}

export async function truncation(
  names: readonly CellName[], rhos: readonly number[], steps: number, breathe: () => Promise<void>,
): Promise<Part> {
  const horizons = [1, 2, 5, 10, 20, 50, 100, 200, 500].filter((k) => k < steps)
  const makes = [
    ...names.map((name) => (seed: number) => freshCell(name, steps, seed)),
    ...rhos.map((rho) => (seed: number) => tanhNet(rho, steps, seed)),
  ]
  const found: Cuts[] = []
  for (const make of makes) {
    const all: Cuts[] = []
    for (const seed of SEEDS) {
      const subject = make(seed)
      all.push(await cuts(subject, horizons))
      dispose([subject.xs, subject.cell.parameters])
      await breathe()
    }
    found.push({ ...all[0], cut: middles(all.map(({ cut }) => cut)) })
  }
  return {
    name: 'truncation', title: TITLE, chart: chartOf(found, names.length),
    table: {
      head: ['net', ...horizons.map((k) => `k = ${k}`)],
      rows: found.map(({ label, cut }) => [label, ...cut.map((share) => share < 1e-12 ? 0 : share)]),
    },
    notes: [`The share of dL/dW (all parameters together) that a horizon of k of ${steps} steps cuts off: ` +
      `||g - g_k|| / ||g||; the middle of ${SEEDS.length} seeds. Below 1e-12 it is rounding, told as 0; ` +
      'above 1 what is left points elsewhere.'],
    numbers: found,
  }
}

async function cuts(subject: Subject, horizons: readonly number[]): Promise<Cuts> {
  const [T] = subject.xs.shape
  const whole = await gradient(subject, T)
  const length = Math.sqrt(whole.reduce((total, g) => total + g * g, 0))
  const cut: number[] = []
  for (const k of horizons) {
    const part = await gradient(subject, k)
    cut.push(Math.sqrt(whole.reduce((total, g, i) => total + (g - part[i]) ** 2, 0)) / length)
  }
  return { label: subject.label, horizons, cut }
}

/** dL/d(all parameters) through the last k steps, in one row. */
async function gradient({ cell, xs }: Subject, k: number): Promise<Float64Array> {
  const [T, B] = xs.shape
  const v = normals(random(1000).normal(B * cell.outputs), [1, B, cell.outputs])
  const before: Named = unowned(() =>
    k === T ? cell.initial(B) : unroll(cell, slice(xs, 0, 0, T - k)).state)
  const tape = new Tape()
  try {
    const { outputs } = unroll(cell, slice(xs, 0, T - k), before)
    const grads = tape.gradients(sum(mul(slice(outputs, 0, k - 1), v)), Object.values(cell.parameters))
    const lists = await Promise.all(grads.map((g) => g.read()))
    return Float64Array.from(lists.flatMap((list) => Array.from(list)))
  } finally {
    tape.close()
    dispose([before, v])
  }
}

function chartOf(found: readonly Cuts[], cellCount: number): Chart {
  const panel = (some: readonly Cuts[]) => ({
    height: 240, x: { label: 'horizon k (steps)', log: true, ticks: some[0].horizons },
    y: { label: 'share that is cut off', domain: [0, Math.max(1.05, ...some.flatMap(({ cut }) => cut))] },
    curves: some.map(({ label, horizons, cut }, k) => ({
      points: horizons.map((horizon, i) => [horizon, cut[i]] as const), label, ink: inkOf(k),
    })),
  } as const)
  const groups = [found.slice(0, cellCount), found.slice(cellCount)].filter((some) => some.length > 0)
  const [, , , k = found[0].horizons.length - 1] = found[0].horizons.map((_, i) => i)
  const said = found.map(({ label, cut }) => `${label} ${(100 * cut[k]).toFixed(0)} %`)
  return {
    title: TITLE,
    look: 'The share of the whole gradient that is missing if it goes back k steps only.',
    caption: `Missing with a horizon of ${found[0].horizons[k]}: ${said.join(', ')}.`,
    panels: groups.map(panel),
  }
}

// How many values are stuck: the share of each squashing function's values in the outer tenths of its range,
// for cells as they are drawn and for tanh nets of growing spectral radius. A stuck unit has next to no
// slope: it makes gradients vanish, and it also keeps a net with a large radius from exploding.
// Read next: ../saturation.ts.

import { composed } from '../../context.ts'
import type { CellName } from '../../nn/cells.ts'
import { unroll } from '../../nn/unroll.ts'
import { Tape } from '../../tape.ts'
import { dispose } from '../../tensor.ts'
import type { Chart } from '../chart.ts'
import { type Saturation, saturationIfAny } from '../saturation.ts'
import { freshCell, type Subject, tanhNet } from './nets.ts'
import { inkOf, type Part, shown } from './part.ts'

const TITLE = 'How many units of a tanh net are stuck'

export interface Stuck {
  readonly label: string
  readonly functions: readonly Saturation[]
}

export async function saturated(
  names: readonly CellName[], rhos: readonly number[], steps: number, breathe: () => Promise<void>,
): Promise<Part> {
  const found: Stuck[] = []
  for (const name of names) found.push(await stuckIn(freshCell(name, steps, 1)))
  await breathe()
  const nets: Stuck[] = []
  for (const rho of rhos) nets.push(await stuckIn(tanhNet(rho, steps, 1)))
  await breathe()
  return {
    name: 'saturation', title: TITLE, chart: chartOf(rhos, nets), table: stuckTable([...found, ...nets]),
    notes: ['Functions in the order in which a step applies them: for lstm sigmoid 1 to 3 are i, f and o, ' +
      'tanh 1 is g and tanh 2 that of c. Stuck: logistic below 0.1 or above 0.9, tanh beyond 0.8.'],
    numbers: [...found, ...nets],
  }
}

async function stuckIn({ label, cell, xs }: Subject): Promise<Stuck> {
  const tape = new Tape()
  try {
    composed(() => unroll(cell, xs))
    return { label, functions: await saturationIfAny(tape) }
  } finally {
    tape.close()
    dispose([xs, cell.parameters])
  }
}

export function stuckTable(all: readonly Stuck[]): Part['table'] {
  return {
    head: ['net', 'function', 'low, %', 'high, %'],
    rows: all.flatMap(({ label, functions }) =>
      functions.map(({ name, low, high }) => [label, name, 100 * low, 100 * high])),
  }
}

function chartOf(rhos: readonly number[], nets: readonly Stuck[]): Chart {
  const shares = nets.map(({ functions: [one] }) => 100 * (one.low + one.high))
  return {
    title: TITLE,
    look: 'The share of values beyond -0.8 or 0.8, by spectral radius of the recurrent matrix.',
    caption: `Stuck: ${rhos.map((rho, k) => `${shown(shares[k])} % at rho ${rho}`).join(', ')}.`,
    panels: [{
      height: 200, x: { label: 'spectral radius rho' }, y: { label: 'values that are stuck, in percent' },
      curves: [{ points: rhos.map((rho, k) => [rho, shares[k]] as const), ink: inkOf(0) }],
      dots: [{ points: rhos.map((rho, k) => [rho, shares[k]] as const), ink: inkOf(0) }],
    }],
  }
}

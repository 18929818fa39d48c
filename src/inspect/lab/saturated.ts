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
import { freshCell, SEEDS, type Subject, tanhNet } from './nets.ts'
import { inkOf, type Part, shown } from './part.ts'

const TITLE = 'How many values are stuck'

// What a cell's functions are, in the order in which its step applies them: the code of src/nn says it.
const GATED = { 'sigmoid 1': 'i', 'sigmoid 2': 'f', 'tanh 1': 'g', 'sigmoid 3': 'o', 'tanh 2': 'of c' }
const GRU = { 'sigmoid 1': 'r, z', 'tanh 1': 'n' }
const BLOCKS = { 'sigmoid 1': 'gates', 'sigmoid 2': 'g', 'sigmoid 3': 'h(s)' }
const MEANINGS: Readonly<Record<CellName, Readonly<Record<string, string>>>> = {
  jordan: { 'sigmoid 1': 'h', 'sigmoid 2': 'y' }, elman: { 'tanh 1': 'h' },
  lstm1997: BLOCKS, lstm2000: BLOCKS, lstm: GATED, peephole: GATED, lstmp: GATED,
  coupled: { 'sigmoid 1': 'i', 'tanh 1': 'g', 'sigmoid 2': 'o', 'tanh 2': 'of c' },
  gru: GRU, 'gru-before': GRU, 'gru-chung': GRU,
  'layer-norm-lstm': { ...GATED, 'sigmoid 1': 'f', 'sigmoid 2': 'i' },
}

export interface Stuck {
  readonly label: string
  /** what it is made of; a tanh net is an elman */
  readonly cell: CellName
  readonly functions: readonly Saturation[]
}

export async function saturated(
  names: readonly CellName[], rhos: readonly number[], steps: number, breathe: () => Promise<void>,
): Promise<Part> {
  const found: Stuck[] = []
  for (const name of names) found.push(await onTheMean(name, (seed) => freshCell(name, steps, seed), breathe))
  const nets: Stuck[] = []
  for (const rho of rhos) nets.push(await onTheMean('elman', (seed) => tanhNet(rho, steps, seed), breathe))
  return {
    name: 'saturation', title: TITLE, chart: chartOf(rhos, nets), table: stuckTable([...found, ...nets]),
    notes: ['Functions in the order in which a step applies them. Stuck: logistic below 0.1 or above 0.9, ' +
      `tanh beyond 0.8; the mean over ${SEEDS.length} seeds.`],
    numbers: [...found, ...nets],
  }
}

/** The mean of the shares over the nets of all seeds. */
async function onTheMean(
  name: CellName, make: (seed: number) => Subject, breathe: () => Promise<void>,
): Promise<Stuck> {
  const all: Stuck[] = []
  for (const seed of SEEDS) {
    all.push(await stuckIn(name, make(seed)))
    await breathe()
  }
  const mean = (of: (one: Stuck) => number) => all.reduce((total, one) => total + of(one), 0) / all.length
  const functions = all[0].functions.map((first, k) => ({
    ...first, count: all.length * first.count,
    low: mean((one) => one.functions[k].low), high: mean((one) => one.functions[k].high),
  }))
  return { ...all[0], functions }
}

async function stuckIn(name: CellName, { label, cell, xs }: Subject): Promise<Stuck> {
  const tape = new Tape()
  try {
    composed(() => unroll(cell, xs))
    return { label, cell: name, functions: await saturationIfAny(tape) }
  } finally {
    tape.close()
    dispose([xs, cell.parameters])
  }
}

export function stuckTable(all: readonly Stuck[]): Part['table'] {
  return {
    head: ['net', 'function', 'low, %', 'high, %'],
    rows: all.flatMap(({ label, cell, functions }) => functions.map(({ name, low, high }) =>
      [label, `${name} (${MEANINGS[cell][name]})`, 100 * low, 100 * high])),
  }
}

function chartOf(rhos: readonly number[], nets: readonly Stuck[]): Chart {
  const shares = nets.map(({ functions: [one] }) => 100 * (one.low + one.high))
  return {
    title: TITLE,
    look: 'A tanh net: the share of values beyond -0.8 or 0.8, by spectral radius of its recurrent matrix.',
    caption: `Stuck: ${rhos.map((rho, k) => `${shown(shares[k])} % at rho ${rho}`).join(', ')}.`,
    panels: [{
      height: 200, x: { label: 'spectral radius rho' }, y: { label: 'values that are stuck, in percent' },
      curves: [{ points: rhos.map((rho, k) => [rho, shares[k]] as const), ink: inkOf(0) }],
      dots: [{ points: rhos.map((rho, k) => [rho, shares[k]] as const), ink: inkOf(0) }],
    }],
  }
}

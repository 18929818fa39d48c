// The kernels of a recurrence: which file of gates, and how a workgroup's threads share the product.
// Next: recurrence.ts, which launches them.

import { rowsOfLanes, type Traits } from './gemm-choice.ts'
import { type Halves, readFour, typeOfFour } from './halves.ts'
import type { Blanks } from './kernels.ts'
import { gridFor, type Grid } from './recorder.ts'
import { sources } from './sources.ts'

/** What this device must know of a cell; all else is in the cell's own file of gates. */
export interface Gates {
  /** G, the number of gates */
  readonly gates: number
  readonly saves: boolean
  readonly passes: boolean
  readonly splits: boolean
  readonly text: string
}

const elman = (f: string, slope: string): Gates => ({
  gates: 1, saves: false, passes: false, splits: false, text: fill(sources.gatesElman, { f, slope }),
})

const blocks = (forgets: 'true' | 'false') => ({
  saves: true, passes: false, splits: false, text: fill(sources.gatesBlocks, { forgets }),
})

/** The kinds that there are kernels for. */
export const gatesOf: Readonly<Record<string, Gates>> = {
  tanh: elman('tanhOf(a)', '(1.0 - m * m)'),
  relu: elman('select(a, 0.0, a < 0.0)', 'select(0.0, 1.0, m > 0.0)'),
  sigmoid: elman('sigmoid(a)', '(m * (1.0 - m))'),
  lstm1997: { ...blocks('false'), gates: 3 },
  lstm2000: { ...blocks('true'), gates: 4 },
  lstm: { gates: 4, saves: true, passes: false, splits: false, text: sources.gatesLstm },
  peephole: { gates: 4, saves: true, passes: false, splits: false, text: sources.gatesPeephole },
  coupled: { gates: 3, saves: true, passes: false, splits: false, text: sources.gatesCoupled },
  gru: { gates: 3, saves: true, passes: true, splits: true, text: sources.gatesGru },
}

/** How the threads of a workgroup share a product [B, K] x [K, N columns]. */
export interface Tile {
  readonly columns: number
  readonly slices: number
  readonly rows: number
  /** whether one workgroup holds all columns, so that all steps can go into one dispatch */
  readonly persistent: boolean
  /** whether the eight lanes of a subgroup hand rows to each other: recurrence_lanes.wgsl */
  readonly lanes: boolean
}

/** H up to which one workgroup goes through all steps: its weights stay in the nearest cache. */
export const SMALL = 64

/**
 * For S products side by side.
 * @param small whether all steps may go into one dispatch, if a workgroup holds all N columns
 */
export function tileFor(
  { software, eightLanes }: Traits, S: number, B: number, N: number, small = false,
): Tile {
  if (software && eightLanes && B > 2) {
    const rows = rowsOfLanes(B, S * Math.ceil(N / 8))
    return { columns: 8, slices: 1, rows, persistent: small && N <= 8, lanes: true }
  }
  const columns = small && N > 32 ? 64 : 32
  const rows = B === 1 ? 1 : 4
  return { columns, slices: software ? 1 : 256 / columns, rows, persistent: small, lanes: false }
}

export const nameOf = ({ columns, slices, rows, lanes }: Tile) =>
  (lanes ? `lanes, ${rows} rows` : `${columns} x ${slices}, ${rows} rows`)

export function gridOf({ columns, rows }: Tile, S: number, B: number, N: number): Grid {
  const { x, y } = gridFor(B, rows)
  return { x: S * Math.ceil(N / columns), y: x, z: y }
}

/** The blanks of how a product is done. */
export function productBlanks(
  { columns, slices, rows, lanes }: Tile, source: string, halves: Halves,
): Blanks {
  const shared = { four: typeOfFour(halves), steps: sources.recurrenceSteps }
  const common = { source, rows, weights: readFour('weights', 'packed', halves) }
  if (lanes) return { ...shared, enable: 'enable subgroups;', product: fill(sources.recurrenceLanes, common) }
  const sizes = { columns, slices, partials: columns * slices * rows }
  return { ...shared, enable: '', product: fill(sources.recurrenceProduct, { ...common, ...sizes }) }
}

function fill(text: string, blanks: Blanks): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => String(blanks[name]))
}

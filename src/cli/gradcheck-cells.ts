// Every cell with its variants, for the gradient check: unrolled over time, with respect to each parameter, the inputs and
// the first state. A test fails if a cell is exported and has no row here. Next: gradcheck.ts.

import type { Device } from '../device.ts'
import type { Cell } from '../nn/cell.ts'
import { elman } from '../nn/elman.ts'
import { gru } from '../nn/gru.ts'
import { jordan } from '../nn/jordan.ts'
import { lstm } from '../nn/lstm.ts'
import type { Random } from '../random.ts'
import type { Tensor } from '../tensor.ts'

interface Sizes {
  inputs: number
  hidden: number
  device: Device
  rng: Random
}

/** A cell whose state is a record of tensors. */
export type AnyCell = Cell<{ readonly [name: string]: Tensor }>

export interface CellRow {
  /** the exported function */
  cell: string
  /** what is special about this row */
  variant: string
  make(sizes: Sizes): AnyCell
}

export const cellTable: readonly CellRow[] = [
  { cell: 'elman', variant: 'tanh', make: elman },
  { cell: 'elman', variant: 'relu', make: (sizes) => elman({ ...sizes, nonlinearity: 'relu' }) },
  { cell: 'elman', variant: 'logistic', make: (sizes) => elman({ ...sizes, nonlinearity: 'logistic' }) },
  { cell: 'elman', variant: 'no bias', make: (sizes) => elman({ ...sizes, bias: false }) },
  { cell: 'jordan', variant: 'logistic', make: jordan },
  { cell: 'jordan', variant: 'tanh, 5 outputs, decay 0.3', make: (sizes) =>
    jordan({ ...sizes, nonlinearity: 'tanh', outputs: 5, decay: 0.3 }) },
  { cell: 'jordan', variant: 'no bias', make: (sizes) => jordan({ ...sizes, bias: false }) },
  { cell: 'lstm', variant: '', make: lstm },
  { cell: 'lstm', variant: 'projection', make: (sizes) => lstm({ ...sizes, projection: sizes.hidden - 1 }) },
  { cell: 'lstm', variant: 'no bias', make: (sizes) => lstm({ ...sizes, bias: false }) },
  { cell: 'gru', variant: '', make: gru },
  { cell: 'gru', variant: 'no bias', make: (sizes) => gru({ ...sizes, bias: false }) },
]

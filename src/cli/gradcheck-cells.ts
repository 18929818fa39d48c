// Every cell with its variants, for the gradient check: unrolled over time, with respect to each parameter,
// the inputs and the first state. A test fails if a cell is exported and has no row here.
// Next: gradcheck.ts.

import type { CellOptions, Named, ProjectedCell } from '../nn/cell.ts'
import type { CellName } from '../nn/cells.ts'
import { coupled } from '../nn/coupled.ts'
import { elman } from '../nn/elman.ts'
import { gruBefore, gruChung } from '../nn/gru-before.ts'
import { gru } from '../nn/gru.ts'
import { layerNormLstm } from '../nn/layer-norm-lstm.ts'
import { jordan } from '../nn/jordan.ts'
import { lstm1997 } from '../nn/lstm-1997.ts'
import { lstm2000 } from '../nn/lstm-2000.ts'
import { lstm } from '../nn/lstm.ts'
import { lstmp } from '../nn/lstmp.ts'
import { peephole } from '../nn/peephole.ts'

export interface CellRow {
  /** the name for --cell */
  cell: CellName
  /** what is special about this row */
  variant: string
  make(options: CellOptions): ProjectedCell<Named>
}

const forms: readonly CellRow[] = [
  { cell: 'jordan', variant: 'logistic', make: jordan },
  {
    cell: 'jordan', variant: 'relu, 2 outputs, decay 0.7',
    make: (options) => jordan({ ...options, nonlinearity: 'relu', outputs: 2, decay: 0.7 }),
  },
  { cell: 'elman', variant: 'tanh', make: elman },
  { cell: 'elman', variant: 'relu', make: (options) => elman({ ...options, nonlinearity: 'relu' }) },
  { cell: 'elman', variant: 'logistic', make: (options) => elman({ ...options, nonlinearity: 'logistic' }) },
  { cell: 'lstm1997', variant: 'plain', make: lstm1997 },
  {
    cell: 'lstm1997', variant: 'one block, gates fed back',
    make: (options) => lstm1997({ ...options, blockSize: options.hidden, gateFeedback: true }),
  },
  { cell: 'lstm2000', variant: 'plain', make: lstm2000 },
  {
    cell: 'lstm2000', variant: 'one block, no bias of cells',
    make: (options) => lstm2000({ ...options, blockSize: options.hidden, cellBias: false }),
  },
  { cell: 'lstm', variant: 'plain', make: lstm },
  { cell: 'lstm', variant: 'projection', make: (options) => lstm({ ...options, projection: 2 }) },
  { cell: 'peephole', variant: 'plain', make: peephole },
  { cell: 'coupled', variant: 'plain', make: coupled },
  { cell: 'lstmp', variant: 'plain', make: lstmp },
  {
    cell: 'lstmp', variant: 'one projection',
    make: (options) => lstmp({ ...options, recurrent: 2, nonRecurrent: 0 }),
  },
  { cell: 'gru', variant: 'plain', make: gru },
  { cell: 'gru-before', variant: 'plain', make: gruBefore },
  { cell: 'gru-chung', variant: 'plain', make: gruChung },
  { cell: 'layer-norm-lstm', variant: 'plain', make: layerNormLstm },
]

/** Every cell in every form that its options allow. */
export const cellTable: readonly CellRow[] = forms.flatMap(({ cell, variant, make }) => [
  { cell, variant, make },
  { cell, variant: `${variant}, no bias`, make: (options: CellOptions) => make({ ...options, bias: false }) },
])

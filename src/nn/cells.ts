// Every cell by the name that the command line and a saved model have for it. A new cell becomes one more
// line here: then it trains, samples, is saved and loaded, on every device.
// Next: recurrent.ts, which builds layers of them.

import { coupled } from './coupled.ts'
import type { CellOptions, Named, ProjectedCell } from './cell.ts'
import { elman } from './elman.ts'
import { gruBefore, gruChung } from './gru-before.ts'
import { gru } from './gru.ts'
import { jordan } from './jordan.ts'
import { layerNormLstm } from './layer-norm-lstm.ts'
import { lstm1997 } from './lstm-1997.ts'
import { lstm2000 } from './lstm-2000.ts'
import { lstm } from './lstm.ts'
import { lstmp } from './lstmp.ts'
import { peephole } from './peephole.ts'

/** A function that makes a cell of a given size. */
export type MakeCell = (options: CellOptions) => ProjectedCell<Named>

/** In the order of history. */
export const cells = {
  jordan,
  elman,
  lstm1997,
  lstm2000,
  lstm,
  peephole,
  coupled,
  lstmp,
  gru,
  'gru-before': gruBefore,
  'gru-chung': gruChung,
  'layer-norm-lstm': layerNormLstm,
} satisfies Record<string, MakeCell>

export type CellName = keyof typeof cells

export const CELLS = Object.keys(cells) as readonly CellName[]

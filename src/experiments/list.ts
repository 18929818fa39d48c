// Every experiment, in the order of the history that they tell.

import type { Experiment } from './experiment.ts'
import { hopfieldRecall } from './hopfield-recall.ts'
import { mackeyGlass } from './mackey-glass.ts'
import { memoryCapacity } from './memory-capacity.ts'
import { narma10 } from './narma10.ts'

export const experiments: readonly Experiment[] = [
  hopfieldRecall,
  mackeyGlass,
  memoryCapacity,
  narma10,
]

// Every experiment, in the order of the history that they tell.

import type { Experiment } from './experiment.ts'
import { hopfieldRecall } from './hopfield-recall.ts'

export const experiments: readonly Experiment[] = [
  hopfieldRecall,
]

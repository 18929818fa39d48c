// Every experiment, in the order of the history that they tell.

import { adding } from './adding.ts'
import { bidirectional } from './bidirectional.ts'
import { continualReber } from './continual-reber.ts'
import { elmanLetters } from './elman-letters.ts'
import { elmanWords } from './elman-words.ts'
import { elmanXor } from './elman-xor.ts'
import type { Experiment } from './experiment.ts'
import { explodingWall } from './exploding-wall.ts'
import { hopfieldRecall } from './hopfield-recall.ts'
import { jordanCycle } from './jordan-cycle.ts'
import { latch } from './latch.ts'
import { liquid } from './liquid.ts'
import { mackeyGlass } from './mackey-glass.ts'
import { memoryCapacity } from './memory-capacity.ts'
import { narma10 } from './narma10.ts'
import { projection } from './projection.ts'
import { reber } from './reber.ts'
import { temporalOrder } from './temporal-order.ts'

export const experiments: readonly Experiment[] = [
  hopfieldRecall,
  jordanCycle,
  elmanXor,
  elmanLetters,
  elmanWords,
  latch,
  bidirectional,
  reber,
  continualReber,
  adding,
  temporalOrder,
  projection,
  mackeyGlass,
  memoryCapacity,
  narma10,
  liquid,
  explodingWall,
]

// All loops of the cpu device under one name. device.ts loads this module twice, as './instance.ts?float32'
// and './instance.ts?float64': V8 keeps one set of type feedback per loaded function, and a loop that has
// seen both array types is slower with either, for the rest of the process. The bundler keeps the two copies
// apart (src/build.mjs). Next: elementwise.ts.

import {
  accumulateLoop, binaryLoops, broadcastBinary, eachRun, selectLoop, unaryLoops,
} from './elementwise.ts'
import { fillUniform } from '../random.ts'
import { countTargets, crossEntropyBackward, crossEntropyForward } from './loss.ts'
import { matmul } from './matmul.ts'
import { gatherRows, oneHot, place, reduce, reverseTime, scatterAddRows, window } from './move.ts'
import { gatesOf, recurrenceBackward, recurrenceForward } from './recurrence.ts'
import { stepOf } from './step.ts'

export default {
  accumulateLoop, binaryLoops, broadcastBinary, eachRun, selectLoop, unaryLoops,
  countTargets, crossEntropyBackward, crossEntropyForward,
  matmul,
  gatherRows, oneHot, place, reduce, reverseTime, scatterAddRows, window,
  gatesOf, recurrenceBackward, recurrenceForward, stepOf,
  fillUniform,
}

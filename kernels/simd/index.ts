// What the host calls: a job is a kind and the address of what the host wrote down for it; each kind is a
// function of (what is written, thread, threads), which every thread of the job calls.
// Next: gemm.ts, the job that takes the most time; threads.ts, how work is shared.

import { Binary, binary } from './binary'
import { Clip, clip } from './clip'
import { CrossEntropy, crossEntropy, crossEntropyGradient } from './cross-entropy'
import { gather, Reverse, reverseTime, Rows, scatterAdd } from './gather'
import { Product, product } from './gemm'
import { Move, move } from './move'
import { Norm, norm, normGradient } from './norm'
import { Draw, draw } from './philox'
import { recurrenceBackward, recurrenceForward, Sequence } from './recurrence'
import { Reduce, reduce } from './reduce'
import { Softmax, softmax, softmaxGradient } from './softmax'
import { Step, step } from './step'
import { EACH, enter } from './threads'
import { Unary, unary } from './unary'
import { Update, update } from './update'

export { EACH, enter }

/** The first address that is free for the host. */
export function heapBase(): usize {
  return __heap_base
}

// The kinds of jobs; src/simd/jobs.ts has the same numbers.
const PRODUCT = 1
const RECURRENCE_FORWARD = 2
const RECURRENCE_BACKWARD = 3
const STEP = 4
const UNARY = 10
const BINARY = 11
const REDUCE = 12
const MOVE = 13
const GATHER = 14
const SCATTER_ADD = 15
const REVERSE_TIME = 16
const DRAW = 17
const SOFTMAX = 18
const SOFTMAX_GRADIENT = 19
const CROSS_ENTROPY = 20
const CROSS_ENTROPY_GRADIENT = 21
const NORM = 22
const NORM_GRADIENT = 23
const CLIP = 24
const UPDATE = 25

/** This thread's share of a job. */
export function perform(kind: i32, at: usize, thread: i32, threads: i32): void {
  switch (kind) {
    case PRODUCT: return product(changetype<Product>(at), thread, threads)
    case RECURRENCE_FORWARD: return recurrenceForward(changetype<Sequence>(at), thread, threads)
    case RECURRENCE_BACKWARD: return recurrenceBackward(changetype<Sequence>(at), thread, threads)
    case STEP: return step(changetype<Step>(at), thread, threads)
    case UNARY: return unary(changetype<Unary>(at), thread, threads)
    case BINARY: return binary(changetype<Binary>(at), thread, threads)
    case REDUCE: return reduce(changetype<Reduce>(at), thread, threads)
    case MOVE: return move(changetype<Move>(at), thread, threads)
    case GATHER: return gather(changetype<Rows>(at), thread, threads)
    case SCATTER_ADD: return scatterAdd(changetype<Rows>(at), thread, threads)
    case REVERSE_TIME: return reverseTime(changetype<Reverse>(at), thread, threads)
    case DRAW: return draw(changetype<Draw>(at), thread, threads)
    case SOFTMAX: return softmax(changetype<Softmax>(at), thread, threads)
    case SOFTMAX_GRADIENT: return softmaxGradient(changetype<Softmax>(at), thread, threads)
    case CROSS_ENTROPY: return crossEntropy(changetype<CrossEntropy>(at), thread, threads)
    case CROSS_ENTROPY_GRADIENT: return crossEntropyGradient(changetype<CrossEntropy>(at), thread, threads)
    case NORM: return norm(changetype<Norm>(at), thread, threads)
    case NORM_GRADIENT: return normGradient(changetype<Norm>(at), thread, threads)
    case CLIP: return clip(changetype<Clip>(at), thread, threads)
    case UPDATE: return update(changetype<Update>(at), thread, threads)
  }
}

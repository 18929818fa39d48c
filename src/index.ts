// The public names, nothing else: everything that a browser can load. node.ts adds what needs Node.

export { NonFiniteError, ShapeError, TapeError, UnrolledError } from './check.ts'
export { at, type Where } from './context.ts'
export { cpu } from './cpu/device.ts'
export type { Device, DType, FloatType, MemoryReport } from './device.ts'
export { random, Random } from './random.ts'
export type { Shape } from './shape.ts'
export { dispose, full, mapTree, ones, Tensor, tensor, type Tree, zeros } from './tensor.ts'
export { Scope, unowned, untracked } from './scope.ts'
export { type GradientMap, record, recordMany, Tape } from './tape.ts'

export {
  abs, add, clamp, detach, div, equal, exp, expm1, gelu, greater, isFinite, less, log, log1p, maximum,
  minimum, mul, neg, pow, relu, sigmoid, sign, silu, softplus, sqrt, square, sub, tanh, where,
} from './ops/elementwise.ts'
export { logsumexp, max, mean, sum, sumTo } from './ops/reduce.ts'
export {
  broadcastTo, concat, flip, pad, reshape, reverseTime, slice, split, stack, transpose, unstack,
} from './ops/move.ts'
export { affine, matmul } from './ops/matmul.ts'
export { gather, oneHot, scatterAdd } from './ops/gather.ts'
export { logSoftmax, softmax } from './ops/softmax.ts'
export { binaryCrossEntropy, crossEntropy, huber, l1, mse } from './ops/loss.ts'
export { layerNorm, rmsNorm } from './ops/norm.ts'
export { dropout } from './ops/dropout.ts'

export { formatReport, gradcheck } from './gradcheck.ts'

export type { Cell, CellOptions, ProjectedCell, Step } from './nn/cell.ts'
export { elman } from './nn/elman.ts'
export { gru } from './nn/gru.ts'
export { jordan } from './nn/jordan.ts'
export { lstm } from './nn/lstm.ts'
export { embedding, linear, loadParameters, parameters } from './nn/linear.ts'
export { recurrent } from './nn/recurrent.ts'
export { bidirectional, stacked, unroll } from './nn/unroll.ts'

export { bptt, truncatedBptt } from './train/bptt.ts'
export { clipByGlobalNorm, clipByNorm, clipByValue, requireFinite } from './train/clip.ts'
export { evaluate, sample } from './train/evaluate.ts'
export { languageModel } from './train/language-model.ts'
export { train } from './train/loop.ts'
export { adagrad, adam, adamw, rmsprop, sgd } from './train/optimizers.ts'
export { constant, cosine, stepDecay, warmup } from './train/schedule.ts'

export { Streams, heldOut } from './data/streams.ts'
export { splitText, Vocabulary } from './data/text.ts'
export { decodeSafetensors, encodeSafetensors } from './io/safetensors.ts'
export { formatFlow, gradientFlow } from './inspect/flow.ts'

// The public names, nothing else: everything that a browser can load. node.ts adds what needs Node. Types are
// here too, whatever a result is made of, so that a program can name what it gets.

export { NonFiniteError, ShapeError, TapeError, UnrolledError } from './check.ts'
export { at, composed, type Where } from './context.ts'
export { cpu } from './cpu/device.ts'
export { gpu, type Gpu, type GpuOptions } from './gpu/open.ts'
export { type AdapterInfo, type AdapterKind, type AdapterRequest, NoAdapterError } from './gpu/adapter.ts'
export { simd, type SimdOptions } from './simd/open.ts'
export type { Simd } from './simd/device.ts'
export type {
  BinaryOp, Device, DType, FlatOps, FlatUpdate, FloatArray, FloatType, FusedOps, GateKind, LossOps, Memory,
  MemoryReport, Norm, NumberArray, Recurrence, RecurrenceGradients, RecurrenceTrace, RowOps, Run,
  RunGradients, UnaryOp, View,
} from './device.ts'
export { random, Random } from './random.ts'
export type { Shape } from './shape.ts'
export type { StepCell, Stepper } from './stepper.ts'
export {
  dispose, full, mapTree, type Nested, ones, Tensor, tensor, type TensorOptions, type Tensors, type Tree,
  zeros,
} from './tensor.ts'
export { parameter, Scope, unowned, untracked } from './scope.ts'
export {
  type GradientMap, type Gradients, record, recordMany, type Replays, type Result, Tape, type TapeOptions,
  type TapeRecord, type Visitor,
} from './tape.ts'

export {
  abs, add, clamp, detach, div, equal, exp, expm1, gelu, greater, isFinite, less, log, log1p, maximum,
  minimum, mul, neg, pow, relu, sigmoid, sign, silu, softplus, sqrt, square, sub, tanh, where,
} from './ops/elementwise.ts'
export { type Axes, logsumexp, max, mean, sum, sumTo } from './ops/reduce.ts'
export {
  broadcastTo, concat, flip, pad, reshape, reverseTime, slice, split, stack, transpose, unstack,
} from './ops/move.ts'
export { affine, matmul, type MatmulOptions } from './ops/matmul.ts'
export { recurrence, type RecurrenceOptions, type RecurrenceParts, recurrences } from './ops/recurrence.ts'
export { gather, oneHot, scatterAdd } from './ops/gather.ts'
export { logSoftmax, softmax } from './ops/softmax.ts'
export {
  binaryCrossEntropy, crossEntropy, type CrossEntropyOptions, huber, l1, mse, type Reduction,
} from './ops/loss.ts'
export { layerNorm, type NormOptions, rmsNorm } from './ops/norm.ts'
export { dropout, lockedDropout } from './ops/dropout.ts'

export {
  formatReport, gradcheck, type GradcheckEntry, type GradcheckInputs, type GradcheckOptions,
  type GradcheckReport,
} from './gradcheck.ts'

export {
  type Advance, type Cell, type CellOptions, type CellParts, type Changes, type FusedParts, isProjected,
  type Named, type ProjectedCell, projectedCell, type Step, uniformParameter,
} from './nn/cell.ts'
export { type CellName, cells, type MakeCell } from './nn/cells.ts'
export { coupled } from './nn/coupled.ts'
export { contextAsInput, elman, type ElmanOptions, type ElmanState, type Nonlinearity } from './nn/elman.ts'
export type { GateBias, GatedOptions } from './nn/gate-bias.ts'
export { gruBefore, gruChung } from './nn/gru-before.ts'
export { gru, type GruGate, type GruState } from './nn/gru.ts'
export {
  freeRunning, jordan, type JordanCell, type JordanOptions, type JordanState, teacherForced,
} from './nn/jordan.ts'
export { lstm1997, type Lstm1997Options } from './nn/lstm-1997.ts'
export { lstm2000, type Lstm2000Options } from './nn/lstm-2000.ts'
export { lstm, type LstmGate, type LstmOptions, type LstmState } from './nn/lstm.ts'
export { lstmp, type LstmpOptions } from './nn/lstmp.ts'
export type { MemoryBlockCell, MemoryBlockOptions } from './nn/memory-blocks.ts'
export { peephole } from './nn/peephole.ts'
export {
  drawUniform, embedding, type EmbeddingOptions, type HasParameters, type Layer, linear,
  type LinearOptions, loadParameters, parameters,
} from './nn/linear.ts'
export { layerNormLstm } from './nn/layer-norm-lstm.ts'
export { regularised, type Regularisers } from './nn/regularised.ts'
export {
  recurrent, type Recurrent, type RecurrentOptions, type RecurrentState, type RunOptions,
} from './nn/recurrent.ts'
export {
  bidirectional, type BidirectionalOptions, type Merge, type SequenceLayer, type SequenceOptions,
  skipConnected, stacked,
} from './nn/sequence-layers.ts'
export { type StepperParts, type Stream, stream } from './nn/stream.ts'
export { type Rows, unroll, type Unrolled, type UnrollOptions } from './nn/unroll.ts'

export {
  continuousHopfield, type ContinuousHopfield, type ContinuousHopfieldOptions, type FlowOptions,
} from './memory/continuous-hopfield.ts'
export {
  hopfield, type Hopfield, type HopfieldOptions, overlap, type Settled, type SettleOptions, type UnitValues,
} from './memory/hopfield.ts'
export { modernHopfield, type ModernHopfield, type ModernHopfieldOptions } from './memory/modern-hopfield.ts'

export {
  type EchoRunOptions, echoState, type EchoState, type EchoStateOptions, type FitOptions,
} from './reservoir/echo-state.ts'
export {
  echoStateTensors, type EchoStateWeights, type WeightOptions,
} from './reservoir/echo-state-weights.ts'
export { leastSquares } from './reservoir/least-squares.ts'
export { liquid, type Liquid, type LiquidResult, type LiquidRun } from './reservoir/liquid.ts'
export { afterPause, type Column, type ColumnOptions, type Synapses } from './reservoir/liquid-column.ts'
export { liquidTensors, type LiquidWeights } from './reservoir/liquid-weights.ts'
export {
  addProduct, dense, orthogonalMatrix, randomMatrix, scaled, sparse, type SparseMatrix, spectralNorm,
  spectralRadius,
} from './reservoir/matrices.ts'
export {
  type Learner, recursiveLeastSquares, type RecursiveOptions,
} from './reservoir/recursive-least-squares.ts'

export { type ActivationPenalty, activationPenalty } from './train/penalty.ts'
export {
  type Activity, type Bptt, bptt, type Held, type Net, type TruncatedBptt, truncatedBptt,
  type TruncationOptions,
} from './train/bptt.ts'
export { clipByGlobalNorm, clipByNorm, clipByValue, type Clipped, requireFinite } from './train/clip.ts'
export {
  evaluate, type EvaluateOptions, type Evaluation, inUnits, sample, type SampleOptions,
} from './train/evaluate.ts'
export {
  type LanguageModel, languageModel, type LanguageModelForm, type SequenceModel,
  sequenceModel, type SequenceModelParts,
} from './train/language-model.ts'
export type { SymbolStream } from './train/symbol-stream.ts'
export { type StepEvent, train, Training, type TrainOptions } from './train/loop.ts'
export type { TrainingState } from './train/training-state.ts'
export {
  adagrad, type AdagradOptions, adam, type AdamOptions, adamw, rmsprop, type RmspropOptions, sgd,
  type SgdOptions,
} from './train/optimizers.ts'
export {
  type Next, Optimizer, type Rule, type Slots, type TensorMap, type UpdateOptions,
} from './train/rule.ts'
export {
  type Dynamics, type DynamicsOptions, elmanDynamics, lstmDynamics, type Numbers,
} from './train/dynamics.ts'
export { Rtrl, rtrl, type RtrlOptions } from './train/rtrl.ts'
export { constant, cosine, type Schedule, stepDecay, warmup } from './train/schedule.ts'

export { heldOut, type HeldOutWindow, Streams, type Window } from './data/streams.ts'
export { type Split, splitText, Vocabulary } from './data/text.ts'
export { type AnyVocabulary, wordsOf, WordVocabulary } from './data/words.ts'
export {
  decodeSafetensors, encodeSafetensors, type FileType, type HostTensor, type SafetensorsContents,
} from './io/safetensors.ts'
export { type FlowEntry, formatFlow, type GradientFlow, gradientFlow } from './inspect/flow.ts'
export { type JacobianNorms, jacobianNorms, type JacobianOptions } from './inspect/jacobians.ts'
export {
  type CellOfGates, recurrentMatrices, type RecurrentMatrix,
} from './inspect/recurrent-matrices.ts'
export { saturation, type Saturation } from './inspect/saturation.ts'

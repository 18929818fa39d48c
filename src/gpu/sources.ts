// The text of every kernel file, loaded by the bundler. Read next: kernels.ts.

import accumulate from '../../kernels/accumulate.wgsl'
import binary from '../../kernels/binary.wgsl'
import clipNorm from '../../kernels/clip_norm.wgsl'
import clipParts from '../../kernels/clip_parts.wgsl'
import clipScale from '../../kernels/clip_scale.wgsl'
import crossEntropy from '../../kernels/cross_entropy.wgsl'
import crossEntropyGradient from '../../kernels/cross_entropy_gradient.wgsl'
import dropout from '../../kernels/dropout.wgsl'
import fill from '../../kernels/fill.wgsl'
import functions from '../../kernels/functions.wgsl'
import gatesElman from '../../kernels/gates_elman.wgsl'
import gatesGru from '../../kernels/gates_gru.wgsl'
import gatesLstm from '../../kernels/gates_lstm.wgsl'
import gather from '../../kernels/gather.wgsl'
import half from '../../kernels/half.wgsl'
import matmulBlock from '../../kernels/matmul_block.wgsl'
import matmulJoin from '../../kernels/matmul_join.wgsl'
import matmulLanes from '../../kernels/matmul_lanes.wgsl'
import matmulNaive from '../../kernels/matmul_naive.wgsl'
import matmulParts from '../../kernels/matmul_parts.wgsl'
import matmulSkinny from '../../kernels/matmul_skinny.wgsl'
import matmulTiled from '../../kernels/matmul_tiled.wgsl'
import norm from '../../kernels/norm.wgsl'
import normGradient from '../../kernels/norm_gradient.wgsl'
import oneHot from '../../kernels/one_hot.wgsl'
import philox from '../../kernels/philox.wgsl'
import place from '../../kernels/place.wgsl'
import recurrenceBackward from '../../kernels/recurrence_backward.wgsl'
import recurrenceForward from '../../kernels/recurrence_forward.wgsl'
import recurrenceHandBack from '../../kernels/recurrence_hand_back.wgsl'
import recurrenceLanes from '../../kernels/recurrence_lanes.wgsl'
import recurrencePack from '../../kernels/recurrence_pack.wgsl'
import recurrenceProduct from '../../kernels/recurrence_product.wgsl'
import recurrenceProject from '../../kernels/recurrence_project.wgsl'
import reduce from '../../kernels/reduce.wgsl'
import reduceRows from '../../kernels/reduce_rows.wgsl'
import reverseTime from '../../kernels/reverse_time.wgsl'
import scatterAdd from '../../kernels/scatter_add.wgsl'
import select from '../../kernels/select.wgsl'
import softmax from '../../kernels/softmax.wgsl'
import softmaxGradient from '../../kernels/softmax_gradient.wgsl'
import together from '../../kernels/together.wgsl'
import total from '../../kernels/total.wgsl'
import unary from '../../kernels/unary.wgsl'
import uniform from '../../kernels/uniform.wgsl'
import update from '../../kernels/update.wgsl'
import updateAdagrad from '../../kernels/update_adagrad.wgsl'
import updateAdam from '../../kernels/update_adam.wgsl'
import updateRmsprop from '../../kernels/update_rmsprop.wgsl'
import updateSgd from '../../kernels/update_sgd.wgsl'
import walk from '../../kernels/walk.wgsl'
import window from '../../kernels/window.wgsl'

export const sources = {
  accumulate, binary, clipNorm, clipParts, clipScale, crossEntropy, crossEntropyGradient, dropout, fill,
  functions, gatesElman, gatesGru, gatesLstm, gather, half,
  matmulBlock, matmulJoin, matmulLanes, matmulNaive, matmulParts, matmulSkinny, matmulTiled,
  norm, normGradient, oneHot, philox, place, recurrenceBackward, recurrenceForward, recurrenceHandBack,
  recurrenceLanes, recurrencePack, recurrenceProduct, recurrenceProject,
  reduce, reduceRows, reverseTime, scatterAdd, select, softmax, softmaxGradient, together, total, unary,
  uniform, update, updateAdagrad, updateAdam, updateRmsprop, updateSgd, walk, window,
}

// A training step of the main job in TensorFlow.js: embedding, LSTM, output layer, loss, clip, Adam.
//
// Two things are not as one would write them there. Its WebAssembly backend has no gradient for rows picked
// by index, so the embedding is a product with one-hot rows. And its LSTM has one bias where ours, like
// PyTorch's, has two that always get the same gradient: to be the same program, the one bias has twice the
// learning rate, and counts twice in the norm by which gradients are clipped.

import { side } from './contest.mjs'
import { layerOf, tf } from './tfjs.mjs'

/** One step a call; results() takes `steps` steps and gives their losses. */
export function trainSide({ T, B, E, H, V, rate, clip, steps, ids, operands }) {
  const plain = (name) => operands[`rnn.${name}_l0`]
  const rnn = layerOf('LSTM', { D: E, H }, {
    weight_ih: plain('weight_ih'), weight_hh: plain('weight_hh'),
    bias_ih: sumOf(plain('bias_ih'), plain('bias_hh')),
  }, { returnState: true })
  const variable = (name) => tf.variable(tf.tensor(operands[name].values, operands[name].shape), true, name)
  const [embedding, weight, bias] = ['embedding.weight', 'head.weight', 'head.bias'].map(variable)
  const window = windows(ids, B, T)
  const update = updates({ rate, clip, twice: rnn.trainableWeights[2].read().name })
  let state = null

  const loss = (inputs, targets) => {
    const x = tf.matMul(tf.oneHot(inputs, V).reshape([B * T, V]), embedding).reshape([B, T, E])
    const [y, ...last] = rnn.apply(x, { initialState: state })
    state = last.map((part) => tf.keep(part))
    const logits = tf.add(tf.matMul(y.reshape([B * T, H]), weight, false, true), bias)
    return tf.losses.softmaxCrossEntropy(tf.oneHot(targets, V).reshape([B * T, V]), logits)
  }
  const call = async () => {
    const { inputs, targets, first } = window()
    if (first) {
      tf.dispose(state)
      state = [tf.zeros([B, H]), tf.zeros([B, H])]
    }
    const before = state
    const { value, grads } = tf.variableGrads(() => loss(inputs, targets))
    update(grads)
    const [number] = await value.data()
    tf.dispose([value, grads, inputs, targets, before])
    return number
  }
  const results = async () => {
    const losses = []
    for (let k = 0; k < steps; k++) losses.push(await call())
    return { losses }
  }
  return side(call, results, () => { tf.dispose([state, embedding, weight, bias]); rnn.dispose() })
}

const sumOf = (a, b) => ({ values: a.values.map((value, i) => value + b.values[i]) })

// The text in B streams side by side, window after window, as src/data/streams.ts cuts it: [B, T] each.
function windows(ids, B, T) {
  const L = ids.length / B
  let at = 0
  return () => {
    if (at + T + 1 > L) at = 0
    const cut = (from) => tf.tidy(() =>
      tf.tensor2d(ids, [B, L], 'int32').slice([0, from], [B, T]))
    const piece = { inputs: cut(at), targets: cut(at + 1), first: at === 0 }
    at += T
    return piece
  }
}

// Clips all gradients together and takes Adam's step; the variable `twice` stands for two.
function updates({ rate, clip, twice }) {
  const [adam, faster] = [rate, 2 * rate].map((r) => tf.train.adam(r, 0.9, 0.999, 1e-8))
  return (grads) => tf.tidy(() => {
    const squares = Object.entries(grads).map(([name, g]) =>
      tf.mul(tf.sum(tf.square(g)), name === twice ? 2 : 1))
    const scale = tf.minimum(tf.div(clip, tf.add(tf.sqrt(tf.addN(squares)), 1e-6)), 1)
    const { [twice]: one, ...others } = Object.fromEntries(
      Object.entries(grads).map(([name, g]) => [name, tf.mul(g, scale)]))
    adam.applyGradients(others)
    faster.applyGradients({ [twice]: one })
  })
}

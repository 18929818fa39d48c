// TensorFlow.js's side of the comparison, on its WebGPU backend: the same layer, the same numbers.
//
// Its LSTM is ours with recurrentActivation 'sigmoid' (its own default is a piecewise linear one); its gates
// are i f g o too, its matrices are transposed, its sequences [B, T, D]. Its GRU knows only the form in which
// r multiplies h before the recurrent product, with gates z r n; ours is PyTorch's: r multiplies after it.

import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
let tf

/** Starts the backend on an adapter that `requestAdapter` gives. */
export async function start(requestAdapter) {
  const navigator = { gpu: { requestAdapter }, userAgent: 'node' }
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true })
  tf = require('@tensorflow/tfjs')
  require('@tensorflow/tfjs-backend-webgpu')
  await tf.setBackend('webgpu')
  await tf.ready()
  return `TensorFlow.js ${tf.version.tfjs}, ${tf.getBackend()} backend`
}

// The order of a GRU's gates is r z n with us, z r n with them.
function swapped(layer, values) {
  if (layer === 'LSTM') return values
  const H = values.length / 3
  const out = Float32Array.from(values)
  out.set(values.subarray(H, 2 * H), 0)
  out.set(values.subarray(0, H), H)
  return out
}

/** The layer; each call gives { loss, dx, dW... } as numbers of the host, in our layout. */
export function theirs(layer, { T, B, D, H }, given) {
  const G = layer === 'LSTM' ? 4 : 3
  const make = layer === 'LSTM' ? tf.layers.lstm : tf.layers.gru
  const net = make({
    units: H, returnSequences: true, recurrentActivation: 'sigmoid', recurrentInitializer: 'glorotUniform',
    ...(layer === 'LSTM' ? { unitForgetBias: false } : {}),
  })
  const batchFirst = ({ values, shape }) =>
    tf.tidy(() => tf.transpose(tf.tensor(values, shape), [1, 0, 2]))
  const x = tf.variable(batchFirst(given.x), true, 'x')
  const dy = batchFirst(given.dy)
  net.apply(tf.zeros([B, T, D]))
  const columns = (name, width) =>
    tf.tidy(() => tf.transpose(tf.tensor(swapped(layer, given[name].values), [G * H, width])))
  net.setWeights([
    columns('weight_ih', D), columns('weight_hh', H), tf.tensor(swapped(layer, given.bias_ih.values)),
  ])
  const [kernel, recurrent, bias] = net.trainableWeights.map((weight) => weight.read())

  const step = async () => {
    const { value, grads } = tf.variableGrads(() => tf.sum(tf.mul(net.apply(x), dy)))
    const all = [value, grads[x.name], grads[kernel.name], grads[recurrent.name], grads[bias.name]]
    const numbers = await Promise.all(all.map((one) => one.data()))
    tf.dispose([value, grads])
    return numbers
  }
  const inOurLayout = async () => {
    const [loss, dx, ...rest] = await step()
    const rows = (values, width) => swapped(layer, transposed(values, width, G * H))
    const [weight_ih, weight_hh, bias_ih] = [rows(rest[0], D), rows(rest[1], H), swapped(layer, rest[2])]
    return { loss, x: timeFirst(dx, B, T, D), weight_ih, weight_hh, bias_ih }
  }
  return { step, inOurLayout, dispose: () => { x.dispose(); dy.dispose(); net.dispose() } }
}

// [rows, columns] -> [columns, rows]
function transposed(values, rows, columns) {
  const out = new Float32Array(values.length)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = values[i * columns + j]
  return out
}

// [B, T, D] -> [T, B, D]
function timeFirst(values, B, T, D) {
  const out = new Float32Array(values.length)
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < T; t++) {
      out.set(values.subarray((b * T + t) * D, (b * T + t + 1) * D), (t * B + b) * D)
    }
  }
  return out
}

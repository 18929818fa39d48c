// TensorFlow.js's side of the comparisons, on its WebGPU or WebAssembly backend: the same layer and numbers.
//
// Its LSTM is ours with recurrentActivation 'sigmoid' (its own default is a piecewise linear one); its gates
// are i f g o too, its matrices are transposed, its sequences [B, T, D], it has one bias. Its GRU knows only
// the form in which r multiplies h before the recurrent product, with gates z r n; ours is PyTorch's: r
// multiplies after it. So GRUs are compared where both forms are one function, with reset gates of 1/2
// everywhere, but for the gradients of these gates (`comparable`). Read next: tfjs-train.mjs.

import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { side } from './contest.mjs'

const require = createRequire(import.meta.url)
const names = { LSTM: 'lstm', GRU: 'gru', RNN: 'simpleRNN' }
const gates = { LSTM: 4, GRU: 3, RNN: 1 }
export let tf

/** Starts the WebGPU backend on an adapter that `requestAdapter` gives. */
export async function startWebGpu(requestAdapter) {
  const navigator = { gpu: { requestAdapter }, userAgent: 'node' }
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true })
  return start('webgpu')
}

/** Starts the WebAssembly backend; in Node it uses one thread. */
export async function startWasm() {
  const { setWasmPaths } = require('@tensorflow/tfjs-backend-wasm')
  setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`)
  return start('wasm')
}

async function start(backend) {
  tf = require('@tensorflow/tfjs')
  require(`@tensorflow/tfjs-backend-${backend}`)
  await tf.setBackend(backend)
  await tf.ready()
  return `TensorFlow.js ${tf.version.tfjs}, ${tf.getBackend()} backend`
}

// The order of a GRU's gates is r z n with us, z r n with them.
function swapped(layer, values) {
  if (layer !== 'GRU') return values
  const H = values.length / 3
  const out = Float32Array.from(values)
  out.set(values.subarray(H, 2 * H), 0)
  out.set(values.subarray(0, H), H)
  return out
}

/** Their layer with our weights. */
export function layerOf(layer, { D, H }, { weight_ih, weight_hh, bias_ih }, options = {}) {
  const net = tf.layers[names[layer]]({
    units: H, returnSequences: true, recurrentInitializer: 'glorotUniform',
    ...(layer === 'RNN' ? {} : { recurrentActivation: 'sigmoid' }),
    ...(layer === 'LSTM' ? { unitForgetBias: false } : {}), ...options,
  })
  net.apply(tf.zeros([1, 1, D]))
  const columns = ({ values }, width) =>
    tf.tidy(() => tf.transpose(tf.tensor(swapped(layer, values), [gates[layer] * H, width])))
  net.setWeights([columns(weight_ih, D), columns(weight_hh, H), tf.tensor(swapped(layer, bias_ih.values))])
  return net
}

/** Which elements of a layer's gradients mean the same here and there: those from these on. */
export const comparable = (layer, { D, H }) =>
  layer === 'GRU' ? { weight_ih: H * D, weight_hh: H * H, bias_ih: H } : {}

/**
 * The layer's forward and backward pass as a side. `reading`: whether a call brings every gradient back, as
 * it has to where the work is only enqueued, or the loss alone.
 */
export function layerSide(layer, size, given, reading) {
  const { T, B, D, H } = size
  const net = layerOf(layer, size, given)
  const batchFirst = ({ values, shape }) =>
    tf.tidy(() => tf.transpose(tf.tensor(values, shape), [1, 0, 2]))
  const x = tf.variable(batchFirst(given.x), true, 'x')
  const dy = batchFirst(given.dy)
  const [kernel, recurrent, bias] = net.trainableWeights.map((weight) => weight.read())

  const step = async (all) => {
    const { value, grads } = tf.variableGrads(() => tf.sum(tf.mul(net.apply(x), dy)))
    const found = [value, ...[x, kernel, recurrent, bias].map(({ name }) => grads[name])]
    const numbers = await Promise.all((all ? found : [value]).map((one) => one.data()))
    tf.dispose([value, grads])
    return numbers
  }
  const results = async () => {
    const [loss, dx, ...rest] = await step(true)
    const rows = (values, width) => swapped(layer, transposed(values, width, gates[layer] * H))
    const [weight_ih, weight_hh, bias_ih] = [rows(rest[0], D), rows(rest[1], H), swapped(layer, rest[2])]
    return { loss, x: timeFirst(dx, B, T, D), weight_ih, weight_hh, bias_ih }
  }
  return side(() => step(reading), results, () => { x.dispose(); dy.dispose(); net.dispose() })
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

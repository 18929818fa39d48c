// onnxruntime's side of the streaming comparison: an LSTM of one step, written as an ONNX model.
//
// An ONNX file is Protocol Buffers: fields, each a number and a value, of which onnx.proto names the numbers.
// Here stand only those that the model needs: one node LSTM with its weights, the step's x, h, c as inputs.
// ONNX orders the gates i o f c; ours are i f g o, where g is their c.

import { createRequire } from 'node:module'
import { side } from './contest.mjs'
import { versionOf } from './load.mjs'

let ort

export function start() {
  ort = createRequire(import.meta.url)('onnxruntime-node')
  return `onnxruntime-node ${versionOf('onnxruntime-node')}`
}

/** One vector a call, batch 1; results() gives the outputs of all of them. */
export async function streamSide({ D, H, N, operands }) {
  const session = await ort.InferenceSession.create(lstmModel(D, H, operands), {
    executionProviders: ['cpu'], intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential',
  })
  const xs = Array.from({ length: N }, (_, n) =>
    new ort.Tensor('float32', operands.x.values.slice(n * D, (n + 1) * D), [1, 1, D]))
  const zeros = () => new ort.Tensor('float32', new Float32Array(H), [1, 1, H])
  let [h, c, at] = [zeros(), zeros(), 0]
  const call = async () => {
    const found = await session.run({ x: xs[at], h, c })
    at = (at + 1) % N
    h = found.h_n
    c = found.c_n
    return h.data
  }
  const results = async () => {
    const y = new Float32Array(N * H)
    for (let n = 0; n < N; n++) y.set(await call(), n * H)
    return { y }
  }
  return side(call, results, () => session.release())
}

/** The bytes of an ONNX model: LSTM(x [1, 1, D], h [1, 1, H], c [1, 1, H]) -> h_n, c_n [1, 1, H]. */
function lstmModel(D, H, { weight_ih, weight_hh, bias_ih, bias_hh }) {
  const W = reordered(weight_ih.values)
  const R = reordered(weight_hh.values)
  const both = Float32Array.of(...reordered(bias_ih.values), ...reordered(bias_hh.values))
  const node = [
    ...['x', 'W', 'R', 'B', '', 'h', 'c'].map((name) => text(1, name)), // '': no lengths
    ...['', 'h_n', 'c_n'].map((name) => text(2, name)),
    text(4, 'LSTM'),
    message(5, [text(1, 'hidden_size'), number(3, H), number(20, 2)]), // type 2: an integer
  ]
  const graph = [
    message(1, node), text(2, 'step'),
    array('W', [1, 4 * H, D], W), array('R', [1, 4 * H, H], R), array('B', [1, 8 * H], both),
    ...[['x', D], ['h', H], ['c', H]].map(([name, size]) => message(11, declared(name, size))),
    ...['h_n', 'c_n'].map((name) => message(12, declared(name, H))),
  ]
  return Buffer.concat([number(1, 8), message(8, [text(1, ''), number(2, 14)]), message(7, graph)])
}

// Rows of the gates i f g o, as i o f g.
function reordered(values) {
  const quarter = values.length / 4
  const out = new Float32Array(values.length)
  for (const [to, from] of [0, 3, 1, 2].entries()) {
    out.set(values.subarray(from * quarter, (from + 1) * quarter), to * quarter)
  }
  return out
}

// A named array [1, 1, size] of float32 (element type 1), as an input or output.
function declared(name, size) {
  const shape = [1, 1, size].map((n) => message(1, [number(1, n)]))
  return [text(1, name), message(2, [message(1, [number(1, 1), message(2, shape)])])]
}

// An initializer: its shape, float32, its name, its bytes.
function array(name, shape, values) {
  const raw = bytes(9, Buffer.from(values.buffer, values.byteOffset, values.byteLength))
  return message(5, [...shape.map((n) => number(1, n)), number(2, 1), text(8, name), raw])
}

// Protocol Buffers: a key (field number and kind of value), then the value.
const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)])
const bytes = (field, value) => Buffer.concat([varint((field << 3) | 2), varint(value.length), value])
const text = (field, value) => bytes(field, Buffer.from(value))
const message = (field, parts) => bytes(field, Buffer.concat(parts))

// Seven bits a byte, the lowest first; the eighth says that more follow.
function varint(value) {
  const out = []
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128)
  return Buffer.from([...out, value])
}

// Who takes part on the cpu. A peer is a library at a number of threads: { key, word, name, about, threads }
// and, of layer(), train(), stream(), those that it can do; each gives a side (contest.mjs).
//
// A library that is not installed is left out with a line. The first peer is Unrolled, with which all others
// are compared. Read next: unrolled-cpu.ts, tfjs.mjs, jax.mjs, onnx.mjs, torch.mjs.

import { side } from './contest.mjs'
import * as jax from './jax.mjs'
import { isInstalled, versionOf } from './load.mjs'
import * as onnx from './onnx.mjs'
import * as tfjs from './tfjs.mjs'
import * as tfjsTrain from './tfjs-train.mjs'
import { startTorch } from './torch.mjs'

const DEVICES = ['simd', 'cpu'] // ours
export const PEERS = [...DEVICES, 'torch', 'tfjs', 'jax', 'onnx']

/** Those of PEERS that are asked for and that there are, ours first: the simd device, if no other. */
export async function openPeers(unrolled, { asked, pythons, threads }) {
  const devices = DEVICES.filter((device) => asked.includes(device))
  const all = []
  for (const count of threads) {
    for (const word of devices.length > 0 ? devices : ['simd']) {
      all.push(await openUnrolled(unrolled, word, count))
    }
    if (!asked.includes('torch')) continue
    for (const python of pythons) all.push(await openTorch(python, count))
  }
  if (threads.includes(1)) {
    for (const [word, needed, start] of OTHERS) {
      if (!asked.includes(word)) continue
      if (isInstalled(needed)) all.push(await start())
      else console.log(`${needed} is left out: it is not installed; run: cd bench/peers && npm ci`)
    }
  }
  const found = all.filter((peer) => peer !== null)
  return found.map((peer) => ({ has: () => true, ...peer, key: `${peer.name}, ${peer.threads} thr.` }))
}

async function openUnrolled(unrolled, word, threads) {
  const device = await unrolled.open(word, threads)
  if (device === null) return null
  const sideOf = ({ call, results, dispose }) => side(call, results, dispose)
  return {
    word, threads, isOurs: true, name: `Unrolled ${word}`, about: aboutDevice(device),
    product: (n) => sideOf(unrolled.product(n, device)),
    layer(layer, size, given) {
      const { all, lossOnly, dispose } = unrolled.ours(layer, size, given, device)
      return side(lossOnly, all, dispose)
    },
    train: (job) => sideOf(unrolled.train(job, device)),
    stream: (job) => sideOf(unrolled.stream(job, device)),
    end: () => device.close?.(),
  }
}

const aboutDevice = ({ name, multiplyAdd }) =>
  `Unrolled, ${name}${multiplyAdd ? ' with fused multiply-add' : ''}`

async function openTorch(python, threads) {
  const torch = await startTorch(python, threads)
  return torch && {
    word: 'torch', threads, name: `PyTorch ${torch.version}`, about: `PyTorch ${torch.version}, cpu`,
    layer: (layer, size, operands) => torch.side({ what: 'layer', layer, ...size, operands }),
    train: (job) => torch.side({ what: 'train', ...job }),
    stream: (job) => torch.side({ what: 'stream', ...job }),
    end: torch.end,
  }
}

const OTHERS = [
  ['tfjs', '@tensorflow/tfjs-backend-wasm', async () => ({
    word: 'tfjs', threads: 1, about: await tfjs.startWasm(), name: 'TensorFlow.js', resetsBefore: true,
    comparable: tfjs.comparable,
    layer: (layer, size, given) => tfjs.layerSide(layer, size, given, false),
    train: tfjsTrain.trainSide,
  })],
  ['jax', '@jax-js/jax', async () => ({
    word: 'jax', threads: 1, about: await jax.start(), name: 'jax-js', has: (layer) => layer === 'LSTM',
    layer: (layer, size, given) => jax.layerSide(size, given),
  })],
  ['onnx', 'onnxruntime-node', async () => ({
    word: 'onnx', threads: 1, about: onnx.start(), name: 'onnxruntime-node', stream: onnx.streamSide,
  })],
]

// Unrolled beside TensorFlow.js on one gpu adapter: LSTM and GRU, forward and backward, loss and all
// gradients read back. Results are compared first, then both are timed in turns; medians and ratios.
//
//   (cd bench/peers && npm ci && node run.mjs)       this package has dependencies of its own
//   node run.mjs LSTM 64,1,64,128                    one layer, one size (T,B,D,H)
//   --adapter NAME    --seconds N, for each library and line    --json FILE
//   --torch PYTHON    PyTorch on the cpu as a third, where this python can import torch
//
// The GRUs differ in form (tfjs.mjs says how): they are compared where both are one function, and timed with
// random weights.

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { layerContest, side } from './contest.mjs'
import { bundled, folder, isInstalled } from './load.mjs'
import { machine, printTable, short } from './tables.mjs'
import * as tfjs from './tfjs.mjs'
import { startTorch } from './torch.mjs'

if (!isInstalled('@tensorflow/tfjs')) {
  console.error('peers: TensorFlow.js is not installed here; run: cd bench/peers && npm ci')
  process.exit(1)
}

const { values: options, positionals: chosen } = parseArgs({
  allowPositionals: true,
  options: {
    adapter: { type: 'string' }, torch: { type: 'string' }, json: { type: 'string' },
    seconds: { type: 'string', default: '3' },
  },
})
const asked = process.cwd()
process.chdir(folder) // so that both sides find this package's `webgpu`
const SIZES = ['50,16,64,128', '64,1,64,128', '64,32,128,256']
const others = chosen.filter((word) => /,/.test(word))
const sizes = others.length > 0 ? others : SIZES
const layers = ['LSTM', 'GRU']
  .filter((name) => chosen.every((word) => /,/.test(word)) || chosen.includes(name))

const unrolled = await bundled('unrolled-gpu')
const request = options.adapter === undefined ? {} : { adapter: options.adapter }
const adapter = unrolled.describeAdapter(await unrolled.requestAdapter(request))
const software = adapter.kind === 'software' ? ', a software adapter: it computes on the cpu' : ''
const device = await unrolled.openGpu(request)
const peerName = await tfjs.startWebGpu(() => unrolled.requestAdapter(request))
const torch = options.torch === undefined ? null : await startTorch(options.torch)
const peers = [
  {
    key: 'unrolled', name: 'Unrolled',
    layer(layer, size, given) {
      const { all, dispose } = unrolled.ours(layer, size, given, device)
      return side(all, all, dispose)
    },
  },
  {
    key: 'tfjs', name: 'TensorFlow.js', resetsBefore: true, comparable: tfjs.comparable,
    layer: (layer, size, given) => tfjs.layerSide(layer, size, given, true),
  },
]
if (torch) {
  const layer = (layer, size, operands) => torch.side({ what: 'layer', layer, ...size, operands })
  peers.push({ key: 'torch', name: 'PyTorch', layer })
}
const about = [
  machine(),
  `gpu: ${adapter.name}${software}; driver ${adapter.driver}`,
  `${peerName}${torch ? `; PyTorch ${torch.version}, cpu, ${torch.threads} threads` : ''}`,
]
console.log(`${about.join('\n')}\n`)
const rows = []
for (const layer of layers) {
  for (const text of sizes) {
    const [T, B, D, H] = text.split(',').map(Number)
    const ms = await layerContest(
      peers, layer, { T, B, D, H }, unrolled.operands, Number(options.seconds))
    rows.push({ layer, T, B, D, H, ...ms })
  }
}
printTable(
  'Forward and backward, ms; results are equal (GRU: the forms differ, see the header)',
  ['', 'T, B, D, H', 'Unrolled', 'TensorFlow.js', 'times', ...(torch ? ['PyTorch, cpu', 'times'] : [])],
  rows.map((row) => [
    row.layer, `${row.T}, ${row.B}, ${row.D}, ${row.H}`, short(row.unrolled), short(row.tfjs),
    short(row.tfjs / row.unrolled), ...(torch ? [short(row.torch), short(row.torch / row.unrolled)] : []),
  ]),
)
if (options.json) writeFileSync(resolve(asked, options.json), `${JSON.stringify({ about, rows }, null, 1)}\n`)
torch?.end()
process.exit()

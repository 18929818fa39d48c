// Unrolled beside TensorFlow.js on one gpu adapter: LSTM and GRU, forward and backward, loss and all
// gradients read back. Results are compared first, then both are timed in turns; medians and ratios.
//
//   (cd bench/peers && npm ci && node run.mjs)       this package has dependencies of its own
//   node run.mjs LSTM 64,1,64,128                    one layer, one size (T,B,D,H)
//   --adapter NAME    --turns N    --json FILE
//   --torch PYTHON    PyTorch on the cpu as a third, where this python can import torch
//
// The GRUs differ in form (tfjs.mjs says how), so they are compared where the forms are one function, with
// reset gates of 1/2 everywhere, but for the gradients of these gates; and timed with random weights.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { bundle, root } from '../../src/build.mjs'
import * as tfjs from './tfjs.mjs'

try {
  createRequire(import.meta.url).resolve('@tensorflow/tfjs')
} catch {
  console.error('peers: TensorFlow.js is not installed here; run: cd bench/peers && npm ci')
  process.exit(1)
}

const folder = dirname(fileURLToPath(import.meta.url))
const { values: options, positionals: chosen } = parseArgs({
  allowPositionals: true,
  options: {
    adapter: { type: 'string' }, torch: { type: 'string' }, json: { type: 'string' },
    turns: { type: 'string', default: '5' },
  },
})
const asked = process.cwd()
process.chdir(folder) // so that both sides find this package's `webgpu`
const SIZES = ['50,16,64,128', '64,1,64,128', '64,32,128,256']
const sizes = SIZES.filter((size) => chosen.every((word) => !/,/.test(word)) || chosen.includes(size))
const layers = ['LSTM', 'GRU']
  .filter((name) => chosen.every((word) => /,/.test(word)) || chosen.includes(name))
const TOLERANCE = 1e-4 // max |a - b| / max |b|

async function loadUnrolled() {
  const outdir = join(root, 'node_modules', '.cache', 'unrolled', 'peers')
  await bundle({
    entries: [{ in: join(folder, 'unrolled.ts'), out: 'unrolled' }], outdir,
    outExtension: { '.js': '.mjs' }, packages: 'external',
  })
  return import(pathToFileURL(join(outdir, 'unrolled.mjs')))
}

// PyTorch in a process of its own, asked by lines of JSON; null where it is not to be had.
async function startTorch() {
  if (options.torch === undefined) return null
  const child = spawn(options.torch, [join(folder, 'torch_cpu.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await lines.next()
    return done ? null : JSON.parse(value)
  }
  const hello = await answer()
  if (hello === null) {
    console.log(`PyTorch is left out: ${options.torch} cannot import torch\n`)
    return null
  }
  const ask = (said) => {
    child.stdin.write(`${JSON.stringify(said)}\n`)
    return answer()
  }
  return { name: hello.name, ask, end: () => child.stdin.end() }
}

const base64 = (values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64')

function fromBase64(text) {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
  return new Float32Array(bytes.buffer)
}

const setUp = (torch, layer, size, given) => torch.ask({
  layer, ...size,
  operands: Object.fromEntries(Object.entries(given).map(([name, { values }]) => [name, base64(values)])),
})

// Stops if any value or gradient differs. `from`: the first element that counts, for gradients of a GRU.
function compare(what, found, right, from = {}) {
  for (const [name, wanted] of Object.entries(right)) {
    let [difference, largest] = [0, 0]
    for (let i = from[name] ?? 0; i < wanted.length; i++) {
      difference = Math.max(difference, Math.abs(found[name][i] - wanted[i]))
      largest = Math.max(largest, Math.abs(wanted[i]))
    }
    const ok = found[name].length === wanted.length && difference <= TOLERANCE * largest
    if (!ok) throw new Error(`${what}: ${name} is off by ${(difference / largest).toExponential(1)}`)
  }
}

async function check(unrolled, device, torch, layer, size) {
  const given = unrolled.operands(layer, size, layer === 'GRU')
  const found = await unrolled.ours(layer, size, given, device)()
  const peer = tfjs.theirs(layer, size, given)
  const { D, H } = size
  const from = layer === 'GRU' ? { weight_ih: H * D, weight_hh: H * H, bias_ih: H } : {}
  compare(`${layer} of TensorFlow.js`, await peer.inOurLayout(), found, from)
  peer.dispose()
  if (!torch) return
  const full = unrolled.operands(layer, size, false)
  await setUp(torch, layer, size, full)
  const { results } = await torch.ask({ show: true })
  const right = Object.fromEntries(Object.entries(results).map(([name, text]) => [name, fromBase64(text)]))
  compare(`${layer} against PyTorch`, await unrolled.ours(layer, size, full, device)(), right)
}

const median = (all) => [...all].sort((a, b) => a - b)[all.length >> 1]

async function time(unrolled, device, torch, layer, size) {
  const given = unrolled.operands(layer, size, false)
  const ours = unrolled.ours(layer, size, given, device)
  const peer = tfjs.theirs(layer, size, given)
  if (torch) await setUp(torch, layer, size, given)
  const clocked = async (run) => {
    const started = performance.now()
    await run()
    return performance.now() - started
  }
  for (const run of [ours, peer.step, ours]) await run() // compiles
  const times = { unrolled: [], tfjs: [], torch: [] }
  for (let turn = 0; turn < Number(options.turns); turn++) {
    times.unrolled.push(await clocked(ours))
    times.tfjs.push(await clocked(peer.step))
    if (torch) times.torch.push((await torch.ask({ run: true })).ms)
  }
  peer.dispose()
  return {
    unrolled: median(times.unrolled), tfjs: median(times.tfjs), torch: torch ? median(times.torch) : null,
  }
}

function print(rows) {
  const widths = rows[0].map((_, k) => Math.max(...rows.map((row) => row[k].length)))
  for (const row of rows) console.log(`  ${row.map((text, k) => text.padStart(widths[k])).join('   ')}`)
}

const unrolled = await loadUnrolled()
const request = options.adapter === undefined ? {} : { adapter: options.adapter }
const adapter = unrolled.describeAdapter(await unrolled.requestAdapter(request))
const software = adapter.kind === 'software' ? ', a software adapter: it computes on the cpu' : ''
const device = await unrolled.openGpu(request)
const peerName = await tfjs.start(() => unrolled.requestAdapter(request))
const torch = await startTorch()
const about = [
  `${cpus()[0]?.model.trim()}, ${cpus().length} cores; Node ${process.versions.node}`,
  `gpu: ${adapter.name}${software}; driver ${adapter.driver}`,
  `${peerName}${torch ? `; ${torch.name}` : ''}`,
]
console.log(`${about.join('\n')}\n`)
const rows = []
for (const layer of layers) {
  for (const text of sizes) {
    const [T, B, D, H] = text.split(',').map(Number)
    const size = { T, B, D, H }
    await check(unrolled, device, torch, layer, size)
    rows.push({ layer, ...size, ...await time(unrolled, device, torch, layer, size) })
  }
}
console.log('Forward and backward, ms; results are equal (GRU: the forms differ, see the header)\n')
print([
  ['', 'T, B, D, H', 'Unrolled', 'TensorFlow.js', 'ratio', ...(torch ? ['PyTorch, cpu', 'ratio'] : [])],
  ...rows.map((row) => [
    row.layer, `${row.T}, ${row.B}, ${row.D}, ${row.H}`, row.unrolled.toFixed(1), row.tfjs.toFixed(1),
    (row.tfjs / row.unrolled).toFixed(1),
    ...(torch ? [row.torch.toFixed(1), (row.torch / row.unrolled).toFixed(2)] : []),
  ]),
])
if (options.json) writeFileSync(resolve(asked, options.json), `${JSON.stringify({ about, rows }, null, 1)}\n`)
torch?.end()
process.exit()

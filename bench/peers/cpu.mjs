// Unrolled beside other libraries on the cpu: results compared first, then times taken in turns; medians and
// ratios, at equal numbers of threads.
//
//   (cd bench/peers && npm ci && node cpu.mjs)             this package has dependencies of its own
//   node cpu.mjs layers LSTM 64,1,64,128 simd torch        words choose: parts (layers, train, stream),
//                                                          layers, sizes T,B,D,H, libraries, our devices
//                                                          (simd, cpu; torch, tfjs, jax, onnx)
//   --torch PYTHON   PyTorch, where this python can import it; again for another version
//   --seconds N      for each library and line      --threads 1,2      --json FILE
//
// A layer: forward and backward, loss = sum(y dy), gradients of x and of all parameters. A training step: the
// main job, embedding, LSTM, output layer, loss, clip, Adam. Streaming: an LSTM, batch 1, one vector a call.

import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { contest, inTurns, layerContest } from './contest.mjs'
import { openPeers, PEERS } from './cpu-peers.mjs'
import { bundled } from './load.mjs'
import { machine, printTable, short } from './tables.mjs'

const PARTS = ['layers', 'train', 'stream']
const LAYERS = ['LSTM', 'GRU', 'RNN']
const SIZES = ['64,1,64,128', '50,16,64,128', '64,32,128,256', '64,32,512,512']
const MAIN_JOB = { T: 64, B: 32, E: 64, V: 89, rate: 0.004, clip: 5, steps: 3 }
const STREAMS = [{ D: 64, H: 128, N: 64 }, { D: 512, H: 512, N: 64 }]
const PRODUCT = 256

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    torch: { type: 'string', multiple: true, default: [] }, json: { type: 'string' },
    seconds: { type: 'string', default: '2' }, threads: { type: 'string', default: '1,2' },
  },
})
const seconds = Number(options.seconds)
const known = [...PARTS, ...LAYERS, ...PEERS]
const strange = words.find((word) => !known.includes(word) && !/^\d+(,\d+){3}$/.test(word))
if (strange) {
  console.error(`cpu: ${strange} is not known; words are ${known.join(', ')}, and sizes such as ${SIZES[0]}`)
  process.exit(1)
}

/** Those of a list that were asked for; all of them if none was. */
function chosen(list) {
  const some = list.filter((one) => words.includes(one))
  return some.length > 0 ? some : list
}

async function layers(all) {
  const rows = []
  const asked = words.filter((word) => /,/.test(word))
  for (const layer of chosen(LAYERS)) {
    for (const text of asked.length > 0 ? asked : SIZES) {
      const [T, B, D, H] = text.split(',').map(Number)
      const size = { T, B, D, H }
      const peers = all.filter((peer) => peer.layer && peer.has(layer))
      const ms = await layerContest(peers, layer, size, unrolled.operands, seconds)
      const operations = 6 * T * B * H * (D + H) * { LSTM: 4, GRU: 3, RNN: 1 }[layer]
      rows.push({ label: [layer, `${T}, ${B}, ${D}, ${H}`], operations, ms })
    }
  }
  return rows
}

async function train(all) {
  const rows = []
  for (const H of [128, 512]) {
    const { operands, ids } = await unrolled.trainOperands({ ...MAIN_JOB, H })
    const job = { ...MAIN_JOB, H, operands, ids }
    const peers = all.filter((peer) => peer.train)
    const ms = await contest(`training, H ${H}`, peers, (peer) => peer.train(job), seconds)
    rows.push({ label: [`H ${H}`], ms })
  }
  return rows
}

async function stream(all) {
  const rows = []
  for (const { D, H, N } of STREAMS) {
    const { x, dy, ...parameters } = unrolled.operands('LSTM', { T: N, B: 1, D, H })
    const job = { D, H, N, operands: { x, ...parameters } }
    const peers = all.filter((peer) => peer.stream && peer.threads === 1)
    const ms = await contest(`streaming, H ${H}`, peers, (peer) => peer.stream(job), seconds)
    rows.push({ label: [`D ${D}, H ${H}`], ms })
  }
  return rows
}

/** The rate of products alone, for Unrolled's devices: GFLOP/s by key. */
async function productRates(all) {
  const peers = all.filter((peer) => peer.product)
  const ms = await inTurns(peers.map((peer) => peer.product(PRODUCT)), seconds)
  return Object.fromEntries(peers.map(({ key }, k) => [key, (2 * PRODUCT ** 3) / ms[k] / 1e6]))
}

/**
 * A table for each number of threads; beside each other library's number stands, in brackets, how many times
 * as long as Unrolled's it takes. `number`: from milliseconds to what is printed.
 */
function report(title, heads, rows, all, number) {
  for (const threads of new Set(all.map((peer) => peer.threads))) {
    const peers = all.filter((peer) => peer.threads === threads && rows.some(({ ms }) => ms[peer.key]))
    const [first] = peers
    if (!first?.isOurs) continue
    const cell = (ms, peer) => {
      if (ms[peer.key] === undefined) return '-'
      const ratio = peer === first ? '' : ` (${short(ms[peer.key] / ms[first.key])})`
      return short(number(ms[peer.key])) + ratio
    }
    printTable(
      `${title}; ${threads === 1 ? 'one thread' : `${threads} threads`} each`,
      [...heads, ...peers.map((peer) => peer.name)],
      rows.map(({ label, ms }) => [...label, ...peers.map((peer) => cell(ms, peer))]),
    )
  }
}

/** What share of the products' rate a layer reaches, and what more threads bring. */
function reportRates(rows, rates, all) {
  const peers = all.filter(({ isOurs }) => isOurs)
  const cells = ({ operations, ms }, { key, word, threads }) => {
    const rate = operations / ms[key] / 1e6
    const alone = peers.find((peer) => peer.word === word && peer.threads === 1)
    const gain = threads > 1 && alone ? `, ${short(ms[alone.key] / ms[key])} times one thread` : ''
    return `${short(rate)} (${Math.round((100 * rate) / rates[key])} %${gain})`
  }
  const name = (peer) => `${peer.name}, ${peer.threads} thr.`
  const alone = peers.map((peer) => `${name(peer)} ${short(rates[peer.key])}`).join('; ')
  printTable(
    `GFLOP/s of a layer, in brackets as a share of those of products [${PRODUCT}, ${PRODUCT}]: ${alone}`,
    ['', 'T, B, D, H', ...peers.map(name)],
    rows.map((row) => [...row.label, ...peers.map((peer) => cells(row, peer))]),
  )
}

const unrolled = await bundled('unrolled-cpu')
const threads = options.threads.split(',').map(Number)
const peers = await openPeers(unrolled, { asked: chosen(PEERS), pythons: options.torch, threads })
const about = [machine(), ...new Set(peers.map((peer) => peer.about))]
console.log(`${about.join('\n')}\n`)
const results = {}
const parts = chosen(PARTS)
if (parts.includes('layers')) {
  results.products = await productRates(peers)
  results.layers = await layers(peers)
  report('Forward and backward, ms', ['', 'T, B, D, H'], results.layers, peers, (ms) => ms)
  reportRates(results.layers, results.products, peers)
}
if (parts.includes('train')) {
  results.train = await train(peers)
  const { T, B, V } = MAIN_JOB
  const tokens = (ms) => (T * B * 1000) / ms
  report(`Training, B ${B}, T ${T}, V ${V}, tokens per second`, [''], results.train, peers, tokens)
}
if (parts.includes('stream')) {
  results.stream = await stream(peers)
  report('Streaming, batch 1, microseconds per vector', [''], results.stream, peers, (ms) => ms * 1000)
}
if (options.json) writeFileSync(options.json, `${JSON.stringify({ about, ...results }, null, 1)}\n`)
for (const peer of peers) peer.end?.()
process.exit()

// One recurrent layer, forward and backward through time: the rungs from the cpu device, step by step, to the
// simd device with the whole sequence fused; all in turns, with the register tile alone beside them.
//
// One thread is timed by the processor, two by the clock; "2 / 1" compares clocks. The share is that of the
// tile's rate in the same turns, on 256^3 packed panels. A way of which one call takes longer than
// --patience (2) seconds is timed once. Read next: layer.ts, tiles.ts.

import { composed } from '../src/context.ts'
import { cpu } from '../src/cpu/device.ts'
import { simd } from '../src/simd/open.ts'
import { show, type Size, type Work } from './gpu-compare.ts'
import {
  inTurns, ms, options, printMachine, printTable, record, relativeError, type Seconds, timed, verify,
} from './harness.ts'
import { flopsOf, layer, type LayerName, LAYERS, OTHERS } from './layer.ts'
import { tileAlone } from './tile-alone.ts'

const sizes: readonly Size[] = [
  { T: 64, B: 1, D: 64, H: 128 }, { T: 50, B: 16, D: 64, H: 128 },
  { T: 64, B: 32, D: 128, H: 256 }, { T: 64, B: 32, D: 512, H: 512 },
]
const reference = cpu()
const one = await simd({ threads: 1 })
const two = await simd({ threads: 2 })
const tile = await tileAlone(one.multiplyAdd)
const WAYS = [
  'cpu, composed', 'cpu, fused', 'simd, composed', 'simd, fused', 'simd, fused, 2 threads',
] as const
const FUSED = WAYS.indexOf('simd, fused')
const BOTH = WAYS.indexOf('simd, fused, 2 threads')

function ways(name: LayerName, size: Size): (() => Work)[] {
  const [plain, single, shared] = [reference, one, two].map((device) => layer(name, device, size))
  return [() => composed(plain), plain, () => composed(single), single, shared]
}

/** Every way once: results are those of the cpu's fused layer. Returns how long each took. */
async function check(what: string, runs: readonly (() => Work)[]): Promise<Seconds[]> {
  const all: ArrayLike<number>[][] = []
  const times: Seconds[] = []
  for (const run of runs) {
    let work: Work | undefined
    times.push(timed(() => { work = run() }))
    const reading = Promise.all(work!.results.map((x) => x.read()))
    work!.close()
    all.push(await reading)
  }
  const right = all[WAYS.indexOf('cpu, fused')]
  all.forEach((results, w) => results.forEach((values, i) =>
    verify(`${what}, ${WAYS[w]}`, relativeError(values, right[i]) < 1e-4)))
  return times
}

interface Measured {
  readonly times: readonly Seconds[]
  readonly tileRate: number
}

async function measure(name: LayerName, size: Size): Promise<Measured> {
  const runs = ways(name, size)
  const first = await check(`${name} (${show(size)})`, runs)
  const often = runs.map((_, w) => w).filter((w) => first[w].clock < Number(options.patience))
  const medians = inTurns([...often.map((w) => () => runs[w]().close()), tile.call])
  const times = first.map((time, w) => medians[often.indexOf(w)] ?? time)
  return { times, tileRate: tile.flops / medians[often.length].processor }
}

for (const name of [...LAYERS, ...OTHERS]) {
  const rows: string[][] = []
  for (const size of LAYERS.includes(name) ? sizes : sizes.slice(0, 2)) {
    const { times, tileRate } = await measure(name, size)
    const flops = flopsOf(name, size)
    const rate = flops / times[FUSED].processor
    const gain = times[FUSED].clock / times[BOTH].clock
    rows.push([
      show(size), ...times.map(({ clock, processor }, w) => ms(w === BOTH ? clock : processor)),
      (rate / 1e9).toFixed(1), (tileRate / 1e9).toFixed(1), `${Math.round(100 * rate / tileRate)} %`,
      gain.toFixed(2),
    ])
    record('rate', { name, size, ways: WAYS, times, flops, tileRate, share: rate / tileRate, gain })
  }
  if (name === LAYERS[0]) printMachine('one used, or two where it says so')
  printTable(
    `${name}, forward and backward, ms; results are equal. GFLOP/s of simd, fused, on one thread`,
    ['T, B, D, H', ...WAYS, 'GFLOP/s', 'the tile', 'share', '2 / 1'], rows,
  )
}
one.close()
two.close()

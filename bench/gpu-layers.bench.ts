// One recurrent layer, forward and backward through time, cpu against gpu. Before that, two things in turns,
// each in one command buffer: a layer fused against the same one composed of elementary ops, which tells what
// it costs to launch many small kernels; and both directions of a layer side by side against one after the
// other.
//
// Answer: the loss, sum of y * dy with a fixed dy. Gradients: of x and of every parameter. The net is the
// same under `composed`; where a device has no fused recurrence, both ways are the composed one.

import { composed } from '../src/context.ts'
import type { Device } from '../src/device.ts'
import type { GpuDevice } from '../src/gpu/device.ts'
import { bidirectional } from '../src/nn/sequence-layers.ts'
import { unroll } from '../src/nn/unroll.ts'
import { concat } from '../src/ops/move.ts'
import type { Tensor } from '../src/tensor.ts'
import { openGpus } from './gpu-adapter.ts'
import { Clock, type Cost } from './gpu-clock.ts'
import { compare, medianCost, type Series, show, type Size, type Work } from './gpu-compare.ts'
import { printMachine, printTable, record, relativeError, verify, warmUp } from './harness.ts'
import { cellOf, flopsOf, GATES, layer, type LayerName, LAYERS, type Run, trained } from './layer.ts'

const sizes: readonly Size[] = [
  { T: 8, B: 2, D: 16, H: 32 }, { T: 32, B: 8, D: 32, H: 64 }, { T: 50, B: 16, D: 64, H: 128 },
  { T: 64, B: 16, D: 64, H: 128 }, { T: 64, B: 32, D: 128, H: 256 }, { T: 64, B: 32, D: 512, H: 512 },
  { T: 128, B: 64, D: 512, H: 512 }, { T: 128, B: 64, D: 1024, H: 1024 },
]
/** one sequence at a time: there is little to do side by side */
const single: readonly Size[] = [
  { T: 64, B: 1, D: 32, H: 64 }, { T: 64, B: 1, D: 64, H: 128 }, { T: 64, B: 1, D: 128, H: 256 },
  { T: 64, B: 1, D: 512, H: 512 }, { T: 64, B: 1, D: 1024, H: 1024 },
]
function series(name: LayerName, sizes: readonly Size[], what = ''): Series {
  return {
    name: `${name} layer, forward and backward${what}`,
    sizes,
    flops: (size) => flopsOf(name, size),
    // x, y, dy, dx; weights and their gradients
    numbers: ({ T, B, D, H }) => 2 * T * B * (D + H) + 2 * GATES[name] * H * (D + H),
    prepare: (device, size) => layer(name, device, size),
  }
}

const FUSED_SIZE: Size = { T: 64, B: 16, D: 64, H: 128 }

/** Both ways in turns, so that whatever else the machine does disturbs both. */
async function inTurns(device: GpuDevice, ways: readonly (() => Work)[]): Promise<Cost[]> {
  const clock = new Clock(device)
  const once = (run: () => Work) => clock.measure(() => {
    const work = run()
    const reading = work.answer.read()
    work.close()
    return reading
  })
  const costs: Cost[][] = ways.map(() => [])
  for (const run of ways) await warmUp(() => once(run))
  for (let turn = 0; turn < 7; turn++) {
    for (const [k, run] of ways.entries()) costs[k].push(await once(run))
  }
  return costs.map(medianCost)
}

async function checkEqual(what: string, ways: readonly (() => Work)[]): Promise<void> {
  const all: ArrayLike<number>[][] = []
  for (const run of ways) {
    const work = run()
    const reading = Promise.all(work.results.map((x) => x.read()))
    work.close()
    all.push(await reading)
  }
  const [found, right] = all
  found.forEach((x, i) => verify(what, relativeError(x, right[i]) < 1e-4))
}

/** Two ways to the same results: checked, timed in turns; a row of the table for each. */
async function rowsOf(
  device: GpuDevice, name: string, size: Size, names: readonly [string, string],
  ways: readonly (() => Work)[],
): Promise<string[][]> {
  await checkEqual(`${name}, ${names.join(' and ')}`, ways)
  const costs = await inTurns(device, ways)
  verify(`${name}: one command buffer each`, costs.every(({ submissions }) => submissions === 1))
  const ms = (x: number | null) => (x === null ? '-' : (x * 1000).toPrecision(3))
  const [first, second] = costs
  record('inTurns', { adapter: device.adapter.name, layer: name, size, names, costs: [first, second] })
  return costs.map(({ dispatches, encode, gpu, total }, k) => [
    `${name}, ${names[k]}`, String(dispatches), (dispatches / size.T).toFixed(1), ms(encode), ms(gpu),
    ms(total), (total / first.total).toFixed(2),
  ])
}

const headings = ['', 'dispatches', 'per step', 'encode', 'GPU', 'end to end', 'times the first']
const how = 'forward and backward, one command buffer each; results are equal. Times in ms'

async function fusedAgainstComposed(device: GpuDevice): Promise<void> {
  const rows: string[][] = []
  for (const name of LAYERS) {
    const run = layer(name, device, FUSED_SIZE)
    rows.push(...await rowsOf(
      device, name, FUSED_SIZE, ['fused', 'composed'], [run, () => composed(run)]))
  }
  const title = `Fused against composed at (T, B, D, H) = (${show(FUSED_SIZE)}), ${how}: ${device.name}`
  printTable(title, headings, rows)
  const { fused }: Device = device
  if (!fused) console.log('  This device has no fused recurrence: both ways are the composed one.\n')
}

const PAIR_SIZES: readonly Size[] = [
  { T: 64, B: 1, D: 64, H: 128 }, { T: 64, B: 16, D: 64, H: 128 }, { T: 64, B: 32, D: 128, H: 256 },
]

/** A layer with two directions: steps of both in one dispatch, or run after run. */
async function bothDirections(device: GpuDevice): Promise<void> {
  for (const size of PAIR_SIZES) {
    const rows: string[][] = []
    for (const name of LAYERS) {
      const cells = [cellOf(name, device, size, 1), cellOf(name, device, size, 4)] as const
      const apart: Run = (xs) => concat([
        unroll(cells[0], xs).outputs, unroll(cells[1], xs, undefined, { direction: 'reverse' }).outputs,
      ], -1)
      const ways = [(xs: Tensor) => bidirectional(...cells)(xs).outputs, apart]
        .map((run) => trained(device, size, cells, run))
      rows.push(...await rowsOf(device, name, size, ['side by side', 'one after the other'], ways))
    }
    const title = `Both directions at (T, B, D, H) = (${show(size)}), ${how}: ${device.name}`
    printTable(title, headings, rows)
  }
}

printMachine()
for (const device of await openGpus()) {
  await fusedAgainstComposed(device)
  await bothDirections(device)
  for (const name of LAYERS) {
    await compare(series(name, sizes), device)
    await compare(series(name, single, ', one sequence'), device)
  }
  device.close()
}
process.exit()

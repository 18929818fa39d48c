// One recurrent layer, forward and backward through time, cpu against gpu; then a step fused against the same
// step composed of elementary ops, each in one command buffer: what it costs to launch many small kernels.
//
// Answer: the loss, sum of y * dy with a fixed dy. Gradients: of x and of every parameter. The net is the
// same under `composed`; where a device has no fused recurrence, both ways are the composed one.

import { composed } from '../src/context.ts'
import type { Device } from '../src/device.ts'
import type { GpuDevice } from '../src/gpu/device.ts'
import type { Cell } from '../src/nn/cell.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { lstm } from '../src/nn/lstm.ts'
import { unroll } from '../src/nn/unroll.ts'
import { mul } from '../src/ops/elementwise.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { tensor } from '../src/tensor.ts'
import { openGpus } from './gpu-adapter.ts'
import { Clock, type Cost } from './gpu-clock.ts'
import { compare, medianCost, type Series, show, type Size, type Work } from './gpu-compare.ts'
import { printMachine, printTable, record, relativeError, verify, warmUp } from './harness.ts'

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
const makers = { LSTM: lstm, GRU: gru, Elman: elman }
type Name = keyof typeof makers
const GATES: Record<Name, number> = { LSTM: 4, GRU: 3, Elman: 1 }

/** A layer on a device, and the function that runs it forward and backward. */
function layer(name: Name, device: Device, { T, B, D, H }: Size): () => Work {
  const cell: Cell = makers[name]({ inputs: D, hidden: H, device, rng: random(1) })
  const xs = tensor(random(2).normal(T * B * D), { shape: [T, B, D], device })
  const dy = tensor(random(3).normal(T * B * H), { shape: [T, B, H], device })
  const wanted = new Map([['x', xs], ...Object.entries(cell.parameters)])
  return () => {
    const tape = new Tape()
    const { outputs } = unroll(cell, xs)
    const answer = sum(mul(outputs, dy))
    const gradients = tape.gradients(answer, wanted)
    return { results: [outputs, ...gradients.values()], answer, close: () => tape.close() }
  }
}

function series(name: Name, sizes: readonly Size[], what = ''): Series {
  const G = GATES[name]
  return {
    name: `${name} layer, forward and backward${what}`,
    sizes,
    // forward, and twice that backward: for the inputs of each product, and for its weights
    flops: ({ T, B, D, H }) => 3 * 2 * T * B * G * H * (D + H),
    // x, y, dy, dx; weights and their gradients
    numbers: ({ T, B, D, H }) => 2 * T * B * (D + H) + 2 * G * H * (D + H),
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

async function checkEqual(name: Name, ways: readonly (() => Work)[]): Promise<void> {
  const all: ArrayLike<number>[][] = []
  for (const run of ways) {
    const work = run()
    const reading = Promise.all(work.results.map((x) => x.read()))
    work.close()
    all.push(await reading)
  }
  const [found, right] = all
  found.forEach((x, i) => verify(`${name}, fused and composed`, relativeError(x, right[i]) < 1e-4))
}

async function fusedAgainstComposed(device: GpuDevice): Promise<void> {
  const rows: string[][] = []
  const { T } = FUSED_SIZE
  for (const name of Object.keys(makers) as Name[]) {
    const run = layer(name, device, FUSED_SIZE)
    const ways = [run, () => composed(run)]
    await checkEqual(name, ways)
    const [one, many] = await inTurns(device, ways)
    verify(`${name}: one command buffer each`, one.submissions === 1 && many.submissions === 1)
    const ms = (x: number | null) => (x === null ? '-' : (x * 1000).toPrecision(3))
    for (const [how, cost] of [['fused', one], ['composed', many]] as const) {
      const { dispatches, encode, gpu, total } = cost
      rows.push([
        `${name}, ${how}`, String(dispatches), (dispatches / T).toFixed(1), ms(encode), ms(gpu), ms(total),
        (cost.total / one.total).toFixed(2),
      ])
    }
    const { adapter } = device
    record('fused', { adapter: adapter.name, layer: name, size: FUSED_SIZE, fused: one, composed: many })
  }
  printTable(
    `Fused against composed at (T, B, D, H) = (${show(FUSED_SIZE)}), forward and backward, one command ` +
      `buffer each; results are equal. Times in ms: ${device.name}`,
    ['', 'dispatches', 'per step', 'encode', 'GPU', 'end to end', 'times the fused'], rows,
  )
  const { fused }: Device = device
  if (!fused) console.log('  This device has no fused recurrence: both ways are the composed one.\n')
}

printMachine()
for (const device of await openGpus()) {
  await fusedAgainstComposed(device)
  for (const name of Object.keys(makers) as Name[]) {
    await compare(series(name, sizes), device)
    await compare(series(name, single, ', one sequence'), device)
  }
  device.close()
}
process.exit()

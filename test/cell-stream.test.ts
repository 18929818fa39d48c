// Streams: one vector at a time is the whole sequence at once, for every cell and for layers of them; nothing
// is taken per step; and what is wrong is told in one line.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cellTable } from '../src/cli/gradcheck-cells.ts'
import { composed } from '../src/context.ts'
import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import type { CellOptions, Named, ProjectedCell } from '../src/nn/cell.ts'
import { cells } from '../src/nn/cells.ts'
import { contextAsInput, elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { lstm, type LstmState } from '../src/nn/lstm.ts'
import { recurrent } from '../src/nn/recurrent.ts'
import { regularised } from '../src/nn/regularised.ts'
import { bidirectional, type SequenceLayer, skipConnected, stacked } from '../src/nn/sequence-layers.ts'
import { type Stream, stream } from '../src/nn/stream.ts'
import { unroll } from '../src/nn/unroll.ts'
import { mul } from '../src/ops/elementwise.ts'
import { random } from '../src/random.ts'
import { unowned, untracked } from '../src/scope.ts'
import { simd as openSimd } from '../src/simd/open.ts'
import { Tape } from '../src/tape.ts'
import { dispose, full, leaves, mapTree, type Tensor, tensor, type Tree } from '../src/tensor.ts'
import { devices, freshDevices, gpu, simd } from './devices.ts'
import { difference } from './golden-numbers.ts'
import { message } from './one-line.ts'

const test = suite('cell stream')
const here = devices.filter(({ device }) => device.numbers)
const T = 9

/** Normal numbers as a tensor of one's own. */
const normal = (seed: number, shape: readonly number[], device: Device): Tensor =>
  unowned(() => tensor(random(seed).normal(shape.reduce((a, b) => a * b, 1)), { shape, device }))

/** A state with normal numbers in it. */
function drawn<S extends Tree>(state: S, device: Device): S {
  let seed = 50
  return mapTree(state, (x) => normal(seed++, x.shape, device))
}

interface Part<S extends Tree> {
  readonly inputs: number
  readonly outputs: number
  initial(batch: number): S
}

/** The stream's outputs and last state are those of the whole sequence, from zeros and from another state. */
async function same<S extends Tree>(
  part: Part<S>, device: Device, tolerance: number,
  open: (state?: S) => Stream<S>, whole: (xs: Tensor, state?: S) => { outputs: Tensor, state: S },
  what: string,
): Promise<void> {
  const D = part.inputs
  const xs = normal(2, [T, 1, D], device)
  const values = await xs.read()
  const some = drawn(part.initial(1), device)
  for (const state of [undefined, some]) {
    const wanted = unowned(() => ({ ...whole(xs, state) }))
    const reader = open(state)
    for (const again of [false, true]) {
      if (again) reader.reset(state)
      const outputs: number[] = []
      for (let t = 0; t < T; t++) outputs.push(...reader.step(values.slice(t * D, (t + 1) * D)))
      assert.is(outputs.length, T * part.outputs, `${what}: outputs`)
      const far = difference(outputs, await wanted.outputs.read())
      assert.ok(far <= tolerance, `${what}: outputs differ by ${far}`)
      const last = reader.state()
      for (const [k, x] of leaves(last).entries()) {
        const right = leaves(wanted.state)[k]
        assert.equal(x.shape, right.shape, `${what}: the state's shapes`)
        const d = difference(await x.read(), await right.read())
        assert.ok(d <= tolerance, `${what}: part ${k} of the state differs by ${d}`)
      }
      dispose(last)
    }
    reader.dispose()
  }
}

const cellIs = (cell: ProjectedCell<Named>, device: Device, tolerance: number, what: string) =>
  same(cell, device, tolerance, (state) => cell.stream(state), (xs, state) => unroll(cell, xs, state), what)

const layerIs = (layer: SequenceLayer, device: Device, tolerance: number, what: string) =>
  same(layer, device, tolerance, (state) => stream(layer, state), (xs, state) => layer(xs, { state }), what)

for (const { name, device, tolerance } of here) {
  test(`${name}: every cell, in every form`, async () => {
    for (const { cell, variant, make } of cellTable) {
      for (const [D, H] of [[1, 3], [5, 7], [12, 16], [33, 41]]) {
        const made = make({ inputs: D, hidden: H, device, rng: random(1) })
        await cellIs(made, device, tolerance, `${cell}, ${variant}, D ${D}, H ${H}`)
      }
    }
  })

  test(`${name}: a step of ones own, regularisers, and elementary ops where they are asked for`, async () => {
    const options = { inputs: 4, hidden: 6, device, rng: random(1) }
    const cell = lstm(options)
    await cellIs(contextAsInput(elman(options)), device, tolerance, 'Elman')
    await cellIs(regularised(cell, { zoneout: 0.3, zoneoutCell: 0.2 }), device, tolerance, 'zoneout')
    await cellIs(regularised(cell, { weightDrop: 0.3 }), device, tolerance, 'weight drop')
    const project = (x: Tensor) => mul(cell.project(x), 2)
    const step = (x: Tensor, state: LstmState) => cell.advance(project(x), state)
    const doubled: ProjectedCell<LstmState> = { ...cell, project, step }
    await cellIs(doubled, device, tolerance, 'a projection of ones own')
    await same(cell, device, tolerance,
      (state) => composed(() => cell.stream(state)), (xs, state) => unroll(cell, xs, state), 'composed')
  })

  test(`${name}: layers of cells`, async () => {
    const rng = random(4)
    const common = { inputs: 5, hidden: 6, layers: 3, device, rng }
    for (const kind of ['RNN', 'LSTM', 'GRU', cells.coupled, cells['gru-chung'], cells.jordan] as const) {
      await layerIs(recurrent({ ...common, kind }), device, tolerance, `recurrent ${String(kind)}`)
    }
    await layerIs(recurrent({ ...common, kind: 'LSTM', projection: 2 }), device, tolerance, 'projection')
    await layerIs(recurrent({ ...common, kind: 'GRU', skip: true }), device, tolerance, 'recurrent, skip')
    const below = gru({ inputs: 5, hidden: 4, device, rng })
    const above = recurrent({ kind: 'LSTM', inputs: 4, hidden: 3, layers: 2, device, rng })
    await layerIs(stacked([below, above]), device, tolerance, 'stacked')
    const [one, two] = [9, 10].map((inputs) => elman({ inputs, hidden: 5, device, rng }))
    await layerIs(skipConnected([below, one, two]), device, tolerance, 'skip connections')
  })

  test(`${name}: changed weights count from the next step on; other streams are others`, async () => {
    const cell = gru({ inputs: 3, hidden: 4, device, rng: random(1) })
    const [a, b] = [cell.stream(), cell.stream()]
    const x = [0.4, -1, 2]
    const before = a.step(x).slice()
    for (const weight of Object.values(cell.parameters)) weight.assign(untracked(() => mul(weight, 0.5)))
    const after = b.step(x).slice()
    assert.not.equal(after, before)
    const fresh = cell.stream()
    assert.equal(fresh.step(x), after)
    a.reset()
    assert.equal(a.step(x), after)
    for (const one of [a, b, fresh]) one.dispose()
  })

  test(`${name}: inside an open tape nothing is recorded, and all goes back`, () => {
    for (const make of [lstm, cells['layer-norm-lstm']]) {
      const cell = make({ inputs: 3, hidden: 4, device, rng: random(1) })
      const layers = recurrent({ kind: make, inputs: 3, hidden: 4, layers: 2, device, rng: random(1) })
      const before = device.memory()
      const tape = new Tape()
      for (const reader of [cell.stream(), stream(layers)]) {
        reader.step([1, 2, 3])
        dispose(reader.state())
        reader.reset()
        reader.dispose()
        reader.dispose()
      }
      assert.is(tape.records.length, 0)
      assert.is(device.memory().live, before.live)
      assert.is(device.memory().buffers, before.buffers)
      tape.close()
    }
  })
}

test('the cpu gives the bits of the whole sequence', async () => {
  for (const device of [cpu(), cpu({ precision: 'float64' })]) {
    for (const make of [elman, lstm, gru, cells.peephole, cells.coupled, cells['gru-before'], cells.lstmp]) {
      await cellIs(make({ inputs: 6, hidden: 9, device, rng: random(3) }), device, 0, make.name)
    }
  }
})

type Common = Omit<CellOptions, 'hidden'>

test('two threads, which share a large step, give the bits of one', async () => {
  const D = 523
  const makes = [ // G H (D + H) / 10 lies above SHARED_WORK of simd/jobs.ts
    (o: Common) => lstm({ ...o, hidden: 509 }), (o: Common) => lstm({ ...o, hidden: 509, projection: 508 }),
    (o: Common) => cells['gru-before']({ ...o, hidden: 709 }),
  ]
  const opened = [await openSimd({ threads: 1 }), await openSimd({ threads: 2 })]
  const x = random(2).normal(D)
  for (const make of makes) {
    const [one, two] = opened.map((device) => {
      const reader = make({ inputs: D, device, rng: random(1) }).stream()
      for (let t = 0; t < 5; t++) reader.step(x)
      return Array.from(reader.step(x))
    })
    assert.equal(one, two)
  }
  for (const device of opened) device.close()
})

const fresh = freshDevices.filter(({ name }) => name !== 'gpu')

for (const { name, open } of fresh) {
  for (const kind of ['lstm', 'gru', 'elman', 'layer-norm-lstm'] as const) {
    const steps = kind === 'layer-norm-lstm' ? 5000 : 50_000
    test(`${name}, ${kind}: ${2 * steps} steps take no memory, on the device or off it`, async () => {
      const { device, close } = await open()
      const cell: ProjectedCell<Named> = cells[kind]({ inputs: 3, hidden: 5, device, rng: random(1) })
      const reader = cell.stream()
      const x = Float32Array.of(0.3, -0.2, 0.9)
      const turns = (n: number) => { for (let k = 0; k < n; k++) reader.step(x) }
      turns(5000) // the engine compiles
      const used = () => {
        globalThis.gc?.()
        return process.memoryUsage()
      }
      const [device0, heap0] = [device.memory(), used()]
      turns(steps)
      assert.equal(device.memory(), device0)
      const heap1 = used()
      turns(steps)
      const heap2 = used()
      // code of the engine's may come at any time; what every step keeps is in both halves
      const grown = Math.min(heap1.heapUsed - heap0.heapUsed, heap2.heapUsed - heap1.heapUsed)
      assert.ok(grown < 150_000, `heap: ${grown} bytes`)
      assert.ok(heap2.arrayBuffers <= heap0.arrayBuffers, 'array buffers')
      reader.dispose()
      dispose(cell.parameters)
      assert.is(device.memory().live, 0)
      close()
    })
  }

  test(`${name}: a step by the device leaves no garbage either`, async () => {
    const { device, close } = await open()
    const reader = lstm({ inputs: 3, hidden: 5, device, rng: random(1) }).stream()
    const x = Float32Array.of(0.3, -0.2, 0.9)
    const turns = (n: number) => { for (let k = 0; k < n; k++) reader.step(x) }
    turns(20_000)
    const grown = [1, 2, 3].map(() => {
      globalThis.gc?.()
      const before = process.memoryUsage().heapUsed
      turns(20_000)
      return process.memoryUsage().heapUsed - before
    })
    const each = Math.min(...grown) / 20_000 // without code of the engine's, which comes now and then
    assert.ok(each < 16, `${each} bytes a step`) // less than the smallest object
    close()
  })
}

test('wrong input is refused in one line', () => {
  const device = cpu()
  const cell = lstm({ inputs: 3, hidden: 2, device, rng: random(1) })
  const reader = cell.stream()
  const wrong = (x: unknown) => message(() => reader.step(x as number[]))
  assert.is(wrong([1, 2]), 'stream: x has 2 numbers; it must be a list of 3 numbers')
  assert.is(wrong(undefined), 'stream: x is undefined; it must be a list of 3 numbers')
  assert.is(wrong('abc'), 'stream: x is "abc"; it must be a list of 3 numbers')
  assert.is(wrong(full([3], 1, device)), 'stream: x is an object; it must be a list of 3 numbers')
  const [h, c] = [1, 2].map((batch) => full([batch, 2], 0, device))
  const before = device.memory().live
  assert.is(message(() => cell.stream({ h, c })), "stream: the state's c is [2, 2]; it must be [1, 2]")
  const half = { h } as LstmState
  assert.is(message(() => reader.reset(half)), "stream: the state's c is missing; it must be [1, 2]")
  assert.is(device.memory().live, before)
  reader.dispose()
  assert.is(message(() => reader.step([1, 2, 3])), 'stream: it was disposed; make another, cell.stream()')
  const layers = recurrent({ kind: 'GRU', inputs: 3, hidden: 2, layers: 2, device, rng: random(1) })
  assert.is(message(() => stream(layers, { h })),
    "recurrent: the state's h is [1, 2]; it must be [2, 1, 2]: [layers * directions, B, size]")
  const stack = stacked([cell, gru({ inputs: 2, hidden: 2, device, rng: random(1) })])
  assert.is(message(() => stream(stack, [])),
    'stacked: the state has 0 parts; it must have 2, one for each cell')
})

test('weights that were given back are told', () => {
  for (const device of [cpu(), simd]) {
    const cell = gru({ inputs: 3, hidden: 2, device, rng: random(1) })
    const reader = cell.stream()
    dispose(cell.parameters)
    assert.match(message(() => reader.step([1, 2, 3])), /is used after the tape or scope that owned it/)
    reader.dispose()
  }
})

test('layers that read in reverse, and gpus, have no streams, and say so', () => {
  const device = cpu()
  const refusal =
    'stream: these layers need the whole sequence, as all do that read in reverse; call them with it'
  const options = { inputs: 3, hidden: 2, device, rng: random(1) }
  const both = bidirectional(gru(options), gru(options))
  assert.is(message(() => stream(both)), refusal)
  assert.is(message(() => stream(stacked([both, gru({ ...options, inputs: 4 })]))), refusal)
  assert.is(message(() => stream(recurrent({ ...options, kind: 'GRU', bidirectional: true }))), refusal)
  assert.is(message(() => lstm({ ...options, device: gpu }).stream()),
    `stream: ${gpu.name} gives numbers only after an await; take the cell's steps: cell.step(x, state)`)
})

test.run()

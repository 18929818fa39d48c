// Products of Jacobians, recurrent matrices and saturation: against theory, finite differences and counting.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { UnrolledError } from '../src/check.ts'
import { composed } from '../src/context.ts'
import { cpu } from '../src/cpu/device.ts'
import { median } from '../src/inspect/pictures/thin.ts'
import { jacobianNorms } from '../src/inspect/jacobians.ts'
import { type CellOfGates, recurrentMatrices, recurrentRadii } from '../src/inspect/recurrent-matrices.ts'
import { saturation } from '../src/inspect/saturation.ts'
import { type Cell, isProjected, type Named } from '../src/nn/cell.ts'
import { CELLS, cells, type MakeCell } from '../src/nn/cells.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { lstm1997 } from '../src/nn/lstm-1997.ts'
import { lstm2000 } from '../src/nn/lstm-2000.ts'
import { lstm } from '../src/nn/lstm.ts'
import { lstmp } from '../src/nn/lstmp.ts'
import { regularised } from '../src/nn/regularised.ts'
import { stacked } from '../src/nn/sequence-layers.ts'
import { unroll } from '../src/nn/unroll.ts'
import { slice } from '../src/ops/move.ts'
import { random } from '../src/random.ts'
import { sparse, spectralNorm, spectralRadius } from '../src/reservoir/matrices.ts'
import { Tape } from '../src/tape.ts'
import { leaves, tensor, type Tensor } from '../src/tensor.ts'
import { device, everyCell, normal, someState } from './every-cell.ts'

const test = suite('jacobians')
const [T, D] = [4, 2]

/** ds_T/ds_0 by central differences, [S, S] row by row. */
async function byDifferences(cell: Cell<Named>, xs: Tensor, state: Named): Promise<number[]> {
  const entries = Object.entries(state)
  const start = (await Promise.all(entries.map(async ([, x]) => Array.from(await x.read())))).flat()
  const last = async (values: readonly number[]): Promise<number[]> => {
    let from = 0
    const at = Object.fromEntries(entries.map(([name, x]) => {
      from += x.size
      return [name, tensor(values.slice(from - x.size, from), { shape: x.shape, device })]
    }))
    const end = unroll(cell, xs, at).state
    return (await Promise.all(leaves(end).map(async (x) => Array.from(await x.read())))).flat()
  }
  const eps = 1e-6
  const columns: number[][] = []
  for (let j = 0; j < start.length; j++) {
    const moved = (by: number) => last(start.map((value, k) => (k === j ? value + by : value)))
    const [above, below] = [await moved(eps), await moved(-eps)]
    columns.push(above.map((value, i) => (value - below[i]) / (2 * eps)))
  }
  return start.flatMap((_, i) => columns.map((column) => column[i]))
}

const own = everyCell.filter(({ name }) => !name.includes('relu'))
test('the product of a cell\'s Jacobians is what finite differences give, for every cell', async () => {
  for (const { name, make } of own) {
    const cell = make({ inputs: D, hidden: 3, device, rng: random(2) })
    const [xs, state] = [normal(3, T, 1, D), someState(cell, 1)]
    const { product, norms, lags, size } = await jacobianNorms(cell, xs, { state })
    const wanted = await byDifferences(cell, xs, state)
    assert.is(product.length, size * size)
    const largest = Math.max(...wanted.map(Math.abs))
    wanted.forEach((value, k) => {
      const error = Math.abs(product[k] - value)
      assert.ok(error < 1e-7 * Math.max(1, largest), `${name}: ${product[k]}, ${value}`)
    })
    assert.equal(lags, [1, 2, 3, 4])
    const norm = spectralNorm(sparse(size, size, product))
    assert.ok(Math.abs(norms[3] - norm) < 1e-12 * norm, name)
  }
})

test('a step of a cell that cannot be split, and lags that are chosen', async () => {
  const cell = lstm({ inputs: D, hidden: 3, device, rng: random(2) })
  const whole: Cell<Named> = {
    parameters: cell.parameters, inputs: D, outputs: 3, initial: cell.initial, step: (x, s) =>
      cell.step(x, { h: s.h, c: s.c }),
  }
  assert.not(isProjected(whole))
  const xs = normal(3, T, 1, D)
  const all = await jacobianNorms(cell, xs)
  assert.equal((await jacobianNorms(whole, xs)).norms, all.norms)
  const some = await jacobianNorms(cell, xs, { lags: [1, 3] })
  assert.equal(some.norms, [all.norms[0], all.norms[2]])
})

/** h_t = tanh(W h_{t-1} + noise), W normal and scaled to spectral radius rho. */
async function tanhNet(rho: number, seed: number): Promise<number[]> {
  const H = 100
  const rng = random(seed)
  const cell = elman({ inputs: H, hidden: H, bias: false, device, rng })
  const normals = rng.normal(H * H)
  const scale = rho / spectralRadius(sparse(H, H, normals))
  const { weight_ih, weight_hh } = cell.parameters
  weight_hh.assign(tensor(normals.map((w) => scale * w), { shape: [H, H], device }))
  const identity = new Float64Array(H * H)
  for (let k = 0; k < H; k++) identity[k * H + k] = 1
  weight_ih.assign(tensor(identity, { shape: [H, H], device }))
  const noise = tensor(rng.normal(100 * H).map((x) => 0.1 * x), { shape: [100, 1, H], device })
  const [{ norm }] = await recurrentMatrices(cell.parameters)
  assert.ok(norm > rho)
  const lags = [10, 50, 100]
  const { norms } = await jacobianNorms(cell, noise, { lags })
  norms.forEach((size, k) => assert.ok(size <= norm ** lags[k], `above the bound at ${lags[k]}`))
  return [...norms]
}

// The same experiment in another language: medians are to be within a factor of ten.
const REFERENCE = [
  [0.5, 2.6e-3, 1.6e-15, 7.6e-31], [0.9, 0.56, 2.6e-3, 2.6e-6], [1.1, 4.6, 1.5, 0.88], [1.5, 32, 2e2, 1.1e3],
]

for (const [rho, ...wanted] of REFERENCE) {
  test(`a tanh net of 100 units, spectral radius ${rho}: below the bound, median of 5 seeds`, async () => {
    const runs: number[][] = []
    for (const seed of [1, 2, 3, 4, 5]) runs.push(await tanhNet(rho, seed))
    const medians = wanted.map((_, k) => median(runs.map((norms) => norms[k])))
    medians.forEach((norm, k) =>
      assert.ok(norm < 10 * wanted[k] && norm > wanted[k] / 10, `${rho}: ${medians}, wanted ${wanted}`))
  })
}

test('what does not fit is refused in one line', async () => {
  const message = async (what: Promise<unknown>) =>
    what.then(() => 'nothing', (error: Error) => error.message)
  const cell = elman({ inputs: D, hidden: 3, device, rng: random(1) })
  const xs = normal(1, T, 1, D)
  assert.is(await message(jacobianNorms(cell, normal(1, T, 2, D))),
    'jacobianNorms: xs is [4, 2, 2]; it must be [T, 1, 2], one sequence')
  assert.is(await message(jacobianNorms(cell, xs, { lags: [2, 5] })),
    'jacobianNorms: lags is [2, 5]; they must rise, up to the 4 steps of xs')
  assert.is(await message(jacobianNorms(cell, xs, { lags: [] })),
    'jacobianNorms: lags is empty; name one or more')
  const single = cpu()
  const small = elman({ inputs: D, hidden: 3, device: single, rng: random(1) })
  const singles = tensor(new Float32Array(8), { shape: [4, 1, 2], device: single })
  assert.is(await message(jacobianNorms(small, singles)),
    'jacobianNorms: the cell computes in float32; products of many Jacobians need float64: make it on ' +
    "cpu({ precision: 'float64' })")
})

test('jacobianNorms leaves no memory behind', async () => {
  const cell = gru({ inputs: D, hidden: 3, device, rng: random(1) })
  const xs = normal(1, T, 1, D)
  const { live, buffers } = device.memory()
  await jacobianNorms(cell, xs)
  assert.equal([device.memory().live, device.memory().buffers], [live, buffers])
})

test('recurrent matrices: one, one for each gate, or none that stands alone', async () => {
  const options = { inputs: D, hidden: 4, device, rng: random(1) }
  const blocks = async (make: (o: typeof options) => Cell<Named>) =>
    (await recurrentMatrices(make(options).parameters)).map(({ block, blocks: of }) => `${block}/${of}`)
  assert.equal(await blocks(elman), ['1/1'])
  assert.equal(await blocks(gru), ['1/3', '2/3', '3/3'])
  assert.equal(await blocks(lstm), ['1/4', '2/4', '3/4', '4/4'])
  assert.equal(await blocks(lstmp), [])
  assert.equal(await blocks(cells.jordan), [])
  assert.equal(await blocks((o) => lstm({ ...o, projection: 2 })), [])
  const cell = gru(options)
  const W = Array.from(await cell.parameters.weight_hh.read())
  const [, z] = await recurrentMatrices(new Map([['rnn.weight_hh_l0', cell.parameters.weight_hh]]))
  assert.is(z.name, 'rnn.weight_hh_l0')
  assert.is(z.radius, spectralRadius(sparse(4, 4, W.slice(16, 32))))
  assert.is(z.norm, spectralNorm(sparse(4, 4, W.slice(16, 32))))
  const [radii, ...more] = await recurrentRadii(new Map([['rnn.weight_hh_l0', cell.parameters.weight_hh]]))
  assert.equal([radii.length, more], [3, []])
  assert.ok(Math.abs(radii[1] / z.radius - 1) < 0.05)
  const wide = new Map([['weight_hh', tensor(new Float64Array(513 * 513), { shape: [513, 513], device })]])
  assert.equal(await recurrentRadii(wide), [])
})

test('recurrent matrices of memory blocks: a row for each cell that a gate serves, of h alone', async () => {
  const options = { inputs: D, hidden: 6, device, rng: random(1) }
  for (const [cell, rowsOf] of [
    [lstm1997(options), [6, 6, 6]],
    [lstm1997({ ...options, blockSize: 2 }), [3, 3, 6]],
    [lstm1997({ ...options, blockSize: 3, gateFeedback: true }), [2, 2, 6]],
    [lstm2000({ ...options, blockSize: 6 }), [1, 1, 1, 6]], // 9 rows of 6: no multiple
    [regularised(lstm2000({ ...options, blockSize: 2 }), { zoneout: 0.5 }), [3, 3, 3, 6]], // 15
  ] as const) {
    const W = Array.from(await cell.parameters.weight_hh.read())
    const columns = cell.parameters.weight_hh.shape[1]
    const found = await recurrentMatrices(cell)
    assert.equal(found.map(({ name, block, blocks }) => `${name} ${block}/${blocks}`),
      rowsOf.map((_, k) => `weight_hh ${k + 1}/${rowsOf.length}`))
    let first = 0
    for (const [k, rows] of rowsOf.entries()) {
      const gate = Array.from({ length: rows }, (_, n) =>
        W.slice((first + n) * columns).slice(0, 6)) // what it sees of h
      const each = gate.flatMap((row) => new Array<number[]>(6 / rows).fill(row)).flat()
      assert.is(found[k].radius, spectralRadius(sparse(6, 6, each)))
      // a row that stands S times is sqrt(S) times as long
      const norm = Math.sqrt(6 / rows) * spectralNorm(sparse(rows, 6, gate.flat()))
      assert.ok(Math.abs(found[k].norm / norm - 1) < 1e-9, `${found[k].norm}, not ${norm}`)
      first += rows
    }
  }
})

test('recurrent matrices: none that mixes gates, of layers of memory blocks; what does not fit', async () => {
  const options = { inputs: D, hidden: 6, device, rng: random(1) }
  for (const make of [lstm1997, lstm2000]) {
    const cell = make({ ...options, blockSize: make === lstm1997 ? 2 : 3 }) // 12 rows of 6
    assert.is(cell.parameters.weight_hh.shape[0], 12)
    for (const of of [cell.parameters, stacked([cell]), stacked([cell]).parameters]) {
      assert.equal(await recurrentMatrices(of), [])
    }
    const whole = make(options)
    assert.is((await recurrentMatrices(stacked([whole]))).length, whole.gateRows.length)
  }
  const { weight_hh } = elman(options).parameters
  const refused = async (cell: CellOfGates) => {
    const error: unknown = await recurrentMatrices(cell).catch((thrown: unknown) => thrown)
    assert.instance(error, UnrolledError)
    return (error as UnrolledError).message
  }
  assert.is(await refused({ gateRows: [6], parameters: {} }),
    'recurrentMatrices: a cell with gateRows needs weight_hh among its parameters, and a list of rows')
  for (const gateRows of [[3, 4], [7, -1], []]) {
    assert.is(await refused({ gateRows, parameters: { weight_hh } }),
      `recurrentMatrices: gateRows are [${gateRows.join(', ')}], weight_hh is [6, 6]; they must be its 6 ` +
      'rows, none of them more than 6')
  }
})

test('spectralNorm: diagonal, one row, zeros, and no vector is stretched further', () => {
  const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-9 * b, `${a}, not ${b}`)
  near(spectralNorm(sparse(3, 3, [1, 0, 0, 0, -5, 0, 0, 0, 2])), 5)
  near(spectralNorm(sparse(1, 2, [3, 4])), 5)
  near(spectralNorm(sparse(2, 2, [1e-40, 0, 0, 2e-40])), 2e-40)
  near(spectralNorm(sparse(2, 2, [0, 1, 0, 0])), 1) // whose spectral radius is 0
  assert.is(spectralNorm(sparse(2, 2, [0, 0, 0, 0])), 0)
})

test('fewer powers give a rougher radius', () => {
  const matrix = sparse(100, 100, random(3).normal(10_000))
  const [rough, fine] = [spectralRadius(matrix, { steps: 500 }), spectralRadius(matrix)]
  assert.ok(Math.abs(rough / fine - 1) < 0.02, `${rough}, ${fine}`)
  assert.throws(() => spectralRadius(matrix, { steps: 0 }), /^spectralRadius: steps is 0/)
})

test('saturation counts what stands near an end of its range', async () => {
  const gateBias = { forget: 8, output: -8, input: 0 }
  const cell = lstm({ inputs: D, hidden: 5, gateBias, device, rng: random(1) })
  using tape = new Tape()
  composed(() => unroll(cell, normal(1, T, 3, D)))
  const found = await saturation(tape)
  assert.equal(found.map(({ name }) => name), ['sigmoid 1', 'sigmoid 2', 'tanh 1', 'sigmoid 3', 'tanh 2'])
  for (const { layer, direction, count } of found) assert.equal([layer, direction, count], [0, 'forward', 60])
  assert.equal([found[1].low, found[1].high], [0, 1]) // the forget gate is open
  assert.equal([found[3].low, found[3].high], [1, 0]) // the output gate is shut
  const values = tape.records.filter(({ op, where }) => op === 'tanh' && typeof where.t === 'number')
    .filter((_, k) => k % 2 === 0).map(({ outputs: [y] }) => y)
  const all = (await Promise.all(values.map((y) => y.read()))).flatMap((list) => Array.from(list))
  assert.is(found[2].high, all.filter((y) => y > 0.8).length / 60)
  assert.is(found[2].low, all.filter((y) => y < -0.8).length / 60)
})

test('saturation: every cell of the table; relu; layers; a tape with no steps', async () => {
  for (const name of CELLS) {
    const make: MakeCell = cells[name]
    const cell = make({ inputs: D, hidden: 4, device, rng: random(1) })
    using tape = new Tape()
    composed(() => unroll(cell, normal(1, T, 3, D), undefined, { layer: 2 }))
    const found = await saturation(tape)
    assert.ok(found.length > 0 && found.every(({ layer, low, high }) => layer === 2 && low + high <= 1), name)
  }
  const dead = elman({ inputs: D, hidden: 4, nonlinearity: 'relu', bias: false, device, rng: random(1) })
  using tape = new Tape()
  composed(() => unroll(dead, slice(normal(1, T, 3, D), 0, 0, 1)))
  const [{ low, high }] = await saturation(tape)
  assert.ok(low > 0 && low < 1 && high === 0, `${low}`)
  tape.close()
  using fused = new Tape()
  unroll(gru({ inputs: D, hidden: 4, device, rng: random(1) }), normal(1, T, 3, D))
  await saturation(fused).then(() => assert.unreachable(), (error: Error) =>
    assert.match(error.message, /^saturation: no tanh, .*; run the net step by step: composed/))
})

test.run()

// The register tile of the simd device against others: GFLOP/s on packed panels, about 256^3, on one core,
// with product and sum as two instructions and as one; and the ceilings of the machine: the clock, sums that
// stay in registers, bytes read from each cache.
//
// A tile that needs more vectors than the processor has registers for keeps some of them in memory. Rates
// are by processor time, since one thread computes. Read next: tiles.ts; kernels/simd/tile.ts.

import { random } from '../src/random.ts'
import { hasMultiplyAdd } from '../src/simd/module.ts'
import {
  bytes, inTurns, printMachine, printTable, record, relativeError, type Seconds, verify,
} from './harness.ts'
import {
  compileTiles, CYCLES_A_TURN, exportOf, nameOf, OWN, packed, panelOf, SUMS_OF_CEILING, type Tile,
  type TileKernels, vectorsOf,
} from './tiles.ts'

const tiles: readonly Tile[] = [
  { rows: 4, columns: 8 }, { rows: 2, columns: 16 }, { rows: 3, columns: 12 }, { rows: 8, columns: 4 },
  { rows: 1, columns: 32 }, { rows: 5, columns: 8 }, OWN.one, { rows: 4, columns: 12 },
  { rows: 6, columns: 8 },
]
const K = 256
/** V8 keeps one of 16 to itself */
const REGISTERS = 15
const PAGES = 2100 // 131 MiB: beyond every cache

// the memory that is read must be there: a page that was never written is one and the same page of zeros
const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES })
const floats = new Float32Array(memory.buffer).fill(1)

/** 256, or the next multiple of what the tile takes. */
const sizeOf = (of: number): number => Math.ceil(256 / of) * of

/** A call of a tile on its own operands, which lie from `at` on; checked. */
function prepared(kernels: TileKernels, tile: Tile, at: number): { call: () => void, flops: number } {
  const { rows, columns } = tile
  const [M, N] = [sizeOf(rows), sizeOf(columns)]
  const rng = random(1)
  const [a, b] = [rng.normal(M * K), rng.normal(K * N)]
  const [A, B, C] = [at, at + 4 * M * K, at + 4 * K * (M + N)]
  floats.set(packed(a, M, K, rows, K, 1), A / 4)
  floats.set(packed(b, N, K, panelOf(tile), 1, N), B / 4)
  const multiply = kernels[exportOf(tile)]
  const call = () => multiply(A, B, C, M, N, K)
  call()
  const right = new Float64Array(M * N)
  for (let i = 0; i < M; i++) {
    for (let k = 0; k < K; k++) {
      for (let j = 0; j < N; j++) right[i * N + j] += a[i * K + k] * b[k * N + j]
    }
  }
  verify(nameOf(tile), relativeError(floats.subarray(C / 4, C / 4 + M * N), right) < 1e-5)
  return { call, flops: 2 * M * N * K }
}

interface Rates {
  readonly tiles: readonly number[]
  readonly registers: number
  readonly hertz: number
}

const TURNS = 20_000

/** All tiles and the ceilings in turns: operations per second, and cycles. */
function rates(kernels: TileKernels): Rates {
  const work = tiles.map((tile, i) => prepared(kernels, tile, 4096 + i * 2 ** 20))
  floats.set([0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1])
  const seconds = inTurns([
    ...work.map(({ call }) => call),
    () => kernels.registers(0, TURNS),
    () => kernels.cycles(TURNS, 12345n),
  ])
  const rate = (operations: number, { processor }: Seconds) => operations / processor
  return {
    tiles: work.map(({ flops }, i) => rate(flops, seconds[i])),
    registers: rate(2 * 4 * SUMS_OF_CEILING * TURNS, seconds[tiles.length]),
    hertz: rate(CYCLES_A_TURN * TURNS, seconds[tiles.length + 1]),
  }
}

const giga = (x: number, digits = 1): string => (x / 1e9).toFixed(digits)

function printTiles(two: Rates, one: Rates | null): void {
  const share = (rate: number, { registers }: Rates) => `${Math.round(100 * rate / registers)} %`
  const fast = (i: number) => (one ? [giga(one.tiles[i]), share(one.tiles[i], one)] : ['-', '-'])
  const rows = tiles.map((tile, i) => [
    nameOf(tile), String(vectorsOf(tile).sums), String(vectorsOf(tile).all),
    giga(two.tiles[i]), share(two.tiles[i], two), ...fast(i),
  ])
  rows.push([
    'registers alone', String(SUMS_OF_CEILING), '-', giga(two.registers), '100 %',
    ...(one ? [giga(one.registers), '100 %'] : ['-', '-']),
  ])
  printTable(
    `Tiles on packed panels, about 256^3, one core, GFLOP/s by processor time; ${REGISTERS} registers`,
    ['rows x columns', 'sums', 'vectors', 'multiply, add', 'share', 'multiply-add', 'share'], rows,
  )
  tiles.forEach((tile, i) => record('rate', {
    name: nameOf(tile), ...vectorsOf(tile), multiplyAndAdd: two.tiles[i], multiplyAdd: one?.tiles[i] ?? null,
  }))
}

/** How many bytes a second arrive from where so many of them lie. */
function printCeilings(kernels: TileKernels, { hertz, registers }: Rates, how: string): void {
  const sizes = [16 * 1024, 512 * 1024, 8 * 2 ** 20, 128 * 2 ** 20]
  const times = sizes.map((size) => Math.max(1, 2 ** 23 / size))
  const seconds = inTurns(sizes.map((size, i) => () => void kernels.read(0, size, times[i])))
  const rates = sizes.map((size, i) => size * times[i] / seconds[i].processor)
  const a = (rate: number) => (rate / hertz).toFixed(1)
  printTable(`Ceilings of one core at ${giga(hertz, 2)} GHz`, ['', 'G/s', 'a cycle', 'operations a byte'], [
    [`operations, ${how}`, giga(registers), a(registers), ''],
    ...sizes.map((size, i) => [
      `bytes read of ${bytes(size)}`, giga(rates[i]), a(rates[i]), (registers / rates[i]).toFixed(2),
    ]),
  ])
  record('ceilings', { hertz, registers, how, sizes, rates })
}

printMachine()
const two = await compileTiles(tiles, false, memory)
const one = hasMultiplyAdd() ? await compileTiles(tiles, true, memory) : null
const ratesOfTwo = rates(two)
const ratesOfOne = one ? rates(one) : null
printTiles(ratesOfTwo, ratesOfOne)
printCeilings(one ?? two, ratesOfOne ?? ratesOfTwo, one ? 'multiply-add' : 'multiply, add')

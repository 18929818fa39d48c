// The recurrent matrix of a cell, as far as there is one: what theory says of gradients through time is said
// of h_t = f(W h_{t-1} + ...) with one square W.
//
//   sigma_max(W) < 1/gamma    gradients vanish, surely            radius(W) the modulus of W's largest
//   sigma_max(W) > 1/gamma    they may explode; they need not     eigenvalue: never above sigma_max
//
// gamma is the largest slope of f (Pascanu, Mikolov and Bengio 2013, section 2.1). A gated cell has a matrix
// for each gate, which multiply each other's values: no one of them says how its gradient grows; what does is
// measured in jacobians.ts.

import { checkThat, show } from '../check.ts'
import type { Named } from '../nn/cell.ts'
import { sparse, type SparseMatrix, spectralNorm, spectralRadius } from '../reservoir/matrices.ts'
import { namedTensors, Tensor } from '../tensor.ts'

type Parameters = Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>

/** A cell; one of memory blocks (nn/memory-blocks.ts) says how many rows each gate has. */
export interface CellOfGates {
  readonly parameters: Named
  readonly gateRows?: readonly number[]
}

export interface RecurrentMatrix {
  /** the parameter, and of several square blocks one above the other the number of this one, from 1 */
  readonly name: string
  readonly block: number
  /** of how many */
  readonly blocks: number
  /** the modulus of its largest eigenvalue */
  readonly radius: number
  /** its largest singular value */
  readonly norm: number
}

/**
 * The square blocks of each recurrent parameter, `weight_hh`, by layer and direction; one block is the cell's
 * one recurrent matrix, several are those of its gates in the order of the rows. There is none where h is a
 * projection, so that the way back leads through two matrices; nor in a Jordan net. Parameters alone tell of
 * square blocks of one size, and only of as many as some cell of this library has: 1, 3 or 4. A cell with
 * `gateRows`, such as one of memory blocks, tells more itself: a gate that several cells share has a row for
 * each of them then, and of what is seen (an lstm1997's gateFeedback adds gates) only h counts. So layers of
 * memory blocks must be asked cell by cell: of their parameters nothing is found, or, with gateFeedback, one
 * matrix of h and all gates together.
 * @param of a cell; or parameters by name, of a cell, a layer, a whole model
 * @throws UnrolledError for gateRows that are not those of weight_hh
 */
export async function recurrentMatrices(of: CellOfGates | Parameters): Promise<RecurrentMatrix[]> {
  const found: RecurrentMatrix[] = []
  for (const { name, weights, gateRows } of recurrentWeights(of)) {
    (await blocksOf(weights, gateRows)).forEach((matrix, k, { length: blocks }) => {
      const [radius, norm] = [spectralRadius(matrix), spectralNorm(matrix)]
      found.push({ name, block: k + 1, blocks, radius, norm })
    })
  }
  return found
}

const LARGEST = 512
const FEW = 150 // powers: good to about two digits, 1.5 % at the worst of many matrices of 32 to 256 units

/**
 * A row of spectral radii for each recurrent parameter, as they are watched in training: to about two digits,
 * and none of a net with more than 512 units in a layer, where they would take too long.
 */
export async function recurrentRadii(parameters: ReadonlyMap<string, Tensor>): Promise<number[][]> {
  const found = recurrentWeights(parameters)
  if (found.some(({ weights: { shape: [, size] } }) => size > LARGEST)) return []
  const rows: number[][] = []
  for (const { weights, gateRows } of found) {
    const blocks = await blocksOf(weights, gateRows)
    rows.push(blocks.map((matrix) => spectralRadius(matrix, { steps: FEW })))
  }
  return rows
}

interface Recurrent {
  readonly name: string
  /** weight_hh, and how many of its rows each gate has */
  readonly weights: Tensor
  readonly gateRows: readonly number[]
}

function recurrentWeights(of: CellOfGates | Parameters): Recurrent[] {
  if (isCell(of) && of.gateRows) return [ownBlocks(of.parameters.weight_hh, of.gateRows)]
  const named = new Map(namedTensors('recurrentMatrices', isCell(of) ? of.parameters : of))
  const square = [...named].filter(([name, { shape: [rows, size] }]) =>
    /(^|\.)weight_hh(_|$)/.test(name) && !named.has(name.replace('weight_hh', 'weight_hr')) &&
    BLOCKS.has(rows / size))
  return square.map(([name, weights]) => {
    const [rows, size] = weights.shape
    return { name, weights, gateRows: new Array<number>(rows / size).fill(size) }
  })
}

/** The blocks as a cell tells of them. */
function ownBlocks(weights: Tensor | undefined, gateRows: readonly number[]): Recurrent {
  checkThat(weights instanceof Tensor && Array.isArray(gateRows), () =>
    'recurrentMatrices: a cell with gateRows needs weight_hh among its parameters, and a list of rows')
  const { shape: [rows, size] } = weights
  const sum = gateRows.reduce((total, own) => total + own, 0)
  checkThat(sum === rows && gateRows.every((own) => Number.isInteger(own) && own > 0 && own <= size), () =>
    `recurrentMatrices: gateRows are [${gateRows.join(', ')}], weight_hh is ${show(weights.shape)}; they ` +
    `must be its ${rows} rows, none of them more than ${size}`)
  return { name: 'weight_hh', weights, gateRows }
}

const isCell = (of: CellOfGates | Parameters): of is CellOfGates =>
  of instanceof Object && 'parameters' in of && !(of.parameters instanceof Tensor)

/** What each gate sees of h, with a row for each unit that it serves: [H, H]. */
async function blocksOf(weights: Tensor, gateRows: readonly number[]): Promise<SparseMatrix[]> {
  const [, columns] = weights.shape
  const H = Math.max(...gateRows)
  const values = await weights.read()
  let first = 0
  return gateRows.map((rows) => {
    const full = new Float64Array(H * H)
    for (let i = 0; i < H; i++) {
      const start = (first + Math.floor(i * rows / H)) * columns
      full.set(values.subarray(start, start + H), i * H)
    }
    first += rows
    return sparse(H, H, full)
  })
}

// The gates in the order of the rows of weight_hh: nn/lstm.ts, gru.ts, coupled.ts, memory-blocks.ts.
const [LSTM, GRU] = [['i', 'f', 'g', 'o'], ['r', 'z', 'n']]
const GATES: Readonly<Record<string, readonly string[]>> = {
  elman: ['W'], lstm: LSTM, peephole: LSTM, 'layer-norm-lstm': LSTM, coupled: ['i', 'g', 'o'],
  gru: GRU, 'gru-before': GRU, 'gru-chung': GRU, lstm1997: ['in', 'out', 'cell'],
  lstm2000: ['in', 'forget', 'out', 'cell'],
}

/** How many square blocks a cell may have. */
const BLOCKS = new Set(Object.values(GATES).map(({ length }) => length))

/** What a cell calls the square block k of its recurrent weights. */
export function gateName(cell: unknown, k: number, blocks: number): string {
  const names = typeof cell === 'string' ? GATES[cell] : undefined
  return names?.length === blocks ? names[k] : `block ${k + 1}`
}

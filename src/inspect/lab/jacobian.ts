// The norm of the product of Jacobians against its bound: ||ds_t/ds_0|| <= (gamma sigma_max(W))^t.
//
// For the tanh net gamma is 1. The bound says that gradients must vanish where sigma_max < 1; above, it says
// nothing, and a matrix of normal numbers has sigma_max near twice its spectral radius: so the measured norm
// lies far below, and the radius tells better what happens (Pascanu, Mikolov and Bengio 2013, section 2.1).
// For other cells the whole state's product is measured all the same. Read next: ../jacobians.ts.

import type { Chart, Curve } from '../chart.ts'
import { jacobianNorms } from '../jacobians.ts'
import { recurrentMatrices } from '../recurrent-matrices.ts'
import type { CellName } from '../../nn/cells.ts'
import { dispose } from '../../tensor.ts'
import { freshCell, NOISE, SEEDS, type Subject, TANH_UNITS, tanhNet, UNITS } from './nets.ts'
import { above0, fewLags, inkOf, manyLags, middle, middles, type Part, shown, type Table } from './part.ts'

const TITLE = 'The product of Jacobians against its bound'

export interface Product {
  readonly label: string
  readonly lags: readonly number[]
  readonly norms: readonly number[]
  /** of the one recurrent matrix, if there is one */
  readonly radius: number | null
  readonly sigmaMax: number | null
}

/** Why there is no bound for a cell. */
export function whyNoBound(name: string, blocks: number): string {
  return blocks > 1
    ? `${name}: it has ${blocks} recurrent matrices, and gates multiply what they give: no one bounds it.`
    : `${name}: its way back leads through more than one matrix: no one matrix bounds it.`
}

export async function jacobianPart(
  names: readonly CellName[], rhos: readonly number[], steps: number, breathe: () => Promise<void>,
): Promise<Part> {
  const nets: Product[] = []
  for (const rho of rhos) {
    nets.push(await measured(`tanh, rho ${rho}`, steps, (seed) => tanhNet(rho, steps, seed), breathe))
  }
  const own: Product[] = []
  const notes: string[] = []
  for (const name of names) {
    const { cell, xs } = freshCell(name, 1, 1, 1)
    const { length: blocks } = await recurrentMatrices(cell)
    dispose([cell.parameters, xs])
    if (blocks !== 1) notes.push(whyNoBound(name, blocks))
    own.push(await measured(name, steps, (seed) => freshCell(name, steps, seed, 1), breathe))
  }
  return {
    name: 'jacobians', title: TITLE, chart: chartOf(nets, own), table: tableOf([...nets, ...own]),
    notes: [
      `tanh: ${TANH_UNITS} units, W normal and scaled to its spectral radius rho, noise of ${NOISE}; the ` +
      `cells: ${UNITS} units as they are drawn, their whole state (h and c). The middle of ${SEEDS.length} ` +
      'seeds.',
      ...notes,
    ],
    numbers: [...nets, ...own],
  }
}

async function measured(
  label: string, steps: number, make: (seed: number) => Subject, breathe: () => Promise<void>,
): Promise<Product> {
  const lags = manyLags(steps)
  const all: { norms: readonly number[], radius: number | null, sigmaMax: number | null }[] = []
  for (const seed of SEEDS) {
    const { cell, xs, matrix } = make(seed)
    const { norms } = await jacobianNorms(cell, xs, { lags })
    const matrices = matrix ? [matrix] : await recurrentMatrices(cell)
    const [one] = matrices.length === 1 ? matrices : []
    all.push({ norms, radius: one?.radius ?? null, sigmaMax: one?.norm ?? null })
    dispose([cell.parameters, xs])
    await breathe()
  }
  const known = (values: readonly (number | null)[]): number | null => {
    const numbers = values.filter((value) => value !== null)
    return numbers.length === 0 ? null : middle(numbers)
  }
  return {
    label, lags, norms: middles(all.map(({ norms }) => norms)),
    radius: known(all.map(({ radius }) => radius)), sigmaMax: known(all.map(({ sigmaMax }) => sigmaMax)),
  }
}

function chartOf(nets: readonly Product[], own: readonly Product[]): Chart {
  const [first] = nets
  const { lags, norms } = first
  const last = lags[lags.length - 1]
  return {
    title: TITLE,
    look: 'Solid: the norm of ds_t/ds_0. Dashed: (gamma sigma_max)^t, which it can never pass.',
    caption: `Norm of ds_t/ds_0 at t = ${last}: ` +
      [...nets, ...own].map((one) => `${one.label} ${shown(one.norms[norms.length - 1])}`).join(', ') + '.',
    panels: [panelOf(nets, null), ...own.length > 0 ? [panelOf(own, 't (steps)')] : []],
  }
}

function panelOf(products: readonly Product[], x: string | null) {
  const curves = products.flatMap((one, k) => productCurves(one, k, highestOf(products)))
  return { height: 300, x: { label: x ?? 't (steps)' }, y: { label: 'norm of ds_t/ds_0', log: true }, curves }
}

export const highestOf = (products: readonly Product[]): number =>
  Math.max(...products.flatMap(({ norms }) => norms))

/** What was measured, and dashed its bound, if there is one. */
export function productCurves(
  { label, lags, norms, sigmaMax }: Product, k: number, highest: number,
): Curve[] {
  const bound = lags.map((lag) => (sigmaMax ?? NaN) ** lag)
  // Above what is measured the bound goes on for many more powers of ten.
  const points = above0(lags, bound).filter(([, y]) => y < 1e6 * highest)
  return [
    { points: above0(lags, norms), ink: inkOf(k), label },
    ...points.length > 0 ? [{ points, ink: inkOf(k), dashed: true, width: 1 }] : [],
  ]
}

function tableOf(products: readonly Product[]): Table {
  const { lags } = products[0]
  const few = fewLags(lags[lags.length - 1]).filter((lag) => lag > 1 || lags.length === 1)
  return {
    head: ['net', 'radius', 'sigma_max', ...few.flatMap((lag) => [`t = ${lag}`, 'bound'])],
    rows: products.map(({ label, norms, radius, sigmaMax }) => [
      label, radius, sigmaMax,
      ...few.flatMap((lag) => [norms[lags.indexOf(lag)], sigmaMax === null ? null : sigmaMax ** lag]),
    ]),
  }
}

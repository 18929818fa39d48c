// What training did to models: the gradient of its last loss by lag, the products of its Jacobians, its
// recurrent matrices and its stuck values, each beside those of a fresh net of the same form on the same
// text. Layers are taken out of the model as cells of their own, with its weights.
// Read next: ../last-loss-flow.ts, jacobian.ts.

import type { Chart } from '../chart.ts'
import { composed } from '../../context.ts'
import type { Named, ProjectedCell } from '../../nn/cell.ts'
import { type CellName, cells, type MakeCell } from '../../nn/cells.ts'
import { regularised } from '../../nn/regularised.ts'
import { unroll } from '../../nn/unroll.ts'
import { gather } from '../../ops/gather.ts'
import { concat, slice } from '../../ops/move.ts'
import { random } from '../../random.ts'
import { unowned } from '../../scope.ts'
import { Tape } from '../../tape.ts'
import { dispose, type Tensor } from '../../tensor.ts'
import { type LanguageModel, regularisersOf } from '../../train/language-model.ts'
import { jacobianNorms } from '../jacobians.ts'
import { lastLossFlow } from '../last-loss-flow.ts'
import { gateName, type RecurrentMatrix, recurrentMatrices } from '../recurrent-matrices.ts'
import { saturationIfAny } from '../saturation.ts'
import { type LagRow, lagPanel, lagTable } from './by-lag.ts'
import { highestOf, type Product, productCurves, whyNoBound } from './jacobian.ts'
import { float64 } from './nets.ts'
import { fewLags, manyLags, type Part, shown } from './part.ts'
import { type Stuck, stuckTable } from './saturated.ts'

const LARGEST_STATE = 400 // numbers: the product of Jacobians is as many by as many

/** A model before and after, in float64, and the text that both read. */
export interface Trained {
  /** tells it from others; '' for one that is alone */
  readonly name: string
  readonly fresh: LanguageModel
  readonly trained: LanguageModel
  /** symbols [T, B] and what follows each */
  readonly xs: Tensor
  readonly targets: Tensor
  /** a chart of the run's own measurements, if it made any */
  readonly whileTraining: Chart | undefined
}

interface Stage extends Pick<Trained, 'xs' | 'targets'> {
  readonly label: string
  readonly model: LanguageModel
}

const stagesOf = (all: readonly Trained[]): Stage[] => all.flatMap(({ name, fresh, trained, ...text }) => [
  { label: `${name} initial`.trim(), model: fresh, ...text },
  { label: `${name} trained`.trim(), model: trained, ...text },
])

/** @param all of which each reads as many steps */
export async function trainedParts(all: readonly Trained[], breathe: () => Promise<void>): Promise<Part[]> {
  const parts: Part[] = []
  for (const part of [trainedByLag, trainedJacobians, trainedMatrices, trainedSaturation]) {
    parts.push(await part(all))
    await breathe()
  }
  return parts
}

async function trainedByLag(all: readonly Trained[]): Promise<Part> {
  const rows: LagRow[] = []
  for (const { label, model, xs, targets } of stagesOf(all)) {
    const state = unowned(() => model.initial(xs.shape[1]))
    const flow = await lastLossFlow(model, xs, targets, state)
    dispose(state)
    const named = (k: number) => flow.layers.length > 1 ? `${label}, layer ${k + 1}` : label
    flow.layers.forEach((norms, k) => {
      rows.push({ label: named(k), state: 'h', norms })
      if (flow.cells) rows.push({ label: named(k), state: 'c', norms: flow.cells[k] })
    })
  }
  const last = rows[0].norms.length - 1
  const streams = [...new Set(all.map(({ xs }) => xs.shape[1]))].join(' or ')
  const title = 'The gradient of the last loss, by time lag, before and after training'
  return {
    name: 'trained-by-lag', title, table: lagTable(rows),
    chart: {
      title, look: 'How much of it is left so many steps back: h solid, c dashed.',
      caption: `Norm at lag ${last}: ` +
        rows.map(({ label, state, norms }) => `${label} ${state} ${shown(norms[last])}`).join(', ') + '.',
      panels: [lagPanel(rows)],
    },
    notes: [`The loss of the last of ${last + 1} symbols, in nats, root mean square over ${streams} ` +
      'streams of the text; initial: a fresh net of the same form and seed.'],
    numbers: rows,
  }
}

async function trainedJacobians(all: readonly Trained[]): Promise<Part> {
  const title = 'The product of Jacobians of each layer, before and after training'
  const found: Product[] = []
  const notes: string[] = ['One stream of the text; the whole state of a layer, h and c.']
  for (const { label: name, model, xs: symbols } of stagesOf(all)) {
    for (const [k, { cell, xs }] of layersOf(model, slice1(symbols)).entries()) {
      const label = model.form.layers > 1 ? `${name}, layer ${k + 1}` : name
      const state = unowned(() => cell.initial(1))
      const size = Object.values(state).reduce((total, x) => total + x.size, 0)
      dispose(state)
      if (size > LARGEST_STATE) {
        notes.push(`${label}: not measured: its state has ${size} numbers, more than ${LARGEST_STATE}.`)
      } else {
        found.push({ label, ...await productOf(cell, xs, model) })
      }
      dispose([xs, cell.parameters])
    }
  }
  const [T] = all[0].xs.shape
  const few = fewLags(T)
  const chart: Chart = {
    title,
    look: 'The norm of ds_t/ds_0. Dashed: (gamma sigma_max)^t, its bound where one matrix makes it.',
    caption: found.map(({ label, norms }) => `${label}: ${shown(norms[norms.length - 1])}`).join(', ') +
      ` after ${T} steps.`,
    panels: [{
      height: 300, x: { label: 't (steps)' }, y: { label: 'norm of ds_t/ds_0', log: true },
      curves: found.flatMap((one, k) => productCurves(one, k, highestOf(found))),
    }],
  }
  return {
    name: 'trained-jacobians', title, chart: found.length > 0 ? chart : undefined, notes, numbers: found,
    table: {
      head: ['layer', 'sigma_max', ...few.map((lag) => `t = ${lag}`), `bound at ${T}`],
      rows: found.map(({ label, lags, norms, sigmaMax }) => [
        label, sigmaMax, ...few.map((lag) => norms[lags.indexOf(lag)]),
        sigmaMax === null ? null : sigmaMax ** T,
      ]),
    },
  }
}

/** The bound is that of an Elman net alone, whose f is tanh; zoneout would add to it. */
async function productOf(cell: ProjectedCell<Named>, xs: Tensor, { form }: LanguageModel) {
  const { lags, norms } = await jacobianNorms(cell, xs, { lags: manyLags(xs.shape[0]) })
  const [one] = form.cell === 'elman' && !form.zoneout ? await recurrentMatrices(cell) : []
  const sigmaMax = one?.norm ?? null
  return { lags, norms, radius: one?.radius ?? null, sigmaMax }
}

async function trainedMatrices(all: readonly Trained[]): Promise<Part> {
  const rows: Part['table']['rows'][number][] = []
  const notes = new Set<string>()
  const numbers: Record<'initial' | 'trained', RecurrentMatrix[]> = { initial: [], trained: [] }
  for (const { name, fresh, trained, whileTraining } of all) {
    const { cell } = trained.form
    const own = (matrix: RecurrentMatrix) => ({ ...matrix, name: `${name} ${matrix.name}`.trim() })
    const before = (await recurrentMatrices(fresh.parameters)).map(own)
    const after = (await recurrentMatrices(trained.parameters)).map(own)
    numbers.initial.push(...before)
    numbers.trained.push(...after)
    rows.push(...after.map((matrix, k) =>
      [nameOf(matrix, cell), before[k].radius, matrix.radius, before[k].norm, matrix.norm]))
    const blocks = after[0]?.blocks ?? 0
    if (blocks !== 1) notes.add(whyNoBound(cell, blocks))
    if (!whileTraining) {
      notes.add(`${name ? `${name}: the` : 'The'} run has no measurements made while it was trained: ` +
        'metrics.jsonl has none, such as unrolled train --flow-every makes.')
    }
  }
  return {
    name: 'trained-matrices', title: 'The recurrent matrices, before, while and after training',
    chart: chartWhileTraining(all), numbers, notes: [...notes],
    table: { head: ['matrix', 'radius initial', 'trained', 'sigma_max initial', 'trained'], rows },
  }
}

const nameOf = ({ name, block, blocks }: RecurrentMatrix, cell: CellName): string =>
  `${name.replace(/\brnn\./, '')} ${blocks > 1 ? gateName(cell, block - 1, blocks) : ''}`.trim()

/** The panels of all runs, one run below the other. */
function chartWhileTraining(all: readonly Trained[]): Chart | undefined {
  const charts = all.flatMap(({ name, whileTraining }) => whileTraining ? [{ name, ...whileTraining }] : [])
  if (charts.length === 0 || all.length === 1) return all[0].whileTraining
  return {
    ...charts[0], caption: charts.map(({ name, caption }) => `${name}: ${caption}`).join(' '),
    panels: charts.flatMap(({ name, panels }) => panels.map((panel) =>
      ({ ...panel, y: { ...panel.y, label: `${name}: ${panel.y.label}` } }))),
  }
}

async function trainedSaturation(all: readonly Trained[]): Promise<Part> {
  const found: Stuck[] = []
  for (const { label: name, model, xs: symbols } of stagesOf(all)) {
    for (const [k, { cell, xs }] of layersOf(model, symbols).entries()) {
      const tape = new Tape()
      try {
        composed(() => unroll(cell, xs))
        const label = model.form.layers > 1 ? `${name}, layer ${k + 1}` : name
        found.push({ label, cell: model.form.cell, functions: await saturationIfAny(tape) })
      } finally {
        tape.close()
        dispose([xs, cell.parameters])
      }
    }
  }
  return {
    name: 'trained-saturation', title: 'Stuck values, before and after training', table: stuckTable(found),
    notes: ['Functions in the order in which a step applies them.'], numbers: found,
  }
}

/** Each layer as a cell of its own, and what it reads. */
function layersOf({ form, parameters }: LanguageModel, symbols: Tensor) {
  const { cell: kind, embed, hidden, layers, skip = false } = form
  const make: MakeCell = cells[kind]
  const regularisers = regularisersOf(form) // zoneout has a part in evaluation too: its expectation
  const found: { cell: ProjectedCell<Named>, xs: Tensor }[] = []
  const vectors = unowned(() => gather(parameters.get('embedding.weight')!, symbols)) // [T, B, embed]
  let xs = vectors
  for (let k = 0; k < layers; k++) {
    const inputs = k === 0 ? embed : found[k - 1].cell.outputs + (skip ? embed : 0)
    const cell = make({ inputs, hidden, device: float64(), rng: random(0) })
    for (const [name, x] of Object.entries(cell.parameters)) x.assign(parameters.get(`rnn.${name}_l${k}`)!)
    found.push({ cell: regularisers ? regularised(cell, regularisers) : cell, xs })
    if (k + 1 === layers) break
    xs = unowned(() => {
      const { outputs } = unroll(found[k].cell, found[k].xs)
      return skip ? concat([vectors, outputs], -1) : outputs
    })
  }
  return found
}

/** The first stream alone: [T, 1]. */
const slice1 = (symbols: Tensor): Tensor => unowned(() => slice(symbols, 1, 0, 1))

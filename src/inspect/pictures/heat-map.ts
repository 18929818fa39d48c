// How far gradients reach back, as a picture: a column for each measured step, a row for each time lag, the
// colour the norm of dLoss_T/dh_{T-lag} on a logarithmic scale; a panel for each layer.
//
// Measured in ../last-loss-flow.ts. Read next: cells.ts, picture.ts.

import { axisX } from './plot.ts'

import { cellsMark, colourShades, type Grid, type Range } from './cells.ts'
import type { FlowRecord, History } from './history.ts'
import { type Panel, type Picture, picture } from './picture.ts'
import { count, roundValues, stepAxis, stepScale, tidy, valueAxis } from './scales.ts'
import { geometricMean, pieces } from './thin.ts'

const COLUMNS = 150
const ROWS = 64
const FAINTEST = 1e-8 // times the largest norm: all that is less has the darkest colour

/** The norms of one layer's state: [row][column]. */
interface Map2D {
  readonly name: string
  readonly norms: readonly (readonly number[])[]
}

/** The heat map, if the run has measured any gradient flow. */
export function heatMap(history: History): Picture[] {
  const flows = comparable(history.flows)
  const maps = flows.length > 0 ? mapsOf(flows) : []
  const largest = Math.max(0, ...maps.flatMap(({ norms }) => norms.flat()))
  if (!(largest > 0)) return []
  const faintest = Math.max(largest * FAINTEST, smallestAbove(maps, largest * FAINTEST))
  const range: Range = { from: faintest < largest ? faintest : largest / 10, to: largest, log: true }
  const grid = gridOf(flows, history)
  const panels = maps.map((map, k): Panel => mapPanel(history, map, grid, range, k === maps.length - 1))
  return [picture({
    name: 'gradient-flow', title: 'How far back the gradient of the last loss reaches',
    look: 'Bright high up: what was read so many steps ago still teaches. Dark: that gradient has vanished.',
    caption: captionOf(flows, maps),
    panels: [...panels, legendPanel(range)],
  })]
}

/** Those with the lags of the latest: a window of another length cannot share the rows. */
function comparable(flows: readonly FlowRecord[]): FlowRecord[] {
  const last = flows.at(-1)
  return flows.filter(({ lags, layers, cells }) => last && lags.length === last.lags.length &&
    layers.length === last.layers.length && cells?.length === last.cells?.length)
}

function mapsOf(flows: readonly FlowRecord[]): Map2D[] {
  const columns = pieces(flows.length, COLUMNS)
  const rows = pieces(flows[0].lags.length, ROWS)
  const named = (name: string, of: (flow: FlowRecord) => readonly number[]): Map2D => ({
    name,
    norms: rows.map(([first, end]) => columns.map(([from, to]) => geometricMean(
      flows.slice(from, to).flatMap((flow) => of(flow).slice(first, end))))),
  })
  const [{ layers, cells = [] }] = flows
  const several = layers.length > 1
  return layers.flatMap((_, k) => {
    const layer = several ? `layer ${k + 1}, ` : ''
    const own = named(`${layer}h`, (flow) => flow.layers[k])
    return k < cells.length ? [own, named(`${layer}c`, (flow) => flow.cells?.[k] ?? [])] : [own]
  })
}

function smallestAbove(maps: readonly Map2D[], bound: number): number {
  return Math.min(...maps.flatMap(({ norms }) => norms.flat().filter((norm) => norm > bound)))
}

function gridOf(flows: readonly FlowRecord[], history: History): Grid {
  const [first, last] = [...stepScale(history).domain ?? []].map(Number)
  const steps = flows.map(({ step }) => step)
  const columns = pieces(steps.length, COLUMNS)
  const { lags } = flows[0]
  const rows = pieces(lags.length, ROWS)
  return {
    columns: edges(columns.map(([from, to]) => (steps[from] + steps[to - 1]) / 2), first, last),
    rows: [...rows.map(([from]) => lags[from] - 0.5), lags[lags.length - 1] + 0.5],
  }
}

/** Half-way between neighbours; the outermost as far out as in, but not beyond the run. */
function edges(centres: readonly number[], first: number, last: number): number[] {
  if (centres.length === 1) return [first, last]
  const between = centres.slice(1).map((x, k) => (x + centres[k]) / 2)
  const left = 2 * centres[0] - between[0]
  const right = 2 * centres[centres.length - 1] - between[between.length - 1]
  return [Math.max(first, left), ...between, Math.min(last, right)]
}

/** Whole numbers only. */
function lagTicks(rows: readonly number[]): number[] {
  return roundValues(Math.max(0, rows[0]), rows[rows.length - 1], false).filter(Number.isInteger)
}

function mapPanel(history: History, map: Map2D, grid: Grid, range: Range, lowest: boolean): Panel {
  const { rows } = grid
  return { height: lowest ? 236 : 214, options: {
    x: stepScale(history),
    y: { type: 'linear', domain: [rows[0], rows[rows.length - 1]] },
    marginTop: 24, marginBottom: lowest ? 40 : 20,
    marks: [
      cellsMark(map.norms, grid, colourShades(range)),
      lowest ? stepAxis() : stepAxis(null),
      valueAxis(`${map.name}: lag (steps back from the loss)`, lagTicks(rows)),
    ],
  } }
}

/** The colours with the norms that they stand for. */
function legendPanel(range: Range): Panel {
  const { from, to } = range
  const shades = colourShades(range)
  const steps = Array.from({ length: shades.count + 1 }, (_, k) => from * (to / from) ** (k / shades.count))
  const norms = [steps.slice(1).map((end, k) => Math.sqrt(end * steps[k]))]
  return { height: 58, options: {
    x: { type: 'log', domain: [from, to] }, y: { domain: [0, 1], axis: null }, marginLeft: 240,
    marginRight: 62, marginTop: 4, marginBottom: 40,
    marks: [
      cellsMark(norms, { columns: steps, rows: [0, 1] }, shades),
      axisX(roundValues(from, to, true), {
        label: 'norm of dLoss/dh, or dLoss/dc (root mean square over the streams)', labelAnchor: 'center',
        labelArrow: 'none', ticks: 1000, tickFormat: tidy,
      }),
    ],
  } }
}

/** In words: at which lag the gradient has fallen to a thousandth of its largest, first and last. */
function captionOf(flows: readonly FlowRecord[], maps: readonly Map2D[]): string {
  const reach = (row: readonly number[], lags: readonly number[]): string => {
    const largest = Math.max(...row)
    const k = row.findIndex((norm, lag) => lag > row.indexOf(largest) && norm < largest / 1000)
    return k < 0 ? `beyond ${lags[lags.length - 1]} steps` : `${lags[k]} steps`
  }
  const [first, last] = [flows[0], flows[flows.length - 1]]
  const said = first.layers.map((row, k) => {
    const layer = first.layers.length > 1 ? `in layer ${k + 1} ` : ''
    const before = `${reach(row, first.lags)} back at step ${count(first.step)}`
    if (flows.length === 1) return layer + before
    return `${layer}from ${before} to ${reach(last.layers[k], last.lags)} at step ${count(last.step)}`
  })
  const verb = flows.length === 1 ? 'was' : 'went'
  const panels = maps.length > 1 ? ` Panels: ${maps.map(({ name }) => name).join('; ')}.` : ''
  return `The lag at which the gradient of h has fallen to a thousandth ${verb} ${said.join(', ')}.${panels}`
}

// What becomes of the recurrent part of a net while it is trained: the spectral radius of its recurrent
// matrix, or of each gate's, and the share of its values that are stuck near an end of their range.
//
// Measured in ../recurrent-matrices.ts and ../saturation.ts. Read next: chart.ts.

import type { Chart, ChartPanel, Curve } from '../chart.ts'
import { gateName } from '../recurrent-matrices.ts'
import { drawChart } from './chart.ts'
import type { FlowRecord, History } from './history.ts'
import type { Picture } from './picture.ts'
import { count } from './scales.ts'

/** The picture, if the run has measured either. */
export function drawRecurrence(history: History): Picture[] {
  const chart = recurrenceChart(history)
  return chart ? [drawChart('recurrence', chart)] : []
}

/** The same as a chart, from the events `flow` of a run; undefined when they have nothing of the kind. */
export function recurrenceChart(
  { flows, settings: { cell } }: Pick<History, 'flows' | 'settings'>,
): Chart | undefined {
  const radii = flows.filter((flow): flow is Measured<'radii'> => (flow.radii ?? []).length > 0)
  const saturated = flows.filter((flow): flow is Measured<'saturated'> =>
    (flow.saturated ?? []).length > 0)
  if (radii.length === 0 && saturated.length === 0) return undefined
  const panels = [
    ...radii.length > 0 ? [radiusPanel(radii, cell, saturated.length === 0)] : [],
    ...saturated.length > 0 ? [saturationPanel(saturated)] : [],
  ]
  return {
    title: 'The recurrent matrices, and how many values are stuck',
    look: radii.length > 0
      ? 'Above 1 a step can stretch what comes back through it. Stuck: in the outer tenths of the range.'
      : 'Stuck: in the outer tenths of the range, where a squashing function has little slope.',
    caption: captionOf(radii, saturated, cell), panels,
  }
}

type Measured<K extends 'radii' | 'saturated'> = FlowRecord & Required<Pick<FlowRecord, K>>

const STEPS = 'step (updates of the weights)'

function radiusPanel(flows: readonly Measured<'radii'>[], cell: unknown, lowest: boolean): ChartPanel {
  const curves = flows[0].radii.flatMap((blocks, layer, { length }) => blocks.map((_, k): Curve => ({
    points: flows.map(({ step, radii }) => [step, radii[layer]?.[k] ?? NaN] as const),
    label: label(length, layer, gateName(cell, k, blocks.length)), dashed: layer % 2 === 1,
  })))
  return {
    x: { label: lowest ? STEPS : null }, y: { label: 'spectral radius' }, curves: dotted(curves),
    limits: [{ y: 1, label: '' }],
  }
}

function saturationPanel(flows: readonly Measured<'saturated'>[]): ChartPanel {
  const curves = flows[0].saturated.map((_, layer, { length }): Curve => ({
    points: flows.map(({ step, saturated }) => [step, 100 * (saturated[layer] ?? NaN)] as const),
    label: label(length, layer, ''), dashed: layer % 2 === 1,
  }))
  return {
    height: 200, x: { label: STEPS }, y: { label: 'values that are stuck, in percent' },
    curves: dotted(curves),
  }
}

const label = (layers: number, layer: number, name: string): string =>
  layers === 1 ? name : `layer ${layer + 1} ${name}`.trim()

/** A single point is no line: it is drawn to both sides. */
function dotted(curves: readonly Curve[]): Curve[] {
  return curves.map((curve) => curve.points.length > 1 ? curve : {
    ...curve, points: [-0.5, 0.5].map((by) => [curve.points[0][0] + by, curve.points[0][1]] as const),
  })
}

function captionOf(
  radii: readonly Measured<'radii'>[], saturated: readonly Measured<'saturated'>[], cell: unknown,
): string {
  const parts: string[] = []
  if (radii.length > 0) {
    const [first, last] = [radii[0], radii[radii.length - 1]]
    const said = last.radii.flatMap((blocks, layer, { length }) => blocks.map((radius, k) => {
      const name = label(length, layer, gateName(cell, k, blocks.length))
      return `${name} from ${(first.radii[layer]?.[k] ?? NaN).toFixed(2)} to ${radius.toFixed(2)}`
    }))
    parts.push(`Spectral radius, step ${count(first.step)} to ${count(last.step)}: ${said.join(', ')}.` +
      (last.radii.some((blocks) => blocks.length > 1)
        ? ' Each gate has a matrix of its own; no one of them says how the gradient grows.' : ''))
  }
  if (saturated.length > 0) {
    const last = saturated[saturated.length - 1]
    const said = last.saturated.map((share, layer, { length }) =>
      `${label(length, layer, '')} ${(100 * share).toFixed(1)} %`.trim())
    parts.push(`Stuck at the end: ${said.join(', ')} of all squashed values.`)
  }
  return parts.join(' ')
}

// Draws a chart (../chart.ts): axes, cells, limits, curves with their names at their ends, dots and words.
// Read next: picture.ts, for colours and the page; cells.ts.

import {
  axisX, dot, gridX, gridY, lineY, type Markish, type RenderFunction, ruleY, type ScaleOptions, text,
} from './plot.ts'

import type { Axis, Cells, Chart, ChartPanel, Curve, Ink, Point, Word } from '../chart.ts'
import { cellsMark, colourShades, inkShades } from './cells.ts'
import { fill, HALO, type Panel, type Picture, picture, type Role, stroke } from './picture.ts'
import { count, extent, roundValues, tidy, valueAxis } from './scales.ts'
import { SVG } from './svg.ts'

const ROLES: Readonly<Record<Ink, Role>> = {
  blue: 'train', orange: 'held', purple: 'limit', green: 'fourth', ink: 'ink', grey: 'quiet',
}
const ORDER: readonly Ink[] = ['blue', 'orange', 'purple', 'green', 'ink', 'grey']
const HEIGHT = 260
const ABOVE = 28 // pixels between a panel's edge and its axes
const LINE = 14 // pixels between two names at the ends of curves

/** The chart as a picture; `name` is the file's. */
export function drawChart(name: string, { title, look, caption, panels }: Chart): Picture {
  const longest = Math.max(0, ...panels.flatMap(endLabels).map((label) => label.length))
  const right = Math.max(24, 18 + 6.8 * longest) // of all panels, so that their axes stand below each other
  return picture({ name, title, look, caption, panels: panels.map((panel) => drawnPanel(panel, right)) })
}

/** The names that stand at the right: of curves, dots and limits. */
const endLabels = ({ curves = [], dots = [], limits = [] }: ChartPanel): string[] =>
  [...curves, ...dots, ...limits].flatMap(({ label }) => label === undefined ? [] : [label])

function drawnPanel(panel: ChartPanel, right: number): Panel {
  const { cells = [], curves = [], dots = [], limits = [], words = [] } = panel
  const shown = curves.map((curve, k) => ({ ...curve, ink: curve.ink ?? ORDER[k % ORDER.length] }))
  const points = [
    ...[...curves, ...dots].flatMap((one) => one.points), ...words.map(({ at }) => at),
    ...cells.flatMap(({ columns, rows }): Point[] =>
      [[columns[0], rows[0]], [columns[columns.length - 1], rows[rows.length - 1]]]),
  ]
  const x = scaleOf(panel.x, points.map(([value]) => value))
  const y = scaleOf(panel.y, [...points.map(([, value]) => value), ...limits.map((limit) => limit.y)])
  const below = panel.x.label === null ? 10 : 46
  const height = Math.max(panel.height ?? HEIGHT, ABOVE + LINE * endLabels(panel).length + below)
  return { height, options: {
    x: x.scale, y: y.scale, marginTop: ABOVE, marginBottom: below, marginRight: right,
    ...panel.y.label === null ? { marginLeft: 24 } : {},
    marks: [
      ...cells.map((one) => cellsMark(one.values, one, shadesOf(one))),
      ...panel.y.label === null || cells.length > 0 ? [] : [gridY(y.ticks)],
      ...panel.x.label === null || cells.length > 0 ? [] : [gridX(x.ticks)],
      ...panel.x.label === null ? [axisX([], { label: null })] : [xAxis(panel.x.label, x.ticks)],
      panel.y.label === null ? valueAxis('', []) : valueAxis(panel.y.label, y.ticks),
      ...limits.map(({ y: value }) => ruleY([value], { ...stroke('quiet'), ...DASHES })),
      ...shown.map(curveMark),
      ...dots.map((one) => dot(one.points, { ...XY, r: one.radius ?? 3, ...fill(ROLES[one.ink ?? 'ink']) })),
      endNames([
        ...shown, ...dots.map((one) => ({ ...one, ink: one.ink ?? 'ink' as const })),
        ...limits.map((limit) => ({ ...limit, points: [[x.end, limit.y]] as const, ink: 'grey' as const })),
      ]),
      ...words.map(wordMark),
    ],
  } }
}

const DASHES = { strokeWidth: 1.5, strokeDasharray: '6,4' } as const
const XY = { x: (point: Point) => point[0], y: (point: Point) => point[1] }

/** The scale of an axis, where its ticks stand, and its end. */
function scaleOf({ domain, log = false, ticks }: Axis, values: readonly number[]) {
  const [low, high] = domain ?? padded(extent(values.filter(Number.isFinite)), log)
  const scale: ScaleOptions = { type: log ? 'log' : 'linear', domain: [low, high], clamp: false }
  return { scale, ticks: ticks ?? roundValues(low, high, log), end: high }
}

/** A little more than the values span; some room where they are all the same. */
function padded([low, high]: readonly [number, number], log: boolean): [number, number] {
  if (low > high) return log ? [0.1, 1] : [0, 1]
  const factor = low === high ? 2 : (high / low) ** 0.04
  if (log) return [low / factor, high * factor]
  const room = low === high ? Math.max(Math.abs(low), 1) / 2 : 0.04 * (high - low)
  return [low - room, high + room]
}

const xAxis = (label: string, ticks: readonly number[]): Markish => axisX([...ticks], {
  label, labelAnchor: 'center', labelArrow: 'none', labelOffset: 38, ticks: 1000,
  tickFormat: (x: number) => Math.abs(x) >= 1000 && Number.isInteger(x) ? count(x) : tidy(x),
})

const shadesOf = ({ shades = 'ink' }: Cells) => shades === 'ink' ? inkShades : colourShades(shades)

function curveMark({ points, ink, dashed = false, width = 2 }: Curve & { ink: Ink }): Markish {
  const line = { strokeWidth: width, strokeLinejoin: 'round', ...(dashed ? { strokeDasharray: '5,4' } : {}) }
  return lineY(points, { ...XY, ...stroke(ROLES[ink]), ...line })
}

function wordMark({ at, text: word, side, ink = 'ink' }: Word): Markish {
  const anchor = side === 'right' ? 'start' : side === 'left' ? 'end' : 'middle'
  const dx = side === 'right' ? 5 : side === 'left' ? -5 : 0
  return text([at], { ...XY, text: () => word, textAnchor: anchor, dx, ...fill(ROLES[ink]), ...HALO })
}

/** Names of curves and limits, beside their last points, moved apart where they would touch each other. */
function endNames(named: readonly { points: readonly Point[], label?: string, ink: Ink }[]): RenderFunction {
  return (_index, { x, y }, _values, { height, marginBottom }, { document }) => {
    const group = document.createElementNS(SVG, 'g')
    const places = named.flatMap(({ points, label, ink }) => {
      const last = points.findLast((point) => point.every(Number.isFinite))
      if (label === undefined || last === undefined) return []
      return [{ label, ink, left: (x?.(last[0]) ?? 0) + 7, top: (y?.(last[1]) ?? 0) + 4 }]
    }).sort((a, b) => a.top - b.top)
    for (const [k, place] of places.entries()) {
      if (k > 0) place.top = Math.max(place.top, places[k - 1].top + LINE)
    }
    let floor = height - marginBottom
    for (let k = places.length - 1; k >= 0; k--, floor = places[k + 1].top - LINE) {
      places[k].top = Math.min(places[k].top, floor)
    }
    for (const { label, ink, left, top } of places) {
      const name = document.createElementNS(SVG, 'text')
      const { className, fill: colour } = fill(ROLES[ink])
      const attributes = { x: left, y: top, class: className, fill: colour, 'text-anchor': 'start',
        'font-weight': 600, 'stroke-width': HALO.strokeWidth, stroke: HALO.stroke, 'paint-order': 'stroke' }
      for (const [key, value] of Object.entries(attributes)) name.setAttribute(key, String(value))
      name.textContent = label
      group.appendChild(name)
    }
    return group
  }
}

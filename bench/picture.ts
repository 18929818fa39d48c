// The picture of npm run bench -- gpu --svg FILE: time by size, cpu against gpu, a panel for each piece of
// work; both axes logarithmic. Drawn like the pictures of a training run, which picture.ts of
// ../src/inspect/pictures explains.

import { fill, HALO, type Panel, picture, type Role, stroke } from '../src/inspect/pictures/picture.ts'
import {
  axisX, dot, gridY, lineY, type Markish, text,
} from '../src/inspect/pictures/plot.ts'
import { extent, roundValues, tidy, valueAxis } from '../src/inspect/pictures/scales.ts'

/** One size of a piece of work, as the benchmarks write it down: times in seconds. */
interface Measurement {
  readonly series: string
  readonly adapter: string
  readonly flops: number
  readonly bytes?: number
  readonly cpu: number
  readonly encode: number
  readonly gpu: number | null
  readonly total: number
}

interface Point {
  readonly x: number
  readonly y: number
}

interface Curve {
  readonly label: string
  readonly role: Role
  readonly dashes?: string
  readonly points: readonly Point[]
}

const ROLES: readonly Role[] = ['held', 'limit', 'quiet']

/** Arithmetic where there is some, else bytes. */
const work = ({ flops, bytes = 0 }: Measurement): number => flops || bytes

export function draw(
  { machine, adapters, measurements }: {
    machine: string, adapters: readonly string[], measurements: readonly Measurement[]
  },
): string {
  const names = [...new Set(measurements.map(({ series }) => series))]
  return picture({
    name: 'bench', title: 'Cpu against gpu: milliseconds by size',
    look: 'Line: a call with its answer read back. Dashed: a call in a chain, host and gpu side by side.',
    caption: [machine, ...adapters].join('. '),
    panels: [
      ...names.map((name) => panel(name, measurements.filter(({ series }) => series === name))),
      footer([machine, ...adapters]),
    ],
  }).svg
}

function panel(name: string, rows: readonly Measurement[]): Panel {
  const curves = curvesOf(rows)
  const all = curves.flatMap(({ points }) => points)
  const [left, right] = extent(all.map(({ x }) => x))
  const [low, high] = extent(all.map(({ y }) => y))
  const domain = [low / 1.5, high * 1.5]
  const ticks = roundValues(domain[0], domain[1], true)
  const unit = rows[0].flops ? 'operations in floating point' : 'bytes in and out'
  const xs = roundValues(left, right * 1.01, true)
  return { height: 210, options: {
    x: { type: 'log', domain: [left / 1.2, right * 1.2] }, y: { type: 'log', domain },
    marginTop: 34, marginBottom: 40, marginRight: 150,
    marks: [
      gridY(ticks), valueAxis('ms', ticks),
      axisX(xs, { label: unit, labelAnchor: 'center', labelArrow: 'none', ticks: 1000, tickFormat: amount }),
      text([name], { text: (line: string) => line, frameAnchor: 'top-left', dy: -22, fontWeight: 600 }),
      ...curves.flatMap(marksOf),
      ...labels(curves, Math.log(domain[1] / domain[0])),
    ],
  } }
}

function curvesOf(rows: readonly Measurement[]): Curve[] {
  const sorted = [...rows].sort((a, b) => work(a) - work(b))
  const curve = (of: readonly Measurement[], y: (row: Measurement) => number): readonly Point[] =>
    of.map((row) => ({ x: work(row), y: 1000 * y(row) }))
  const names = [...new Set(rows.map(({ adapter }) => adapter))]
  const cpu = sorted.filter(({ adapter }) => adapter === names[0])
  return [
    { label: 'cpu', role: 'train', points: curve(cpu, (row) => row.cpu) },
    ...names.flatMap((name, k): Curve[] => {
      const own = sorted.filter(({ adapter }) => adapter === name)
      const [role, label] = [ROLES[k % ROLES.length], name.slice(0, 20)]
      const chained = (row: Measurement) => Math.max(row.encode, row.gpu ?? row.total)
      return [
        { label, role, points: curve(own, (row) => row.total) },
        { label: '', role, dashes: '5,3', points: curve(own, chained) },
      ]
    }),
  ]
}

function marksOf({ role, dashes, points }: Curve): Markish[] {
  const line = { x: 'x', y: 'y', ...stroke(role), strokeWidth: dashes ? 1.3 : 2 }
  return [
    lineY(points, dashes ? { ...line, strokeDasharray: dashes } : line),
    ...(dashes ? [] : [dot(points, { x: 'x', y: 'y', r: 2.5, ...fill(role) })]),
  ]
}

// Names at the ends of the curves, moved apart where they would lie on each other.
function labels(curves: readonly Curve[], decades: number): Markish[] {
  const named = curves.filter(({ label }) => label)
    .map(({ label, role, points }) => ({ label, role, ...points[points.length - 1] }))
    .sort((a, b) => b.y - a.y)
  const pixels = 136 / decades // for a factor of e
  let lowest = -Infinity
  return named.map(({ label, role, x, y }) => {
    const at = -Math.log(y) * pixels
    const shifted = Math.max(at, lowest + 13)
    lowest = shifted
    return text([{ x, y }], {
      x: 'x', y: 'y', text: () => label, dx: 7, dy: shifted - at, textAnchor: 'start', ...fill(role), ...HALO,
      fontWeight: 600,
    })
  })
}

function footer(lines: readonly string[]): Panel {
  const wrapped = lines.flatMap((line) => line.match(/.{1,110}(?:\s|$)/g) ?? [line])
  return { height: 16 * wrapped.length + 16, options: {
    axis: null, marginTop: 4, marginBottom: 4, marginLeft: 12,
    marks: wrapped.map((line, k) => text([line], {
      text: (words: string) => words, frameAnchor: 'top-left', dy: 16 * k, ...fill('quiet'),
    })),
  } }
}

/** 1,500,000 -> 1.5 M */
function amount(n: number): string {
  const power = Math.max(0, Math.min(4, Math.floor(Math.log10(n) / 3)))
  return `${tidy(n / 1000 ** power)}${['', ' k', ' M', ' G', ' T'][power]}`
}

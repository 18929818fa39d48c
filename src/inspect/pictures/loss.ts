// The loss of a run, step by step, and on held-out text: in nats on the left, in bits per character or as
// perplexity on the right (one is the other, so the curve is one). A loss that jumps far above all others
// must not flatten the curve, and must not vanish: it is drawn at the upper edge as a triangle, and counted.
// Read next: series.ts, picture.ts.

import { dot, gridY, type Markish, text } from './plot.ts'

import { endOf, type History } from './history.ts'
import { fill, type Picture, picture } from './picture.ts'
import { brief, count, extent, roundValues, stepAxis, stepScale, tidy, valueAxis } from './scales.ts'
import { heldMarks, PLACES, resumeMarks, series, smoothed } from './series.ts'
import { pieces, type Point } from './thin.ts'

const FAR_ABOVE = 1.5 // times the height of the smoothed curve

/** Losses in the unit that people compare: bits per character, or perplexity of words. */
interface Unit {
  readonly name: string
  of(loss: number): number
  back(value: number): number
  tell(loss: number): string
}

function unitOf({ settings }: History): Unit {
  const word = settings.unit === 'word'
  const name = word ? 'perplexity' : 'bits per character'
  const of = (loss: number) => word ? Math.exp(loss) : loss / Math.LN2
  const back = (value: number) => word ? Math.log(value) : value * Math.LN2
  const tell = (loss: number) => word
    ? `${loss.toFixed(3)} nats (perplexity ${of(loss) < 1e6 ? of(loss).toFixed(1) : 'above a million'})`
    : `${loss.toFixed(3)} nats (${of(loss).toFixed(3)} bits per character)`
  return { name, of, back, tell }
}

export function drawLoss(history: History): Picture {
  const points = history.steps.map(({ step, loss }) => ({ x: step, y: loss }))
  const held = history.validations.map(({ step, loss }) => ({ x: step, y: loss }))
  const unit = unitOf(history)
  const middle = smoothed(points)
  const { domain, log, top } = scaleOf(points, middle, held)
  const far = points.filter(({ y }) => y > top)
  const ticks = roundValues(domain[0], domain[1], log)
  return picture({
    name: 'loss', title: `Loss and ${unit.name}`, caption: captionOf(history, far, unit),
    look: 'Pale: each step. Line: the middle of the steps around. Dots: text that is never trained on; ' +
      'if they rise, it is overfitting.',
    panels: [{ height: 330, options: {
      x: stepScale(history), y: { type: log ? 'log' : 'linear', domain }, marginTop: 28, marginBottom: 42,
      marks: [
        gridY(ticks), stepAxis(), valueAxis('nats per token', ticks), unitAxis(domain, log, unit),
        ...series(points.map(({ x, y }) => ({ x, y: Math.min(y, top) })), middle),
        ...resumeMarks(history),
        ...heldMarks(held), ...farMarks(far, top),
      ],
    } }],
  })
}

/** From the smallest to the largest value with which the curve can be seen; logarithmic if it explodes. */
function scaleOf(points: readonly Point[], middle: readonly Point[], held: readonly Point[]) {
  const [low] = extent([...points.map(({ y }) => y), ...held.map(({ y }) => y)])
  const [, high] = extent([...middle, ...held].map(({ y }) => y))
  const [, highest] = extent(points.map(({ y }) => y))
  if (low > 0 && high > 30 * low) return { domain: [low / 1.1, highest * 1.1], log: true, top: highest }
  const seen = low + FAR_ABOVE * (high - low)
  const top = highest <= seen || high === low ? Math.max(high, highest) : seen
  const room = top > low ? (top - low) * 0.05 : Math.max(Math.abs(top), 1) * 0.1
  return { domain: [low - room, top + room], log: false, top }
}

/** The same losses in the other unit, on the right. */
function unitAxis([low, high]: readonly number[], log: boolean, unit: Unit): Markish {
  const from = Math.max(unit.of(low), unit.name === 'perplexity' ? 1e-3 : -Infinity)
  const to = Math.min(unit.of(high), 1e300)
  const values = roundValues(from, to, log || to > 20 * from && from > 0)
  return valueAxis(unit.name, values.map(unit.back), { anchor: 'right', tell: (y) => tidy(unit.of(y)) })
}

function farMarks(far: readonly Point[], top: number): Markish[] {
  if (far.length === 0) return []
  const [, highest] = extent(far.map(({ y }) => y))
  const shown = pieces(far.length, PLACES / 4).map(([from]) => far[from])
  const largest = far.filter(({ y }) => y === highest).slice(0, 1)
  return [
    dot(shown, { x: 'x', y: () => top, symbol: 'triangle', r: 4, dy: -3, ...fill('limit') }),
    text(largest, { x: 'x', y: () => top, text: () => `up to ${brief(highest)}`, dy: -14, ...fill('limit'),
      fontWeight: 600 }),
  ]
}

function captionOf(
  { steps, tests, validations }: History, far: readonly Point[], unit: Unit,
): string {
  const { loss, over } = endOf(steps)
  const best = validations.reduce((a, b) => b.loss < a.loss ? b : a, validations[0])
  const [, highest] = extent(far.map(({ y }) => y))
  return [
    `Training ended at ${unit.tell(loss)}, the ${over}.`,
    best ? `Best validation: ${unit.tell(best.loss)} at step ${count(best.step)}.`
      : 'No validation was made.',
    ...tests.slice(-1).map(({ loss }) => `Test: ${unit.tell(loss)}.`),
    ...(far.length > 0
      ? [`Too high for the picture, and drawn as triangles: ${count(far.length)} of the steps, up to ` +
        `${brief(highest)} nats.`]
      : []),
  ].join(' ')
}

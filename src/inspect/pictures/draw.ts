// The pictures of a training run, from what it told: loss, gradient norm, how far gradients reach back, what
// becomes of the recurrent matrices, and the learning rate if it changes. NOTES.md says how to read them.
// Read next: loss.ts, series.ts, heat-map.ts, recurrence.ts, report.ts.

import { areaY, dot, gridY, lineY, type Markish, ruleY, text } from './plot.ts'

import { heatMap } from './heat-map.ts'
import type { History } from './history.ts'
import { drawLoss } from './loss.ts'
import { fill, type Panel, type Picture, picture, stroke } from './picture.ts'
import { drawRecurrence } from './recurrence.ts'
import { count, extent, roundValues, stepAxis, stepScale, tidy, valueAxis } from './scales.ts'
import { FEW, PLACES, reachOf, resumeMarks, series } from './series.ts'
import { mean, median, type Point, smooth } from './thin.ts'

/** All pictures that can be drawn of a run; none of one that has not made a step. */
export function drawPictures(history: History): Picture[] {
  if (history.steps.length === 0) return []
  const rates = history.steps.flatMap(({ step, learningRate }) =>
    learningRate === undefined ? [] : [{ x: step, y: learningRate }])
  return [
    drawLoss(history),
    drawGradientNorm(history),
    ...heatMap(history),
    ...drawRecurrence(history),
    ...(new Set(rates.map(({ y }) => y)).size > 1 ? [drawLearningRate(history, rates)] : []),
  ]
}

function drawGradientNorm(history: History): Picture {
  const { steps, settings } = history
  const norms = steps.map(({ step, gradNorm }) => ({ x: step, y: gradNorm })).filter(({ y }) => y > 0)
  const clip = typeof settings.clip === 'number' ? settings.clip : undefined
  const cut = steps.filter(({ clipped }) => clipped).length
  const [, largest] = extent(norms.map(({ y }) => y))
  const percent = (100 * cut / steps.length).toFixed(cut > 0 && cut < steps.length / 100 ? 2 : 0)
  const bound = clip === undefined ? 'the bound' : `the bound of ${clip}`
  const caption = `${count(cut)} of ${count(steps.length)} steps (${percent} %) went above ${bound} and ` +
    'were cut down to it. ' +
    (norms.length > 0 ? `The largest norm was ${tidy(Number(largest.toPrecision(3)))}.` : 'All norms were 0.')
  const ys = [...norms.map(({ y }) => y), ...(clip === undefined ? [] : [clip])]
  const [low, high] = ys.length > 0 ? extent(ys) : [0.1, 1]
  const domain = [low / 1.3, high * 1.3]
  const ticks = roundValues(domain[0], domain[1], true)
  return picture({
    name: 'gradient-norm', title: 'Gradient norm, and the share of steps that are clipped', caption,
    look: 'Pale: each step. Line: the middle of the steps around. Above the dashed line a gradient is cut ' +
      'down to it.',
    panels: [
      { height: 270, options: {
        x: stepScale(history), y: { type: 'log', domain }, marginTop: 26, marginBottom: 24,
        marks: [
          gridY(ticks), stepAxis(null), valueAxis('norm before clipping', ticks),
          ...series(norms), ...resumeMarks(history), ...clipMarks(clip),
        ],
      } },
      sharePanel(history),
    ],
  })
}

function clipMarks(clip: number | undefined): Markish[] {
  if (clip === undefined) return []
  return [
    ruleY([clip], { ...stroke('limit'), strokeWidth: 1.5, strokeDasharray: '6,4' }),
    text([clip], { y: (y: number) => y, text: () => `clip ${clip}`, frameAnchor: 'right', textAnchor: 'start',
      dx: 5, ...fill('limit'), fontWeight: 600 }),
  ]
}

/** The share of the steps around each place that were clipped, in percent; up to 100, if it comes near. */
function sharePanel(history: History): Panel {
  const { steps } = history
  const points = steps.map(({ step, clipped }) => ({ x: step, y: clipped ? 100 : 0 }))
  const reach = Math.max(10, reachOf(steps.length))
  const shares = smooth(points, { count: PLACES, reach, summary: mean })
  const [, most] = extent(shares.map(({ y }) => y))
  const top = [5, 10, 20, 50].find((y) => most < y) ?? 100
  const ticks = [0, top / 2, top]
  return { height: 130, options: {
    x: stepScale(history), y: { domain: [0, top] }, marginTop: 26, marginBottom: 42,
    marks: [
      gridY(ticks), stepAxis(), valueAxis('steps clipped, in percent of the steps around', ticks),
      areaY(shares, { x: 'x', y: 'y', ...fill('limit'), fillOpacity: 0.35 }),
      lineY(shares, { x: 'x', y: 'y', ...stroke('limit'), strokeWidth: 1.5 }),
      ...(steps.length > FEW ? [] : [dot(shares, { x: 'x', y: 'y', r: 2, ...fill('limit') })]),
    ],
  } }
}

function drawLearningRate(history: History, rates: readonly Point[]): Picture {
  const places = 4 * PLACES
  const shown = rates.length > places ? smooth(rates, { count: places, reach: 0, summary: median }) : rates
  const [low, high] = extent(rates.map(({ y }) => y))
  const caption = `From ${tidy(rates[0].y)} to ${tidy(rates[rates.length - 1].y)}, at most ${tidy(high)}.`
  const log = low > 0 && high > 20 * low
  const domain = log ? [low / 1.2, high * 1.2] : [0, high * 1.05]
  const ticks = roundValues(domain[0], domain[1], log)
  return picture({
    name: 'learning-rate', title: 'Learning rate', caption,
    look: 'What each update is multiplied by: how large a step the optimiser takes.',
    panels: [{ height: 200, options: {
      x: stepScale(history), y: { type: log ? 'log' : 'linear', domain }, marginTop: 26, marginBottom: 42,
      marks: [
        gridY(ticks), stepAxis(), valueAxis('learning rate', ticks),
        lineY(shown, { x: 'x', y: 'y', ...stroke('train'), strokeWidth: 2, curve: 'step' }),
        ...resumeMarks(history),
      ],
    } }],
  })
}

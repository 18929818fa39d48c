// What is drawn again and again: a noisy series with its middle, values on held-out text, where a run was
// taken up again. Read next: thin.ts, picture.ts.

import { areaY, dot, lineY, type Markish, ruleX, text } from './plot.ts'

import type { History } from './history.ts'
import { fill, HALO, stroke } from './picture.ts'
import { median, type Point, smooth, spans } from './thin.ts'

/** At how many places a curve is drawn: one every two pixels. */
export const PLACES = 320
/** Up to how many steps each is shown as a dot. */
export const FEW = 40

/** Where the run was taken up again; drawn after the curves, so that its word is read on them. */
export function resumeMarks({ resumes }: History): Markish[] {
  if (resumes.length === 0) return []
  const label = (step: number, k: number) => k === resumes.length - 1 ? 'resumed' : ''
  return [
    ruleX([...resumes], { ...stroke('quiet'), strokeDasharray: '2,3' }),
    text([...resumes], { x: (step: number) => step, text: label, frameAnchor: 'top', dy: 2, dx: -3,
      textAnchor: 'end', ...fill('quiet'), ...HALO }),
  ]
}

/** How far a smoothed value looks to each side: a hundredth of the run. */
export const reachOf = (length: number): number => Math.ceil(length / 100)

/** The middle of the steps around, at so many places as can be seen. */
export function smoothed(points: readonly Point[]): Point[] {
  return smooth(points, { count: PLACES, reach: reachOf(points.length), summary: median })
}

/** A series, thin and pale, each spike in it, and the middle of it on top. */
export function series(points: readonly Point[], middle = smoothed(points)): Markish[] {
  const pale = { ...stroke('train'), strokeOpacity: 0.45, strokeWidth: 1 }
  const many = points.length > PLACES
  const pieces = many ? spans(points, PLACES) : []
  const raw = many
    ? [areaY(pieces, { x: 'x', y1: 'low', y2: 'high', ...fill('train'), fillOpacity: 0.28 }),
      lineY(pieces, { x: 'x', y: 'high', ...pale, strokeWidth: 0.6 })] // seen where a span has no height
    : [lineY(points, { x: 'x', y: 'y', ...pale })]
  const dots = points.length > FEW ? [] : [dot(points, { x: 'x', y: 'y', r: 2.5, ...fill('train') })]
  return [...raw, lineY(middle, { x: 'x', y: 'y', ...stroke('train'), strokeWidth: 2 }), ...dots]
}

/** Losses on held-out text. */
export function heldMarks(held: readonly Point[]): Markish[] {
  const shown = held.length > PLACES ? smooth(held, { count: PLACES, reach: 0, summary: median }) : held
  return [
    lineY(shown, { x: 'x', y: 'y', ...stroke('held'), strokeWidth: 1.2, strokeDasharray: '4,3' }),
    dot(shown, { x: 'x', y: 'y', r: shown.length > 60 ? 2 : 4, ...fill('held') }),
    text(shown.slice(-1), { x: 'x', y: 'y', text: () => 'validation', dy: -12, textAnchor: 'end', dx: 4,
      ...fill('held'), ...HALO, fontWeight: 600 }),
  ]
}

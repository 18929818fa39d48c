// Scales and axes that the pictures share: steps across, round numbers, few characters. Read next:
// picture.ts.

import { axisX, axisY, type Markish, type ScaleOptions } from './plot.ts'

import type { History } from './history.ts'

/** Steps, from the first that is known to the last; a run of one step gets some room. */
export function stepScale({ steps }: History): ScaleOptions {
  const last = steps[steps.length - 1].step
  const { step: first } = steps[0]
  return { type: 'linear', domain: last > first ? [first, last] : [first - 1, first + 1] }
}

/** The axis below a picture; without its label where another panel follows. */
export const stepAxis = (label: string | null = 'step (updates of the weights)'): Markish =>
  axisX({ label, labelAnchor: 'center', labelArrow: 'none', ticks: 8, tickFormat: wholeNumber })

/** A number of things: `12,345`. */
export const count = (n: number): string => n.toLocaleString('en-US')

const wholeNumber = (n: number): string => Number.isInteger(n) ? count(n) : ''

/** An axis for values, on the left or on the right, with a label at all ticks. */
export function valueAxis(
  label: string, values: readonly number[],
  { anchor = 'left', tell = tidy }: { anchor?: 'left' | 'right', tell?: (value: number) => string } = {},
): Markish {
  const ticks = 1000 // on a logarithmic scale Plot leaves out labels where ticks are more than it expects
  return axisY([...values], { label, labelArrow: 'none', labelOffset: 50, anchor, ticks, tickFormat: tell })
}

/** The smallest and the largest. */
export function extent(ys: readonly number[]): [number, number] {
  return ys.reduce(([low, high], y) => [Math.min(low, y), Math.max(high, y)], [Infinity, -Infinity])
}

/** Nine round numbers in between, or fewer: equal steps, or 1, 2, 5, 10, ... */
export function roundValues(from: number, to: number, logarithmic: boolean): number[] {
  const values: number[] = []
  if (!logarithmic) {
    const rough = (to - from) / 6
    if (!(rough > 0 && rough < Infinity)) return [from]
    const power = 10 ** Math.floor(Math.log10(rough))
    const step = power * ([1, 2, 5, 10].find((k) => k * power >= rough) ?? 10)
    for (let k = Math.ceil(from / step); k * step <= to; k++) values.push(k * step)
    return values
  }
  const decades = Math.log10(to / from)
  const every = Math.ceil(decades / 8)
  const factors = decades < 2.5 ? [1, 2, 5] : [1]
  for (let e = Math.floor(Math.log10(from)); e <= Math.log10(to); e++) {
    if (e % every !== 0) continue
    values.push(...factors.map((f) => f * 10 ** e).filter((v) => v >= from && v <= to))
  }
  return values
}

/** A number in two digits, for words in a picture. */
export const brief = (n: number): string => tidy(Number(n.toPrecision(2)))

/** A number in few characters. */
export const tidy = (n: number): string =>
  n >= 1e5 || (n < 1e-3 && n > 0) ? n.toExponential(0).replace('e+', 'e') : String(Number(n.toPrecision(6)))

// Long runs made short enough to draw: a hundred thousand steps do not fit in seven hundred pixels. Nothing
// that sticks out may vanish on the way: each piece of the run keeps its smallest and its largest value.
// Read next: draw.ts.

export interface Point {
  readonly x: number
  readonly y: number
}

/** What a piece of a series spans. */
export interface Span {
  /** the middle of the piece */
  readonly x: number
  readonly low: number
  readonly high: number
}

/** At most `count` pieces, as equal as can be, without a gap: [from, to) of indices. */
export function pieces(length: number, count: number): [from: number, to: number][] {
  const n = Math.min(length, count)
  return Array.from({ length: n }, (_, k) => [Math.floor(k * length / n), Math.floor((k + 1) * length / n)])
}

/** The smallest and largest values of at most `count` pieces; the first and last reach the series' ends. */
export function spans(points: readonly Point[], count: number): Span[] {
  const parts = pieces(points.length, count)
  return parts.map(([from, to], k) => {
    let [low, high] = [Infinity, -Infinity]
    for (let i = from; i < to; i++) {
      low = Math.min(low, points[i].y)
      high = Math.max(high, points[i].y)
    }
    const [first, last] = [points[from].x, points[to - 1].x]
    const x = k === 0 ? first : k === parts.length - 1 ? last : (first + last) / 2
    return { x, low, high }
  })
}

/**
 * The series smoothed, at no more than `count` places: `summary` of the values up to `reach` to each side.
 * (Centred, so that a falling curve is not drawn late, as a running mean of the past would.)
 */
export function smooth(
  points: readonly Point[], { count, reach, summary }: {
    count: number, reach: number, summary: (ys: readonly number[]) => number,
  },
): Point[] {
  return pieces(points.length, count).map(([from, to], k, all) => {
    const at = k === 0 ? 0 : k === all.length - 1 ? points.length - 1 : Math.floor((from + to - 1) / 2)
    const most = Math.min(reach, at) // near the start too, as many to the right as to the left
    const ys = points.slice(at - most, at + most + 1).map(({ y }) => y)
    return { x: points[at].x, y: summary(ys) }
  })
}

/** The middle value: unlike the mean, no single spike moves it. */
export function median(ys: readonly number[]): number {
  const sorted = Float64Array.from(ys).sort()
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : sorted[half - 1] / 2 + sorted[half] / 2
}

export function mean(ys: readonly number[]): number {
  return ys.reduce((sum, y) => sum + y, 0) / ys.length
}

/** exp of the mean of the logarithms; zeros count as the smallest number of float32. */
export function geometricMean(ys: readonly number[]): number {
  return Math.exp(mean(ys.map((y) => Math.log(Math.max(y, 1e-45)))))
}

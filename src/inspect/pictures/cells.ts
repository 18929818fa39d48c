// Values on a grid as an image: a rectangle for each cell, its colour the value.
//
// Cells of one colour are one path, and neighbours in a row one rectangle: thousands of cells stay a file of
// some ten kilobytes. Read next: heat-map.ts and chart.ts, which draw with it.

import { type RenderFunction, scale } from './plot.ts'

import { fill } from './picture.ts'
import { SVG } from './svg.ts'

const COLOURS = 40
const GREYS = 8

/** Edges of columns and rows, one more than there are of each, in the units of the axes. */
export interface Grid {
  readonly columns: readonly number[]
  readonly rows: readonly number[]
}

/** The values that have the darkest and the brightest colour. */
export interface Range {
  readonly from: number
  readonly to: number
  readonly log?: boolean
}

/** Shades by number, from the least to the most. */
export interface Shades {
  readonly count: number
  /** the number of a value's shade; below 0: not drawn */
  of(value: number): number
  /** what a shade's path wears */
  attributes(shade: number): Readonly<Record<string, string | number>>
}

/** Dark to bright between two values; what lies outside has the colour of the nearer one. */
export function colourShades({ from, to, log = false }: Range): Shades {
  const { apply } = scale({ color: { type: 'linear', scheme: 'viridis', domain: [0, COLOURS - 1] } })
  const along = (value: number) => log
    ? Math.log(Math.max(value, from) / from) / Math.log(to / from)
    : (value - from) / (to - from)
  return {
    count: COLOURS,
    of: (value) => Math.min(COLOURS - 1, Math.max(0, Math.floor(along(value) * COLOURS))),
    attributes: (shade) => ({ fill: String(apply(shade)) }),
  }
}

/** The page at 0 and the ink at 1, as light or as dark as the page is. */
export const inkShades: Shades = {
  count: GREYS,
  of: (value) => Math.ceil(Math.min(1, value) * GREYS) - 1,
  attributes(shade) {
    const { className, fill: colour } = fill('ink')
    return { class: className, fill: colour, 'fill-opacity': (shade + 1) / GREYS }
  },
}

/** The cells as Plot's own kind of mark, a function that draws with Plot's scales: values[row][column]. */
export function cellsMark(
  values: readonly (readonly number[])[], { columns, rows }: Grid, shades: Shades,
): RenderFunction {
  return (_index, { x, y }, _values, _dimensions, { document }) => {
    const at = (n: number | undefined) => Number((n ?? NaN).toFixed(1))
    const xs = columns.map((value) => at(x?.(value)))
    const ys = rows.map((value) => at(y?.(value)))
    const paths = new Map<number, string>() // by shade
    for (const [row, line] of values.entries()) {
      for (let from = 0, to = 0; from < line.length; from = to) {
        const shade = shades.of(line[from])
        for (to = from + 1; to < line.length && shades.of(line[to]) === shade;) to++
        if (shade < 0) continue
        const box = `M${xs[from]} ${ys[row]}H${xs[to]}V${ys[row + 1]}H${xs[from]}Z`
        paths.set(shade, (paths.get(shade) ?? '') + box)
      }
    }
    const group = document.createElementNS(SVG, 'g')
    group.setAttribute('shape-rendering', 'crispEdges') // no seams between neighbours
    for (const [shade, d] of [...paths].sort(([a], [b]) => a - b)) {
      const path = document.createElementNS(SVG, 'path')
      path.setAttribute('d', d)
      for (const [key, value] of Object.entries(shades.attributes(shade))) {
        path.setAttribute(key, String(value))
      }
      group.appendChild(path)
    }
    return group
  }
}

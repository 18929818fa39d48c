// A chart as plain data: what an experiment found, before anything is drawn. Panels stand one above the
// other; each has two axes and, from the back to the front, cells (images, surfaces), lines at a limit,
// curves, dots and words. Read next: pictures/chart.ts, which draws it; experiments/.

/** Colours that eyes of every kind tell apart, in the order in which they are taken. */
export type Ink = 'blue' | 'orange' | 'purple' | 'green' | 'ink' | 'grey'

export type Point = readonly [x: number, y: number]

export interface Axis {
  /** with its unit; null where the axis is not drawn (letters, trees) */
  readonly label: string | null
  /** from the values if it is left out */
  readonly domain?: readonly [number, number]
  readonly log?: boolean
  /** round values if they are left out */
  readonly ticks?: readonly number[]
}

export interface Curve {
  readonly points: readonly Point[]
  /** stands at the curve's end, in its colour */
  readonly label?: string
  /** the next that is free, if it is left out */
  readonly ink?: Ink
  readonly dashed?: boolean
  /** pixels, 2 by default */
  readonly width?: number
}

export interface Dots {
  readonly points: readonly Point[]
  /** stands beside the last */
  readonly label?: string
  readonly ink?: Ink
  /** pixels, 3 by default */
  readonly radius?: number
}

/** A line across at a value: what the rule asks for. */
export interface Limit {
  readonly y: number
  readonly label: string
}

export interface Word {
  readonly at: Point
  readonly text: string
  /** the side of the point on which it stands; in the middle if it is left out */
  readonly side?: 'left' | 'right'
  readonly ink?: Ink
}

/** Values on a grid. */
export interface Cells {
  /** edges, one more than there are values in a row, in units of the x axis */
  readonly columns: readonly number[]
  /** edges, one more than there are rows, in units of the y axis */
  readonly rows: readonly number[]
  /** a list for each row */
  readonly values: readonly (readonly number[])[]
  /** `ink`: 0 is the page and 1 the ink (the default); `colours`: dark to bright, with a range for each */
  readonly shades?: 'ink' | { readonly from: number, readonly to: number, readonly log?: boolean }
}

export interface ChartPanel {
  /** pixels, 260 by default */
  readonly height?: number
  readonly x: Axis
  readonly y: Axis
  readonly cells?: readonly Cells[]
  readonly limits?: readonly Limit[]
  readonly curves?: readonly Curve[]
  readonly dots?: readonly Dots[]
  readonly words?: readonly Word[]
}

export interface Chart {
  readonly title: string
  /** a line below the title: what to look at */
  readonly look: string
  /** what it shows, with numbers, for those who read it and for those who cannot see it */
  readonly caption: string
  readonly panels: readonly ChartPanel[]
}

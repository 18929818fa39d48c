// A picture: panels drawn by @observablehq/plot, one above the other, under a title, as one SVG file.
//
// It stands alone: no script, no font, no network. Colours have two sets, for a light and for a dark page;
// the viewer's own setting chooses, by the style inside the file. A viewer that reads no styles gets the
// light ones, which stand at the elements. All colours are told apart by eyes of every kind (after Okabe and
// Ito 2008); what matters is never said by colour alone. Read next: draw.ts.

import { plot, type PlotOptions } from './plot.ts'

import { element, SVG, SvgDocument, type SvgElement } from './svg.ts'

export interface Picture {
  /** of the file, without .svg */
  readonly name: string
  readonly title: string
  /** what it shows, with numbers, for those who read it and for those who cannot see it */
  readonly caption: string
  readonly svg: string
}

export const WIDTH = 760
const LEFT = 62

/** Light and dark, by the class that wears them. */
const COLOURS = {
  page: ['#ffffff', '#15171a'],
  ink: ['#1b1f24', '#e6e6e6'],
  quiet: ['#5b6169', '#a3a9b1'],
  train: ['#0072b2', '#56b4e9'],
  held: ['#b34700', '#f0a04b'],
  limit: ['#8f3a78', '#e291c4'],
  fourth: ['#00705a', '#3fc79a'],
} as const

export type Role = keyof typeof COLOURS

/** What a mark wears: the class for viewers that read styles, the light colour for all others. */
export function stroke(role: Role): { className: string, stroke: string, fill: 'none' } {
  return { className: `stroke-${role}`, stroke: COLOURS[role][0], fill: 'none' }
}

/** For text that stands on curves: an edge in the colour of the page. */
export const HALO = { stroke: COLOURS.page[0], strokeWidth: 4, paintOrder: 'stroke' } as const

export function fill(role: Role): { className: string, fill: string } {
  return { className: `fill-${role}`, fill: COLOURS[role][0] }
}

const rules = (which: 0 | 1): string => Object.entries(COLOURS).map(([role, colours]) =>
  `.unrolled .fill-${role}{fill:${colours[which]}}.unrolled .stroke-${role}{stroke:${colours[which]}}` +
  (role === 'ink' ? `svg.unrolled{color:${colours[which]}}` : '') +
  (role === 'page' ? `.unrolled [paint-order]{stroke:${colours[which]}}` : '')).join('')

const STYLE = `${rules(0)}@media(prefers-color-scheme:dark){${rules(1)}}`

/** One of the panels of a picture: height in pixels, and what Plot is to draw. */
export interface Panel {
  readonly height: number
  readonly options: PlotOptions
}

/** Draws the panels one above the other. */
export function picture(
  { name, title, look, caption, panels }: Omit<Picture, 'svg'> & {
    /** a line below the title: what to look at */
    look: string
    panels: readonly Panel[]
  },
): Picture {
  const header = 46
  const height = panels.reduce((total, panel) => total + panel.height, header)
  const inside: SvgElement[] = [
    element('title', {}, title), element('desc', {}, caption), element('style', {}, STYLE),
    element('rect', { width: WIDTH, height, class: 'fill-page', fill: COLOURS.page[0] }),
    element('text', { x: 12, y: 22, 'font-size': 15, 'font-weight': 600 }, title),
    element('text', { x: 12, y: 40, class: 'fill-quiet', fill: COLOURS.quiet[0] }, look),
  ]
  let top = header
  for (const panel of panels) {
    inside.push(element('g', { transform: `translate(0,${top})`, 'text-anchor': 'middle' }, drawn(panel)))
    top += panel.height
  }
  const svg = element('svg', {
    xmlns: SVG, class: 'unrolled', role: 'img', 'aria-label': `${title}. ${caption}`,
    viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height,
    color: COLOURS.ink[0], fill: 'currentColor', 'font-family': 'system-ui, sans-serif', 'font-size': 12,
  }, inside)
  return { name, title, caption, svg: `${svg}\n` }
}

/** What Plot draws for a panel, without the styles that it adds for pages. */
function drawn({ height, options }: Panel): SvgElement[] {
  const page = new SvgDocument()
  const document: { createElementNS(space: string, name: string): object, documentElement: object } = page
  plot({
    width: WIDTH, height, marginLeft: LEFT, marginRight: LEFT, ...options, document: document as Document,
  })
  return page.root?.children.filter(({ tagName }) => tagName !== 'style') ?? []
}

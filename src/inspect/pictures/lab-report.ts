// The report of the laboratory of gradients: one HTML file with every chart, table and note. It needs no
// network and no script. Read next: page.ts; ../lab/part.ts.

import { type Part, shown, type Table } from '../lab/part.ts'
import { drawChart } from './chart.ts'
import { figureOf, page, section, table, text } from './page.ts'
import type { Picture } from './picture.ts'

/** The charts of all parts, each in a file of its part's name. */
export function drawParts(parts: readonly Part[]): Picture[] {
  return parts.flatMap(({ name, chart }) => chart ? [drawChart(name, chart)] : [])
}

/** The report as an HTML document. @param settings what was asked for, by name */
export function renderLab(
  parts: readonly Part[], pictures: readonly Picture[], settings: Readonly<Record<string, string>>,
): string {
  const sections = parts.map(({ name, title, table: found, notes }) => {
    const picture = pictures.find((one) => one.name === name)
    const words = notes.map((note) => `<p>${text(note)}</p>`).join('\n')
    return section(text(title), [...picture ? [figureOf(picture)] : [], wide(found), words].join('\n'))
  })
  const { version = '', ...asked } = settings
  return page('How the gradient travels through time',
    [...sections, section('Settings', table(Object.entries(asked)))].join('\n'),
    `Made by unrolled ${text(version)}; flow.json beside it has all the numbers.`)
}

/** A table with a head and several columns. */
function wide({ head, rows }: Table): string {
  const line = (tag: 'th' | 'td', cells: readonly string[]) =>
    `<tr>${cells.map((cell) => `<${tag} class="narrow">${text(cell)}</${tag}>`).join('')}</tr>`
  return `<table>\n<thead>\n${line('th', head)}\n</thead>\n<tbody>\n` +
    `${rows.map((row) => line('td', row.map(shown))).join('\n')}\n</tbody>\n</table>`
}

// How the comparisons are printed: the machine they belong to, and tables that Markdown takes as they are.

import { cpus, loadavg } from 'node:os'

/** One line: the processor, its cores, what else it had to do in the minute before, Node. */
export function machine() {
  const [load] = loadavg()
  const cores = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, load ${load.toFixed(1)} before`
  return `${cores}; Node ${process.versions.node}`
}

/** Three digits that count, or all of them before the point. */
export function short(x) {
  return x >= 100 ? Math.round(x).toLocaleString('en-US') : x.toPrecision(x >= 10 ? 3 : 2)
}

/** Columns: the first aligned to the left, the others to the right. */
export function printTable(title, headings, rows) {
  const widths = headings.map((heading, k) =>
    Math.max(3, heading.length, ...rows.map((row) => row[k].length)))
  const padded = (text, k) => (k ? text.padStart(widths[k]) : text.padEnd(widths[k]))
  const line = (row) => `| ${row.map(padded).join(' | ')} |`
  const rule = widths.map((width, k) => (k ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)))
  console.log(`${title}\n\n${[headings, rule, ...rows].map(line).join('\n')}\n`)
}

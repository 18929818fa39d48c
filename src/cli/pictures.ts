// The pictures and the report of a run, drawn from its metrics.jsonl alone: DIR/plots/*.svg, DIR/report.html;
// the chart of an experiment; charts and report of the laboratory. The library that draws is loaded here,
// when it is needed. Read next: ../inspect/pictures/draw.ts.

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { printable } from '../data/printable.ts'
import type { Chart } from '../inspect/chart.ts'
import type { Part } from '../inspect/lab/part.ts'
import { ensureFolder, writeAtomically } from '../io/node-files.ts'
import { reasonOf } from '../io/reasons.ts'
import { METRICS } from './run-notes.ts'

const NAMES = ['loss', 'gradient-norm', 'gradient-flow', 'recurrence', 'learning-rate']

/**
 * Draws the run in a folder. A run that cannot be drawn is saved all the same: then one line on stderr says
 * why there are no pictures.
 * @returns whether they are there
 */
export async function drawRun(dir: string): Promise<boolean> {
  try {
    const { readHistory } = await import('../inspect/pictures/history.ts')
    const { drawPictures } = await import('../inspect/pictures/draw.ts')
    const { renderReport } = await import('../inspect/pictures/report.ts')
    const history = readHistory(readFileSync(join(dir, METRICS), 'utf8'))
    const pictures = drawPictures(history)
    const plot = (name: string): string => join(dir, 'plots', `${name}.svg`)
    ensureFolder(join(dir, 'plots'))
    for (const { name, svg } of pictures) writeAtomically(plot(name), svg)
    writeAtomically(join(dir, 'report.html'), renderReport(history, pictures))
    const others = NAMES.filter((name) => !pictures.some((picture) => picture.name === name))
    for (const name of others) rmSync(plot(name), { force: true }) // an older run's
    return true
  } catch (error) {
    process.stderr.write(`unrolled: note: no pictures of ${printable(dir)}: ${reasonOf(error)}\n`)
    return false
  }
}

/** Draws a chart into the file DIR/NAME.svg; the path. */
export async function drawChartInto(dir: string, name: string, chart: Chart): Promise<string> {
  const { drawChart } = await import('../inspect/pictures/chart.ts')
  const path = join(dir, `${name}.svg`)
  writeAtomically(path, drawChart(name, chart).svg)
  return path
}

/** Draws what the laboratory found: DIR/*.svg and DIR/report.html; their paths. */
export async function drawLab(
  dir: string, parts: readonly Part[], settings: Readonly<Record<string, string>>,
): Promise<string[]> {
  const { drawParts, renderLab } = await import('../inspect/pictures/lab-report.ts')
  const pictures = drawParts(parts)
  const files = [
    ...pictures.map(({ name, svg }) => ({ path: join(dir, `${name}.svg`), contents: svg })),
    { path: join(dir, 'report.html'), contents: renderLab(parts, pictures, settings) },
  ]
  for (const { path, contents } of files) writeAtomically(path, contents)
  return files.map(({ path }) => path)
}

/** A chart of the recurrent matrices of a run, from its metrics.jsonl; undefined where it tells of none. */
export async function recurrenceOf(dir: string): Promise<Chart | undefined> {
  const path = join(dir, METRICS)
  if (!existsSync(path)) return undefined
  const { readHistory } = await import('../inspect/pictures/history.ts')
  const { recurrenceChart } = await import('../inspect/pictures/recurrence.ts')
  return recurrenceChart(readHistory(readFileSync(path, 'utf8')))
}

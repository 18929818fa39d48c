// The pictures and the report of a run, drawn from its metrics.jsonl alone: DIR/plots/*.svg, DIR/report.html.
// The library that draws is loaded here, when it is needed. Read next: ../inspect/pictures/draw.ts.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { ensureFolder, writeAtomically } from '../io/node-files.ts'
import { reasonOf } from '../io/reasons.ts'

/**
 * Draws the run in a folder. It never fails: a run that cannot be drawn is saved all the same.
 * @returns null, or why there are no pictures, in one line
 */
export async function drawRun(dir: string): Promise<string | null> {
  try {
    const { readHistory } = await import('../inspect/pictures/history.ts')
    const { drawPictures } = await import('../inspect/pictures/draw.ts')
    const { renderReport } = await import('../inspect/pictures/report.ts')
    const history = readHistory(readFileSync(join(dir, 'metrics.jsonl'), 'utf8'))
    const pictures = drawPictures(history)
    const plots = join(dir, 'plots')
    ensureFolder(plots)
    for (const { name, svg } of pictures) writeAtomically(join(plots, `${name}.svg`), svg)
    writeAtomically(join(dir, 'report.html'), renderReport(history, pictures))
    return null
  } catch (error) {
    return `no pictures were drawn: ${reasonOf(error)}`
  }
}

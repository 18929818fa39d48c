// npx unrolled flow: the laboratory of vanishing gradients. How the gradient travels through time, as tables,
// charts and one report: by lag for each cell, against theory's bound, by forget bias, through clipping and
// truncation, with its stuck units; and for a trained model the same before and after.
//
// Everything is computed on the cpu in float64: products of hundreds of Jacobians leave float32's range.
// Read next: ../inspect/lab/by-lag.ts, ../inspect/lab/part.ts; flow-text.ts, the text of --trained.

import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

import { version } from '../../package.json'
import { printable } from '../data/printable.ts'
import { byLag } from '../inspect/lab/by-lag.ts'
import { clipping } from '../inspect/lab/clipping.ts'
import { forgetBias } from '../inspect/lab/forget-bias.ts'
import { jacobianPart } from '../inspect/lab/jacobian.ts'
import { type Part, textTable } from '../inspect/lab/part.ts'
import { saturated } from '../inspect/lab/saturated.ts'
import { type Trained, trainedParts } from '../inspect/lab/trained.ts'
import { truncation } from '../inspect/lab/truncation.ts'
import { checkFolder, ensureFolder, writeAtomically } from '../io/node-files.ts'
import { type CellName, CELLS } from '../nn/cells.ts'
import { nearest } from '../suggest.ts'
import { breathe, say } from './common.ts'
import { openTrained } from './flow-text.ts'
import { endOnSignal } from './interrupt.ts'
import { defineCommand, UsageError, type Values } from './options.ts'
import { drawLab, recurrenceOf } from './pictures.ts'
import { shellWord } from './run-folder.ts'

const FEWEST = 10 // steps: below that there is nothing to see
const MOST_RHOS = 6 // colours
const MOST_MODELS = 3 // two colours each, before and after

export const flowCommand = defineCommand({
  name: 'flow',
  summary: 'measure how gradients vanish and explode: the laboratory, with a report',
  options: {
    cell: {
      type: 'text', value: 'A,B,...', default: 'elman,lstm,gru',
      help: `the cells to measure, or all: ${CELLS.join(', ')}`,
    },
    steps: {
      type: 'count', min: FEWEST, max: 1000, default: 100,
      help: `T, the length of the sequences, from ${FEWEST}`,
    },
    rho: {
      type: 'text', value: 'X,...', default: '0.5,0.9,1.1,1.5',
      help: `spectral radii of the tanh net of 100 units, ${MOST_RHOS} of them at most`,
    },
    trained: {
      type: 'folder', value: 'DIR,...',
      help: `up to ${MOST_MODELS} models that train --out made, side by side: each before and after training`,
    },
    data: { type: 'file', help: 'the text that --trained reads; by default what each was validated on' },
    out: { type: 'folder', default: 'runs/flow', help: 'where charts, report.html and flow.json go' },
    json: { type: 'flag', help: 'all numbers as one JSON object on stdout, nothing else' },
  },
  example: 'npx unrolled flow --cell elman,lstm --out runs/flow',
})

/** Runs the command; the exit code. */
export async function runFlow(options: Values<typeof flowCommand.options>): Promise<number> {
  const { steps, out, json } = options
  const [names, rhos] = [cellsOf(options.cell), rhosOf(options.rho)]
  if (options.data !== undefined && options.trained === undefined) {
    throw new UsageError('flow: --data FILE goes with --trained DIR')
  }
  checkFolder(out)
  const models = await modelsOf(options)
  const release = endOnSignal(() => { process.stdout.write('\n') })
  const tell = async (part: Part): Promise<void> => { if (!json) await say(partText(part)) }
  const parts: Part[] = []
  for (const measure of [
    () => byLag(names, steps, breathe), () => jacobianPart(names, rhos, steps, breathe),
    () => forgetBias(steps, breathe), () => clipping(rhos, steps, breathe),
    () => truncation(names, rhos, steps, breathe), () => saturated(names, rhos, steps, breathe),
  ]) {
    parts.push(await measure())
    await tell(parts[parts.length - 1])
  }
  const found = models.length > 0 ? await trainedParts(models, breathe) : []
  for (const part of found) await tell(part)
  parts.push(...found)
  await write(options, parts)
  release()
  return 0
}

/** DIR/flow.json, DIR/*.svg, DIR/report.html; what was written is said, or with --json the numbers. */
async function write(options: Values<typeof flowCommand.options>, parts: readonly Part[]): Promise<void> {
  const { cell, steps, rho, trained, out, json } = options
  const settings = { version, cell, steps, rho, ...trained === undefined ? {} : { trained } }
  const found = parts.map(({ name, title, notes, numbers }) => [name, { title, notes, numbers }])
  const text = `${JSON.stringify({ ...settings, parts: Object.fromEntries(found) })}\n`
  ensureFolder(out)
  writeAtomically(join(out, 'flow.json'), text)
  const paths = await drawLab(out, parts, { ...settings, steps: String(steps) })
  if (json) return say(text)
  const [report, numbers] = [paths[paths.length - 1], join(out, 'flow.json')].map(shellWord)
  await say(`wrote ${report}, ${paths.length - 1} charts and ${numbers}\n`)
}

function partText({ title, table, notes }: Part): string {
  const rows = table.rows.length > 0 ? `${textTable(table)}\n` : ''
  return `${title}\n${rows}${notes.map((note) => `  ${note}\n`).join('')}\n`
}

/** The models of --trained, told apart by the last parts of their folders' names, or else by all of them. */
async function modelsOf({ trained, steps, data }: Values<typeof flowCommand.options>): Promise<Trained[]> {
  if (trained === undefined) return []
  const dirs = foldersOf(trained)
  const short = dirs.map((dir) => basename(resolve(dir)))
  const names = new Set(short).size === dirs.length ? short : dirs
  const models: Trained[] = []
  for (const [k, dir] of dirs.entries()) {
    const name = dirs.length > 1 ? printable(names[k]) : ''
    models.push({ ...openTrained(dir, steps, data), name, whileTraining: await recurrenceOf(dir) })
  }
  return models
}

/** Each folder once; one whose own name has commas is one folder. */
function foldersOf(text: string): string[] {
  if (existsSync(text)) return [text]
  const dirs = text.split(',').map((dir) => dir.trim())
  const places = dirs.map((dir) => resolve(dir))
  const found = dirs.filter((_, k) => places.indexOf(places[k]) === k)
  if (!dirs.includes('') && found.length <= MOST_MODELS) return found
  throw new UsageError(`--trained ${printable(text)}: must be up to ${MOST_MODELS} folders, with commas ` +
    'between them')
}

function cellsOf(text: string): CellName[] {
  if (text === 'all') return [...CELLS]
  const names = text.split(',').map((name) => name.trim()).map((name) => {
    const known = CELLS.find((cell) => cell === name)
    if (known) return known
    const close = nearest(name, CELLS)
    throw new UsageError(`--cell ${printable(text)}: there is no cell ${printable(name)}; ` +
      (close ? `did you mean ${close}?` : `it must be all, or some of ${CELLS.join(', ')}`))
  })
  return [...new Set(names)]
}

function rhosOf(text: string): number[] {
  const values = [...new Set(text.split(',').map((word) => word.trim() === '' ? NaN : Number(word)))]
  if (values.every((rho) => rho > 0 && rho <= 10) && values.length <= MOST_RHOS) {
    return values.sort((a, b) => a - b)
  }
  throw new UsageError(`--rho ${printable(text)}: must be up to ${MOST_RHOS} numbers above 0 and at most ` +
    '10, with commas between them')
}

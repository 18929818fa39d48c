// npx unrolled experiment: the published results, run again. Each prints its progress, one line RESULT with
// what was measured beside what the rule asks for, and draws what a picture says better.
// Read next: ../experiments/experiment.ts, how they are judged; experiment-table.ts, the table of --all.

import { join } from 'node:path'

import { UnrolledError } from '../check.ts'
import { oneLine, printable } from '../data/printable.ts'
import type { Device } from '../device.ts'
import { type Experiment, judge, type Outcome } from '../experiments/experiment.ts'
import { experiments } from '../experiments/list.ts'
import { ensureFolder, writeTogether } from '../io/node-files.ts'
import { reasonOf } from '../io/reasons.ts'
import { nearest } from '../suggest.ts'
import { breathe, LARGEST_SEED, say } from './common.ts'
import { deviceOptions, openDevice } from './device-option.ts'
import { jsonTable, markdownTable, measuresOf, type Row } from './experiment-table.ts'
import { endOnSignal } from './interrupt.ts'
import { defineCommand, UsageError, type Values } from './options.ts'
import { drawChartInto } from './pictures.ts'
import { shellWord } from './run-folder.ts'

export const experimentCommand = defineCommand({
  name: 'experiment',
  summary: 'run a published experiment again and hold it to its rule',
  usage: 'NAME [options]',
  operand: 'name',
  options: {
    name: { type: 'text', value: 'NAME', help: 'one of those that --list names' },
    list: { type: 'flag', help: 'name them all, with what each shows and its rule' },
    all: { type: 'flag', help: 'run them all, and write a table of results: experiments.md and .json' },
    seed: {
      type: 'countOrZero', max: LARGEST_SEED,
      help: 'run this seed only; by default three seeds where luck matters, of which two must pass',
    },
    ...deviceOptions,
    out: { type: 'folder', default: 'runs/experiments', help: 'where pictures and the table are written' },
  },
  excludes: [['name', 'list', 'all']],
  example: 'npx unrolled experiment hopfield-recall',
})

/**
 * Runs the command; the exit code: 1 when an experiment did not find what its rule asks for.
 * @param known those there are to choose from
 */
export async function runExperiments(
  options: Values<typeof experimentCommand.options>, known: readonly Experiment[] = experiments,
): Promise<number> {
  if (options.list) {
    await say(listed(known))
    return 0
  }
  const chosen = options.all ? known : [experimentOf(options.name, known)]
  const device = await openDevice(options)
  ensureFolder(options.out)
  const rows: Row[] = []
  const release = endOnSignal(() => {
    process.stdout.write('\n')
    const { name } = chosen[rows.length]
    if (options.all) process.stderr.write(`unrolled: stopped in ${name}; no table is written\n`)
  })
  for (const experiment of chosen) {
    const seeds = options.seed === undefined ? experiment.seeds : [options.seed]
    rows.push(await runOne(experiment, seeds, device, options.out).catch((error: unknown) => {
      if (!options.all) throw error
      return failed(experiment, seeds, error) // the others still run
    }))
  }
  release()
  if (options.all) await writeTable(options.out, rows, device)
  return rows.every(({ passed }) => passed) ? 0 : 1
}

/** Runs an experiment with each seed, judges, prints and draws. */
async function runOne(
  experiment: Experiment, seeds: readonly number[], device: Device, out: string,
): Promise<Row> {
  const { name, shows, rule, source } = experiment
  await say(`${name}: ${shows}\n`)
  const started = performance.now()
  const outcomes: Outcome[] = []
  for (const seed of seeds) {
    const tell = (line: string | null): Promise<void> => line === null ? breathe() : say(`  ${line}\n`)
    const outcome = await experiment.run({ seed, device, tell })
    outcomes.push(outcome)
    await say(seedLine(seed, outcome))
  }
  const { measures, broken, passed } = judge(outcomes)
  const seconds = (performance.now() - started) / 1000
  for (const part of broken) await say(`  does not hold: ${part}\n`)
  const { picture } = outcomes[0]
  const path = picture && await drawChartInto(out, name, picture)
  if (path !== undefined) await say(`  drew ${shellWord(path)}\n`)
  const drawn = picture && `${name}.svg`
  const row = { name, shows, rule, source, seeds, measures, passed, seconds, picture: drawn }
  await say(resultLine(row))
  return row
}

function seedLine(seed: number, { measures, passed }: Outcome): string {
  const broken = Object.keys(passed).filter((part) => !passed[part])
  const said = broken.length === 0 ? 'holds' : `does not hold: ${broken.join(', ')}`
  return `  seed ${seed}: ${measuresOf(measures)}: ${said}\n`
}

/** The line that programs look for: values in quotes are JSON. */
function resultLine({ name, measures, rule, source, passed }: Row): string {
  const parts = [
    'RESULT', name, measuresOf(measures),
    `target=${JSON.stringify(rule)}`, `source=${JSON.stringify(source)}`, passed ? 'pass' : 'fail',
  ]
  return `${parts.filter((part) => part !== '').join(' ')}\n`
}

/** Of an experiment that could not be run to its end: on stderr why, and a row all the same. */
function failed({ name, shows, rule, source }: Experiment, seeds: readonly number[], error: unknown): Row {
  const why = error instanceof UnrolledError ? oneLine(error.message)
    : `this is a bug in unrolled: ${reasonOf(error)}; npx unrolled experiment ${name} --debug shows where`
  process.stderr.write(`unrolled: ${name}: ${why}\n`)
  const nothing = { measures: {}, passed: false, seconds: 0, picture: undefined }
  const row = { name, shows, rule, source, seeds, ...nothing }
  process.stdout.write(resultLine(row))
  return row
}

async function writeTable(out: string, rows: readonly Row[], device: Device): Promise<void> {
  const [markdown, json] = [join(out, 'experiments.md'), join(out, 'experiments.json')]
  writeTogether([
    { path: markdown, contents: markdownTable(rows) },
    { path: json, contents: jsonTable(rows, device.name) },
  ])
  const passed = rows.filter((row) => row.passed).length
  const minutes = rows.reduce((sum, { seconds }) => sum + seconds, 0) / 60
  await say(`${passed} of ${rows.length} experiments passed, in ${minutes.toFixed(1)} minutes on ` +
    `${device.name}; wrote ${shellWord(markdown)} and ${shellWord(json)}\n`)
}

function listed(known: readonly Experiment[]): string {
  return known.map(({ name, shows, rule, source }) =>
    `${name}\n  ${shows}\n  rule: ${rule}\n  source: ${source}\n`).join('')
}

function experimentOf(name: string | undefined, known: readonly Experiment[]): Experiment {
  if (name === undefined) throw new UsageError('experiment: name one; --list lists them, --all runs them all')
  const found = known.find((experiment) => experiment.name === name)
  if (found) return found
  const close = nearest(name, known.map((experiment) => experiment.name))
  const remedy = close ? `did you mean ${close}?` : 'unrolled experiment --list lists them'
  throw new UsageError(`experiment: there is no experiment ${printable(name)}; ${remedy}`)
}

// --resume DIR: the options of a run from its checkpoint, and what may be given beside it: only what changes
// nothing of what was computed. The texts must be those that the run was begun with; a hash of each is kept.
// Read next: run-folder.ts, what a save is; train.ts, which goes on.

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import type { JsonObject } from '../io/json.ts'
import { checkSize } from '../io/node-language-model.ts'
import type { LanguageModelForm } from '../train/language-model.ts'
import type { Training } from '../train/loop.ts'
import type { TrainingState } from '../train/training-state.ts'
import { flagName, type Option, parseCommand, UsageError } from './options.ts'
import { shellWord } from './run-folder.ts'
import { CHECKPOINT, readRun, type RunNotes } from './run-notes.ts'
import type { Texts } from './texts.ts'
import { dependsOnEnd, trainCommand, type TrainValues } from './train-options.ts'
import { resolved } from './train-plan.ts'

const ENDS = ['steps', 'epochs', 'minutes'] as const
const BESIDE = [
  'resume', ...ENDS, 'saveEvery', 'json', 'device', 'threads', 'adapter', 'data', 'valid', 'test',
]

/** Options that say how a run is watched, or where it lies, rather than what is computed, and where. */
const NOT_KEPT = ['resume', 'out', 'json']

/** A run that is gone on with. */
export interface Resumed {
  readonly dir: string
  readonly options: TrainValues
  readonly state: TrainingState
  readonly notes: RunNotes
  /** whether another end was asked for */
  readonly newEnd: boolean
}

/** What a checkpoint keeps of the options: each that has a value, and files by their whole names. */
export function keptOptions(options: TrainValues): JsonObject {
  const specs: Readonly<Record<string, Option>> = trainCommand.options
  const pairs = Object.entries(resolved(options)).filter(([key]) => !NOT_KEPT.includes(key))
  return Object.fromEntries(pairs.map(([key, value]) => {
    const isPath = specs[key].type === 'file' || specs[key].type === 'folder'
    return [key, isPath && typeof value === 'string' ? resolve(value) : value]
  }))
}

/** A hash of each list of symbols, and of what they stand for. */
export function hashesOf(texts: Texts): JsonObject {
  const hashes: Record<string, string> = {}
  const hash = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex')
  for (const [name, part] of Object.entries<unknown>({ ...texts })) {
    if (part instanceof Int32Array) {
      hashes[name] = hash(new Uint8Array(part.buffer, part.byteOffset, part.byteLength))
    }
  }
  hashes.vocabulary = hash(JSON.stringify(texts.vocabulary))
  return hashes
}

/**
 * The run in a folder, with what was given beside --resume.
 * @param given the options that were typed
 * @throws UsageError for one that cannot change, UnrolledError for a folder that holds no run
 */
export function resume(dir: string, values: TrainValues, given: ReadonlySet<string>): Resumed {
  for (const key of given) {
    if (BESIDE.includes(key)) continue
    throw new UsageError(`train: --${flagName(key)} cannot be given beside --resume: all but the end of ` +
      'the run is as it was begun; leave it out')
  }
  const { state, notes } = readRun(dir)
  const source = printable(join(dir, CHECKPOINT))
  const before = parsed(notes.options, source)
  const ends = ENDS.filter((key) => given.has(key))
  const newEnd = ends.some((key) => values[key] !== before[key])
  if (newEnd && dependsOnEnd(before.schedule)) {
    throw new UsageError(`train: --${ends.join(', --')} cannot change in this run: its --schedule ` +
      `${before.schedule} was laid out up to the end that it was begun with; leave it out`)
  }
  const kept: Record<string, unknown> = { ...notes.options }
  if (ends.length > 0) for (const key of ENDS) delete kept[key]
  if (given.has('data')) delete kept.corpus
  if (['device', 'threads', 'adapter'].some((name) => given.has(name))) {
    delete kept.device
    delete kept.threads
    delete kept.adapter
  }
  for (const key of given) kept[key] = values[key as keyof TrainValues]
  const options = { ...parsed(kept, source), json: values.json, out: dir, resume: dir }
  checkFiles(options)
  return { dir, options, state, notes, newEnd }
}

/** Options that somebody wrote into a file, checked as if they were typed. */
function parsed(kept: JsonObject, source: string): TrainValues {
  const args: string[] = []
  for (const [key, value] of Object.entries(kept)) {
    if (value === true) args.push(`--${flagName(key)}`)
    if (typeof value === 'string' || typeof value === 'number') args.push(`--${flagName(key)}=${value}`)
    if (typeof value !== 'object') continue
    throw new UnrolledError(`${source}: its options cannot be used: ${printable(key)} is a list or an object`)
  }
  try {
    return parseCommand(trainCommand, args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UnrolledError(`${source}: its options cannot be used: ${error.message}`)
  }
}

function checkFiles(options: TrainValues): void {
  for (const key of ['data', 'valid', 'test'] as const) {
    const path = options[key]
    if (path === undefined || existsSync(path)) continue
    throw new UnrolledError(`${printable(path)}: there is no such file any more; --${key} FILE says where ` +
      'it lies now')
  }
}

/**
 * The text must be the one that the run was begun with.
 * @throws UnrolledError naming the first part that is not
 */
export function checkSameTexts({ dir, options, notes }: Resumed, texts: Texts): void {
  const hashes = hashesOf(texts)
  const other = Object.keys({ ...notes.texts, ...hashes }).find((key) => notes.texts[key] !== hashes[key])
  if (other === undefined) return
  const file = other === 'valid' || other === 'test' ? options[other] : undefined
  const source = file === undefined ? texts.name : printable(file)
  throw new UnrolledError(`${source}: is not the text that the run in ${printable(dir)} was begun with ` +
    `(its ${other} part differs); --${file === undefined ? 'data' : other} FILE names the right one`)
}

/** A made-up checkpoint must not make us allocate a net that it cannot fill. */
export function checkFits({ dir, state }: Resumed, form: LanguageModelForm): void {
  checkSize(printable(join(dir, CHECKPOINT)), form, state.tensors)
}

/**
 * Lets the training go on where the checkpoint was made.
 * @throws UnrolledError when the checkpoint's parts do not belong together
 */
export function loadInto(training: Training, { dir, state }: Resumed): void {
  try {
    training.load(state)
  } catch (error) {
    if (!(error instanceof UnrolledError)) throw error
    throw new UnrolledError(`${printable(join(dir, CHECKPOINT))}: its options and its contents do not ` +
      `belong together: ${error.message}`)
  }
}

/** What to say when the run has ended already, and nothing was asked that would go on. */
export function hasEnded({ dir, options, state }: Resumed): string {
  const more = options.epochs !== undefined ? `--epochs ${2 * options.epochs}`
    : options.steps !== undefined ? `--steps ${2 * options.steps}` : `--minutes ${2 * (options.minutes ?? 2)}`
  const next = !dependsOnEnd(options.schedule) ? `--resume ${shellWord(dir)} ${more} would go on`
    : `its --schedule ${options.schedule} ended there, so that only a new run can go further`
  return `${printable(dir)}: this run ended at step ${state.steps}, as it was to; ${next}`
}

// npx unrolled train: a recurrent model of characters or words, trained through time on a book or a text.
//
// On a terminal one line shows how far it is; elsewhere plain lines; with --json one JSON object a line on
// stdout and nothing else. Samples of the model's own text come in between; at the end the validation loss
// (every token once). With --out all is saved on the way, so that --resume goes on from there bit for bit.
// Ctrl-C ends the run after its present step, and saves. Read next: train-plan.ts, run-folder.ts, resume.ts,
// ../train/loop.ts.

import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { NonFiniteError } from '../check.ts'
import { printable } from '../data/printable.ts'
import { recurrentRadii } from '../inspect/recurrent-matrices.ts'
import { checkFolder } from '../io/node-files.ts'
import { random } from '../random.ts'
import { sample } from '../train/evaluate.ts'
import type { LanguageModel } from '../train/language-model.ts'
import { Training } from '../train/loop.ts'
import { breathe, measure, neverDrawn } from './common.ts'
import { openDevice } from './device-option.ts'
import { type Interruption, listenForSignals } from './interrupt.ts'
import { lock } from './lock.ts'
import { UsageError } from './options.ts'
import { drawRun } from './pictures.ts'
import {
  closingLines, jsonReporter, type Measurement, metricsReporter, type Reporter, textReporter, together,
} from './reporter.ts'
import {
  checkFits, checkSameTexts, hasEnded, hashesOf, keptOptions, loadInto, resume, type Resumed,
} from './resume.ts'
import { earlierFolder, RunFolder, shellWord } from './run-folder.ts'
import { hasUnfinishedRun } from './run-notes.ts'
import { lineBreak, loadTexts, type Texts } from './texts.ts'
import { checkTogether, type TrainValues } from './train-options.ts'
import {
  beginning, checkMemory, describe, formOf, freshModel, learningRateOf, stepsPerEpoch, trainOptions, whatNext,
} from './train-plan.ts'

/** What the parts of a run share. */
interface Run {
  readonly options: TrainValues
  readonly texts: Texts
  readonly model: LanguageModel
  readonly training: Training
  readonly reporter: Reporter
  readonly interruption: Interruption
  /** where all is saved; null without --out */
  readonly folder: RunFolder | null
  /** the run that is gone on with; null for a new one */
  readonly resumed: Resumed | null
}

/** Runs the command; the exit code. @param given the options that were typed */
export async function runTrain(values: TrainValues, given: ReadonlySet<string>): Promise<number> {
  const resumed = values.resume === undefined ? null : resume(values.resume, values, given)
  const options = resumed?.options ?? values
  checkTogether(options)
  const texts = loadTexts(options)
  if (resumed) checkSameTexts(resumed, texts)
  const form = formOf(options, texts)
  if (resumed) checkFits(resumed, form)
  checkMemory(options, form)
  if (options.out !== undefined) checkFolder(options.out)
  const model = freshModel(form, options, await openDevice(options))
  const training = new Training(trainOptions(options, texts, model))
  if (resumed && !await takeOver(resumed, training)) return 0
  const folder = openFolder(options, texts)
  const reporter = reporterOf(options, folder)
  const interruption = listenForSignals()
  const run = { options, texts, model, training, reporter, interruption, folder, resumed }
  try {
    begin(run)
    return await trainAndSave(run)
  } catch (error) {
    reporter.failed()
    if (!(error instanceof NonFiniteError)) throw error
    if (folder?.savedStep !== undefined) await drawRun(folder.dir) // to see how it came
    throw diverged(error, run)
  } finally {
    interruption.release()
    folder?.close()
  }
}

/**
 * Whether there is something to go on with; if not, that is said, and the run is drawn once more: it may have
 * been killed after its last save, before it was.
 */
async function takeOver(resumed: Resumed, training: Training): Promise<boolean> {
  loadInto(training, resumed)
  const atEnd = training.fraction >= 1
  if (atEnd && resumed.newEnd) {
    throw new UsageError(`train: the run in ${printable(resumed.dir)} is at step ${training.steps} ` +
      'already, which is not before the end that is given; give a later one')
  }
  if (!atEnd || !resumed.notes.finished) return true
  if (resumed.options.json) process.stdout.write(closingLines(undefined, training.steps).join(''))
  const stream = resumed.options.json ? process.stderr : process.stdout
  stream.write(`${hasEnded(resumed)}\n`)
  const release = lock(resumed.dir)
  await drawRun(resumed.dir)
  release()
  return false
}

function openFolder(options: TrainValues, texts: Texts): RunFolder | null {
  const { out: dir, saveEvery } = options
  if (dir === undefined) return null
  return new RunFolder({ dir, saveEvery, keep: { options: keptOptions(options), texts: hashesOf(texts) } })
}

function reporterOf({ json, unit }: TrainValues, folder: RunFolder | null): Reporter {
  const shown = json ? jsonReporter(unit, (line) => process.stdout.write(line)) : textReporter(unit)
  return folder ? together([shown, metricsReporter(unit, (line) => { folder.line(line) })]) : shown
}

/** Says what is about to happen, and what becomes of what the folder holds. */
function begin({ options, texts, model, training, reporter, folder, resumed }: Run): void {
  const lines = [describe(options, texts, model)]
  const notes: string[] = []
  if (folder && resumed) {
    notes.push(...folder.goOn(training.steps, resumed.notes))
  } else if (folder) {
    const dir = printable(folder.dir)
    if (hasUnfinishedRun(folder.dir)) {
      notes.push(`${dir} holds a run that had not ended; when this one first saves it moves to ` +
        `${printable(earlierFolder(folder.dir))}; to go on with it: npx unrolled train --resume ` +
        shellWord(folder.dir))
    } else if (existsSync(join(folder.dir, 'model.safetensors'))) {
      lines.push(`${dir} holds a model already; this one takes its place when it is first saved`)
    }
  }
  for (const note of notes) process.stderr.write(`unrolled: note: ${note}\n`)
  if (resumed) reporter.resume(training.steps, training.fraction, lines.join('\n'))
  else reporter.begin(lines.join('\n'), beginning(options, texts, model))
}

/** From the first step to the saved model; the exit code. */
async function trainAndSave(run: Run): Promise<number> {
  const { options, texts, training, reporter, interruption, folder } = run
  await follow(run)
  const step = training.steps
  if (interruption.exitCode === undefined) await validate(run)
  if (interruption.exitCode === undefined) await testAtEnd(run)
  const { exitCode } = interruption
  if (exitCode === undefined) folder?.mark(true)
  await folder?.save(run, exitCode === undefined, closingLines(folder.dir, step))
  const drawn = folder !== null && await drawRun(folder.dir)
  if (exitCode !== undefined) {
    reporter.interrupted(step, folder?.dir)
    return exitCode
  }
  if (folder) reporter.saved(folder.dir, drawn)
  reporter.done(step, whatNext(options, texts))
  return 0
}

/** Trains, samples, validates and saves as asked, up to the end or to a signal. */
async function follow(run: Run): Promise<void> {
  const { training, reporter, folder, resumed } = run
  let { fraction } = training
  if (resumed && !resumed.notes.told) {
    if (!await between(run, fraction)) return
    folder?.mark(true)
  }
  while (fraction < 1) {
    if (isFlowTurn(run)) await tellFlow(run)
    const event = await training.next()
    fraction = event.fraction
    reporter.step(event)
    folder?.mark(false)
    await breathe()
    if (!await between(run, fraction)) return
    folder?.mark(true)
    if (folder?.isDue(training.steps)) await folder.save(run)
  }
}

const FLOW_EVERY = 100 // steps: a measurement takes as long as one on the cpu, as three where they are fast

/** Whether the next step is one whose gradient flow is measured: by its number alone, resumed or not. */
function isFlowTurn({ options: { flowEvery = FLOW_EVERY }, training: { steps }, folder }: Run): boolean {
  if (folder === null || flowEvery === 0) return false
  return steps === 0 || (steps + 1) % flowEvery === 0
}

/** Measured and told, unless a net that is about to explode has norms that are not finite. */
async function tellFlow({ model, training, reporter }: Run): Promise<void> {
  const flow = await training.flow()
  const norms = [...flow.layers, ...flow.cells ?? []].flat()
  if (!norms.every(Number.isFinite)) return
  const radii = await recurrentRadii(model.parameters)
  reporter.flow(training.steps + 1, radii.length > 0 ? { ...flow, radii } : flow)
}

/** What follows a step: a sample and a validation, if it is their turn; whether no signal came on the way. */
async function between(run: Run, fraction: number): Promise<boolean> {
  const { options, texts, training: { steps }, interruption } = run
  const { sampleEvery, validateEvery, epochs } = options
  const isQuiet = (): boolean => interruption.exitCode === undefined
  const isTurn = (every: number): boolean => every > 0 && steps % every === 0
  if (isQuiet() && (isTurn(sampleEvery) || (sampleEvery > 0 && fraction === 1))) await sampleText(run)
  const epochEnds = epochs !== undefined && isTurn(stepsPerEpoch(options, texts))
  if (isQuiet() && (isTurn(validateEvery) || epochEnds) && fraction < 1) await validate(run)
  return isQuiet()
}

const ENOUGH = new Error('a validation that was interrupted')

/** The loss on held-out text, told. */
async function validate(run: Run): Promise<void> {
  const { valid, before } = run.texts
  await tellLoss(run, 'validation', { ids: valid, before })
}

/** The loss on the text given with --test, read as one stream: each token has all of the text before it. */
async function testAtEnd(run: Run): Promise<void> {
  const { test, vocabulary } = run.texts
  if (test === undefined) return
  await tellLoss(run, 'test', { ids: test, before: lineBreak(vocabulary), streams: 1 })
}

/** Measures a loss and tells it; nothing is told when a signal comes on the way. */
async function tellLoss(
  { model, training, reporter, interruption }: Run, what: Measurement,
  { ids, ...text }: { ids: Int32Array, before: number | undefined, streams?: number },
): Promise<void> {
  const { steps } = training
  const tell = (share: number): void => {
    if (interruption.exitCode !== undefined) throw ENOUGH
    reporter.measuring(what, steps, share)
  }
  try {
    reporter.measured(what, steps, await measure(model, ids, { ...text, tell }))
  } catch (error) {
    if (error !== ENOUGH) throw error
  }
}

/**
 * A few lines of the model's own, told, going on from the first 64 symbols of the held-out text, with the
 * same random numbers each time: samples can be compared. Nothing is told when a signal comes on the way.
 */
async function sampleText({ options, texts, model, training, reporter, interruption }: Run): Promise<void> {
  const symbols: number[] = []
  const prompt = texts.valid.slice(0, 64) // a net that carried its state all along is lost without a past
  const { vocabulary } = texts
  const without = neverDrawn(vocabulary)
  const length = vocabulary.unit === 'word' ? 50 : 200
  const draws = sample(model, { prompt, length, temperature: 0.7, without, rng: random(options.seed) })
  for await (const symbol of draws) {
    symbols.push(symbol)
    await breathe()
    if (interruption.exitCode !== undefined) return
  }
  reporter.sample(training.steps, vocabulary.decode(symbols))
}

/** The same error, in terms of the options that can be changed. */
function diverged(error: NonFiniteError, { options, folder }: Run): NonFiniteError {
  const [what] = error.message.split(';')
  const kept = folder?.savedStep === undefined ? 'nothing was saved; try'
    : `${printable(folder.dir)} holds the model of step ${folder.savedStep}, from which --resume would ` +
      'come to the same; try a new run with'
  return new NonFiniteError(`train: the run diverged: ${what}; ${kept} a smaller --lr (it ` +
    `was ${learningRateOf(options)}) or --clip (it was ${options.clip})`, { cause: error })
}

// npx unrolled train: a recurrent character model, trained through time on a book or on a text of yours.
//
// On a terminal one line shows how far it is; elsewhere plain lines; with --json one JSON object a line on
// stdout and nothing else. Samples of the model's own text come in between; at the end the validation loss
// (every token once), and only then the model is saved: a run that goes wrong leaves an older one as it was.
// Ctrl-C ends the run after its present step, and saves. Read next: train-plan.ts, ../train/loop.ts.

import { NonFiniteError } from '../check.ts'
import { checkFolder } from '../io/node-files.ts'
import { saveLanguageModel } from '../io/node-language-model.ts'
import { random } from '../random.ts'
import { sample } from '../train/evaluate.ts'
import { type LanguageModel, languageModel } from '../train/language-model.ts'
import { train } from '../train/loop.ts'
import { breathe, measure } from './common.ts'
import { openDevice } from './device-option.ts'
import { type Interruption, listenForSignals } from './interrupt.ts'
import { jsonReporter, type Reporter, textReporter } from './reporter.ts'
import { checkTogether, type TrainValues } from './train-options.ts'
import {
  checkMemory, describe, formOf, learningRateOf, loadTexts, type Texts, trainOptions, whatNext,
} from './train-plan.ts'

/** What the parts of a run share. */
interface Run {
  readonly options: TrainValues
  readonly texts: Texts
  readonly model: LanguageModel
  readonly reporter: Reporter
  readonly interruption: Interruption
}

/** Runs the command; the exit code. */
export async function runTrain(options: TrainValues): Promise<number> {
  checkTogether(options)
  const texts = loadTexts(options)
  const form = formOf(options, texts)
  checkMemory(options, form)
  if (options.out !== undefined) checkFolder(options.out)
  const model = languageModel(form, { device: await openDevice(options), rng: random(options.seed) })
  const reporter = options.json ? jsonReporter() : textReporter()
  reporter.begin(describe(options, texts, model))
  const interruption = listenForSignals()
  try {
    return await trainAndSave({ options, texts, model, reporter, interruption })
  } catch (error) {
    reporter.failed()
    throw error instanceof NonFiniteError ? diverged(error, options) : error
  } finally {
    interruption.release()
  }
}

/** From the first step to the saved model; the exit code. */
async function trainAndSave(run: Run): Promise<number> {
  const { options, texts, model, reporter, interruption } = run
  const { out } = options
  const step = await follow(run)
  if (interruption.exitCode === undefined) await validate(run, step)
  const { exitCode } = interruption
  if (out !== undefined) await saveLanguageModel(out, model, texts.vocabulary)
  if (exitCode !== undefined) {
    reporter.interrupted(step, out)
    return exitCode
  }
  if (out !== undefined) reporter.saved(out)
  reporter.done(step, whatNext(options, texts))
  return 0
}

/** Trains, and between steps samples and validates as asked; the number of the last step. */
async function follow(run: Run): Promise<number> {
  const { options, texts, model, reporter, interruption } = run
  const { sampleEvery, validateEvery } = options
  let last = 0
  for await (const event of train(trainOptions(options, texts, model))) {
    const { step, fraction } = event
    last = step
    reporter.step(event)
    await breathe()
    if (interruption.exitCode !== undefined) break
    if (sampleEvery > 0 && (step % sampleEvery === 0 || fraction === 1)) {
      const text = await sampleText(run)
      if (text !== null) reporter.sample(step, text)
    }
    if (validateEvery > 0 && step % validateEvery === 0 && fraction < 1) await validate(run, step)
    if (interruption.exitCode !== undefined) break
  }
  return last
}

const ENOUGH = new Error('a validation that was interrupted')

/** The loss on held-out text, told; nothing is told when a signal comes on the way. */
async function validate({ texts, model, reporter, interruption }: Run, step: number): Promise<void> {
  const tell = (share: number): void => {
    if (interruption.exitCode !== undefined) throw ENOUGH
    reporter.measuring(step, share)
  }
  try {
    reporter.validation(step, await measure(model, texts.valid, { before: texts.before, tell }))
  } catch (error) {
    if (error !== ENOUGH) throw error
  }
}

/**
 * A few lines of the model's own, going on from the first 64 characters of the held-out text, with the same
 * random numbers each time: samples can be compared. null when a signal comes on the way.
 */
async function sampleText({ options, texts, model, interruption }: Run): Promise<string | null> {
  const symbols: number[] = []
  const prompt = texts.valid.slice(0, 64) // a net that carried its state all along is lost without a past
  const draws = sample(model, { prompt, length: 200, temperature: 0.7, rng: random(options.seed) })
  for await (const symbol of draws) {
    symbols.push(symbol)
    await breathe()
    if (interruption.exitCode !== undefined) return null
  }
  return texts.vocabulary.decode(symbols)
}

/** The same error, in terms of the options that can be changed. */
function diverged(error: NonFiniteError, options: TrainValues): NonFiniteError {
  const [what] = error.message.split(';')
  return new NonFiniteError(`train: the run diverged: ${what}; nothing was saved; try a smaller --lr (it ` +
    `was ${learningRateOf(options)}) or --clip (it was ${options.clip})`, { cause: error })
}

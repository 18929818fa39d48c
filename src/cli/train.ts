// npx unrolled train: a recurrent character model, trained through time on a book or on a text of yours.
//
// On a terminal one line shows how far it is; elsewhere plain lines; with --json one JSON object a line on
// stdout and nothing else. Samples of the model's own text come in between; at the end the validation loss
// (every token once), and only then the model is saved: a run that goes wrong leaves an older one as it was.
// Read next: train-plan.ts, ../train/loop.ts.

import { NonFiniteError } from '../check.ts'
import { ensureFolder } from '../io/node-files.ts'
import { saveLanguageModel } from '../io/node-language-model.ts'
import { random } from '../random.ts'
import { sample } from '../train/evaluate.ts'
import { type LanguageModel, languageModel } from '../train/language-model.ts'
import { train } from '../train/loop.ts'
import { breathe, measure, openDevice, opening } from './common.ts'
import { jsonReporter, type Reporter, textReporter } from './reporter.ts'
import { checkTogether, type TrainValues } from './train-options.ts'
import {
  checkMemory, describe, formOf, learningRateOf, loadTexts, type Texts, trainOptions, whatNext,
} from './train-plan.ts'

/** Runs the command; the exit code. */
export async function runTrain(options: TrainValues): Promise<number> {
  checkTogether(options)
  const texts = loadTexts(options)
  const form = formOf(options, texts)
  checkMemory(options, form)
  if (options.out !== undefined) ensureFolder(options.out)
  const model = languageModel(form, { device: openDevice(options.device), rng: random(options.seed) })
  const reporter = options.json ? jsonReporter() : textReporter()
  reporter.begin(describe(options, texts, model))
  try {
    const step = await follow(options, texts, model, reporter)
    await validate(texts, model, step, reporter)
    if (options.out !== undefined) {
      await saveLanguageModel(options.out, model, texts.vocabulary)
      reporter.saved(options.out)
    }
    reporter.done(step, whatNext(options, texts))
    return 0
  } catch (error) {
    reporter.failed()
    throw error instanceof NonFiniteError ? diverged(error, options) : error
  }
}

/** Trains, and between steps samples and validates as asked; the number of the last step. */
async function follow(
  options: TrainValues, texts: Texts, model: LanguageModel, reporter: Reporter,
): Promise<number> {
  const { sampleEvery, validateEvery, seed } = options
  let last = 0
  for await (const event of train(trainOptions(options, texts, model))) {
    const { step, fraction } = event
    last = step
    reporter.step(event)
    if (sampleEvery > 0 && (step % sampleEvery === 0 || fraction === 1)) {
      reporter.sample(step, await sampleText(model, texts, seed))
    }
    if (validateEvery > 0 && step % validateEvery === 0 && fraction < 1) {
      await validate(texts, model, step, reporter)
    }
    await breathe()
  }
  return last
}

async function validate(texts: Texts, model: LanguageModel, step: number, reporter: Reporter): Promise<void> {
  const tell = (share: number) => reporter.measuring(step, share)
  reporter.validation(step, await measure(model, texts.valid, { before: texts.before, tell }))
}

/** A few lines of the model's own, with the same random numbers each time: samples can be compared. */
async function sampleText(model: LanguageModel, { vocabulary }: Texts, seed: number): Promise<string> {
  const symbols: number[] = []
  const options = { prompt: opening(vocabulary), length: 200, temperature: 0.7, rng: random(seed) }
  for await (const symbol of sample(model, options)) symbols.push(symbol)
  return vocabulary.decode(symbols)
}

/** The same error, in terms of the options that can be changed. */
function diverged(error: NonFiniteError, options: TrainValues): NonFiniteError {
  const [what] = error.message.split(';')
  return new NonFiniteError(`train: the run diverged: ${what}; nothing was saved; try a smaller --lr (it ` +
    `was ${learningRateOf(options)}) or --clip (it was ${options.clip})`, { cause: error })
}

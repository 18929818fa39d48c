// npx unrolled train: a recurrent character model, trained through time on a book or on a file of yours.
//
// On a terminal one line shows how far it is; elsewhere plain lines; with --json one JSON object a line on stdout and nothing
// else. Samples of the model's own text come in between, the validation loss (every token once) and the saved model at the end.

import { UnrolledError } from '../check.ts'
import { ensureFolder } from '../io/node-files.ts'
import { random } from '../random.ts'
import { evaluate, sample } from '../train/evaluate.ts'
import { CELLS, type LanguageModel, languageModel } from '../train/language-model.ts'
import { type StepEvent, train, type TrainOptions } from '../train/loop.ts'
import { adagrad, adam, adamw, rmsprop, sgd } from '../train/optimizers.ts'
import type { Optimizer } from '../train/rule.ts'
import { constant, cosine, type Schedule, stepDecay, warmup } from '../train/schedule.ts'
import { DEVICES, loadTexts, openDevice, saveLanguageModel, type Texts } from './common.ts'
import { defineCommand, type Values } from './options.ts'
import { jsonReporter, type Reporter, textReporter } from './reporter.ts'

const optimizers = { adam, adamw, sgd, rmsprop, adagrad }

export const trainCommand = defineCommand({
  name: 'train',
  summary: 'train a character model, through time, on a book or on your own text',
  options: {
    corpus: { type: 'choice', choices: ['moby-dick'], help: 'a text from npm' },
    data: { type: 'path', value: 'FILE', help: 'a UTF-8 text of yours instead' },
    valid: { type: 'path', value: 'FILE', help: 'held-out text; without it the last tenth of the text is held out, half of it measured' },
    cell: { type: 'choice', choices: CELLS, default: 'lstm', help: 'the recurrent cell' },
    hidden: { type: 'count', max: 65536, default: 128, help: 'H, units per layer' },
    layers: { type: 'count', max: 64, default: 1, help: 'recurrent layers' },
    embed: { type: 'count', max: 65536, default: 64, help: "size of a character's vector" },
    dropout: { type: 'range', from: 0, below: 1, default: 0, help: 'dropped share of values between layers' },
    batch: { type: 'count', max: 65536, default: 32, help: 'B, streams of text read side by side' },
    window: { type: 'count', max: 65536, default: 64, help: 'steps between two updates (k1 of truncated BPTT)' },
    horizon: { type: 'count', max: 1048576, help: 'steps that gradients reach back (k2 >= k1); the window unless told' },
    clip: { type: 'positive', default: 5, help: 'bound on the global norm of the gradient' },
    optimizer: { type: 'choice', choices: ['adam', 'adamw', 'sgd', 'rmsprop', 'adagrad'], default: 'adam', help: 'the rule' },
    lr: { type: 'positive', help: 'learning rate; 0.004 unless told, 0.002 for elman and jordan, 0.5 for sgd' },
    schedule: {
      type: 'choice', choices: ['constant', 'step', 'cosine', 'warmup'], default: 'constant',
      help: 'of the learning rate: step halves it after each quarter of the run, warmup rises over its first twentieth',
    },
    steps: { type: 'count', help: 'stop after N updates' },
    epochs: { type: 'count', help: 'stop after N passes through the text' },
    minutes: { type: 'positive', help: 'stop after X minutes; 2 unless told' },
    seed: { type: 'countOrZero', max: 2 ** 53 - 1, default: 1, help: 'of everything random' },
    device: { type: 'choice', choices: DEVICES, default: 'auto', help: 'where to compute' },
    sampleEvery: { type: 'countOrZero', default: 100, help: 'steps between two samples; 0 for none' },
    validateEvery: { type: 'countOrZero', default: 0, help: 'steps between two validations; 0 for one at the end' },
    out: { type: 'path', value: 'DIR', help: 'save the model here' },
    json: { type: 'flag', help: 'one JSON object a line on stdout, nothing else' },
  },
  excludes: [['steps', 'epochs', 'minutes'], ['corpus', 'data']],
  example: 'npx unrolled train --cell gru --hidden 256 --minutes 10 --out runs/gru',
})

type TrainValues = Values<typeof trainCommand.options>

/** Runs the command; the exit code. */
export async function runTrain(options: TrainValues): Promise<number> {
  if (options.horizon !== undefined && options.horizon < options.window) {
    throw new UnrolledError(`train: --horizon ${options.horizon} is shorter than --window ${options.window}; it must not be`)
  }
  const texts = loadTexts(options)
  if (options.out !== undefined) ensureFolder(options.out)
  const device = openDevice(options.device)
  const { cell, embed, hidden, layers, dropout } = options
  const form = { cell, symbols: texts.vocabulary.size, embed, hidden, layers, dropout }
  const model = languageModel(form, { device, rng: random(options.seed) })
  const reporter = options.json ? jsonReporter() : textReporter()
  reporter.begin(describe(options, texts, model))
  const last = await follow(options, texts, model, reporter)
  await validate(texts, model, last, reporter)
  if (options.out !== undefined) {
    await saveLanguageModel(options.out, model, texts.vocabulary)
    reporter.saved(options.out)
  }
  reporter.done(last, options.out)
  return 0
}

/** Trains, and between steps samples and validates as asked; the number of the last step. */
async function follow(options: TrainValues, texts: Texts, model: LanguageModel, reporter: Reporter): Promise<number> {
  let last: StepEvent | undefined
  for await (const event of train(trainOptions(options, texts, model))) {
    last = event
    reporter.step(event)
    const { step, fraction } = event
    if (options.sampleEvery > 0 && step % options.sampleEvery === 0) {
      reporter.sample(step, await sampleText(model, texts, options.seed))
    }
    if (options.validateEvery > 0 && step % options.validateEvery === 0 && fraction < 1) {
      await validate(texts, model, step, reporter)
    }
  }
  return last?.step ?? 0
}

async function validate(texts: Texts, model: LanguageModel, step: number, reporter: Reporter): Promise<void> {
  reporter.validation(step, await evaluate(model, texts.valid, { before: texts.before }))
}

/** A few lines of the model's own, with the same random numbers each time so that samples can be compared. */
async function sampleText(model: LanguageModel, { vocabulary, train: ids }: Texts, seed: number): Promise<string> {
  const prompt = vocabulary.has('\n') ? vocabulary.encode('\n') : ids.slice(0, 1)
  const symbols: number[] = []
  const options = { prompt, length: 200, temperature: 0.7, rng: random(seed) }
  for await (const symbol of sample(model, options)) symbols.push(symbol)
  return vocabulary.decode(symbols)
}

function trainOptions(options: TrainValues, texts: Texts, model: LanguageModel): TrainOptions {
  const { batch, window, horizon, clip, cell, optimizer: name, seed } = options
  const usual = name === 'sgd' ? 0.5 : cell === 'elman' || cell === 'jordan' ? 0.002 : 0.004
  const optimizer: Optimizer = optimizers[name]({ learningRate: options.lr ?? usual })
  const perEpoch = Math.max(1, Math.floor((Math.floor(texts.train.length / batch) - 1) / window))
  const steps = options.steps ?? (options.epochs === undefined ? undefined : options.epochs * perEpoch)
  const stop = steps === undefined ? { minutes: options.minutes ?? 2 } : { steps }
  const schedule = scheduleOf(options.schedule, steps)
  // Parameters take the first numbers of the seed's stream; dropout draws from a stream of its own.
  return { model, ids: texts.train, batch, window, horizon, clip, optimizer, schedule, rng: random(seed + 2 ** 32), stop }
}

function scheduleOf(name: TrainValues['schedule'], steps: number | undefined): Schedule {
  if (name === 'constant') return constant()
  if (steps === undefined) {
    throw new UnrolledError(`train: --schedule ${name} needs to know the length of the run; give --steps or --epochs`)
  }
  if (name === 'step') return stepDecay({ every: Math.ceil(steps / 4), factor: 0.5 })
  return name === 'cosine' ? cosine({ total: steps }) : warmup({ steps: Math.ceil(steps / 20), start: 0 })
}

function describe(options: TrainValues, { name, vocabulary, train: ids, valid }: Texts, model: LanguageModel): string {
  const weights = [...model.parameters.values()].reduce((total, x) => total + x.size, 0)
  const { cell, hidden, layers, embed, batch, window, horizon = window } = options
  const number = (n: number) => n.toLocaleString('en-US')
  return [
    `${name}: ${number(ids.length)} characters to train on, ${number(valid.length)} held out, ${vocabulary.size} different ones`,
    `${cell}: ${layers} x ${hidden} units, embedding ${embed}, ${number(weights)} parameters, on ${model.device.name}`,
    `batch ${batch}, window ${window}, horizon ${horizon}, clip ${options.clip}, ${options.optimizer}`,
  ].join('\n')
}

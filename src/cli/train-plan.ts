// What a training run is made of, from its options: the texts, the net's form and whether it fits the
// memory, the optimiser, the schedule, the end; and the words before and after it. Read next: train.ts.

import { totalmem } from 'node:os'

import { version } from '../../package.json'
import { UnrolledError } from '../check.ts'
import { loadCorpus, loadText } from '../data/node-corpus.ts'
import { codePointName, printable } from '../data/printable.ts'
import { Streams } from '../data/streams.ts'
import { splitText, Vocabulary } from '../data/text.ts'
import { random } from '../random.ts'
import type { LanguageModel, LanguageModelForm } from '../train/language-model.ts'
import type { TrainOptions } from '../train/loop.ts'
import { adagrad, adam, adamw, rmsprop, sgd } from '../train/optimizers.ts'
import { constant, cosine, type Schedule, stepDecay, warmup } from '../train/schedule.ts'
import { shellWord } from './run-folder.ts'
import type { TrainValues } from './train-options.ts'

const optimizers = { adam, adamw, sgd, rmsprop, adagrad }

export interface Texts {
  readonly name: string
  readonly vocabulary: Vocabulary
  readonly train: Int32Array
  readonly valid: Int32Array
  /** the symbol that precedes the validation text, if that continues the training text */
  readonly before: number | undefined
}

/**
 * The training and validation symbols: one text of which 90 % are for training and 5 % for validation (the
 * last 5 % stay unseen), or two files.
 * @throws UnrolledError for a text that cannot be read, is too short, or holds one character only
 */
export function loadTexts({ corpus = 'moby-dick', data, valid, batch, window }: TrainValues): Texts {
  const text = data === undefined ? loadCorpus(corpus) : loadText(data)
  const name = printable(data ?? corpus)
  const vocabulary = Vocabulary.of(text)
  if (vocabulary.size === 1) {
    const [symbol] = vocabulary.symbols
    throw new UnrolledError(`${name}: holds one character only, ${printable(symbol)} ` +
      `(${codePointName(symbol)}), again and again; there is nothing to learn from it`)
  }
  const ids = vocabulary.encode(text, name)
  if (valid === undefined) {
    const parts = splitText(ids, { batch, window, source: name })
    return { name, vocabulary, train: parts.train, valid: parts.valid, before: parts.train.at(-1) }
  }
  const { train } = splitText(ids, { train: 1, valid: 0, batch, window, source: name })
  const source = printable(valid)
  const heldOut = vocabulary.encode(loadText(valid), source)
  if (heldOut.length < 2) throw new UnrolledError(`${source}: has 1 character; 2 or more are needed`)
  return { name, vocabulary, train, valid: heldOut, before: undefined }
}

/** The form of the net; the vocabulary is the text's. */
export function formOf(options: TrainValues, texts: Texts): LanguageModelForm {
  const { cell, embed, hidden, layers, dropout } = options
  return { cell, symbols: texts.vocabulary.size, embed, hidden, layers, dropout }
}

/**
 * Says that a net is too large before the machine does, which would end the process without a word. The
 * bound is a low one: a parameter needs its value, gradient, two moments and two more on the way; a step of a
 * unit some eight values per gate.
 * @throws UnrolledError with the sizes, and what to lower
 */
export function checkMemory(options: TrainValues, { symbols: V }: LanguageModelForm): void {
  const { cell, hidden: H, layers: L, embed: E, batch: B, window, horizon = window } = options
  const gates = { elman: 1, jordan: 1, lstm: 4, gru: 3 }[cell]
  const parameters = V * E + V * (H + 1) + gates * H * (E + H + 2 + (L - 1) * (2 * H + 2))
  const perToken = 8 * gates * H * L + 4 * V
  const bytes = 4 * (6 * parameters + B * horizon * perToken)
  const constrained = process.constrainedMemory() ?? 0 // 0 where there is no bound
  const available = Math.min(totalmem(), constrained > 0 ? constrained : Infinity)
  if (bytes <= available) return
  const gigabytes = (n: number) => `${Math.ceil(n / 1e9).toLocaleString('en-US')} GB`
  throw new UnrolledError(
    `train: --hidden ${H} --layers ${L} --embed ${E} --batch ${B} --window ${window} need at least ` +
    `${gigabytes(bytes)} of memory (${parameters.toLocaleString('en-US')} parameters and what ` +
    `their training keeps); this machine has ${gigabytes(available)}; lower them`)
}

/** The loop's options. */
export function trainOptions(options: TrainValues, texts: Texts, model: LanguageModel): TrainOptions {
  const { batch, window, horizon, clip, minutes = MINUTES } = options
  const optimizer = optimizers[options.optimizer]({ learningRate: learningRateOf(options) })
  const perEpoch = new Streams(texts.train, batch).windows(window)
  const steps = options.steps ?? (options.epochs === undefined ? undefined : options.epochs * perEpoch)
  const schedule = scheduleOf(options.schedule, steps ?? 1)
  const stop = steps === undefined ? { minutes } : { steps }
  // Parameters take the first numbers of the seed's stream; dropout draws from a stream of its own.
  const rng = random(options.seed + 2 ** 32)
  return { model, ids: texts.train, batch, window, horizon, clip, optimizer, schedule, rng, stop }
}

const MINUTES = 2

/** The options with what they mean by default: another version may mean something else by it. */
export function resolved(options: TrainValues): TrainValues {
  const { window, horizon = window, steps, epochs } = options
  const minutes = steps === undefined && epochs === undefined ? options.minutes ?? MINUTES : undefined
  return { ...options, horizon, minutes, lr: learningRateOf(options) }
}

export function learningRateOf({ lr, optimizer, cell }: TrainValues): number {
  if (lr !== undefined) return lr
  if (optimizer === 'sgd') return 0.5
  return cell === 'elman' || cell === 'jordan' ? 0.002 : 0.004
}

function scheduleOf(name: TrainValues['schedule'], steps: number): Schedule {
  switch (name) {
    case 'constant': return constant()
    case 'step': return stepDecay({ every: Math.ceil(steps / 4), factor: 0.5 })
    case 'cosine': return cosine({ total: steps })
    case 'warmup': return warmup({ steps: Math.ceil(steps / 20), start: 0 })
  }
}

/** What is about to happen, in a few lines. */
export function describe(options: TrainValues, texts: Texts, model: LanguageModel): string {
  const { cell, hidden, layers, embed, batch, window, horizon = window, clip, optimizer } = options
  const number = (n: number) => n.toLocaleString('en-US')
  return [
    `${texts.name}: ${number(texts.train.length)} characters to train on, ${number(texts.valid.length)} ` +
      `held out, ${texts.vocabulary.size} different ones`,
    `${cell}: ${layers} x ${hidden} units, embedding ${embed}, ${number(countOf(model))} parameters, on ` +
      model.device.name,
    `batch ${batch}, window ${window}, horizon ${horizon}, clip ${clip}, ${optimizer} at ` +
      learningRateOf(options),
  ].join('\n')
}

function countOf(model: LanguageModel): number {
  return [...model.parameters.values()].reduce((total, x) => total + x.size, 0)
}

/** The same for a program: the event that begins metrics.jsonl. */
export function beginning(options: TrainValues, texts: Texts, model: LanguageModel) {
  const { cell, hidden, layers, embed, dropout, batch, window, horizon = window, clip, optimizer } = options
  return {
    event: 'begin' as const, version, name: texts.name, unit: 'character' as const,
    cell, hidden, layers, embed, dropout, batch, window, horizon, clip, optimizer,
    learningRate: learningRateOf(options), parameters: countOf(model), symbols: texts.vocabulary.size,
    trainTokens: texts.train.length, validTokens: texts.valid.length, device: model.device.name,
    seed: options.seed,
  }
}

/** Commands that make sense after this run, each a line that can be typed. */
export function whatNext({ out }: TrainValues, { vocabulary }: Texts): string[] {
  const more = [
    'npx unrolled train --data FILE --cell gru --minutes 10 --out runs/gru',
    'npx unrolled gradcheck',
  ]
  if (out === undefined) return ['npx unrolled train --out runs/mine      keeps the model', ...more]
  const dir = shellWord(out)
  const prompt = [...'The whale'].every((symbol) => vocabulary.has(symbol)) ? ' --prompt "The whale"' : ''
  return [
    `npx unrolled sample --model ${dir}${prompt} --temperature 0.7`,
    `npx unrolled eval --model ${dir} --data FILE`,
    ...more,
  ]
}

// What a training run is made of, from its options and its texts (texts.ts): the net's form and whether it
// fits the memory, the optimiser, the schedule, the end; and the words before and after it. Next: train.ts.

import { totalmem } from 'node:os'

import { version } from '../../package.json'
import { thousands, UnrolledError } from '../check.ts'
import { Streams } from '../data/streams.ts'
import type { Device } from '../device.ts'
import type { CellName } from '../nn/cells.ts'
import { drawUniform } from '../nn/linear.ts'
import type { Regularisers } from '../nn/regularised.ts'
import { random } from '../random.ts'
import {
  type LanguageModel, languageModel, type LanguageModelForm, seenByHead,
} from '../train/language-model.ts'
import type { TrainOptions } from '../train/loop.ts'
import { adagrad, adam, adamw, rmsprop, sgd } from '../train/optimizers.ts'
import { constant, cosine, type Schedule, stepDecay, warmup } from '../train/schedule.ts'
import { flagName } from './options.ts'
import { shellWord } from './run-folder.ts'
import type { Texts } from './texts.ts'
import type { TrainValues } from './train-options.ts'

const optimizers = { adam, adamw, sgd, rmsprop, adagrad }

/** The form of the net; the vocabulary is the text's. */
export function formOf(options: TrainValues, texts: Texts): LanguageModelForm {
  const { cell, embed, hidden, layers, skip, dropout, variational, tie: tied } = options
  const form = { cell, symbols: texts.vocabulary.size, embed, hidden, layers, dropout, tied }
  return { ...form, ...(skip && { skip }), ...(variational && { variational }), ...regularisersOf(options) }
}

/** A net of that form as the run begins with it: its parameters are drawn from the seed. */
export function freshModel(form: LanguageModelForm, options: TrainValues, device: Device): LanguageModel {
  const { seed, init, forgetBias } = options
  const gateBias = forgetBias === undefined ? undefined : { forget: forgetBias }
  try {
    const model = languageModel(form, { device, rng: random(seed), gateBias })
    if (init !== undefined) drawUniform(model.parameters, init, random(seed))
    return model
  } catch (error) {
    if (!(error instanceof UnrolledError)) throw error
    // in words of the command line: regularised: zoneoutCell is 0.5; this cell has no c in its state
    throw new UnrolledError(error.message.replace(/^regularised: (\w+) is ([^;]+); this cell/,
      (_, key: string, p: string) => `train: --${flagName(key)} ${p}: ${form.cell}`))
  }
}

/** Those that were asked for. */
function regularisersOf(options: TrainValues): Regularisers {
  const { stateDropout, weightDrop, recurrentDropout, zoneout, zoneoutCell } = options
  const all = Object.entries({ stateDropout, weightDrop, recurrentDropout, zoneout, zoneoutCell })
  return Object.fromEntries(all.filter(([, p]) => p !== undefined && p > 0)) as Regularisers
}

// How many weights a unit has for each of its inputs, or, of those with a projection, has at least.
const GATES: Record<CellName, number> = {
  jordan: 1, elman: 1, lstm: 4, peephole: 4, coupled: 3, lstmp: 2, gru: 3, 'gru-before': 3, 'gru-chung': 3,
  'layer-norm-lstm': 4, lstm1997: 3, lstm2000: 4,
}

/**
 * Says that a net is too large before the machine does, which would end the process without a word. The
 * bound is a low one: a parameter needs its value, gradient, two moments and two more on the way; a step of a
 * unit some eight values per gate.
 * @throws UnrolledError with the sizes, and what to lower
 */
export function checkMemory(options: TrainValues, form: LanguageModelForm): void {
  const { symbols: V, tied, skip } = form
  const { cell, hidden: H, layers: L, embed: E, batch: B, window, horizon = window } = options
  const gates = GATES[cell]
  const above = 2 * H + 2 + (skip ? E : 0) // weights of a unit, for each gate, in all layers but the first
  const parameters = V * E + V * (tied ? 1 : seenByHead(form) + 1) + gates * H * (E + H + 2 + (L - 1) * above)
  const perToken = 8 * gates * H * L + 4 * V
  const bytes = 4 * (6 * parameters + B * horizon * perToken)
  const constrained = process.constrainedMemory() ?? 0 // 0 where there is no bound
  const available = Math.min(totalmem(), constrained > 0 ? constrained : Infinity)
  if (bytes <= available) return
  const gigabytes = (n: number) => `${thousands(Math.ceil(n / 1e9))} GB`
  throw new UnrolledError(
    `train: --hidden ${H} --layers ${L} --embed ${E} --batch ${B} --window ${window} need at least ` +
    `${gigabytes(bytes)} of memory (${thousands(parameters)} parameters and what ` +
    `their training keeps); this machine has ${gigabytes(available)}; lower them`)
}

/** The loop's options. */
export function trainOptions(options: TrainValues, texts: Texts, model: LanguageModel): TrainOptions {
  const { batch, window, horizon, clip, sumSteps, ar: alpha, tar: beta, minutes = MINUTES } = options
  const optimizer = optimizers[options.optimizer]({ learningRate: learningRateOf(options) })
  const perEpoch = stepsPerEpoch(options, texts)
  const steps = options.steps ?? (options.epochs === undefined ? undefined : options.epochs * perEpoch)
  const schedule = scheduleOf(options, steps ?? 1, perEpoch)
  const stop = steps === undefined ? { minutes } : { steps }
  // Parameters take the first numbers of the seed's stream; dropout draws from a stream of its own.
  const rng = random(options.seed + 2 ** 32)
  const run = { model, ids: texts.train, batch, window, horizon, clip, sumSteps, penalty: { alpha, beta } }
  return { ...run, optimizer, schedule, rng, stop }
}

/** How many windows a pass through the text has. */
export function stepsPerEpoch({ batch, window }: TrainValues, { train }: Texts): number {
  return new Streams(train, batch).windows(window)
}

// By default: minutes of a run; --schedule decay, as Zaremba et al. 2014 have it for their small net.
const MINUTES = 2
const DECAY = 0.5
const DECAY_AFTER = 4 // epochs

/** The options with what they mean by default: another version may mean something else by it. */
export function resolved(options: TrainValues): TrainValues {
  const { window, horizon = window, steps, epochs } = options
  const minutes = steps === undefined && epochs === undefined ? options.minutes ?? MINUTES : undefined
  const { decay = DECAY, decayAfter = DECAY_AFTER } = options
  const falling = options.schedule === 'decay' ? { decay, decayAfter } : {}
  return { ...options, horizon, minutes, ...falling, lr: learningRateOf(options) }
}

export function learningRateOf({ lr, optimizer, cell }: TrainValues): number {
  if (lr !== undefined) return lr
  if (optimizer === 'sgd') return 0.5
  return cell === 'elman' || cell === 'jordan' ? 0.002 : 0.004
}

function scheduleOf(options: TrainValues, steps: number, perEpoch: number): Schedule {
  const { schedule, decay = DECAY, decayAfter = DECAY_AFTER } = options
  switch (schedule) {
    case 'constant': return constant()
    case 'step': return stepDecay({ every: Math.ceil(steps / 4), factor: 0.5 })
    case 'decay': return stepDecay({ every: perEpoch, factor: decay, hold: decayAfter })
    case 'cosine': return cosine({ total: steps })
    case 'warmup': return warmup({ steps: Math.ceil(steps / 20), start: 0 })
  }
}

/** What is about to happen, in a few lines. */
export function describe(options: TrainValues, texts: Texts, model: LanguageModel): string {
  const { cell, hidden, layers, embed, batch, window, horizon = window, clip, optimizer } = options
  return [
    `${texts.name}: ${thousands(texts.train.length)} ${texts.vocabulary.unit}s to train on, ` +
      `${thousands(texts.valid.length)} held out, ${thousands(texts.vocabulary.size)} different ones`,
    `${cell}: ${layers} x ${hidden} units${options.skip ? ' with skips' : ''}, embedding ${embed}, ` +
      `${thousands(countOf(model))} parameters, on ${model.device.name}`,
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
    event: 'begin' as const, version, name: texts.name, unit: texts.vocabulary.unit,
    cell, hidden, layers, embed, dropout, batch, window, horizon, clip, optimizer,
    learningRate: learningRateOf(options), ...recipeOf(options), parameters: countOf(model),
    symbols: texts.vocabulary.size,
    trainTokens: texts.train.length, validTokens: texts.valid.length, device: model.device.name,
    seed: options.seed, command: ['npx unrolled', ...process.argv.slice(2).map(shellWord)].join(' '),
  }
}

/** The rest of what the numbers depend on, as far as it was asked for. */
function recipeOf(options: TrainValues) {
  const { schedule, decay, decayAfter, sumSteps, tie, init, minCount, ar, tar } = resolved(options)
  const { skip, variational, forgetBias } = options
  const wired = { ...(skip && { skip }), forgetBias }
  const dropping = { ...(variational && { variational }), ...regularisersOf(options), ar, tar }
  return { schedule, decay, decayAfter, sumSteps, tied: tie, init, minCount, ...wired, ...dropping }
}

/** Commands that make sense after this run, each a line that can be typed. */
export function whatNext({ out }: TrainValues, { vocabulary }: Texts): string[] {
  const more = [
    'npx unrolled train --data FILE --cell gru --minutes 10 --out runs/gru',
    'npx unrolled gradcheck',
  ]
  if (out === undefined) return ['npx unrolled train --out runs/mine      keeps the model', ...more]
  const dir = shellWord(out)
  const prompt = vocabulary.lacks('The whale').length === 0 ? ' --prompt "The whale"' : ''
  return [
    `npx unrolled sample --model ${dir}${prompt} --temperature 0.7`,
    `npx unrolled eval --model ${dir} --data FILE`,
    ...more,
  ]
}

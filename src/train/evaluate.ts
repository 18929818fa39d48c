// Evaluation: the loss on text that the model has not been trained on, every token counted exactly once, with
// the state carried from window to window; no tape, no dropout. Then sampling: one symbol at a time, each
// drawn from the model's distribution and fed back as the next input.
//
//   p_v = softmax(logits / temperature)_v
//   top-k: only the k likeliest; top-p: the fewest likeliest whose sum reaches p (Holtzman et al. 2020)

import {
  checkCount, checkKind, checkParts, checkThat, describe, NonFiniteError, UnrolledError,
} from '../check.ts'
import { heldOut } from '../data/streams.ts'
import { slice } from '../ops/move.ts'
import type { Random } from '../random.ts'
import { unowned } from '../scope.ts'
import { checkOptionNames } from '../suggest.ts'
import { dispose, type Tensor, tensor, type Tree } from '../tensor.ts'
import type { SequenceModel } from './language-model.ts'

const MODEL = 'a model, such as languageModel() or loadLanguageModel() makes'

export interface Evaluation {
  /** nats per token */
  readonly loss: number
  readonly bitsPerChar: number
  readonly perplexity: number
  /** how many tokens were predicted */
  readonly tokens: number
}

/** Loss in nats as the numbers that people compare. */
export function inUnits(loss: number): { loss: number, bitsPerChar: number, perplexity: number } {
  checkThat(typeof loss === 'number', () => `inUnits: the loss is ${describe(loss)}; it must be a number`)
  return { loss, bitsPerChar: loss / Math.LN2, perplexity: Math.exp(loss) }
}

export interface EvaluateOptions {
  /** the token that precedes the text; without one the first token is not predicted */
  before?: number
  /** B, streams side by side, each from the zero state; 32 by default, 1 reads the text as one */
  batch?: number
  /** T, steps at a time: a matter of speed and memory, not of the result; 64 by default */
  window?: number
  /** told, and awaited, after each window: the share of the tokens that is done */
  watch?: (share: number) => unknown
}

/**
 * The mean loss over all tokens of `ids`, in B contiguous streams.
 * @throws UnrolledError if there is nothing to predict, NonFiniteError if the loss is NaN or infinite
 */
export async function evaluate(
  model: SequenceModel, ids: Int32Array, options: EvaluateOptions = {},
): Promise<Evaluation> {
  checkParts('evaluate: the model', model, ['initial', 'run', 'loss'], MODEL)
  checkOptionNames('evaluate', options, ['before', 'batch', 'window', 'watch'])
  const { before, batch = 32, window = 64, watch } = options
  const windows = heldOut(ids, { before, batch, window })
  const expected = before === undefined ? ids.length - 1 : ids.length
  let state = unowned(() => model.initial(batch))
  let total = 0
  let tokens = 0
  try {
    for (const piece of windows) {
      const [mean, after] = measure(model, piece, [window, batch], state)
      dispose(state)
      state = after
      total += await mean.item() * piece.count
      tokens += piece.count
      mean.dispose()
      await watch?.(tokens / expected)
    }
  } finally {
    dispose(state)
  }
  if (!Number.isFinite(total)) {
    throw new NonFiniteError(`evaluate: the loss is ${total}; the model's weights or outputs are not finite`)
  }
  return { ...inUnits(total / tokens), tokens }
}

/** The mean loss of one window [T, B], and the state after it; both are the caller's. */
function measure(
  model: SequenceModel, { inputs, targets }: { inputs: Int32Array, targets: Int32Array },
  shape: [number, number], state: Tree,
): readonly [Tensor, Tree] {
  const symbols = (values: Int32Array) => tensor(values, { shape, device: model.device, dtype: 'int32' })
  return unowned(() => {
    const result = model.run(symbols(inputs), state)
    return [model.loss(result.outputs, symbols(targets)), result.state] as const
  })
}

export interface SampleOptions {
  /** what the model reads first; one symbol or more */
  prompt: Int32Array
  /** how many symbols to draw */
  length: number
  rng: Random
  /** below 1 the likely becomes likelier, above 1 everything evens out; 1 by default */
  temperature?: number
  /** draw among the k likeliest only */
  topK?: number
  /** draw among the likeliest whose probabilities first sum to p */
  topP?: number
  /** a symbol that is never drawn, such as the one that stands for unknown words */
  without?: number | undefined
}

/**
 * Symbols, one by one, as the model continues the prompt.
 * @throws UnrolledError for an empty prompt or an option out of its range, NonFiniteError for broken weights
 */
export async function* sample(model: SequenceModel, options: SampleOptions): AsyncGenerator<number> {
  checkParts('sample: the model', model, ['initial', 'run'], MODEL)
  checkOptionNames('sample', options, ['prompt', 'length', 'rng', 'temperature', 'topK', 'topP', 'without'])
  const { prompt, length, rng } = options
  checkKind('sample: the prompt', prompt, 'a list')
  if (prompt.length === 0) throw new UnrolledError('sample: the prompt is empty; it needs one symbol or more')
  checkCount('sample: length', length, 0)
  const reader = readerOf(model)
  let next = prompt
  try {
    for (let i = 0; i < length; i++) {
      const symbol = choose(await reader.read(next), options, rng)
      yield symbol
      next = Int32Array.of(symbol)
    }
  } finally {
    reader.dispose()
  }
}

/** Reads symbols [T], and what comes after them in the next call: the logits [V] after the last one. */
interface Reader {
  read(symbols: Int32Array): Promise<ArrayLike<number>>
  dispose(): void
}

function readerOf(model: SequenceModel): Reader {
  const stream = model.stream?.()
  if (stream) {
    const read = async (symbols: Int32Array) => {
      symbols.subarray(0, -1).forEach((symbol) => stream.step(symbol))
      return stream.step(symbols[symbols.length - 1])
    }
    return { read, dispose: () => stream.dispose() }
  }
  let state = unowned(() => model.initial(1))
  return {
    async read(symbols) {
      const [logits, after] = step(model, symbols, state)
      dispose(state)
      state = after
      const values = await logits.read()
      logits.dispose()
      return values
    },
    dispose: () => dispose(state),
  }
}

/** Feeds symbols [T]: the logits [V] after the last one, and the new state; both are the caller's. */
function step(model: SequenceModel, symbols: Int32Array, state: Tree): readonly [Tensor, Tree] {
  return unowned(() => {
    const ids = tensor(symbols, { shape: [symbols.length, 1], device: model.device, dtype: 'int32' })
    const result = model.run(ids, state)
    return [slice(result.outputs, 0, -1), result.state] as const
  })
}

/**
 * Draws a symbol from logits.
 * @throws NonFiniteError if a logit is NaN or infinite, UnrolledError if an option is out of its range
 */
export function choose(
  logits: ArrayLike<number>, options: Omit<SampleOptions, 'prompt' | 'length' | 'rng'>, rng: Random,
): number {
  const { temperature = 1, topK = logits.length, topP = 1, without } = options
  if (!(temperature > 0)) {
    throw new UnrolledError(`sample: temperature is ${temperature}; it must be a number above 0`)
  }
  checkCount('sample: top-k', topK)
  if (!(topP > 0 && topP <= 1)) throw new UnrolledError(`sample: top-p is ${topP}; it must lie in (0, 1]`)
  const { length } = logits
  let largest = -Infinity
  for (let v = 0; v < length; v++) {
    if (!Number.isFinite(logits[v])) {
      throw new NonFiniteError('sample: the model gives values that are not finite; its training went wrong')
    }
    if (v !== without) largest = Math.max(largest, logits[v])
  }
  checkThat(largest > -Infinity, () => `sample: without ${without} no symbol is left to draw`)
  const weights = new Float64Array(length)
  for (let v = 0; v < length; v++) {
    if (v !== without) weights[v] = Math.exp((logits[v] - largest) / temperature)
  }
  if (topK < length || topP < 1) keepLikeliest(weights, topK, topP)
  return rng.categorical(weights)
}

/** Keeps the k largest weights, and of these the fewest that reach the share p of their sum; else 0. */
function keepLikeliest(weights: Float64Array, k: number, p: number): void {
  const likeliest = weights.toSorted().reverse().subarray(0, k)
  const total = likeliest.reduce((sum, w) => sum + w, 0)
  let count = 0
  for (let reached = 0; count < likeliest.length && (count === 0 || reached < p * total); count++) {
    reached += likeliest[count]
  }
  const least = likeliest[count - 1]
  let equal = count - likeliest.indexOf(least) // how many of the least are kept: those that come first
  for (let v = 0; v < weights.length; v++) {
    if (weights[v] < least || (weights[v] === least && equal-- <= 0)) weights[v] = 0
  }
}

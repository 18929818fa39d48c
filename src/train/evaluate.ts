// Evaluation: the loss on text that the model has not been trained on, every token counted exactly once, with the state
// carried from window to window; no tape, no dropout. Then sampling: one symbol at a time, each drawn from the model's
// distribution and fed back as the next input.
//
//   p_v = softmax(logits / temperature)_v     top-k: only the k likeliest; top-p: the fewest whose sum reaches p

import { UnrolledError } from '../check.ts'
import { heldOut } from '../data/streams.ts'
import { slice } from '../ops/move.ts'
import type { Random } from '../random.ts'
import { Scope, unowned, untracked } from '../tape.ts'
import { dispose, type Tensor, tensor, type Tree } from '../tensor.ts'
import type { LanguageModel } from './language-model.ts'

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
  return { loss, bitsPerChar: loss / Math.LN2, perplexity: Math.exp(loss) }
}

/**
 * The mean loss over all tokens of `ids`, in B contiguous streams that each start from the zero state.
 * @param options.before the token that precedes `ids` in the text; without one the first token is not predicted
 */
export async function evaluate(
  model: LanguageModel, ids: Int32Array, options: { before?: number, batch?: number, window?: number } = {},
): Promise<Evaluation> {
  const { before, batch = 32, window = 64 } = options
  const { device } = model
  let state = unowned(() => model.initial(batch))
  let total = 0
  let tokens = 0
  for (const { inputs, targets, count } of heldOut(ids, { before, batch, window })) {
    const scope = new Scope()
    const shape = [window, batch]
    const result = model.run(tensor(inputs, { shape, device, dtype: 'int32' }), state)
    const loss = model.loss(result.outputs, tensor(targets, { shape, device, dtype: 'int32' }))
    state = scope.keep(result.state, state)
    const mean = scope.keep(loss)
    scope.close()
    total += await mean.item() * count
    tokens += count
    mean.dispose()
  }
  dispose(state)
  return { ...inUnits(total / tokens), tokens }
}

export interface SampleOptions {
  /** what the model reads first; one symbol or more */
  prompt: Int32Array
  /** how many symbols to draw */
  length: number
  rng: Random
  /** below 1 the likely becomes likelier, above 1 everything evens out; 1 unless told */
  temperature?: number
  /** draw among the k likeliest only */
  topK?: number
  /** draw among the likeliest whose probabilities first sum to p */
  topP?: number
}

/** Symbols, one by one, as the model continues the prompt. */
export async function* sample(model: LanguageModel, options: SampleOptions): AsyncGenerator<number> {
  const { prompt, length, rng } = options
  if (prompt.length === 0) throw new UnrolledError('sample: the prompt is empty; it needs one symbol or more')
  let state = unowned(() => model.initial(1))
  let next = prompt
  try {
    for (let i = 0; i < length; i++) {
      const [logits, after] = step(model, next, state)
      dispose(state)
      state = after
      const values = await logits.read()
      logits.dispose()
      const symbol = choose(values, options, rng)
      yield symbol
      next = Int32Array.of(symbol)
    }
  } finally {
    dispose(state)
  }
}

/** Feeds symbols [T] and returns the logits [V] after the last one, and the new state; both are the caller's. */
function step(model: LanguageModel, symbols: Int32Array, state: Tree): [Tensor, Tree] {
  const scope = new Scope()
  const ids = tensor(symbols, { shape: [symbols.length, 1], device: model.device, dtype: 'int32' })
  const result = untracked(() => model.run(ids, state))
  const kept: [Tensor, Tree] = [scope.keep(slice(result.outputs, 0, -1)), scope.keep(result.state)]
  scope.close()
  return kept
}

/**
 * Draws a symbol from logits.
 * @throws UnrolledError if a logit is not finite, or an option is out of its range
 */
export function choose(
  logits: ArrayLike<number>, options: { temperature?: number, topK?: number, topP?: number }, rng: Random,
): number {
  const { temperature = 1, topK = logits.length, topP = 1 } = options
  if (!(temperature > 0)) throw new UnrolledError(`sample: temperature is ${temperature}; it must be above 0`)
  if (!(topP > 0 && topP <= 1)) throw new UnrolledError(`sample: top-p is ${topP}; it must lie in (0, 1]`)
  const order = Array.from({ length: logits.length }, (_, v) => v).sort((a, b) => logits[b] - logits[a])
  const largest = logits[order[0]]
  if (!Array.from(logits).every(Number.isFinite)) {
    throw new UnrolledError('sample: the model gives values that are not finite; its training went wrong')
  }
  const weights = order.map((v) => Math.exp((logits[v] - largest) / temperature)).slice(0, topK)
  const total = weights.reduce((sum, w) => sum + w, 0)
  let count = 0
  for (let reached = 0; count < weights.length && reached < topP * total; count++) reached += weights[count]
  return order[rng.categorical(weights.slice(0, Math.max(1, count)))]
}

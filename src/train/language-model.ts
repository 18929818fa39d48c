// A language model: the net of the main job. It reads symbols and says how likely each next symbol is.
//
//   x_t = E[s_t]                       embedding [V, embed]
//   y_t, state = rnn(x_t, state)       one or more recurrent layers of H units
//   logits_t = y_t W^T + b             linear head [V, H]; p(s_{t+1} = v) = softmax(logits_t)_v
//
// Its loss is the mean cross-entropy in nats per symbol; divided by ln 2 that is bits per character, e^loss
// the perplexity. Parameters: embedding.weight, rnn.weight_ih_l0, ..., head.weight, head.bias.
// Next: loop.ts, evaluate.ts.

import { UnrolledError } from '../check.ts'
import type { Device } from '../device.ts'
import { jordan } from '../nn/jordan.ts'
import { embedding, linear, parameters } from '../nn/linear.ts'
import { recurrent } from '../nn/recurrent.ts'
import { stacked } from '../nn/unroll.ts'
import { dropout as drop } from '../ops/dropout.ts'
import { crossEntropy } from '../ops/loss.ts'
import type { Random } from '../random.ts'
import type { Tensor, Tree } from '../tensor.ts'
import type { Net } from './bptt.ts'

export const CELLS = ['elman', 'jordan', 'lstm', 'gru'] as const
export type CellName = (typeof CELLS)[number]

/** The form of a language model: with its vocabulary, all that is needed to build it again. */
export interface LanguageModelForm {
  readonly cell: CellName
  /** V, the size of the vocabulary */
  readonly symbols: number
  /** the size of a symbol's vector */
  readonly embed: number
  readonly hidden: number
  readonly layers: number
  /** the probability of dropping a value between layers, and before the head if there are several layers */
  readonly dropout: number
}

export interface LanguageModel extends Net<Tree> {
  readonly form: LanguageModelForm
  readonly device: Device
  /** the zero state of B streams */
  initial(batch: number): Tree
  /** symbols [T, B] int32 -> logits [T, B, V]; with a generator, dropout is on */
  run(symbols: Tensor, state: Tree, rng?: Random): { outputs: Tensor, state: Tree }
  /** the mean cross-entropy in nats; targets of -1 count for nothing */
  loss(logits: Tensor, targets: Tensor): Tensor
}

/** The recurrent part, whatever the cell: symbols' vectors [T, B, embed] -> [T, B, H]. */
interface Body {
  readonly parameters: { readonly [name: string]: Tensor }
  initial(batch: number): Tree
  run(xs: Tensor, state: Tree, rng?: Random): { outputs: Tensor, state: Tree }
}

function body(form: LanguageModelForm, device: Device, rng: Random): Body {
  const { cell, embed, hidden, layers, dropout } = form
  if (cell === 'jordan') {
    const cells = Array.from({ length: layers }, (_, k) =>
      jordan({ inputs: k ? hidden : embed, hidden, device, rng }))
    const deep = stacked(cells)
    return {
      parameters: deep.parameters,
      initial: (batch) => cells.map((c) => c.initial(batch)),
      run: (xs, state) => deep(xs, { state: state as readonly Tree[] }),
    }
  }
  const kind = ({ elman: 'RNN', lstm: 'LSTM', gru: 'GRU' } as const)[cell]
  const rnn = recurrent({ kind, inputs: embed, hidden, layers, dropout, device, rng })
  return {
    parameters: rnn.parameters,
    initial: rnn.initial,
    run: (xs, state, dropRng) => rnn(xs, { state: state as { [name: string]: Tensor }, rng: dropRng }),
  }
}

/**
 * Builds a language model with fresh parameters.
 * @throws UnrolledError for a form that makes no sense
 */
export function languageModel(
  form: LanguageModelForm, options: { device: Device, rng: Random },
): LanguageModel {
  const { cell, symbols, embed, hidden, layers, dropout } = form
  const { device, rng } = options
  if (!CELLS.includes(cell)) {
    throw new UnrolledError(`language model: cell is ${String(cell)}; it must be one of ${CELLS.join(', ')}`)
  }
  if (cell === 'jordan' && dropout > 0) {
    throw new UnrolledError('language model: dropout is not for the jordan cell; leave it at 0')
  }
  const embedded = embedding({ symbols, dimensions: embed, device, rng })
  const rnn = body(form, device, rng)
  const head = linear({ inputs: hidden, outputs: symbols, device, rng })
  return {
    form,
    device,
    parameters: parameters({ embedding: embedded, rnn, head }),
    initial: rnn.initial,
    run(ids, state, dropRng) {
      const result = rnn.run(embedded(ids), state, dropRng)
      const drops = dropRng && layers > 1 && dropout > 0
      const seen = drops ? drop(result.outputs, dropout, dropRng) : result.outputs
      return { outputs: head(seen), state: result.state }
    },
    loss: (logits, targets) => crossEntropy(logits, targets, { ignoreIndex: -1 }),
  }
}

/** The same net as training runs it: with dropout, drawn from the generator. */
export function withDropout(model: LanguageModel, rng: Random): Net<Tree> {
  return { ...model, run: (symbols, state) => model.run(symbols, state, rng) }
}

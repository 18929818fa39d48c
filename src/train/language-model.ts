// A language model: the net of the main job. It reads symbols and says how likely each next symbol is.
//
//   x_t = E[s_t]                       embedding [V, embed]
//   y_t, state = rnn(x_t, state)       one or more recurrent layers of H units
//   logits_t = y_t W^T + b             linear head [V, H]; p(s_{t+1} = v) = softmax(logits_t)_v
// Tied (Press and Wolf 2017), W is E. Its loss is the mean cross-entropy in nats per symbol; divided by ln 2
// that is bits per character, e^loss the perplexity. Parameters: embedding.weight, rnn.weight_ih_l0, ...,
// head.weight (not when it is tied), head.bias. Next: loop.ts, evaluate.ts.

import { checkKind, checkParts, checkThat, UnrolledError } from '../check.ts'
import type { Device } from '../device.ts'
import type { Cell } from '../nn/cell.ts'
import { type CellName, CELLS, cells } from '../nn/cells.ts'
import type { GateBias } from '../nn/gate-bias.ts'
import { embedding, type Layer, linear, parameters, tableOf } from '../nn/linear.ts'
import { recurrent } from '../nn/recurrent.ts'
import { REGULARISERS, type Regularisers } from '../nn/regularised.ts'
import { asLayer, type SequenceLayer } from '../nn/sequence-layers.ts'
import { dropout as freshDropout, lockedDropout } from '../ops/dropout.ts'
import { crossEntropy } from '../ops/loss.ts'
import type { Random } from '../random.ts'
import { checkOptionNames } from '../suggest.ts'
import type { Tensor, Tree } from '../tensor.ts'
import type { Activity, Net } from './bptt.ts'
import { type SymbolStream, symbolStream } from './symbol-stream.ts'

/** The form of a language model: with its vocabulary, all that is needed to build it again. */
export interface LanguageModelForm extends Readonly<Regularisers> {
  readonly cell: CellName
  /** V, the size of the vocabulary */
  readonly symbols: number
  /** the size of a symbol's vector */
  readonly embed: number
  readonly hidden: number
  readonly layers: number
  /** whether each layer reads the vectors too, and the head each layer: Graves 2013, section 2 */
  readonly skip?: boolean
  /** the probability of dropping a value on its way up: into the first layer, between layers, to the head */
  readonly dropout: number
  /** whether those are the same for all steps of a window: Gal and Ghahramani 2016 */
  readonly variational?: boolean
  /** whether the head's weight is the embedding's, one parameter with two uses; needs vectors as wide as y */
  readonly tied?: boolean
}

/**
 * A recurrent net that scores each next symbol: what train, evaluate and sample ask of a model, and no more.
 * Make one with languageModel, from parts of your own with sequenceModel, or by hand.
 */
export interface SequenceModel extends Net<Tree> {
  readonly device: Device
  /** the zero state of B streams */
  initial(batch: number): Tree
  /** symbols [T, B] int32 -> logits [T, B, V]; with a generator, dropout is on */
  run(symbols: Tensor, state: Tree, rng?: Random): { outputs: Tensor, state: Tree }
  /** the same, and what the last layer did: for a penalty on it, which a model without this cannot have */
  observe?(symbols: Tensor, state: Tree, rng?: Random): { outputs: Tensor, state: Tree, activity: Activity }
  /** the mean cross-entropy in nats; targets of -1 count for nothing */
  loss(logits: Tensor, targets: Tensor): Tensor
  /** one text, symbol by symbol: for sampling, on a device whose numbers are there at once */
  stream?(): SymbolStream
}

/** A sequence model that its form describes: it can be saved, and built again. */
export interface LanguageModel extends SequenceModel {
  readonly form: LanguageModelForm
}

export interface SequenceModelParts {
  /** symbols [T, B] int32 -> vectors [T, B, D] */
  embedding: Layer
  /** [T, B, D] -> [T, B, H]: a cell, or layers that read forward (a reverse one would see what to predict) */
  rnn: Cell | SequenceLayer
  /** [T, B, H] -> logits [T, B, V] */
  head: Layer
  /** the probability of dropping a value before the layers, and again before the head; 0 by default */
  dropout?: number
  /** whether its masks are the same for all steps */
  variational?: boolean
}

/**
 * A model from parts: an embedding, a cell or layers, and a head. Its parameters have the names of the parts:
 * embedding.weight, rnn.weight_ih, ...
 * @throws UnrolledError if no part has a parameter
 */
export function sequenceModel(parts: SequenceModelParts): SequenceModel {
  checkOptionNames('sequenceModel', parts, ['embedding', 'rnn', 'head', 'dropout', 'variational'])
  const { embedding, head, dropout = 0, variational = false } = parts
  const drop = variational ? lockedDropout : freshDropout
  for (const part of ['embedding', 'rnn', 'head'] as const) {
    checkParts(`sequenceModel: ${part}`, parts[part], ['parameters'], 'a layer or a cell')
  }
  const rnn = asLayer(parts.rnn)
  const all = parameters({ embedding, rnn, head })
  const [first] = all.values()
  checkThat(first !== undefined, () => 'sequenceModel: no part has parameters; a model needs some to learn')
  return {
    device: first.device,
    parameters: all,
    initial: rnn.initial,
    run(symbols, state, rng) {
      const { outputs, state: last } = observe(symbols, state, rng)
      return { outputs, state: last }
    },
    observe,
    loss: (logits, targets) => crossEntropy(logits, targets, { ignoreIndex: -1 }),
    ...(rnn.stream && first.device.numbers && { stream: () => symbolStream(embedding, rnn, head) }),
  }

  function observe(symbols: Tensor, state: Tree, rng?: Random) {
    const drops = rng !== undefined && dropout > 0
    const dropped = (x: Tensor): Tensor => drops ? drop(x, dropout, rng) : x
    const table = drops || symbols?.rank !== 2 ? undefined : tableOf(embedding)
    const result = table && rnn.ofRows ? rnn.ofRows({ table, index: symbols }, { state, rng })
      : rnn(dropped(embedding(symbols)), { state, rng })
    const activity = { plain: result.outputs, shown: dropped(result.outputs) }
    return { outputs: head(activity.shown), state: result.state, activity }
  }
}

/**
 * Builds a language model with fresh parameters, each as its layer draws it: PyTorch's defaults. A tied one
 * is drawn as the head's: an embedding's, normal with deviation 1, would make the logits far too large.
 * `gateBias` is what the biases of gates start at, in every layer: { forget: 1 }.
 * @throws UnrolledError for a form that makes no sense
 */
export function languageModel(
  form: LanguageModelForm, options: { device: Device, rng: Random, gateBias?: GateBias<string> },
): LanguageModel {
  checkKind('language model: its form', form, 'an object')
  checkOptionNames('languageModel', options, ['device', 'rng', 'gateBias'])
  const { cell, symbols, embed, hidden, layers, skip = false, dropout, variational, tied = false } = form
  const { device, rng, gateBias } = options
  const width = seenByHead(form)
  if (!CELLS.includes(cell)) {
    throw new UnrolledError(`language model: cell is ${String(cell)}; it must be one of ${CELLS.join(', ')}`)
  }
  if (tied && embed !== width) {
    const seen = skip ? 'layers x hidden' : 'hidden'
    throw new UnrolledError(`language model: embed is ${embed}, ${seen} is ${width}; with tied weights ` +
      'they must be equal')
  }
  const shared = tied ? linear({ inputs: width, outputs: symbols, device, rng }) : undefined
  const vectors = embedding({ symbols, dimensions: embed, weight: shared?.parameters.weight, device, rng })
  const regularisers = regularisersOf(form)
  const rnn = recurrent({
    kind: cells[cell], inputs: embed, hidden, layers, skip, dropout, variational, regularisers, gateBias,
    device, rng,
  })
  const head = shared ?? linear({ inputs: width, outputs: symbols, device, rng })
  return { form, ...sequenceModel({ embedding: vectors, rnn, head, dropout, variational }) }
}

/** What the form asks to be dropped inside the cells; undefined for nothing. */
export function regularisersOf(form: Readonly<Regularisers>): Regularisers | undefined {
  const asked = REGULARISERS.filter((key) => form[key]).map((key) => [key, form[key]])
  return asked.length > 0 ? Object.fromEntries(asked) as Regularisers : undefined
}

/** How many values the head sees in each step: with skip connections those of all layers. */
export function seenByHead({ hidden, layers, skip = false }: LanguageModelForm): number {
  return skip ? layers * hidden : hidden
}

/** The same net as training runs it: with dropout, drawn from the generator. */
export function withDropout(model: SequenceModel, rng: Random): Net<Tree> {
  return {
    parameters: model.parameters,
    run: (symbols, state) => model.run(symbols, state, rng),
    loss: (logits, targets) => model.loss(logits, targets),
  }
}

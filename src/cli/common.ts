// What several commands share: devices by name, models in folders, measuring, how a text begins, breathing.

import { NonFiniteError, UnrolledError } from '../check.ts'
import { cpu } from '../cpu/device.ts'
import { printable } from '../data/printable.ts'
import { Vocabulary } from '../data/text.ts'
import type { Device } from '../device.ts'
import { loadModel, saveModel } from '../io/node-files.ts'
import type { HostTensor } from '../io/safetensors.ts'
import { loadParameters } from '../nn/linear.ts'
import { random } from '../random.ts'
import { evaluate, type Evaluation } from '../train/evaluate.ts'
import { CELLS, type LanguageModel, languageModel, type LanguageModelForm } from '../train/language-model.ts'

export const DEVICES = ['auto', 'cpu'] as const

/** Seeds that the command line takes: the upper half of a key is left for streams of their own. */
export const LARGEST_SEED = 2 ** 32 - 1

/** Opens a device: auto takes the fastest there is. */
export function openDevice(_name: (typeof DEVICES)[number]): Device {
  return cpu()
}

/**
 * Lets what waits have its turn. On the cpu nothing else ever pauses a run, so without this a reader that
 * closed our output (| head) would be noticed at the end only.
 */
export function breathe(): Promise<void> {
  return new Promise((done) => { setImmediate(done) })
}

const WINDOW = 64

/**
 * The loss on a text, in at most `streams` streams. Each begins without context, which costs a little: a
 * short text is read in fewer, so that each fills a window.
 * @param before the symbol that precedes the text, if there is one
 * @param tell is told the share that is done, now and then
 */
export function measure(model: LanguageModel, ids: Int32Array, { before, streams = 32, tell }: {
  before?: number | undefined, streams?: number, tell: (share: number) => void,
}): Promise<Evaluation> {
  const batch = Math.max(1, Math.min(streams, Math.floor(ids.length / WINDOW)))
  const watch = (share: number): Promise<void> => {
    tell(share)
    return breathe()
  }
  return evaluate(model, ids, { before, batch, window: WINDOW, watch })
}

/** What a model reads before a text that nobody began: a new line, if it knows one. */
export function opening(vocabulary: Vocabulary): Int32Array {
  return vocabulary.encode(vocabulary.has('\n') ? '\n' : vocabulary.symbols[0])
}

/**
 * Writes a model's weights, form and vocabulary to a folder; what was there stays until all is written.
 * @throws NonFiniteError for weights that are NaN or infinite, UnrolledError when writing fails
 */
export async function saveLanguageModel(
  dir: string, model: LanguageModel, vocabulary: Vocabulary,
): Promise<void> {
  const tensors = new Map<string, HostTensor>()
  for (const [name, x] of model.parameters) {
    const data = Float32Array.from(await x.read())
    if (!data.every(Number.isFinite)) throw new NonFiniteError(`${name} holds values that are not finite`)
    tensors.set(name, { shape: x.shape, data })
  }
  const { symbols: _, ...form } = model.form
  const config = { kind: 'language model', unit: 'character', ...form, vocabulary: vocabulary.toJSON() }
  saveModel(dir, { tensors, config })
}

/**
 * Reads a language model from a folder.
 * @throws UnrolledError, one line, if it is missing, damaged, or not a language model
 */
export function loadLanguageModel(
  dir: string, device: Device,
): { model: LanguageModel, vocabulary: Vocabulary } {
  const { tensors, config, notes } = loadModel(dir)
  for (const note of notes) process.stderr.write(`unrolled: note: ${note}\n`)
  const source = printable(dir)
  if (config.kind !== 'language model' || config.unit !== 'character') {
    throw new UnrolledError(`${source}: is not a character language model, such as train --out DIR makes`)
  }
  const vocabulary = Vocabulary.fromJSON(config.vocabulary, source)
  const form = readForm(source, config, vocabulary.size)
  checkSize(source, form, tensors)
  try {
    const model = languageModel(form, { device, rng: random(0) })
    loadParameters(model.parameters, tensors)
    return { model, vocabulary }
  } catch (error) {
    if (!(error instanceof UnrolledError)) throw error
    throw new UnrolledError(`${source}: its configuration and its weights do not belong together: ` +
      error.message.replace(/^[\w ]+: /, ''))
  }
}

/** The form of a model, from a configuration that nobody has checked. */
function readForm(
  source: string, config: { readonly [key: string]: unknown }, symbols: number,
): LanguageModelForm {
  const refuse = (key: string, needed: string): never => {
    const value = printable(JSON.stringify(config[key]) ?? 'missing')
    throw new UnrolledError(`${source}: its configuration says ${key} is ${value}; it must be ${needed}`)
  }
  const count = (key: string): number => {
    const value = config[key]
    return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
      ? value : refuse(key, 'a whole number of 1 or more')
  }
  const { dropout = 0 } = config
  return {
    cell: CELLS.find((known) => known === config.cell) ?? refuse('cell', `one of ${CELLS.join(', ')}`),
    symbols, embed: count('embed'), hidden: count('hidden'), layers: count('layers'),
    dropout: typeof dropout === 'number' && dropout >= 0 && dropout < 1
      ? dropout : refuse('dropout', 'a number from 0 to below 1'),
  }
}

/** A damaged configuration must not make us allocate a net that the file cannot fill. */
function checkSize(
  source: string, { hidden, embed, layers }: LanguageModelForm, tensors: ReadonlyMap<string, HostTensor>,
): void {
  const saved = [...tensors.values()].reduce((total, x) => total + x.data.length, 0)
  if (layers * hidden * hidden + hidden * embed <= saved) return
  throw new UnrolledError(`${source}: its configuration and its weights do not belong together: ` +
    `${layers} x ${hidden} units are more than its ${saved} values fill`)
}

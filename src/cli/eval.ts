// npx unrolled eval: how well a trained model predicts a text, every character or word counted once,
// with the state carried over.

import { thousands } from '../check.ts'
import { printable } from '../data/printable.ts'
import type { AnyVocabulary } from '../data/words.ts'
import { measure, openModel } from './common.ts'
import { deviceOptions, openDevice } from './device-option.ts'
import { defineCommand, type Values } from './options.ts'
import { isTerminal, progress } from './progress.ts'
import { measuredFields } from './reporter.ts'
import { heldOutText, lineBreak } from './texts.ts'

export const evalCommand = defineCommand({
  name: 'eval',
  summary: 'measure a trained model on a text',
  usage: '--model DIR --data FILE [options]',
  options: {
    model: { type: 'folder', required: true, help: 'the folder that train --out made' },
    data: { type: 'file', required: true, help: 'a UTF-8 text' },
    batch: {
      type: 'count', max: 1024, default: 32,
      help: 'the text is cut into up to N streams, read side by side; 1 reads it as one, slowly',
    },
    ...deviceOptions,
    json: { type: 'flag', help: 'one JSON object on stdout, nothing else' },
  },
  example: 'npx unrolled eval --model runs/moby-dick --data chapter.txt',
})

/** Prints loss, bits per character (not for words) and perplexity; the exit code. */
export async function runEval(options: Values<typeof evalCommand.options>): Promise<number> {
  const { model, vocabulary } = openModel(options.model, await openDevice(options))
  const source = printable(options.data)
  const ids = heldOutText(vocabulary, options.data)
  const before = lineBreak(vocabulary)
  const bar = progress({ stream: process.stderr, isTTY: true })
  const tell = (share: number): void => {
    if (isTerminal(process.stderr)) bar.note(`reading ${source}: ${Math.floor(100 * share)} %`)
  }
  const result = await measure(model, ids, { before, streams: options.batch, tell }).finally(bar.done)
  const { loss, bitsPerChar, perplexity, tokens } = result
  const { unit } = vocabulary
  const bits = unit === 'word' ? '' : `${bitsPerChar.toFixed(4)} bits per character, `
  process.stdout.write(options.json
    ? `${JSON.stringify({ event: 'validation', ...measuredFields(unit, result), tokens })}\n`
    : `${source}: ${bits}${loss.toFixed(4)} nats, perplexity ${perplexity.toFixed(3)}, ` +
      `over ${thousands(tokens)} ${unit}s${unknownAmong(ids, vocabulary)}\n`)
  return 0
}

/** How many of the words the model did not know: without it a perplexity says little. */
function unknownAmong(ids: Int32Array, vocabulary: AnyVocabulary): string {
  if (vocabulary.unit !== 'word') return ''
  const count = ids.filter((id) => id === vocabulary.unknown).length
  return `, ${thousands(count)} of them <unk>`
}

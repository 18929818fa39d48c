// npx unrolled eval: how well a trained model predicts a text, every character counted once, with the state
// carried over.

import { UnrolledError } from '../check.ts'
import { loadText } from '../data/node-corpus.ts'
import { printable } from '../data/printable.ts'
import { measure, openModel } from './common.ts'
import { deviceOptions, openDevice } from './device-option.ts'
import { defineCommand, type Values } from './options.ts'
import { progress } from './progress.ts'

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

/** Prints loss, bits per character and perplexity; the exit code. */
export async function runEval(options: Values<typeof evalCommand.options>): Promise<number> {
  const { model, vocabulary } = openModel(options.model, await openDevice(options))
  const source = printable(options.data)
  const ids = vocabulary.encode(loadText(options.data), source)
  if (ids.length < 2) throw new UnrolledError(`${source}: has 1 character; 2 or more are needed`)
  const bar = progress({ stream: process.stderr, isTTY: true })
  const tell = (share: number): void => {
    if (process.stderr.isTTY) bar.note(`reading ${source}: ${Math.floor(100 * share)} %`)
  }
  const result = await measure(model, ids, { streams: options.batch, tell }).finally(bar.done)
  const { loss, bitsPerChar, perplexity, tokens } = result
  process.stdout.write(options.json
    ? `${JSON.stringify({ event: 'validation', ...result })}\n`
    : `${source}: ${bitsPerChar.toFixed(4)} bits per character, ${loss.toFixed(4)} nats, ` +
      `perplexity ${perplexity.toFixed(3)}, over ${tokens.toLocaleString('en-US')} characters\n`)
  return 0
}

// npx unrolled eval: how well a trained model predicts a text, every character counted once, with the state carried over.

import { loadText } from '../data/node-corpus.ts'
import { evaluate } from '../train/evaluate.ts'
import { DEVICES, loadLanguageModel, openDevice } from './common.ts'
import { defineCommand, type Values } from './options.ts'

export const evalCommand = defineCommand({
  name: 'eval',
  summary: 'measure a trained model on a text',
  options: {
    model: { type: 'path', value: 'DIR', required: true, help: 'the folder that train --out made' },
    data: { type: 'path', value: 'FILE', required: true, help: 'a UTF-8 text' },
    batch: { type: 'count', max: 65536, default: 32, help: 'streams side by side; 1 reads the text as one, slowly' },
    device: { type: 'choice', choices: DEVICES, default: 'auto', help: 'where to compute' },
    json: { type: 'flag', help: 'one JSON object on stdout, nothing else' },
  },
  example: 'npx unrolled eval --model runs/moby-dick --data chapter.txt',
})

/** Prints loss, bits per character and perplexity; the exit code. */
export async function runEval(options: Values<typeof evalCommand.options>): Promise<number> {
  const { model, vocabulary } = loadLanguageModel(options.model, openDevice(options.device))
  const ids = vocabulary.encode(loadText(options.data), options.data)
  const result = await evaluate(model, ids, { batch: Math.min(options.batch, Math.max(1, ids.length - 1)) })
  const { loss, bitsPerChar, perplexity, tokens } = result
  process.stdout.write(options.json
    ? `${JSON.stringify({ event: 'validation', ...result })}\n`
    : `${options.data}: ${bitsPerChar.toFixed(4)} bits per character, ${loss.toFixed(4)} nats, ` +
      `perplexity ${perplexity.toFixed(3)}, over ${tokens.toLocaleString('en-US')} characters\n`)
  return 0
}

// npx unrolled sample: text of a trained model's own, printed character by character as it is drawn.

import { random } from '../random.ts'
import { sample } from '../train/evaluate.ts'
import { breathe, LARGEST_SEED, opening, openModel, say } from './common.ts'
import { deviceOptions, openDevice } from './device-option.ts'
import { defineCommand, UsageError, type Values } from './options.ts'

export const sampleCommand = defineCommand({
  name: 'sample',
  summary: 'let a trained model write',
  usage: '--model DIR [options]',
  options: {
    model: { type: 'folder', required: true, help: 'the folder that train --out made' },
    prompt: { type: 'text', help: 'what the text begins with; by default the beginning of a line' },
    temperature: { type: 'positive', default: 1, help: 'below 1 safer, above 1 wilder' },
    topK: { type: 'count', help: 'draw among the N likeliest characters only; 1 takes the likeliest' },
    topP: {
      type: 'range', above: 0, to: 1, help: 'draw among the likeliest that together reach this probability',
    },
    length: { type: 'count', default: 500, help: 'characters to draw' },
    seed: { type: 'countOrZero', max: LARGEST_SEED, default: 1, help: 'another seed, another text' },
    ...deviceOptions,
  },
  example: 'npx unrolled sample --model runs/moby-dick --prompt "The whale" --temperature 0.7',
})

/** Prints the prompt and what the model makes of it; the exit code. */
export async function runSample(options: Values<typeof sampleCommand.options>): Promise<number> {
  const { prompt, temperature, topK, topP, length } = options
  if (prompt === '') {
    throw new UsageError('--prompt: is empty; leave it out to begin at the beginning of a line')
  }
  const { model, vocabulary } = openModel(options.model, await openDevice(options))
  const start = prompt === undefined ? opening(vocabulary) : vocabulary.encode(prompt, '--prompt')
  await say(prompt ?? '')
  let begun = prompt !== undefined // empty lines before the text's first are not shown
  const rng = random(options.seed)
  for await (const id of sample(model, { prompt: start, length, temperature, topK, topP, rng })) {
    const symbol = vocabulary.symbols[id]
    begun ||= symbol !== '\n'
    if (begun) await say(symbol)
    await breathe()
  }
  await say('\n')
  return 0
}

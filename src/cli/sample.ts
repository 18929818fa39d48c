// npx unrolled sample: text of a trained model's own.

import { UnrolledError } from '../check.ts'
import { random } from '../random.ts'
import { sample } from '../train/evaluate.ts'
import { DEVICES, loadLanguageModel, openDevice } from './common.ts'
import { defineCommand, type Values } from './options.ts'

export const sampleCommand = defineCommand({
  name: 'sample',
  summary: 'let a trained model write',
  options: {
    model: { type: 'path', value: 'DIR', required: true, help: 'the folder that train --out made' },
    prompt: { type: 'text', help: 'what the text begins with; a new line unless told' },
    temperature: { type: 'positive', default: 1, help: 'below 1 safer, above 1 wilder' },
    topK: { type: 'count', help: 'choose among the N likeliest characters only' },
    topP: { type: 'range', above: 0, to: 1, help: 'choose among the likeliest that together reach this probability' },
    length: { type: 'count', default: 500, help: 'characters to write' },
    seed: { type: 'countOrZero', max: 2 ** 53 - 1, default: 1, help: 'another seed, another text' },
    device: { type: 'choice', choices: DEVICES, default: 'auto', help: 'where to compute' },
  },
  example: 'npx unrolled sample --model runs/moby-dick --prompt "The whale" --temperature 0.7',
})

/** Prints the prompt and what the model makes of it; the exit code. */
export async function runSample(options: Values<typeof sampleCommand.options>): Promise<number> {
  const { model, vocabulary } = loadLanguageModel(options.model, openDevice(options.device))
  if (options.prompt === '') throw new UnrolledError('sample: --prompt is empty; leave it out to begin with a new line')
  const start = options.prompt ?? (vocabulary.has('\n') ? '\n' : vocabulary.symbols[0])
  const prompt = vocabulary.encode(start, '--prompt')
  const { temperature, topK, topP, length } = options
  if (options.prompt !== undefined) process.stdout.write(start)
  for await (const symbol of sample(model, { prompt, length, temperature, topK, topP, rng: random(options.seed) })) {
    process.stdout.write(vocabulary.decode([symbol]))
  }
  process.stdout.write('\n')
  return 0
}

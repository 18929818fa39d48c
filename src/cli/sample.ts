// npx unrolled sample: text of a trained model's own, printed as it is drawn, character by character or word
// by word.

import { printable } from '../data/printable.ts'
import type { AnyVocabulary } from '../data/words.ts'
import { random } from '../random.ts'
import { sample } from '../train/evaluate.ts'
import { breathe, LARGEST_SEED, neverDrawn, opening, openModel, say } from './common.ts'
import { deviceOptions, openDevice } from './device-option.ts'
import { endOnSignal } from './interrupt.ts'
import { defineCommand, UsageError, type Values } from './options.ts'

export const sampleCommand = defineCommand({
  name: 'sample',
  summary: 'let a trained model write',
  usage: '--model DIR [options]',
  options: {
    model: { type: 'folder', required: true, help: 'the folder that train --out made' },
    prompt: { type: 'text', help: 'what the text begins with; by default the beginning of a line' },
    temperature: { type: 'positive', default: 1, help: 'below 1 safer, above 1 wilder' },
    topK: { type: 'count', help: 'draw among the N likeliest symbols only; 1 takes the likeliest' },
    topP: {
      type: 'range', above: 0, to: 1, help: 'draw among the likeliest that together reach this probability',
    },
    length: { type: 'count', help: 'characters, or words, to draw; 500 by default' },
    stream: { type: 'flag', help: 'go on until Ctrl-C, unless --length is given' },
    seed: { type: 'countOrZero', max: LARGEST_SEED, default: 1, help: 'another seed, another text' },
    ...deviceOptions,
  },
  example: 'npx unrolled sample --model runs/moby-dick --prompt "The whale" --temperature 0.7',
})

/** Prints the prompt and what the model makes of it; the exit code. */
export async function runSample(options: Values<typeof sampleCommand.options>): Promise<number> {
  const { prompt, temperature, topK, topP, stream } = options
  const length = options.length ?? (stream ? Number.MAX_SAFE_INTEGER : 500)
  if (prompt === '') {
    throw new UsageError('--prompt: is empty; leave it out to begin at the beginning of a line')
  }
  const { model, vocabulary } = openModel(options.model, await openDevice(options))
  const start = prompt === undefined ? opening(vocabulary) : vocabulary.encodeOpening(prompt, '--prompt')
  if (prompt !== undefined) warnOfUnknown(prompt, vocabulary)
  const release = endOnSignal(() => { process.stdout.write('\n') })
  await say(prompt ?? '')
  let begun = prompt !== undefined // empty lines before the text's first are not shown
  let before = start.at(-1)
  const rng = random(options.seed)
  const draw = { temperature, topK, topP, without: neverDrawn(vocabulary), rng }
  for await (const id of sample(model, { prompt: start, length, ...draw })) {
    const piece = vocabulary.spell(id, before)
    before = id
    begun ||= piece !== '\n'
    if (begun) await say(piece)
    await breathe()
  }
  release()
  await say('\n')
  return 0
}

/** Words of the prompt that the model reads as <unk>: on stderr, since they are no error. */
function warnOfUnknown(prompt: string, vocabulary: AnyVocabulary): void {
  const unknown = vocabulary.unit === 'word' ? vocabulary.lacks(prompt).map(printable) : []
  if (unknown.length === 0) return
  process.stderr.write(`unrolled: note: --prompt: the model reads as <unk>, since it does not know: ` +
    `${unknown.join(', ')}\n`)
}

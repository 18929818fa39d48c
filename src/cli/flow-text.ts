// A model that `unrolled flow --trained DIR` looks at, a fresh one of the same form, and the text that both
// read: a file that is given, or what the run was validated on. Read next: flow.ts.

import { UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import { Streams } from '../data/streams.ts'
import { float64 } from '../inspect/lab/nets.ts'
import type { Trained } from '../inspect/lab/trained.ts'
import { random } from '../random.ts'
import { unowned } from '../scope.ts'
import { tensor } from '../tensor.ts'
import { languageModel } from '../train/language-model.ts'
import { openModel } from './common.ts'
import { parseCommand } from './options.ts'
import { resume } from './resume.ts'
import { heldOutText, loadTexts } from './texts.ts'
import { trainCommand, type TrainValues } from './train-options.ts'
import { freshModel } from './train-plan.ts'

const STREAMS = 8

/**
 * Opens both models on the cpu, in float64.
 * @throws UnrolledError, one line, when the folder holds no model or there is no text for it
 */
export function openTrained(
  dir: string, steps: number, data: string | undefined,
): Omit<Trained, 'name' | 'whileTraining'> {
  const device = float64()
  const { model, vocabulary } = openModel(dir, device)
  const options = data === undefined ? optionsOf(dir) : undefined
  const ids = data === undefined ? loadTexts(options!).valid : heldOutText(vocabulary, data)
  const source = data === undefined ? `the text of ${printable(dir)}` : printable(data)
  if (ids.some((id) => id >= vocabulary.size)) {
    throw new UnrolledError(`${source}: is not the text that the model was trained on; --data FILE names one`)
  }
  const fresh = options ? freshModel(model.form, options, device)
    : languageModel(model.form, { device, rng: random(1) })
  const batch = Math.min(STREAMS, Math.floor(ids.length / (steps + 1)))
  const streams = batch > 0 ? new Streams(ids, batch) : undefined
  if (!streams?.fits(0, steps)) {
    throw new UnrolledError(`flow: ${source} has ${ids.length} ${vocabulary.unit}s; --steps ${steps} needs ` +
      `${steps + 1}: take fewer steps, or --data FILE with a longer text`)
  }
  const { inputs, targets } = streams.window(0, steps)
  const upload = (values: Int32Array) =>
    unowned(() => tensor(values, { shape: [steps, batch], dtype: 'int32', device }))
  return { fresh, trained: model, xs: upload(inputs), targets: upload(targets) }
}

/** The options that the run was begun with, as its checkpoint keeps them. */
function optionsOf(dir: string): TrainValues {
  try {
    return resume(dir, parseCommand(trainCommand, []), new Set()).options
  } catch (error) {
    if (!(error instanceof UnrolledError)) throw error
    throw new UnrolledError(`${error.message}; or flow --data FILE names a text`)
  }
}

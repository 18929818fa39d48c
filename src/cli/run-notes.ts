// What a run's checkpoint keeps beside the training's own numbers. Read next: run-folder.ts, which writes it;
// resume.ts, which goes on from it.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import { isJsonObject, type JsonObject } from '../io/json.ts'
import { loadCheckpoint } from '../io/node-checkpoint.ts'
import type { TrainingState } from '../train/training-state.ts'

export const CHECKPOINT = 'checkpoint.safetensors'
export const METRICS = 'metrics.jsonl'

export interface RunNotes {
  /** of `train`, by key */
  readonly options: JsonObject
  /** a hash of each part of the text, by name */
  readonly texts: JsonObject
  /** whether the samples and the validation that follow the last step have been told */
  readonly told: boolean
  readonly finished: boolean
  /** length of metrics.jsonl, in bytes */
  readonly metrics: number
}

/**
 * The run in a folder.
 * @throws UnrolledError when there is none, or its checkpoint is damaged or something else
 */
export function readRun(dir: string): { state: TrainingState, notes: RunNotes } {
  const path = join(dir, CHECKPOINT)
  if (!existsSync(dir)) throw new UnrolledError(`${printable(dir)}: there is no such folder`)
  if (!statSync(dir).isDirectory()) {
    throw new UnrolledError(`${printable(dir)}: is a file; the folder that holds ${CHECKPOINT} is needed`)
  }
  if (!existsSync(path)) {
    throw new UnrolledError(`${printable(dir)}: there is no ${CHECKPOINT} in this folder, such as train ` +
      '--out DIR makes')
  }
  const { state, notes } = loadCheckpoint(path)
  const { options, texts, told, finished, metrics } = notes
  if (!isJsonObject(options) || !isJsonObject(texts) || typeof told !== 'boolean' ||
    typeof finished !== 'boolean' || typeof metrics !== 'number' || !Number.isSafeInteger(metrics) ||
    metrics < 0) {
    throw new UnrolledError(`${printable(path)}: is a checkpoint, but not one of unrolled train`)
  }
  return { state, notes: { options, texts, told, finished, metrics } }
}

/** Whether the folder holds a run that had not ended: one that cannot be read may be one. */
export function hasUnfinishedRun(dir: string): boolean {
  if (!existsSync(join(dir, CHECKPOINT))) return false
  try {
    return !readRun(dir).notes.finished
  } catch {
    return true
  }
}

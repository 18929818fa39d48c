// A training in a file (Node only), to go on from later as if it had never stopped:
//
//   saveCheckpoint('half.safetensors', await training.state())
//   ...
//   training.load(loadCheckpoint('half.safetensors').state)   // of the same model, text and options
//
// It is a safetensors file: the tensors of training-state.ts, and as metadata the whole numbers, whatever the
// caller wants to keep beside them, and a checksum. A file is somebody else's word: all of it is checked.
// Read next: ../train/training-state.ts, what is in it; node-files.ts, how it is written.

import { createHash } from 'node:crypto'

import { checkKind, checkParts, UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import type { TrainingState } from '../train/training-state.ts'
import { isJsonObject, type JsonObject } from './json.ts'
import { parseObject, readIfThere, writeAtomically } from './node-files.ts'
import { decodeSafetensors, encodeSafetensors, type HostTensor } from './safetensors.ts'

const KEY = 'unrolled.checkpoint'
const CHECKSUM = 'sha256'
const FORMAT = 1

/** What a checkpoint holds. */
export interface Checkpoint {
  state: TrainingState
  /** what the caller of saveCheckpoint gave: JSON that nobody has checked yet */
  notes: JsonObject
}

/**
 * Writes a training's state to a file, in one rename: what was there stays until all is on the disk.
 * @param notes whatever else is to be found again, as JSON
 * @throws UnrolledError when writing fails; what was there is whole
 */
export function saveCheckpoint(path: string, state: TrainingState, notes: JsonObject = {}): void {
  checkKind('saveCheckpoint: path', path, 'a text')
  checkParts('saveCheckpoint: the state', state, ['tensors'], 'what a Training\'s state() gives')
  writeAtomically(path, encodeCheckpoint({ state, notes }))
}

/** The bytes of a checkpoint file. */
export function encodeCheckpoint({ state, notes }: Checkpoint): Uint8Array {
  const { tensors, ...numbers } = state
  const json = JSON.stringify({ format: FORMAT, ...numbers, notes })
  return encodeSafetensors(tensors, new Map([[KEY, json], [CHECKSUM, checksum(json, tensors)]]))
}

/**
 * Reads what saveCheckpoint wrote.
 * @throws UnrolledError, one line, if it is missing, damaged, of a later version, or no checkpoint
 */
export function loadCheckpoint(path: string): Checkpoint {
  checkKind('loadCheckpoint: path', path, 'a text')
  const source = printable(path)
  const bytes = readIfThere(path)
  if (bytes === null) throw new UnrolledError(`${source}: there is no such file`)
  const { tensors, metadata } = decodeSafetensors(bytes, source)
  const json = metadata.get(KEY)
  if (json === undefined) {
    throw new UnrolledError(`${source}: is not a checkpoint, such as train --out DIR makes`)
  }
  const { format, ...rest } = parseObject(json, `${source}, its ${KEY}`)
  if (typeof format === 'number' && format > FORMAT) {
    throw new UnrolledError(`${source}: was made by a later version of unrolled (format ${format}, this ` +
      `one knows ${FORMAT}); npm i unrolled@latest may help`)
  }
  if (metadata.get(CHECKSUM) !== checksum(json, tensors)) {
    throw new UnrolledError(`${source}: is damaged: its contents are not those that its checksum was made of`)
  }
  const { notes } = rest
  return { state: { ...readNumbers(rest, source), tensors }, notes: isJsonObject(notes) ? notes : {} }
}

/** Over names, shapes and numbers; what an evening's training hangs on should not change unnoticed. */
function checksum(json: string, tensors: ReadonlyMap<string, HostTensor>): string {
  const hash = createHash('sha256').update(json)
  for (const [name, { shape, data }] of tensors) {
    hash.update(`\n${name} ${shape.join(' ')}\n`)
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return hash.digest('hex')
}

/** Each of the right kind; whether they fit the training is for Training.load to say. */
function readNumbers(fields: JsonObject, source: string): Omit<TrainingState, 'tensors'> {
  const refuse = (what: string): never => {
    throw new UnrolledError(`${source}: is damaged: its ${what}`)
  }
  const number = (what: string, value: unknown): number =>
    typeof value === 'number' ? value : refuse(`${what} is not a number`)
  const numbers = (what: string, value: unknown): number[] =>
    Array.isArray(value) ? value.map((n) => number(what, n)) : refuse(`${what} is not a list`)
  const { random } = fields
  if (!isJsonObject(random)) return refuse('random is not an object')
  return {
    steps: number('steps', fields.steps),
    position: number('position', fields.position),
    elapsed: number('elapsed', fields.elapsed),
    random: { key: numbers('random key', random.key), position: number('random position', random.position) },
    saved: numbers('saved', fields.saved),
  }
}

// Files that are whole or not there (Node only). What is written goes to a temporary file in the same
// folder, is synced to the disk, and only then takes the place of what was there: rename is all or nothing
// (POSIX). A crash, a full disk or a pulled plug leaves the old file or the new one, never half of one.
//
// A model is a folder: model.safetensors holds the weights and, as metadata, the whole configuration, so
// that the two can never part; config.json is a copy for people. Read next: safetensors.ts.

import * as fs from 'node:fs'
import { basename, dirname, join } from 'node:path'

import { checkKind, checkParts, UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import { textOf } from '../data/utf8.ts'
import { firstDifference, isJsonObject, type JsonObject, repeatedKey } from './json.ts'
import { errorCode, reasonOf } from './reasons.ts'
import { decodeSafetensors, encodeSafetensors, type HostTensor } from './safetensors.ts'

/**
 * Puts `contents` at `path`, replacing what is there, all at once.
 * @throws UnrolledError when that fails; what was there is whole, and no temporary file is left
 */
export function writeAtomically(path: string, contents: Uint8Array | string): void {
  checkKind('writeAtomically: path', path, 'a text')
  if (typeof contents !== 'string') checkKind('writeAtomically: contents', contents, 'a list')
  writeTogether([{ path, contents }])
}

/** What is to stand in a file. */
export interface FileContents {
  readonly path: string
  readonly contents: Uint8Array | string
}

/**
 * Writes several files, and lets none take its place before all of them are safe on the disk; then they do in
 * this order. Only a crash in the moment between the renames can leave some new and some old.
 * @param clearTheWay is called when all are on the disk, before the first takes its place
 * @throws UnrolledError when that fails; what was there is whole, and no temporary file is left
 */
export function writeTogether(files: readonly FileContents[], clearTheWay = (): void => {}): void {
  const waiting = new Map<string, string>() // temporary file -> where it goes
  let current = ''
  try {
    for (const { path, contents } of files) {
      current = path
      const temporary = temporaryName(path)
      const descriptor = fs.openSync(temporary, 'wx')
      waiting.set(temporary, path)
      writeAndSync(descriptor, contents)
    }
    clearTheWay()
    for (const [temporary, path] of waiting) {
      current = path
      fs.renameSync(temporary, path)
      waiting.delete(temporary)
    }
    for (const folder of new Set(files.map((file) => dirname(file.path)))) syncFolder(folder)
  } catch (error) {
    for (const temporary of waiting.keys()) fs.rmSync(temporary, { force: true })
    if (error instanceof UnrolledError) throw error
    const folder = dirname(current)
    const missing = errorCode(error) === 'ENOENT' && !fs.existsSync(folder) ? folder : current
    throw new UnrolledError(`${printable(missing)}: cannot be written: ${reasonOf(error)}`)
  }
}

/**
 * Makes the folder, and those above it, when they are not there, and makes sure that files can be written
 * in it.
 * @throws UnrolledError when a file is in the way, or nothing can be written there; no folder is left then
 */
export function ensureFolder(path: string): void {
  makeWritable(path)
}

/**
 * Makes sure that a folder can be made and written to, and leaves everything as it was.
 * @throws UnrolledError when a file is in the way, or nothing can be written there
 */
export function checkFolder(path: string): void {
  removeFolders(makeWritable(path))
}

// The folders that had to be made, outermost first.
function makeWritable(path: string): string[] {
  const inTheWay = fileInTheWay(path)
  if (inTheWay !== null) {
    throw new UnrolledError(`${printable(path)}: cannot be a folder: ${printable(inTheWay)} is a file`)
  }
  const made: string[] = []
  let what = 'cannot be made'
  try {
    makeFolder(path, made)
    // Asking for permission is not enough: the disk may be read-only.
    what = 'nothing can be written there'
    const probe = temporaryName(join(path, 'probe'))
    fs.closeSync(fs.openSync(probe, 'wx'))
    fs.rmSync(probe)
    return made
  } catch (error) {
    removeFolders(made)
    if (error instanceof UnrolledError) throw error
    throw new UnrolledError(`${printable(path)}: ${what}: ${reasonOf(error)}`)
  }
}

// Node's own `recursive` never ends where a folder exists and yet nothing can be made in it (/proc).
function makeFolder(path: string, made: string[]): void {
  if (fs.existsSync(path)) return
  const parent = dirname(path)
  if (parent !== path) makeFolder(parent, made)
  try {
    fs.mkdirSync(path)
    made.push(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && fs.existsSync(parent)) { // what /proc says
      throw new UnrolledError(`${printable(path)}: cannot be made: ${printable(parent)} takes no new folders`)
    }
    if (errorCode(error) !== 'EEXIST') throw error // somebody else was quicker
  }
}

// Those in which nobody has put anything meanwhile.
function removeFolders(made: readonly string[]): void {
  try {
    for (const path of [...made].reverse()) fs.rmdirSync(path)
  } catch {
    // not empty any more: it stays, and so do those above it
  }
}

/** A model as it lies in its folder. `config` must survive JSON. */
export interface SavedModel {
  tensors: ReadonlyMap<string, HostTensor>
  config: JsonObject
}

const WEIGHTS = 'model.safetensors'
const CONFIG = 'config.json'
const CONFIG_KEY = 'unrolled.config'

/**
 * Writes `model.safetensors` (F32; the configuration inside, as metadata `unrolled.config`) and
 * `config.json`. The folder is made when it is not there.
 * @throws UnrolledError when that fails; a model that was there stays whole
 */
export function saveModel(dir: string, model: SavedModel): void {
  checkKind('saveModel: dir', dir, 'a text')
  checkParts('saveModel: the model', model, ['tensors', 'config'], 'an object with tensors and config')
  ensureFolder(dir)
  writeTogether(modelFiles(dir, model))
}

/** What saveModel writes, to be written together with other files. */
export function modelFiles(dir: string, { tensors, config }: SavedModel): FileContents[] {
  // 'format: pt' is what other programs look for to know that names and layouts are PyTorch's.
  const metadata = new Map([['format', 'pt'], [CONFIG_KEY, JSON.stringify(config)]])
  return [
    { path: join(dir, WEIGHTS), contents: encodeSafetensors(tensors, metadata) },
    { path: join(dir, CONFIG), contents: `${JSON.stringify(config, null, 2)}\n` },
  ]
}

/**
 * Reads a model's folder. The configuration inside model.safetensors counts, because it cannot be another
 * model's; when config.json differs (it was edited, or a crash came between the two renames) that does no
 * harm, and `notes` holds one line that says so. A config.json that is missing is not missed. Only a
 * model.safetensors without a configuration, written by another program, needs config.json.
 * @throws UnrolledError when the folder or model.safetensors is missing, or a file is damaged
 */
export function loadModel(dir: string): SavedModel & { notes: string[] } {
  checkKind('loadModel: dir', dir, 'a text')
  if (!fs.existsSync(dir)) throw new UnrolledError(`${printable(dir)}: there is no such folder`)
  if (!fs.statSync(dir).isDirectory()) {
    throw new UnrolledError(`${printable(dir)}: is a file; the folder that holds ${WEIGHTS} is needed`)
  }
  const weightsPath = printable(join(dir, WEIGHTS))
  const bytes = readIfThere(join(dir, WEIGHTS))
  if (bytes === null) {
    throw new UnrolledError(`${printable(dir)}: there is no ${WEIGHTS} in this folder, such as train --out ` +
      'DIR makes')
  }
  const { tensors, metadata } = decodeSafetensors(bytes, weightsPath)
  const embedded = metadata.get(CONFIG_KEY)
  const inside = embedded === undefined ? null : parseObject(embedded, `${weightsPath}, its ${CONFIG_KEY}`)
  const beside = readConfigFile(dir, inside !== null)
  const config = inside ?? beside
  if (config === null) {
    throw new UnrolledError(`${weightsPath}: has no configuration inside and no ${CONFIG} beside it`)
  }
  const notes: string[] = []
  const difference = beside === null ? null : firstDifference(config, beside)
  if (difference !== null) {
    notes.push(`${printable(join(dir, CONFIG))} disagrees with the configuration inside ${WEIGHTS} ` +
      `(first at ${printable(difference)}); the one inside is used`)
  }
  return { tensors, config, notes }
}

function readConfigFile(dir: string, dispensable: boolean): JsonObject | null {
  const path = join(dir, CONFIG)
  const bytes = readIfThere(path)
  if (bytes === null) return null
  try {
    return parseObject(textOf(bytes, printable(path)), printable(path))
  } catch (error) {
    if (!(error instanceof UnrolledError) || !dispensable) throw error
    throw new UnrolledError(`${error.message}; remove it to use the copy inside ${WEIGHTS}`)
  }
}

/** A JSON object that names no key twice. */
export function parseObject(text: string, source: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new UnrolledError(`${source}: is not JSON`)
  }
  if (!isJsonObject(value)) throw new UnrolledError(`${source}: is not a JSON object`)
  const repeated = repeatedKey(text)
  if (repeated !== null) throw new UnrolledError(`${source}: names ${printable(repeated)} twice`)
  return value
}

/** A file's bytes; null when there is no such file. */
export function readIfThere(path: string): Uint8Array | null {
  try {
    return fs.readFileSync(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw new UnrolledError(`${printable(path)}: cannot be read: ${reasonOf(error)}`)
  }
}

/**
 * Removes temporary files that a process left in a folder when it was killed while writing these files there.
 * To be called only when no other process writes there.
 */
export function removeTemporaries(dir: string, names: readonly string[]): void {
  for (const entry of fs.readdirSync(dir)) {
    if (!/\.\d+\.\d+\.tmp$/.test(entry)) continue
    if (names.some((name) => entry.startsWith(`.${name}.`))) fs.rmSync(join(dir, entry), { force: true })
  }
}

let counter = 0

// In the same folder, because a rename is all or nothing only within one disk.
function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${counter++}.tmp`)
}

// Closes the file whatever happens.
function writeAndSync(descriptor: number, contents: Uint8Array | string): void {
  try {
    fs.writeFileSync(descriptor, contents)
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

// A rename is on the disk once its folder is. Windows cannot sync a folder and has no need to.
function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const descriptor = fs.openSync(path, 'r')
  try {
    fs.fsyncSync(descriptor)
  } catch (error) {
    if (errorCode(error) !== 'EINVAL') throw error // a file system that has no such call
  } finally {
    fs.closeSync(descriptor)
  }
}

// The nearest part of the path that exists, when it is not a folder.
function fileInTheWay(path: string): string | null {
  for (let at = path; ; at = dirname(at)) {
    if (fs.existsSync(at)) return fs.statSync(at).isDirectory() ? null : at
    if (dirname(at) === at) return null
  }
}

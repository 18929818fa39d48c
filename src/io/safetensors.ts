// safetensors, the file format for weights that PyTorch and most others read (huggingface/safetensors):
//
//   8 bytes   N, the length of the header, unsigned, little-endian
//   N bytes   JSON: { "name": { "dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end] }, ...,
//                     "__metadata__": { "key": "text" } }, spaces at its end
//   the rest  the numbers, little-endian, row by row, one tensor after another, no gaps
//
// A file is somebody else's word: all of it is checked before anything is allocated. Read next:
// node-files.ts.

import { show, UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import { isJsonObject, repeatedKey } from './json.ts'

/** Numbers in the host's memory and their shape. */
export interface HostTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** What a safetensors file holds, in the order in which its numbers lie. */
export interface SafetensorsContents {
  tensors: Map<string, HostTensor>
  metadata: Map<string, string>
}

const METADATA = '__metadata__'
const LENGTH_BYTES = 8
const F32_BYTES = 4

/**
 * The bytes of a safetensors file: F32, in the map's order, the header padded with spaces so that the numbers
 * begin at a multiple of 8 bytes.
 * @throws UnrolledError when a shape and its numbers disagree, or a name cannot be used
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>, metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const entries: string[] = [] // written one by one: a plain object would reorder names such as '10'
  if (metadata.size > 0) {
    const pairs = [...metadata].map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`)
    entries.push(`${JSON.stringify(METADATA)}:{${pairs.join(',')}}`)
  }
  let end = 0
  for (const [name, { shape, data }] of tensors) {
    checkName(name, 'encodeSafetensors')
    if (!(data instanceof Float32Array)) {
      throw new UnrolledError(`encodeSafetensors: the numbers of tensor ${printable(name)} are no ` +
        'Float32Array; Float32Array.from(numbers) makes one')
    }
    if (!isCounts(shape) || sizeOf(shape) !== data.length) {
      throw new UnrolledError(`encodeSafetensors: tensor ${printable(name)} has shape ${show(shape)} and ` +
        `${data.length} numbers`)
    }
    const begin = end
    end += data.length * F32_BYTES
    const entry = { dtype: 'F32', shape, data_offsets: [begin, end] }
    entries.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`)
  }
  const json = new TextEncoder().encode(`{${entries.join(',')}}`)
  const headerLength = Math.ceil(json.length / 8) * 8
  const bytes = new Uint8Array(LENGTH_BYTES + headerLength + end)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true)
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerLength)
  bytes.set(json, LENGTH_BYTES)
  let at = LENGTH_BYTES + headerLength
  for (const { data } of tensors.values()) {
    // Every machine that runs JavaScript today is little-endian, as the format is.
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
    at += data.byteLength
  }
  return bytes
}

/**
 * Reads a safetensors file's bytes; the tensors are copies.
 * @param source the file's name: begins every error's line
 * @throws UnrolledError when anything about the file is not as the format says, or a tensor is not F32
 */
export function decodeSafetensors(bytes: Uint8Array, source: string): SafetensorsContents {
  const { header, dataStart } = readHeader(bytes, source)
  const metadata = readMetadata(header.get(METADATA), source)
  header.delete(METADATA)
  const entries: Entry[] = []
  for (const [name, value] of header) entries.push(readEntry(name, value, source))
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end)
  checkContiguous(entries, bytes.length - dataStart, source)

  const tensors = new Map<string, HostTensor>()
  for (const { name, shape, begin, end } of entries) {
    const data = new Float32Array((end - begin) / F32_BYTES)
    // The numbers need not begin at a multiple of 4 bytes, so they are copied, not looked at in place.
    new Uint8Array(data.buffer).set(bytes.subarray(dataStart + begin, dataStart + end))
    tensors.set(name, { shape, data })
  }
  return { tensors, metadata }
}

/** One line of the header; offsets count from where the numbers begin. */
interface Entry {
  name: string
  shape: number[]
  begin: number
  end: number
}

function readHeader(bytes: Uint8Array, source: string): { header: Map<string, unknown>, dataStart: number } {
  const fail = (what: string): never => {
    throw new UnrolledError(`${source}: ${what}`)
  }
  if (bytes.length < LENGTH_BYTES) {
    fail(`is ${bytes.length} bytes long, too short for a safetensors file, which begins with 8`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getBigUint64(0, true)
  if (length > BigInt(bytes.length - LENGTH_BYTES)) {
    fail(`its header should be ${length} bytes long, but the file is only ${bytes.length}; it is cut off, ` +
      'or not a safetensors file')
  }
  const dataStart = LENGTH_BYTES + Number(length)
  let json = ''
  let value: unknown
  try {
    const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    json = utf8.decode(bytes.subarray(LENGTH_BYTES, dataStart))
    value = JSON.parse(json)
  } catch {
    fail('its header is not JSON; the file is damaged, or not a safetensors file')
  }
  if (!isJsonObject(value)) return fail('its header is not a JSON object')
  const repeated = repeatedKey(json) // JSON.parse would keep the last of two and say nothing
  if (repeated !== null) fail(`its header names ${printable(repeated)} twice`)
  return { header: new Map(Object.entries(value)), dataStart }
}

function readMetadata(value: unknown, source: string): Map<string, string> {
  const metadata = new Map<string, string>()
  if (value === undefined) return metadata
  if (!isJsonObject(value)) throw new UnrolledError(`${source}: its ${METADATA} is not a JSON object`)
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw new UnrolledError(`${source}: its ${METADATA} ${printable(key)} is not text`)
    }
    metadata.set(key, text)
  }
  return metadata
}

function readEntry(name: string, value: unknown, source: string): Entry {
  const at = `${source}: tensor ${printable(name)}`
  checkName(name, source)
  if (!isJsonObject(value)) throw new UnrolledError(`${at} is not described by a JSON object`)
  const fields = new Map<string, unknown>(Object.entries(value))
  const dtype = fields.get('dtype')
  if (dtype !== 'F32') {
    const given = typeof dtype === 'string' ? `has dtype ${printable(dtype)}` : 'has no dtype'
    throw new UnrolledError(`${at} ${given}; only F32 can be read`)
  }
  const shape = fields.get('shape')
  if (!isCounts(shape)) {
    throw new UnrolledError(`${at} has a shape that is not a list of whole numbers of 0 or more`)
  }
  const offsets = fields.get('data_offsets')
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw new UnrolledError(`${at} has data_offsets that are not two whole numbers of 0 or more`)
  }
  const [begin, end] = offsets
  const size = sizeOf(shape) * F32_BYTES
  if (end - begin !== size) {
    throw new UnrolledError(`${at} has shape ${show(shape)}, which is ${size} bytes, but offsets ` +
      `[${begin}, ${end}]`)
  }
  return { name, shape, begin, end }
}

// `entries` sorted by offset must cover the numbers exactly: no gap, no overlap, no bytes left over or
// missing.
function checkContiguous(entries: readonly Entry[], dataLength: number, source: string): void {
  let last = 0
  for (const { name, begin, end } of entries) {
    const at = `${source}: tensor ${printable(name)}`
    const lies = `lies at [${begin}, ${end}]`
    if (end > dataLength) {
      throw new UnrolledError(`${at} ${lies}, but the file ends at ${dataLength}; it is cut off`)
    }
    if (begin < last) throw new UnrolledError(`${at} ${lies} and overlaps the one before, up to ${last}`)
    if (begin > last) throw new UnrolledError(`${at} ${lies}, which leaves a gap after ${last}`)
    last = end
  }
  if (last !== dataLength) {
    throw new UnrolledError(`${source}: has ${dataLength - last} bytes after its last tensor`)
  }
}

function checkName(name: string, source: string): void {
  // A lone half of a surrogate pair has no UTF-8, and other programs would refuse the file.
  if (name === METADATA || name === '__proto__' || /\p{Surrogate}/u.test(name)) {
    throw new UnrolledError(`${source}: ${printable(name)} cannot name a tensor`)
  }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0)
}

/** Numbers in a tensor of this shape; Infinity instead of a product that is no longer exact. */
function sizeOf(shape: readonly number[]): number {
  if (shape.includes(0)) return 0
  const size = shape.reduce((product, n) => product * n, 1)
  return Number.isSafeInteger(size) ? size : Infinity
}

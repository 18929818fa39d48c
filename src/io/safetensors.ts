// safetensors, the file format for weights that PyTorch and most others read (huggingface/safetensors):
//
//   8 bytes   N, the length of the header, unsigned, little-endian
//   N bytes   JSON: { "name": { "dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end] }, ...,
//                     "__metadata__": { "key": "text" } }, spaces at its end
//   the rest  the numbers, little-endian, row by row, one tensor after another, no gaps
//
// A file is somebody else's word: all of it is checked before anything is allocated. Read next:
// node-files.ts.

import { checkKind, checkThat, describe, show, UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import { narrowBF16, narrowF16, widenBF16, widenF16 } from '../half.ts'
import { isJsonObject, repeatedKey } from './json.ts'

const BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2 }

/** How a file keeps the numbers of a tensor. */
export type FileType = keyof typeof BYTES

/**
 * Numbers in the host's memory, their shape, and the type that they have in a file: F32 by default. F16 and
 * BF16 are float32 here; they are widened exactly when read, and rounded to nearest even when written.
 */
export type HostTensor = { readonly shape: readonly number[] } & (
  | { readonly data: Float32Array, readonly dtype?: 'F32' | 'F16' | 'BF16' }
  | { readonly data: Float64Array, readonly dtype: 'F64' }
)

/** What a safetensors file holds, in the order in which its numbers lie; every tensor tells its dtype. */
export interface SafetensorsContents {
  tensors: Map<string, HostTensor>
  metadata: Map<string, string>
}

const METADATA = '__metadata__'
const LENGTH_BYTES = 8

/**
 * The bytes of a safetensors file, the tensors in the map's order, the header padded with spaces so that the
 * numbers begin at a multiple of 8 bytes.
 * @throws UnrolledError when shape, numbers and dtype disagree, or a name cannot be used
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>, metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  checkKind('encodeSafetensors: the map of tensors', tensors, 'a map')
  checkKind('encodeSafetensors: the map of metadata', metadata, 'a map')
  const entries: string[] = [] // written one by one: a plain object would reorder names such as '10'
  if (metadata.size > 0) {
    const pairs = [...metadata].map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`)
    entries.push(`${JSON.stringify(METADATA)}:{${pairs.join(',')}}`)
  }
  let end = 0
  for (const [name, tensor] of tensors) {
    checkTensor(name, tensor)
    const { shape, data, dtype = 'F32' } = tensor
    const begin = end
    end += data.length * BYTES[dtype]
    const entry = { dtype, shape, data_offsets: [begin, end] }
    entries.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`)
  }
  const json = new TextEncoder().encode(`{${entries.join(',')}}`)
  const headerLength = Math.ceil(json.length / 8) * 8
  const bytes = new Uint8Array(LENGTH_BYTES + headerLength + end)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true)
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerLength)
  bytes.set(json, LENGTH_BYTES)
  let at = LENGTH_BYTES + headerLength
  for (const tensor of tensors.values()) {
    // Every machine that runs JavaScript today is little-endian, as the format is.
    const { buffer, byteOffset, byteLength } = asInFile(tensor)
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at)
    at += byteLength
  }
  return bytes
}

function checkTensor(name: string, { shape, data, dtype = 'F32' }: HostTensor): void {
  checkName(name, 'encodeSafetensors')
  const at = `encodeSafetensors: tensor ${printable(name)}`
  if (!isFileType(dtype)) {
    throw new UnrolledError(`${at} has dtype ${printable(String(dtype))}; it must be ${FILE_TYPES}`)
  }
  const wanted = dtype === 'F64' ? Float64Array : Float32Array
  if (!(data instanceof wanted)) {
    const remedy = data instanceof Float64Array ? "; or say dtype: 'F64'" : ''
    throw new UnrolledError(`${at} is to be ${dtype}, and its numbers are no ${wanted.name}; ` +
      `${wanted.name}.from(numbers) makes one${remedy}`)
  }
  if (!isCounts(shape) || sizeOf(shape) !== data.length) {
    throw new UnrolledError(`${at} has shape ${show(shape)} and ${data.length} numbers`)
  }
}

function asInFile({ data, dtype }: HostTensor): Float64Array | Float32Array | Uint16Array {
  if (dtype === 'F16') return narrowF16(data)
  return dtype === 'BF16' ? narrowBF16(data) : data
}

/**
 * Reads a safetensors file's bytes; the tensors are copies, Float64Array for F64, Float32Array for others.
 * @param source the file's name: begins every error's line
 * @throws UnrolledError when anything about the file is not as the format says, or a tensor has another type
 *   than F64, F32, F16 or BF16
 */
export function decodeSafetensors(bytes: Uint8Array, source: string): SafetensorsContents {
  checkThat(bytes instanceof Uint8Array, () =>
    `decodeSafetensors: bytes is ${describe(bytes)}; it must be the Uint8Array of a whole file`)
  const { header, dataStart } = readHeader(bytes, source)
  const metadata = readMetadata(header.get(METADATA), source)
  header.delete(METADATA)
  const entries: Entry[] = []
  for (const [name, value] of header) entries.push(readEntry(name, value, source))
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end)
  checkContiguous(entries, bytes.length - dataStart, source)

  const tensors = new Map<string, HostTensor>()
  for (const { name, dtype, shape, begin, end } of entries) {
    // The numbers need not begin at a multiple of their size, so they are copied, not looked at in place.
    const { buffer } = new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end))
    tensors.set(name, fromFile(buffer, shape, dtype))
  }
  return { tensors, metadata }
}

function fromFile(buffer: ArrayBuffer, shape: number[], dtype: FileType): HostTensor {
  if (dtype === 'F64') return { shape, data: new Float64Array(buffer), dtype }
  if (dtype === 'F32') return { shape, data: new Float32Array(buffer), dtype }
  const halves = new Uint16Array(buffer)
  return { shape, data: dtype === 'F16' ? widenF16(halves) : widenBF16(halves), dtype }
}

/** One line of the header; offsets count from where the numbers begin. */
interface Entry {
  name: string
  dtype: FileType
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
  if (!isFileType(dtype)) {
    const given = typeof dtype === 'string' ? `has dtype ${printable(dtype)}` : 'has no dtype'
    throw new UnrolledError(`${at} ${given}; only ${FILE_TYPES} can be read`)
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
  const size = sizeOf(shape) * BYTES[dtype]
  if (end - begin !== size) {
    throw new UnrolledError(`${at} (${dtype}) has shape ${printable(show(shape))}, which is ${size} bytes, ` +
      `but offsets [${begin}, ${end}]`)
  }
  return { name, dtype, shape, begin, end }
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

const FILE_TYPES = 'F64, F32, F16 or BF16'

function isFileType(value: unknown): value is FileType {
  return typeof value === 'string' && Object.hasOwn(BYTES, value)
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

// 10,000 files that were whole and then had something done to them: bytes changed, cut out, put in, swapped,
// words of the header exchanged, lengths that lie, two files spliced. Each is read right, or refused with an
// UnrolledError of one short line: no crash, no hang, and no memory beyond what the file itself is long.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'

import { UnrolledError } from '../../src/check.ts'
import { decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors.ts'
import { random } from '../../src/random.ts'

const FILES = 10_000
const test = suite('safetensors, mutated')
const draw = random(2024)
const pick = <T>(list: readonly T[]): T => list[draw.integer(list.length)]
const concat = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts))

// Four that PyTorch wrote, and one of ours with everything in it.
const whole: Uint8Array[] = ['F64', 'F32', 'F16', 'BF16'].map(
  (dtype) => new Uint8Array(readFileSync(`test/golden/lstm.${dtype}.safetensors`)),
)
whole.push(encodeSafetensors(new Map([
  ['a', { shape: [2, 3], data: Float32Array.from(draw.normal(6)), dtype: 'F16' }],
  ['10', { shape: [], data: Float64Array.of(0.1), dtype: 'F64' }],
  ['é"\n', { shape: [0, 4], data: new Float32Array(0), dtype: 'BF16' }],
  ['b', { shape: [3], data: Float32Array.of(NaN, -0, Infinity) }],
]), new Map([['format', 'pt'], ['config', '{"a":[1,2,{"b":null}]}']])))

const words = [
  '0', '1', '-1', '2', '4', '8', '1.5', '1e3', '1e308', '1e999', '-0', '10000000000', '4294967296',
  '9007199254740991', '9007199254740993', '18446744073709551616', 'null', 'true', '[]', '{}', '[[]]', '""',
  '"F64"', '"F32"', '"F16"', '"BF16"', '"I64"', '"BOOL"', '"a"', '"dtype"', '"shape"', '"data_offsets"',
  '"__metadata__"', '"__proto__"', '"constructor"', '"\\ud800"', '"\\u0000"', ',', ':', '{', '}', '[', ']',
  '"', '[0,0]', '[0,4]', '[4,0]', '['.repeat(5000), '{"a":'.repeat(5000), ' '.repeat(100), '\u2028', '\ufeff',
]

function splitAt(bytes: Uint8Array): { json: string, numbers: Uint8Array } {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true))
  const json = new TextDecoder().decode(bytes.subarray(8, 8 + length))
  return { json, numbers: bytes.subarray(8 + length) }
}

// A header that is as long as it says: what is wrong with it is inside.
function joined(json: string, numbers: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(json)
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true)
  return concat(length, text, numbers)
}

// One value, name, or sign of the header replaced by another word.
function exchangeWord(bytes: Uint8Array): Uint8Array {
  const { json, numbers } = splitAt(bytes)
  const found = [...json.matchAll(/"(?:[^"\\]|\\.)*"|[\d.]+|[[\]{},:]/g)]
  const { 0: old, index } = pick(found)
  return joined(json.slice(0, index) + pick(words) + json.slice(index + old.length), numbers)
}

// A number of the header changed a little: an offset, an axis.
function nudgeNumber(bytes: Uint8Array): Uint8Array {
  const { json, numbers } = splitAt(bytes)
  const { 0: old, index } = pick([...json.matchAll(/\b\d+\b/g)])
  const changed = String(Number(old) + pick([-8, -4, -2, -1, 1, 2, 4, 8, 2 ** 31, 2 ** 32, 2 ** 53]))
  return joined(json.slice(0, index) + changed + json.slice(index + old.length), numbers)
}

function changeBytes(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice()
  const reach = pick([8, 200, bytes.length])
  for (let n = draw.integer(8); n >= 0; n--) changed[draw.integer(reach)] = draw.integer(256)
  return changed
}

function lieAboutLength(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice()
  const lies = [0n, 1n, 2n ** 64n - 1n, 2n ** 63n, 2n ** 53n, 10_000_000_000n, BigInt(draw.integer(6000))]
  new DataView(changed.buffer).setBigUint64(0, pick(lies), true)
  return changed
}

function cutOut(bytes: Uint8Array): Uint8Array {
  const from = draw.integer(bytes.length)
  return concat(bytes.subarray(0, from), bytes.subarray(from + 1 + draw.integer(32)))
}

function putIn(bytes: Uint8Array): Uint8Array {
  const at = draw.integer(bytes.length)
  const noise = Uint8Array.from({ length: 1 + draw.integer(32) }, () => draw.integer(256))
  return concat(bytes.subarray(0, at), noise, bytes.subarray(at))
}

const truncate = (bytes: Uint8Array) => bytes.slice(0, draw.integer(bytes.length))
const splice = (bytes: Uint8Array) => {
  const other = pick(whole)
  return concat(bytes.subarray(0, draw.integer(bytes.length)), other.subarray(draw.integer(other.length)))
}
const swapNumbers = (bytes: Uint8Array) => joined(splitAt(bytes).json, splitAt(pick(whole)).numbers)

const mutations = {
  exchangeWord, nudgeNumber, changeBytes, lieAboutLength, cutOut, putIn, truncate, splice, swapNumbers,
}

// 'read' or 'refused'; throws for anything else.
function outcomeOf(bytes: Uint8Array): 'read' | 'refused' {
  try {
    const contents = decodeSafetensors(bytes, 'x')
    let held = 0
    for (const { shape, data, dtype } of contents.tensors.values()) {
      assert.is(shape.reduce((product, n) => product * n, 1), data.length)
      held += data.length * (dtype === 'F64' ? 8 : dtype === 'F32' ? 4 : 2)
    }
    assert.ok(held <= bytes.length)
    const again = decodeSafetensors(encodeSafetensors(contents.tensors, contents.metadata), 'x')
    assert.equal([...again.tensors.keys()], [...contents.tensors.keys()])
    return 'read'
  } catch (error) {
    if (!(error instanceof UnrolledError)) throw error
    assert.match(error.message, /^x: [^\n\r]{1,500}$/)
    return 'refused'
  }
}

test(`${FILES} mutated files are read or refused, none slowly`, () => {
  const counts = { read: 0, refused: 0 }
  const used = new Set<string>()
  for (let n = 0; n < FILES; n++) {
    const name = pick(Object.keys(mutations) as (keyof typeof mutations)[])
    const bytes = mutations[name](pick(whole))
    const before = process.memoryUsage().arrayBuffers
    const started = performance.now()
    counts[outcomeOf(bytes)]++
    assert.ok(performance.now() - started < 2000, `${name}, file ${n}: slow`)
    const taken = process.memoryUsage().arrayBuffers - before
    assert.ok(taken < 100_000 + 10 * bytes.length, `${name}, file ${n}: took ${taken} bytes`)
    used.add(name)
  }
  console.log(`${counts.read} read, ${counts.refused} refused`)
  assert.is(used.size, Object.keys(mutations).length)
  assert.ok(counts.read > FILES / 50 && counts.refused > FILES / 2, 'both ways are taken')
})

test.run()

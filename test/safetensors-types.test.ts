// The four types of numbers in a safetensors file: what is written is read, rounded and widened as it should
// be, and no type opens a way to read past the file's end or to take memory for numbers that are not there.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import {
  decodeSafetensors, encodeSafetensors, type FileType, type HostTensor,
} from '../src/io/safetensors.ts'
import { random } from '../src/random.ts'
import { message } from './one-line.ts'
import { entry, file } from './safetensors-file.ts'

const test = suite('safetensors types')
const draw = random(11)
const types: [FileType, bytes: number][] = [['F64', 8], ['F32', 4], ['F16', 2], ['BF16', 2]]

const decodeOne = (bytes: Uint8Array) => decodeSafetensors(bytes, 'x').tensors.get('a')
const encodeOne = (a: HostTensor) => encodeSafetensors(new Map([['a', a]]))

test('all four in one file, in any order, at any address, with metadata', () => {
  const wide = Float64Array.of(Math.PI, -0, 5e-324, 1.7976931348623157e308, Infinity)
  const exact = Float32Array.of(1.5, -0, 0.25, -Infinity, -65504) // in each of the three
  const bfloat = Float32Array.of(1.5, -0, 2 ** -133, -Infinity, 2 ** 127) // beyond F16, exact in BF16
  const tensors = new Map<string, HostTensor>([
    ['half', { shape: [5], data: exact, dtype: 'F16' }],
    ['one half', { shape: [], data: Float32Array.of(2), dtype: 'F16' }], // the next begins at 12
    ['double', { shape: [5, 1], data: wide, dtype: 'F64' }],
    ['none', { shape: [4, 0], data: new Float64Array(0), dtype: 'F64' }],
    ['b', { shape: [1, 5], data: bfloat, dtype: 'BF16' }],
    ['float', { shape: [5], data: Float32Array.from(draw.normal(5)), dtype: 'F32' }],
  ])
  const metadata = new Map([['format', 'pt'], ['step', '12']])
  const bytes = encodeSafetensors(tensors, metadata)
  for (const shift of [0, 1, 7]) {
    const moved = new Uint8Array(bytes.length + shift)
    moved.set(bytes, shift)
    assert.equal(decodeSafetensors(moved.subarray(shift), 'x'), { tensors, metadata })
  }
  const again = decodeSafetensors(bytes, 'x')
  assert.equal(encodeSafetensors(again.tensors, again.metadata), bytes)
})

test('F32 is the default, and views of a part are written as what they show', () => {
  const data = new Float32Array([9, 1, 2, 9]).subarray(1, 3)
  assert.equal(decodeOne(encodeOne({ shape: [2], data })), { shape: [2], data: data.slice(), dtype: 'F32' })
  const doubles = new Float64Array([9, 1, 2, 9]).subarray(1, 3)
  assert.equal(decodeOne(encodeOne({ shape: [2], data: doubles, dtype: 'F64' })),
    { shape: [2], data: doubles.slice(), dtype: 'F64' })
})

test('16-bit types round when written: to nearest, ties to even', () => {
  const data = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65520, 1e-8)
  const half = decodeOne(encodeOne({ shape: [4], data, dtype: 'F16' }))
  assert.equal(half?.data, Float32Array.of(1, 1 + 2 ** -9, Infinity, 0))
  const brain = decodeOne(encodeOne({ shape: [2], data: Float32Array.of(1 + 2 ** -8, 1.02), dtype: 'BF16' }))
  assert.equal(brain?.data, Float32Array.of(1, 1.0234375))
  assert.is(data[0], 1 + 2 ** -11, 'what was given is left as it is')
})

test('encode refuses numbers that are not of the type', () => {
  const fromJavaScript = (value: object) => () => encodeOne(JSON.parse('{}', () => value) as HostTensor)
  const doubles = new Float64Array(2)
  assert.is(message(fromJavaScript({ shape: [2], data: doubles })),
    'encodeSafetensors: tensor a is to be F32, and its numbers are no Float32Array; ' +
    "Float32Array.from(numbers) makes one; or say dtype: 'F64'")
  assert.match(message(fromJavaScript({ shape: [2], data: new Float32Array(2), dtype: 'F64' })),
    /tensor a is to be F64, and its numbers are no Float64Array/)
  assert.match(message(fromJavaScript({ shape: [2], data: new Uint16Array(2), dtype: 'F16' })),
    /tensor a is to be F16, and its numbers are no Float32Array/)
  for (const dtype of ['I64', 'f32', 'toString', '__proto__', 4, null]) {
    assert.match(message(fromJavaScript({ shape: [2], data: doubles, dtype })),
      /tensor a has dtype .*; it must be F64, F32, F16 or BF16/)
  }
})

const others = ['I64', 'I32', 'I16', 'I8', 'U64', 'U32', 'U16', 'U8', 'BOOL', 'F8_E4M3', 'F4', 'C64']
for (const dtype of [...others, 'f32', 'F32 ', '', 'toString', '__proto__', 'F16\n', 32, null, ['F32'], {}]) {
  test(`dtype ${JSON.stringify(dtype)} is refused`, () => {
    const text = message(() => decodeOne(file({ a: entry(dtype, [1], 0, 8) }, 8)))
    assert.match(text, /^x: tensor a has (dtype .*|no dtype); only F64, F32, F16 or BF16 can be read$/)
  })
}

for (const [dtype, size] of types) {
  const refused = (expected: RegExp, dataLength: number, ...tensors: ReturnType<typeof entry>[]) => {
    const header = Object.fromEntries(tensors.map((tensor, i) => ['abc'[i], tensor]))
    assert.match(message(() => decodeOne(file(header, dataLength))), expected)
  }

  test(`${dtype}: sizes, offsets, overlaps and gaps are checked in its own bytes`, () => {
    const of = (shape: unknown, ...offsets: number[]) => entry(dtype, shape, ...offsets)
    const s = size
    for (const wrong of [0, 1, 3 * s - 1, 3 * s + 1, 6 * s]) {
      refused(/\(\w+\) has shape \[3\], which is \d+ bytes, but offsets/, wrong, of([3], 0, wrong))
    }
    refused(/it is cut off/, 3 * s - 1, of([3], 0, 3 * s))
    refused(/has 1 bytes after its last tensor/, 3 * s + 1, of([3], 0, 3 * s))
    refused(/tensor b .* overlaps/, 3 * s, of([2], 0, 2 * s), of([2], s, 3 * s))
    refused(/tensor b .* overlaps/, 2 * s, of([2], 0, 2 * s), of([1], s - 1, 2 * s - 1))
    refused(/tensor c .* gap after/, 4 * s, of([1], 0, s), of([1], s, 2 * s), of([1], 3 * s, 4 * s))
    refused(/tensor a .* gap after 0/, 1 + s, of([1], 1, 1 + s))
    refused(/not two whole numbers/, s, of([1], 0.5, s + 0.5))
    refused(/\[1\], which/, s, of([1], s, 0))
    // its size wraps around to 0 in 64 bits
    refused(/which is Infinity bytes/, 0, of([2 ** 32, 2 ** 32], 0, 0))
    refused(/but offsets/, 0, of([2 ** 52, 2], 0, 0))
  })

  test(`${dtype}: 10 GB claimed are refused without taking them`, () => {
    const n = 10e9 / size
    const bytes = file({ a: entry(dtype, [n], 0, 10e9) }, 64)
    const header = bytes.slice()
    new DataView(header.buffer).setBigUint64(0, 10_000_000_000n, true)
    const before = process.memoryUsage().arrayBuffers
    assert.match(message(() => decodeOne(bytes)), /lies at \[0, 10000000000\], but the file ends at 64/)
    assert.match(message(() => decodeOne(header)), /header should be 10000000000 bytes long/)
    assert.ok(process.memoryUsage().arrayBuffers - before < 100_000)
    const none = entry(dtype, [2 ** 50, 0, 2 ** 50], 0, 0) // no numbers: nothing wrong with it
    assert.is(decodeOne(file({ a: none }))?.data.length, 0)
  })
}

test('deep JSON anywhere is refused in one short line', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  const object = '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)
  for (const text of [deep, object]) {
    for (const header of [
      text, `{"a":${text}}`, `{"__metadata__":${text}}`, `{"__metadata__":{"k":${text}}}`,
      `{"a":{"dtype":${text}}}`, `{"a":{"dtype":"F16","shape":${text}}}`,
      `{"a":{"dtype":"F16","shape":[1],"data_offsets":${text}}}`,
    ]) {
      assert.ok(message(() => decodeOne(file(header, 2))).length < 200)
    }
  }
})

test('a line stays short whatever the file says', () => {
  const long = 'x'.repeat(100_000)
  const axes = Array(50_000).fill(1)
  for (const header of [
    { [long]: 1 }, { a: entry(long, [1], 0, 4) }, { a: entry('F16', axes, 0, 1) },
    { __metadata__: { [long]: 1 } }, `{"${long}":1,"${long}":2}`, { a: entry('F16', [1], ...axes) },
  ]) {
    assert.ok(message(() => decodeOne(file(header, 4))).length < 400)
  }
})

test('odd names: refused, or kept as they are', () => {
  const f16 = JSON.stringify(entry('F16', [1], 0, 2))
  for (const name of ['__proto__', '\\u005f_proto__', '\\ud800', '\\udc00x']) {
    assert.match(message(() => decodeOne(file(`{"${name}":${f16}}`, 2))), /cannot name a tensor/)
  }
  for (const name of ['', ' ', '../../etc', 'constructor', 'hasOwnProperty', '\u0000', '7']) {
    const { tensors } = decodeSafetensors(file(`{${JSON.stringify(name)}:${f16}}`, 2), 'x')
    assert.equal([...tensors.keys()], [name])
  }
  assert.is(({} as { dtype?: string }).dtype, undefined)
})

test.run()

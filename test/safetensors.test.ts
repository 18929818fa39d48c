// The file format for weights: against bytes that another program wrote, and every kind of damage.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { UnrolledError } from '../src/check.ts'
import { repeatedKey } from '../src/io/json.ts'
import { decodeSafetensors, encodeSafetensors } from '../src/io/safetensors.ts'
import type { HostTensor } from '../src/io/safetensors.ts'
import { random } from '../src/random.ts'
import { message } from './one-line.ts'
import { entry, f32, file } from './safetensors-file.ts'

const test = suite('safetensors')
const draw = random(7)
const tensor = (...shape: number[]): HostTensor => {
  const size = shape.reduce((product, n) => product * n, 1)
  return { shape, data: Float32Array.from(draw.uniform(size, -1, 1)) }
}

// As whole numbers, of which NaN too equals itself.
const bits = (numbers: HostTensor['data'] | undefined) => new Uint32Array(numbers?.slice().buffer ?? [])

// safetensors 0.8.0, PyTorch 2.13:
//   t = {'weight_ih_l0': torch.arange(6.).reshape(2, 3) / 4, 'b': torch.tensor([-1.5]),
//        'e': torch.zeros(0, 3)}
//   base64.b64encode(safetensors.torch.save(t, metadata={'format': 'pt', 'note': 'é\n'}))
const FOREIGN = [
  '4AAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJub3RlIjoiw6lcbiIsImZvcm1hdCI6InB0In0sImIiOnsiZHR5cGUiOiJGMzIiLCJz',
  'aGFwZSI6WzFdLCJkYXRhX29mZnNldHMiOlswLDRdfSwiZSI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMCwzXSwiZGF0YV9vZmZz',
  'ZXRzIjpbNCw0XX0sIndlaWdodF9paF9sMCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwzXSwiZGF0YV9vZmZzZXRzIjpbNCwy',
  'OF19fSAgIAAAwL8AAAAAAACAPgAAAD8AAEA/AACAPwAAoD8=',
].join('')

test('reads what PyTorch wrote, and writes the same bytes', () => {
  const bytes = new Uint8Array(Buffer.from(FOREIGN, 'base64'))
  const { tensors, metadata } = decodeSafetensors(bytes, 'x')
  assert.equal([...tensors.keys()], ['b', 'e', 'weight_ih_l0'])
  assert.equal(tensors.get('b'), { shape: [1], data: Float32Array.of(-1.5), dtype: 'F32' })
  assert.equal(tensors.get('e'), { shape: [0, 3], data: new Float32Array(0), dtype: 'F32' })
  assert.equal(tensors.get('weight_ih_l0'),
    { shape: [2, 3], data: Float32Array.of(0, 0.25, 0.5, 0.75, 1, 1.25), dtype: 'F32' })
  assert.equal([...metadata], [['note', 'é\n'], ['format', 'pt']])
  assert.equal(encodeSafetensors(tensors, metadata), bytes)
})

test('what is written is read back, bit for bit and in order', () => {
  const odd = new Float32Array(new Float32Array([9, NaN, -0, Infinity, 1e-45, -3.4e38]).buffer, 4) // a view
  const tensors = new Map<string, HostTensor>([
    ['z', tensor(3, 5)], ['10', tensor(2)], ['2', tensor(1, 2, 3, 1)], ['', tensor()],
    ['é"\\\n🐋', { shape: [5], data: odd }], ['constructor', tensor(0)], ['toString', tensor(7, 1)],
  ])
  const texts = new Map([['10', 'a'], ['__proto__', '"é\u2028'], ['1', '']])
  for (const metadata of [new Map<string, string>(), texts]) {
    const bytes = encodeSafetensors(tensors, metadata)
    assert.is(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8, 0)
    const shifted = new Uint8Array(bytes.length + 3) // numbers that begin at an odd address
    shifted.set(bytes, 3)
    const back = decodeSafetensors(shifted.subarray(3), 'x')
    assert.equal([...back.tensors.keys()], [...tensors.keys()])
    for (const [name, { shape, data }] of tensors) {
      const read = back.tensors.get(name)
      assert.equal(read?.shape, shape)
      assert.equal(bits(read?.data), bits(data))
    }
    assert.equal(new Map(back.metadata), metadata)
  }
  const none = decodeSafetensors(encodeSafetensors(new Map()), 'x')
  assert.equal(none, { tensors: new Map(), metadata: new Map() })
})

test('the tensors are copies, also of a Buffer of a pool', () => {
  const bytes = Buffer.from(encodeSafetensors(new Map([['a', { shape: [2], data: Float32Array.of(1, 2) }]])))
  const { tensors } = decodeSafetensors(bytes, 'x')
  bytes.fill(0)
  assert.equal(tensors.get('a')?.data, Float32Array.of(1, 2))
})

test('encode refuses what no file can hold', () => {
  const encode = (name: string, shape: number[], n: number) => () =>
    encodeSafetensors(new Map([[name, { shape, data: new Float32Array(n) }]]))
  assert.is(message(encode('w', [2, 3], 5)), 'encodeSafetensors: tensor w has shape [2, 3] and 5 numbers')
  assert.match(message(encode('w', [-2, -3], 6)), /has shape \[-2, -3\]/)
  assert.match(message(encode('half \ud800', [1], 1)), /cannot name a tensor/)
  const doubles = { shape: [2], data: JSON.parse('[1, 2]') as Float32Array } // as JavaScript may
  assert.is(message(() => encodeSafetensors(new Map([['w', doubles]]))),
    'encodeSafetensors: tensor w is to be F32, and its numbers are no Float32Array; ' +
    'Float32Array.from(numbers) makes one')
  assert.match(message(encode('__metadata__', [1], 1)), /__metadata__ cannot name a tensor/)
  assert.match(message(encode('__proto__', [1], 1)), /__proto__ cannot name a tensor/)
})

const ENTRY = JSON.stringify(f32([], 0, 4))
const DAMAGED: [what: string, bytes: Uint8Array, expected: RegExp][] = [
  ['empty', new Uint8Array(0), /is 0 bytes long, too short/],
  ['seven bytes', new Uint8Array(7), /is 7 bytes long, too short/],
  ['no header', new Uint8Array(8), /header is not JSON/],
  ['header longer than the file', file({}).subarray(0, 9), /header should be 2 bytes long, but .* 9;/],
  ['an enormous header', new Uint8Array(20).fill(0xff), /header should be 18446744073709551615 bytes long/],
  ['not JSON', file('{"a":'), /header is not JSON/],
  ['not UTF-8', file(Uint8Array.of(0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d)), /header is not JSON/],
  ['a list', file([]), /header is not a JSON object/],
  ['null', file('null'), /header is not a JSON object/],
  ['deep', file('['.repeat(200000)), /header is not JSON/],
  ['text as a tensor', file({ a: 'F32' }), /tensor a is not described by a JSON object/],
  ['a list as a tensor', file({ a: [] }), /tensor a is not described/],
  ['no dtype', file({ a: entry(undefined, [1], 0, 4) }, 4), /tensor a has no dtype; only F64, F32/],
  ['another dtype', file({ a: entry('I32', [1], 0, 4) }, 4), /has dtype I32; only F64, F32/],
  ['no shape', file({ a: f32(undefined, 0, 4) }, 4), /tensor a has a shape that is not a list/],
  ['no offsets', file({ a: { dtype: 'F32', shape: [1] } }, 4), /tensor a has data_offsets that are not two/],
  ['three offsets', file({ a: f32([1], 0, 4, 8) }, 4), /not two whole numbers/],
  ['a negative offset', file({ a: f32([1], -4, 0) }, 4), /not two whole numbers/],
  ['ends before it begins', file({ a: f32([1], 4, 0) }, 4), /\[1\], which is 4 bytes, but offsets \[4, 0\]/],
  ['too few bytes', file({ a: f32([2, 3], 0, 20) }, 20),
    /tensor a \(F32\) has shape \[2, 3\], which is 24 bytes, but offsets \[0, 20\]/],
  ['an overflow', file({ a: f32([2 ** 40, 2 ** 40], 0, 0) }), /tensor a \(F32\) has shape .* but offsets/],
  ['an overflow to 2^64', file({ a: f32([2 ** 31, 2 ** 31, 4], 0, 0) }), /but offsets \[0, 0\]/],
  ['cut off', file({ a: f32([2], 0, 8) }, 5), /tensor a lies at \[0, 8\], but .* ends at 5; it is cut off/],
  ['enormous', file({ a: f32([2 ** 40], 0, 2 ** 42) }, 4), /the file ends at 4; it is cut off/],
  ['an overlap', file({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12),
    /tensor b lies at \[4, 12\] and overlaps .* 8/],
  ['the same bytes twice', file({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, 4), /tensor b .* overlaps/],
  ['a gap', file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
    /tensor b lies at \[8, 12\], which leaves a gap after 4/],
  ['a gap at the start', file({ a: f32([1], 4, 8) }, 8), /tensor a .* leaves a gap after 0/],
  ['bytes left over', file({ a: f32([1], 0, 4) }, 7), /has 3 bytes after its last tensor/],
  ['a name twice', file(`{"a":${ENTRY},"\\u0061" :{}}`, 4), /names a twice/],
  ['a field twice', file(`{"a":${ENTRY.replace('{', '{"dtype":"F32",')}}`, 4), /names dtype twice/],
  ['__proto__', file(`{"__proto__":${ENTRY}}`, 4), /__proto__ cannot name/],
  ['fields from __proto__', file(`{"a":{"__proto__":${ENTRY}}}`, 4), /no dtype/],
  ['metadata is a list', file({ __metadata__: [] }), /__metadata__ is not a JSON object/],
  ['metadata is a number', file({ __metadata__: { a: 1 } }), /__metadata__ a is not text/],
  ['a name with a newline', file({ 'a\nb': 1 }), /tensor "a\\nb" is not described/],
]
for (const shape of [[-1], [1.5], ['1'], [null], [1e300], [[1]], 4, '4', {}]) {
  const what = `shape ${JSON.stringify(shape)}`
  DAMAGED.push([what, file({ a: f32(shape, 0, 4) }, 4), /shape that is not a list of whole/])
}

for (const [what, bytes, expected] of DAMAGED) {
  test(`a damaged file: ${what}`, () => {
    const text = message(() => decodeSafetensors(bytes, 'runs/model.safetensors'))
    assert.ok(text.startsWith('runs/model.safetensors: '), text)
    assert.match(text, expected)
  })
}

test('every cut and every changed byte of a header is read right or refused in one line', () => {
  const bytes = encodeSafetensors(new Map([['w', tensor(2, 2)], ['b', tensor(3)]]), new Map([['k', 'v']]))
  for (let n = 0; n < bytes.length; n++) message(() => decodeSafetensors(bytes.subarray(0, n), 'x'))
  for (let trial = 0; trial < 3000; trial++) {
    const changed = bytes.slice()
    changed[draw.integer(bytes.length - 28)] = draw.integer(256)
    try {
      decodeSafetensors(changed, 'x')
    } catch (error) {
      assert.instance(error, UnrolledError)
      assert.not.match((error as UnrolledError).message, /[\n\r]/)
    }
  }
})

test('repeated keys are found at any depth, and nothing else is', () => {
  for (const json of ['{}', '[]', '"a"', '{"a":"b","b":"a"}', '{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
    '{"a":["b","b"]}', '{"a\\"":1,"a":2,"\\\\":3}', '{"{":1,"}":2,":":"\\":"}', '[{"a":1},{"a":1}]']) {
    JSON.parse(json)
    assert.is(repeatedKey(json), null, json)
  }
  assert.is(repeatedKey('{"a":1,"b":{"c":[{"d":1,"d" \n: 2}]}}'), 'd')
  assert.is(repeatedKey('{"a":{"x":1},"a":1}'), 'a')
  assert.is(repeatedKey('{"":1,"":1}'), '')
})

test.run()

// Files that are whole or not there, and models that survive a save that fails at any moment.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { firstDifference } from '../src/io/json.ts'
import { checkFolder, ensureFolder, loadModel, saveModel, writeAtomically } from '../src/io/node-files.ts'
import { decodeSafetensors, encodeSafetensors } from '../src/io/safetensors.ts'
import type { HostTensor } from '../src/io/safetensors.ts'
import { random } from '../src/random.ts'
import { message } from './one-line.ts'

const test = suite('files')
const folder = fs.mkdtempSync(join(tmpdir(), 'unrolled-files-'))
test.after(() => fs.rmSync(folder, { recursive: true, force: true }))
let count = 0
const fresh = (): string => join(folder, `new-${count++}`)

const draw = random(7)
const tensor = (...shape: number[]): HostTensor => {
  const size = shape.reduce((product, n) => product * n, 1)
  return { shape, data: Float32Array.from(draw.uniform(size, -1, 1)), dtype: 'F32' }
}

// Runs with one of Node's file functions replaced by one that fails as a disk would.
function failing(name: 'writeFileSync' | 'fsyncSync' | 'renameSync' | 'openSync' | 'mkdirSync', code: string,
  run: () => unknown, skip = 0): string {
  const real = fs[name]
  let calls = 0
  Object.assign(fs, { [name]: (...args: unknown[]) => {
    if (calls++ < skip) return Reflect.apply(real, fs, args)
    throw Object.assign(new Error(`${code}: it failed`), { code })
  } })
  syncBuiltinESMExports()
  try {
    return message(run)
  } finally {
    Object.assign(fs, { [name]: real })
    syncBuiltinESMExports()
  }
}

test('a file is written, and replaced, with nothing left beside it', () => {
  const dir = fresh()
  fs.mkdirSync(dir)
  const path = join(dir, 'a.txt')
  writeAtomically(path, 'é')
  assert.is(fs.readFileSync(path, 'utf8'), 'é')
  writeAtomically(path, Uint8Array.of(1, 2, 3))
  assert.equal([...fs.readFileSync(path)], [1, 2, 3])
  assert.equal(fs.readdirSync(dir), ['a.txt'])
})

test('when writing fails the old file is whole and no temporary file is left', () => {
  const dir = fresh()
  fs.mkdirSync(dir)
  const path = join(dir, 'a.txt')
  writeAtomically(path, 'old')
  const write = () => writeAtomically(path, 'new')
  assert.is(failing('writeFileSync', 'ENOSPC', write),
    `${path}: cannot be written: no space is left on the disk`)
  assert.match(failing('fsyncSync', 'EIO', write), /input\/output error/)
  assert.match(failing('renameSync', 'EPERM', write), /permission denied/)
  assert.match(failing('openSync', 'EACCES', write), /permission denied/)
  assert.match(failing('openSync', 'EWHAT', write), /EWHAT: it failed/)
  assert.is(fs.readFileSync(path, 'utf8'), 'old')
  assert.equal(fs.readdirSync(dir), ['a.txt'])

  fs.mkdirSync(join(dir, 'taken', 'inside'), { recursive: true })
  assert.match(message(() => writeAtomically(join(dir, 'taken'), 'new')), /taken: cannot be written: /)
  assert.equal(fs.readdirSync(dir), ['a.txt', 'taken'])
  assert.match(message(() => writeAtomically(join(dir, 'missing', 'a'), '')), /no such file or folder/)
  assert.match(message(() => writeAtomically(join(path, 'a'), '')), /a part of the path is a file/)
})

test('a folder is made with those above it, or one line says why not', () => {
  const dir = join(fresh(), 'b', 'c')
  ensureFolder(dir)
  ensureFolder(dir)
  assert.equal(fs.readdirSync(dir), [])
  const inTheWay = join(dir, 'file')
  fs.writeFileSync(inTheWay, '')
  assert.is(message(() => ensureFolder(inTheWay)), `${inTheWay}: cannot be a folder: ${inTheWay} is a file`)
  const below = join(inTheWay, 'x', 'y')
  assert.is(message(() => ensureFolder(below)), `${below}: cannot be a folder: ${inTheWay} is a file`)
  assert.match(failing('mkdirSync', 'EACCES', () => ensureFolder(fresh())),
    /cannot be made: permission denied/)
  assert.match(failing('openSync', 'EROFS', () => ensureFolder(dir)),
    /nothing can be written there: the disk is read-only/)
})

test('whether a folder can be made is found out without leaving one', () => {
  const top = fresh()
  checkFolder(join(top, 'b', 'c'))
  assert.is(fs.existsSync(top), false)
  fs.mkdirSync(top)
  checkFolder(top)
  checkFolder(join(top, 'b'))
  assert.equal(fs.readdirSync(top), [])
  for (const make of [checkFolder, ensureFolder]) {
    const deep = join(top, 'b', 'c')
    assert.match(failing('mkdirSync', 'ENOSPC', () => make(deep), 1), /c: cannot be made: no space is left/)
    assert.match(failing('openSync', 'EROFS', () => make(deep)), /nothing can be written there/)
    assert.equal(fs.readdirSync(top), [])
    assert.is(failing('mkdirSync', 'ENOENT', () => make(deep), 1),
      `${deep}: cannot be made: ${join(top, 'b')} takes no new folders`)
  }
})

const config = { cell: 'lstm', hidden: 8, vocabulary: '\n aé🐋', nested: { list: [1, 2.5, null] } }
const tensors = new Map([['weight_ih_l0', tensor(3, 2)], ['bias', tensor(4)]])

function saved(): string {
  const dir = join(fresh(), 'model')
  saveModel(dir, { tensors, config })
  return dir
}

test('the first difference of two JSON values', () => {
  const same = { a: [1, { b: null }], c: 'x', d: {} }
  assert.is(firstDifference(same, structuredClone(same)), null)
  assert.is(firstDifference(same, { d: {}, c: 'x', a: [1, { b: null }] }), null) // order does not count
  assert.is(firstDifference(same, { ...same, c: 'y' }), 'c')
  assert.is(firstDifference(same, { ...same, a: [1, { b: 0 }] }), 'a.1.b')
  assert.is(firstDifference(same, { ...same, d: [] }), 'd')
  assert.is(firstDifference(same, { ...same, e: 1 }), 'e')
  assert.is(firstDifference({ a: undefined }, {}), 'a')
  assert.is(firstDifference([1], [1, 2]), '1')
})

test('a model is saved and loaded', () => {
  const dir = saved()
  assert.equal(fs.readdirSync(dir).sort(), ['config.json', 'model.safetensors'])
  assert.equal(JSON.parse(fs.readFileSync(join(dir, 'config.json'), 'utf8')), config)
  assert.equal(loadModel(dir), { tensors, config, notes: [] })
  const { metadata } = decodeSafetensors(fs.readFileSync(join(dir, 'model.safetensors')), 'x')
  assert.is(metadata.get('format'), 'pt')

  const other = { tensors: new Map([['w', tensor(1)]]), config: { hidden: 9 } }
  saveModel(dir, other)
  assert.equal(loadModel(dir), { ...other, notes: [] })
})

test('a save that fails at any moment leaves a model that loads', () => {
  const dir = saved()
  const other = { tensors: new Map([['w', tensor(1)]]), config: { ...config, hidden: 9 } }
  const save = () => saveModel(dir, other)
  for (const [name, skip] of [['writeFileSync', 0], ['writeFileSync', 1], ['fsyncSync', 0], ['fsyncSync', 1],
    ['renameSync', 0], ['openSync', 1], ['openSync', 2]] as const) {
    failing(name, 'ENOSPC', save, skip)
    assert.equal(loadModel(dir), { tensors, config, notes: [] }, `${name} ${skip}`)
    assert.is(fs.readdirSync(dir).length, 2)
  }
  // Between the two renames: the weights are the new ones, and so is the configuration that counts.
  failing('renameSync', 'EIO', save, 1)
  const { notes, ...model } = loadModel(dir)
  assert.equal(model, other)
  assert.is(notes.length, 1)
  assert.match(notes[0], /config\.json disagrees with the configuration inside .* \(first at hidden\)/)
})

test('config.json: missing is not missed, damaged is an error with the remedy', () => {
  const dir = saved()
  fs.writeFileSync(join(dir, 'config.json'), '{"hidden": 8')
  assert.is(message(() => loadModel(dir)),
    `${dir}/config.json: is not JSON; remove it to use the copy inside model.safetensors`)
  fs.writeFileSync(join(dir, 'config.json'), '[]')
  assert.match(message(() => loadModel(dir)), /config\.json: is not a JSON object; remove it/)
  fs.writeFileSync(join(dir, 'config.json'), '')
  assert.match(message(() => loadModel(dir)), /config\.json: is empty; remove it/)
  fs.writeFileSync(join(dir, 'config.json'), '{"a": 1, "a": 2}')
  assert.match(message(() => loadModel(dir)), /config\.json: names a twice; remove it/)
  fs.rmSync(join(dir, 'config.json'))
  assert.equal(loadModel(dir), { tensors, config, notes: [] })
})

test('weights from another program take their configuration from config.json', () => {
  const dir = saved()
  fs.writeFileSync(join(dir, 'model.safetensors'), encodeSafetensors(tensors, new Map([['format', 'pt']])))
  assert.equal(loadModel(dir), { tensors, config, notes: [] })
  fs.writeFileSync(join(dir, 'config.json'), '{')
  assert.match(message(() => loadModel(dir)), /config\.json: is not JSON$/)
  fs.rmSync(join(dir, 'config.json'))
  assert.match(message(() => loadModel(dir)), /has no configuration inside and no config\.json beside it$/)
})

test('a model that is not there or is damaged', () => {
  const dir = saved()
  const missing = fresh()
  assert.is(message(() => loadModel(missing)), `${missing}: there is no such folder`)
  const path = join(dir, 'model.safetensors')
  assert.match(message(() => loadModel(path)), /is a file; the folder that holds .* is needed$/)
  fs.writeFileSync(path, encodeSafetensors(tensors, new Map([['unrolled.config', '{']])))
  assert.match(message(() => loadModel(dir)), /model\.safetensors, its unrolled\.config: is not JSON$/)
  fs.truncateSync(path, 40)
  assert.ok(message(() => loadModel(dir)).startsWith(`${path}: its header should be `))
  fs.rmSync(path)
  assert.is(message(() => loadModel(dir)),
    `${dir}: there is no model.safetensors in this folder, such as train --out DIR makes`)
  fs.mkdirSync(path)
  assert.is(message(() => loadModel(dir)), `${path}: cannot be read: it is a folder`)
})

test.run()

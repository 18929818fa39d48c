// The embedded Reber grammar: its strings are what the published figures allow, and what may follow is told.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { embeddedReber, ranksLegalFirst, SYMBOLS } from '../src/experiments/reber-grammar.ts'
import { random } from '../src/random.ts'

const test = suite('reber')
const strings = Array.from({ length: 500 }, (_, k) => embeddedReber(random(k)))

test('strings are those of the grammar, by a regular expression for it', () => {
  // node 2: T* V; node 4: P X T* V or V; node 3: X T* V 4 or S; node 1: S* X 3
  const loop = 'T*V(PXT*V)*' // from node 2 to node 4, and back to it through 3 and 2
  const fromFour = '(V|PS)'
  const inner = `B(TS*X(S|X${loop}${fromFour})|P${loop}${fromFour})E`
  const pattern = new RegExp(`^B(T${inner}T|P${inner}P)E$`)
  for (const { symbols } of strings) assert.match(symbols, pattern)
  assert.ok(new Set(strings.map(({ symbols }) => symbols)).size > 100)
  const mean = strings.reduce((sum, { symbols }) => sum + symbols.length, 0) / strings.length
  assert.ok(mean > 11 && mean < 12.5, `mean length ${mean}`)
})

test('what follows is among what is legal; both ways are taken', () => {
  const seen = new Set<string>()
  for (const { symbols, legal } of strings) {
    assert.equal(legal.length, symbols.length)
    for (let t = 0; t + 1 < symbols.length; t++) {
      assert.ok(legal[t].includes(symbols[t + 1]), `${symbols} at ${t}`)
      seen.add(`${legal[t]} ${symbols[t + 1]}`)
    }
    assert.equal(legal.at(-3), symbols[1])
    assert.equal(legal.slice(-2), ['E', ''])
  }
  for (const pair of ['TP', 'SX', 'TV', 'XS', 'PV']) {
    for (const symbol of pair) assert.ok(seen.has(`${pair} ${symbol}`), `${pair} ${symbol}`)
  }
})

test('legal symbols come first only if each of them is above all others', () => {
  const scores = (high: string) => Array.from(SYMBOLS, (symbol) => high.includes(symbol) ? 1 : 0)
  assert.ok(ranksLegalFirst(scores('TP'), 'TP'))
  assert.not(ranksLegalFirst(scores('T'), 'TP'))
  assert.not(ranksLegalFirst(scores('TPS'), 'TP'))
  assert.not(ranksLegalFirst(scores(''), 'TP'))
})

test.run()

// What a run shows: on a terminal one line that never wraps, elsewhere plain lines; the test holds the clock.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { formatTime, progress } from '../src/cli/progress.ts'
import type { ProgressFields } from '../src/cli/progress.ts'

const test = suite('progress')

const fields: ProgressFields = {
  fraction: 0.41, loss: 1.7234, bitsPerChar: 2.4864, gradNorm: 1.938, clipped: 0.034,
  tokensPerSecond: 21404.4,
}

function start(isTTY: boolean, columns?: number) {
  const clock = { seconds: 100 }
  const stream = { text: '', columns, write(text: string) { this.text += text } }
  return { clock, stream, bar: progress({ stream, isTTY, now: () => clock.seconds }) }
}

// What is on the screen after these bytes: a terminal that knows \r, \n, clear-to-end; wrapping is an error.
function screen(text: string, columns: number): string[] {
  const rows = ['']
  let column = 0
  for (const [piece] of text.matchAll(/\x1b\[K|[^]/g)) {
    const row = rows.length - 1
    if (piece === '\x1b[K') rows[row] = rows[row].slice(0, column)
    else if (piece === '\r') column = 0
    else if (piece === '\n') column = rows.push('') * 0
    else {
      assert.ok(column < columns, 'the line wrapped')
      rows[row] = rows[row].slice(0, column).padEnd(column) + piece + rows[row].slice(column + 1)
      column++
    }
  }
  return rows
}

test('a terminal: every field in one line', () => {
  const { clock, stream, bar } = start(true, 120)
  clock.seconds += 41
  bar.update(fields)
  const [line] = screen(stream.text, 120)
  assert.ok(line.endsWith(
    ']  41 %  loss 1.723  2.486 bits/char  norm 1.94  clipped 3 %  21,404 tok/s  59s left'))
  assert.match(line, /^\[=+> *\] /)
  const [drawn] = /\[.*\]/.exec(line) ?? ['']
  assert.is(drawn.replace(/[^=]/g, '').length, Math.round(0.41 * (drawn.length - 2)))
})

test('words: a perplexity in the place of bits, long and short, and huge ones in few digits', () => {
  const { bitsPerChar: _, ...rest } = fields
  const shown = (columns: number, perplexity: number) => {
    const { clock, stream, bar } = start(true, columns)
    clock.seconds += 41
    bar.update({ ...rest, perplexity })
    return screen(stream.text, columns)[0]
  }
  assert.match(shown(120, 183.24), /  loss 1\.723  perplexity 183\.2  norm/)
  assert.match(shown(40, 183.24), /^41 %  loss 1\.723  ppl 183\.2  \d+s$/)
  assert.match(shown(120, 1.234e40), /  perplexity 1\.23e\+40  norm/)
  assert.match(shown(24, 183.24), /^41 %  ppl 183\.2  \d+s$/)
})

test('a terminal: drawn again in place, at most ten times a second', () => {
  const { clock, stream, bar } = start(true, 80)
  for (let i = 0; i <= 100; i++) {
    bar.update({ ...fields, fraction: i / 100 })
    clock.seconds += 0.01
  }
  const draws = stream.text.split('\r').length - 1
  assert.ok(draws >= 9 && draws <= 11, String(draws))
  bar.done()
  const rows = screen(stream.text, 80)
  assert.is(rows.length, 2)
  assert.match(rows[0], /^\[={10,}\] {2}100 % {2}loss .* {2}1s$/)
  assert.is(rows[1], '')
})

test('a terminal: never wraps, whatever its width, and shrinking text leaves nothing behind', () => {
  for (let columns = 1; columns <= 130; columns++) {
    const { clock, stream, bar } = start(true, columns)
    bar.update({ ...fields, loss: 12345.678, gradNorm: 1e-12 })
    clock.seconds += 1
    bar.update({ fraction: 0.5 })
    bar.done()
    const [line, rest] = screen(stream.text, columns - 1 || 1) // the last column stays free
    assert.is(rest, '')
    assert.not.match(line, /loss/)
    if (columns > 30) assert.match(line, /50 % {2}1s left$/)
  }
})

test('80 columns hold every field and the bar; a narrow terminal goes without what is least missed', () => {
  const shown = (columns: number): string => {
    const { clock, stream, bar } = start(true, columns)
    clock.seconds += 70 * 0.41 / 0.59
    bar.update(fields)
    return screen(stream.text, columns - 1)[0]
  }
  assert.is(shown(80), '[====>     ]  41 %  loss 1.723  2.486 b/c  norm 1.94  clip 3 %  21.4k/s  1m 10s')
  assert.is(shown(72), '[=====>      ]  41 %  loss 1.723  2.486 b/c  norm 1.94  21.4k/s  1m 10s')
  assert.is(shown(60), '[=====>     ]  41 %  loss 1.723  2.486 b/c  21.4k/s  1m 10s')
  assert.is(shown(40), '41 %  loss 1.723  2.486 b/c  1m 10s')
  assert.is(shown(28), '41 %  2.486 b/c  1m 10s')
  assert.is(shown(16), '41 %  1m 10s')
  assert.is(shown(9), '41 %  1m')
})

test('a terminal that does not say how wide it is has 80 columns', () => {
  for (const columns of [undefined, 0]) {
    const { stream, bar } = start(true, columns)
    bar.update(fields)
    const [line] = screen(stream.text, 79)
    assert.ok(line.length > 50)
  }
})

test('a terminal: lines stand above the bar', () => {
  const { clock, stream, bar } = start(true, 80)
  bar.line('before')
  bar.update({ fraction: 0.5, loss: 2 })
  clock.seconds += 0.01
  bar.line('a sample\nof two lines')
  bar.done()
  bar.line('after')
  const rows = screen(stream.text, 80)
  assert.equal([...rows.slice(0, 3), ...rows.slice(4)], ['before', 'a sample', 'of two lines', 'after', ''])
  assert.match(rows[3], /50 % {2}loss 2\.000 {2}0s left$/)
})

test('elsewhere: plain lines, the first, one every five seconds, the last', () => {
  const { clock, stream, bar } = start(false)
  for (let i = 0; i <= 120; i++) {
    clock.seconds = 100 + i / 10
    bar.update({ fraction: i / 120, loss: i })
  }
  bar.line('a line')
  bar.done()
  bar.done()
  bar.update({ fraction: 1 })
  const lines = stream.text.split('\n')
  assert.not.match(stream.text, /[\r\x1b]/)
  assert.equal(lines.map((line) => /^\d+ %|a line|^$/.exec(line)?.[0]),
    ['0 %', '41 %', '83 %', 'a line', '100 %', ''])
  assert.match(lines[0], /^0 % {2}loss 0\.000 {2}\? left$/)
  assert.match(lines[4], /loss 120\.000 {2}12s in all$/)
})

test('the last update is not printed twice, and nothing when there was none', () => {
  for (const isTTY of [false, true]) {
    const { stream, bar } = start(isTTY, 80)
    bar.update({ fraction: 1 })
    bar.done()
    assert.is(stream.text.split('100 %').length, 2)
    const silent = start(isTTY, 80)
    silent.bar.done()
    assert.is(silent.stream.text, '')
  }
})

test('no colours', () => {
  const { stream, bar } = start(true, 120)
  bar.update(fields)
  bar.done()
  assert.not.match(stream.text.replaceAll('\x1b[K', ''), /\x1b/)
})

test('values that are not numbers are shown, fractions outside 0 to 1 are not believed', () => {
  const { clock, stream, bar } = start(false)
  bar.update({ fraction: NaN, loss: NaN, gradNorm: Infinity, tokensPerSecond: NaN })
  clock.seconds += 5
  bar.update({ fraction: -1 })
  clock.seconds += 5
  bar.update({ fraction: 1.01 })
  assert.equal(stream.text.split('\n'), [
    '0 %  loss NaN  norm Infinity  NaN tok/s  ? left', '0 %  ? left', '100 %  10s in all', '',
  ])
})

test('times', () => {
  for (const [seconds, text] of [[0, '0s'], [0.4, '0s'], [45.2, '45s'], [59.6, '1m 00s'], [83, '1m 23s'],
    [3599.7, '1h 00m'], [3661, '1h 01m'], [86400, '24h 00m'], [NaN, '?'], [Infinity, '?'],
    [-1, '?']] as const) {
    assert.is(formatTime(seconds), text)
  }
})

test('a note stands in the bar\'s place and goes when something else comes', () => {
  const { clock, stream, bar } = start(true, 30)
  bar.note('reading a file whose name is long: 10 %')
  assert.equal(screen(stream.text, 30), ['reading a file whose name is l'.slice(0, 29)])
  bar.line('read')
  assert.equal(screen(stream.text, 30), ['read', ''])
  clock.seconds += 1
  bar.note('again')
  bar.done()
  assert.equal(screen(stream.text, 30), ['read', ''])
})

test('a note gives way to the bar, and is a line every 5 seconds elsewhere', () => {
  const { clock, stream, bar } = start(true, 80)
  bar.update({ fraction: 0.5 })
  bar.note('too soon after the bar')
  clock.seconds += 1
  bar.note('validation')
  assert.equal(screen(stream.text, 80), ['validation'])
  bar.line('measured')
  const [line, last] = screen(stream.text, 80)
  assert.is(line, 'measured')
  assert.match(last, /\] {2}50 % {2}1s left$/)
  const plain = start(false)
  for (let second = 0; second < 12; second++) {
    plain.bar.note(`${second}`)
    plain.clock.seconds++
  }
  assert.is(plain.stream.text, '0\n5\n10\n')
})

test('plain lines begin with the step', () => {
  const { clock, stream, bar } = start(false)
  clock.seconds += 1
  bar.update({ fraction: 0.5, step: 12, loss: 2 })
  assert.is(stream.text, 'step 12  50 %  loss 2.000  1s left\n')
})

test.run()

// The report of a run, and the events that it is made of.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { drawPictures } from '../src/inspect/pictures/draw.ts'
import { type History, historyOf, readHistory } from '../src/inspect/pictures/history.ts'
import { renderReport } from '../src/inspect/pictures/report.ts'
import { escapeText } from '../src/inspect/pictures/svg.ts'
import { median, pieces, smooth, spans } from '../src/inspect/pictures/thin.ts'
import { type Event, flow, history, sample, settings, steps, validation } from './run-events.ts'
import { all, named, parseXml } from './xml.ts'

const test = suite('report')

function report(...events: (Event | Event[])[]) {
  const known = history(...events)
  const html = renderReport(known, drawPictures(known))
  return { html, root: parseXml(html, ['meta']) }
}

const evil = '<script>alert("whale")</script> & <b>\'so\'</b> on'

test('one well-formed page: language, title, a name for each picture, headings in order', () => {
  const { html, root } = report(steps(60), validation(60, 1.9), flow(1), sample(60, 'the whale'))
  assert.ok(html.startsWith('<!DOCTYPE html>\n'))
  assert.is(root.name, 'html')
  assert.is(root.attributes.get('lang'), 'en')
  const [head, body] = root.children
  assert.equal(named(head, 'title').map((e) => e.text), ['text.txt: lstm, 1 x 8 units'])
  assert.is(named(head, 'meta')[0].attributes.get('charset'), 'utf-8')
  const pictures = all(body, (e) => e.name === 'svg')
  assert.is(pictures.length, 3)
  for (const svg of pictures) {
    assert.is(svg.parent!.name, 'figure')
    assert.is(svg.attributes.get('role'), 'img')
    assert.ok(svg.attributes.get('aria-label')!.length > 40)
    assert.ok(named(svg.parent!, 'figcaption')[0].text.length > 20)
  }
  const headings = all(body, (e) => /^h\d$/.test(e.name)).map((e) => e.name)
  assert.equal(headings, ['h1', 'h2', 'h2', 'h3', 'h2'])
  assert.equal(all(root, (e) => e.attributes.has('id')), [])
})

test('the training loss of the table is that of the caption', () => {
  const { root } = report(steps(60))
  const [, row] = named(root, 'tr')
  const [caption] = named(root, 'figcaption')
  const [, nats] = /^(\d\.\d{4}) nats/.exec(row.children[1].text) ?? []
  assert.match(row.children[0].text, /^Training loss, middle of the last 6 steps$/)
  assert.match(caption.text, `Training ended at ${Number(nats).toFixed(3)} nats`)
  assert.match(caption.text, ', the middle of the last 6 steps.')
})

test('nothing from elsewhere, no script, light and dark', () => {
  const { html } = report(steps(60), flow(1), sample(60, 'see https://example.org/ for more'))
  const own = html.replaceAll('http://www.w3.org/2000/svg', '').replace(/<pre.*?<\/pre>/gs, '')
  assert.not.match(own, /https?:|\/\/\w|url\(|<script|<link|<img|<iframe|@import|href=|src=|\son\w+=/)
  assert.match(own, /<meta name="color-scheme" content="light dark">/)
  assert.match(own, /@media \(prefers-color-scheme: dark\)/)
})

test('numbers, samples and settings are those of the run', () => {
  const data = steps(60)
  const held = [validation(20, 1.9), validation(60, 2)]
  const texts = [sample(20, 'first'), sample(60, 'last')]
  const { root } = report(data, held, { event: 'test', step: 60, loss: Math.log(8) }, texts)
  const cells = new Map(named(root, 'tr').map(({ children: [name, value] }) => [name.text, value.text]))
  assert.is(cells.get('Steps'), '60')
  assert.is(cells.get('Validation, at the end'),
    '2.0000 nats, 2.885 bits per character, perplexity 7.39 at step 60')
  assert.match(cells.get('Validation, best')!, /^1\.9000 nats, .* at step 20$/)
  assert.is(cells.get('Test'), '2.0794 nats, 3.000 bits per character, perplexity 8.00')
  const clipped = data.filter((event) => event.clipped).length
  assert.is(cells.get('Steps clipped'), `${clipped} (${(100 * clipped / 60).toFixed(1)} %)`)
  assert.is(cells.get('Speed'), '20,030 tokens per second')
  assert.is(cells.get('learning rate'), '0.004')
  assert.is(cells.get('train tokens'), '1,000')
  assert.equal(named(root, 'pre').map((e) => e.text), ['first', 'last'])
  const words = report({ ...settings, unit: 'word' }, data, validation(60, 5))
  assert.match(words.root.text, '5.0000 nats, perplexity 148.41 at step 60')
})

test('what comes from outside is text and stays text', () => {
  const begin = { ...settings, name: `${evil}.txt`, command: `npx unrolled train --data '${evil}'` }
  const written = sample(3, `${evil}\n\u0000\u001b[31m\ud800 \u202e \u{1f40b}`)
  const { html, root } = report(begin, steps(3), written)
  assert.is(named(root, 'script').length, 0)
  assert.is(named(root, 'b').length, 0)
  const [command, text] = named(root, 'pre')
  assert.is(command.text, begin.command)
  assert.is(text.text, `${evil}\n\ufffd\ufffd[31m\ufffd \u202e \u{1f40b}`)
  assert.is(named(root, 'h1')[0].text, `${evil}.txt: lstm, 1 x 8 units`)
  assert.not.match(html, /[\0\x1b]/)
  assert.is(escapeText(`a<b>&"c"'`), 'a&lt;b&gt;&amp;&quot;c&quot;&#39;')
})

test('many and long samples are cut', () => {
  const long = 'a\u{1f40b}'.repeat(5000)
  const samples = Array.from({ length: 500 }, (_, k) => sample(k + 1, `${k + 1} ${long}`))
  const { root, html } = report(steps(500), samples)
  const shown = named(root, 'pre').map((e) => e.text)
  assert.is(shown.length, 12)
  assert.match(shown[0], /^1 a/)
  assert.match(shown[11], /^500 a/)
  assert.match(root.text, '12 of 500; all are in metrics.jsonl.')
  assert.ok(html.length < 200_000)
})

test('a run without a step has a report too', () => {
  const { root } = report()
  assert.match(root.text, 'The run ended before its first step.')
  assert.is(named(root, 'svg').length, 0)
  const nothing = renderReport(historyOf([]), [])
  assert.match(parseXml(nothing, ['meta']).text, 'A training run')
})

test('metrics.jsonl: lines that make no sense are left out, what was told twice counts once', () => {
  const lines = [settings, ...steps(3), { event: 'resume', step: 2 }, { ...steps(3)[2], loss: 9 }, flow(2),
    { event: 'step', step: 4, loss: null, gradNorm: 1 },
    { event: 'flow', step: 3, lags: [0, 1], layers: [[1]] },
    { event: 'sample', step: 3 }, validation(3, 2), { event: 'unheard-of' }, 7, null, []]
  const text = lines.map((line) => JSON.stringify(line)).join('\n') + '\n{"event":"step","step":5,"lo'
  const known: History = readHistory(text)
  assert.equal(known.steps.map(({ step }) => step), [1, 2, 3])
  assert.is(known.steps[2].loss, 9)
  assert.equal([known.resumes, known.flows.length, known.samples.length], [[2], 1, 0])
  assert.equal(known.validations.map(({ loss }) => loss), [2])
  assert.equal([known.settings.clip, known.settings.event], [2, undefined])
})

test('thinning: each piece keeps its extremes; smoothing is centred, and near the start on few', () => {
  const points = Array.from({ length: 10 }, (_, k) => ({ x: k + 1, y: k % 2 ? k : -k }))
  assert.equal(pieces(10, 3), [[0, 3], [3, 6], [6, 10]])
  assert.equal(spans(points, 3), [
    { x: 1, low: -2, high: 1 }, { x: 5, low: -4, high: 5 }, { x: 10, low: -8, high: 9 },
  ])
  const line = Array.from({ length: 101 }, (_, k) => ({ x: k, y: 3 * k }))
  const smoothed = smooth(line, { count: 11, reach: 5, summary: median })
  smoothed.slice(0, -1).forEach(({ x, y }) => assert.is(y, 3 * x)) // a straight line stays where it is
  assert.equal([smoothed[0].x, smoothed[10].x], [0, 100])
  assert.is(median([3, 1, 1e6]), 3)
  assert.is(median([4, 1]), 2.5)
})

test.run()

// Charts: what stands where, read back out of the SVG; names at the ends of curves do not cover each other.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import type { Chart, ChartPanel } from '../src/inspect/chart.ts'
import { drawChart } from '../src/inspect/pictures/chart.ts'
import { all, moved, named, parseXml, type XmlElement } from './xml.ts'

const test = suite('chart')

const draw = (panel: Partial<ChartPanel>): XmlElement => {
  const chart: Chart = {
    title: 'A title', look: 'where to look', caption: 'A < B & "C"',
    panels: [{ x: { label: 'time' }, y: { label: 'size' }, ...panel }],
  }
  return parseXml(drawChart('name', chart).svg)
}
const number = (element: XmlElement, name: string) => Number(element.attributes.get(name))
const wears = (element: XmlElement | null, name: string): boolean =>
  (element?.attributes.get('class') ?? '').split(' ').includes(name)

/** From values to places, by the first and the last label of an axis. */
function scaleOf(root: XmlElement, axis: 'x' | 'y', f = (value: number) => value): (value: number) => number {
  const [group] = all(root, (e) => e.attributes.get('aria-label') === `${axis}-axis tick label`)
  const labels = named(group, 'text').filter(({ text }) => text !== '')
    .map((e) => [f(Number(e.text.replaceAll(',', ''))), moved({ ...e, parent: null })[axis === 'x' ? 0 : 1]])
  const [first, last] = [labels[0], labels[labels.length - 1]]
  const slope = (last[1] - first[1]) / (last[0] - first[0])
  return (value) => first[1] + slope * (f(value) - first[0])
}

test('dots stand where the axes say, also on logarithmic ones', () => {
  for (const log of [false, true]) {
    const points = [[1, 0.002], [30, 5], [100, 0.4]] as const
    const root = draw({ dots: [{ points }], x: { label: 'time', log }, y: { label: 'size', log } })
    const f = log ? Math.log : (value: number) => value
    const [x, y] = [scaleOf(root, 'x', f), scaleOf(root, 'y', f)]
    const circles = all(root, (e) => e.name === 'circle' && wears(e.parent, 'fill-ink'))
    assert.is(circles.length, 3)
    const origin = [number(circles[0], 'cx') - x(1), number(circles[0], 'cy') - y(0.002)]
    circles.forEach((circle, k) => {
      assert.ok(Math.abs(number(circle, 'cx') - x(points[k][0]) - origin[0]) < 0.3)
      assert.ok(Math.abs(number(circle, 'cy') - y(points[k][1]) - origin[1]) < 0.3)
    })
  }
})

test('curves take colours in order; their names stand at their ends, apart, in their colours', () => {
  const curves = ['first', 'second', 'third'].map((label, k) =>
    ({ label, points: [[0, 0], [1, 1 + k / 1000]] as const }))
  const root = draw({ curves })
  const names = all(root, (e) => e.name === 'text' && ['first', 'second', 'third'].includes(e.text))
  assert.equal(names.map(({ text }) => text), ['third', 'second', 'first']) // from the top
  const tops = names.map((e) => number(e, 'y'))
  assert.ok(tops[1] - tops[0] >= 13 && tops[2] - tops[1] >= 13, tops.join())
  assert.equal(names.map((e) => e.attributes.get('class')), ['fill-limit', 'fill-held', 'fill-train'])
  for (const role of ['train', 'held', 'limit']) {
    assert.is(all(root, (e) => wears(e, `stroke-${role}`) && named(e, 'path').length === 1).length, 1)
  }
})

test('the name of a limit stands apart from that of a curve which ends there, in no curve\'s colour', () => {
  const root = draw({
    curves: [{ label: 'curve', points: [[0, 0], [1, 1]] }], limits: [{ y: 1, label: 'limit' }],
  })
  const [one, other] = all(root, (e) => e.name === 'text' && ['curve', 'limit'].includes(e.text))
  assert.ok(Math.abs(number(one, 'y') - number(other, 'y')) >= 13)
  const limit = [one, other].find(({ text }) => text === 'limit')
  assert.is(limit?.attributes.get('class'), 'fill-quiet')
})

test('cells: a rectangle for each run of one shade, nothing where the value is 0', () => {
  const root = draw({
    x: { label: null }, y: { label: null },
    cells: [{ columns: [0, 1, 2, 3], rows: [0, 1, 2], values: [[1, 1, 0], [0.5, 0, 1]] }],
  })
  const paths = all(root, (e) => e.name === 'path' && e.attributes.get('class') === 'fill-ink')
  assert.equal(paths.map((e) => e.attributes.get('fill-opacity')), ['0.5', '1'])
  assert.equal(paths.map((e) => e.attributes.get('d')?.match(/M/g)?.length), [1, 2])
  const coloured = draw({
    cells: [{ columns: [0, 1, 2], rows: [0, 1], values: [[0, 9]], shades: { from: 0, to: 9 } }],
  })
  const colours = all(coloured, (e) => e.name === 'path' && e.attributes.has('fill') &&
    e.parent?.attributes.get('shape-rendering') === 'crispEdges').map((e) => e.attributes.get('fill'))
  assert.is(new Set(colours).size, 2)
})

test('words, limits and what is said of the picture; a light and a dark set of colours', () => {
  const root = draw({
    dots: [{ points: [[0, 0], [1, 1]] }], limits: [{ y: 0.5, label: 'limit 0.5' }],
    words: [{ at: [0.5, 0.2], text: 'a < b', side: 'right' }],
  })
  for (const said of ['a < b', 'limit 0.5', 'A title', 'where to look', 'A < B & "C"', 'time', 'size']) {
    assert.ok(root.text.includes(said), said)
  }
  assert.match(named(root, 'style')[0].text, 'prefers-color-scheme:dark')
  assert.match(named(root, 'style')[0].text, '.fill-fourth')
})

test('all values the same, a single point, no point at all: still a picture', () => {
  draw({ curves: [{ points: [[0, 3], [1, 3]], label: 'flat' }] })
  draw({ curves: [{ points: [[2, 3]] }], y: { label: 'size', log: true } })
  draw({ curves: [{ points: [], label: 'nothing' }] })
  draw({ curves: [{ points: [[0, NaN], [1, 2], [2, Infinity]], label: 'broken' }] })
})

test.run()

// The pictures of a run: what stands where, read back out of the SVG and held against the data.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { drawPictures } from '../src/inspect/pictures/draw.ts'
import type { Picture } from '../src/inspect/pictures/picture.ts'
import { type Event, flow, history, settings, steps, validation } from './run-events.ts'
import { all, moved, named, parseXml, type XmlElement } from './xml.ts'

const test = suite('pictures')
const near = (found: number, wanted: number, what: string) =>
  assert.ok(Math.abs(found - wanted) < 0.1, `${what}: ${found}, should be ${wanted}`)

function draw(...events: (Event | Event[])[]): Map<string, Picture & { root: XmlElement }> {
  const pictures = drawPictures(history(...events))
  return new Map(pictures.map((picture) => [picture.name, { ...picture, root: parseXml(picture.svg) }]))
}

const wears = (element: XmlElement, name: string): boolean =>
  (element.attributes.get('class') ?? '').split(' ').includes(name)
const number = (element: XmlElement, name: string) => Number(element.attributes.get(name))

/** The circles of a colour: where they stand. */
function dots(root: XmlElement, role: string): [number, number][] {
  const circles = all(root, (e) => e.name === 'circle' && wears(e.parent!, role))
  return circles.map((e) => {
    const [x, y] = moved(e)
    return [x + number(e, 'cx'), y + number(e, 'cy')]
  })
}

/** The labels along an axis, the k-th of the picture: [text, x, y]. */
function labels(root: XmlElement, axis: 'x' | 'y', k = 0): [string, number, number][] {
  const groups = all(root, (e) => e.attributes.get('aria-label') === `${axis}-axis tick label`)
  const [dx, dy] = moved({ ...groups[k], parent: null, attributes: groups[k].attributes })
  return named(groups[k], 'text').filter((e) => e.text !== '')
    .map((e) => [e.text, moved(e)[0] - dx, moved(e)[1] - dy])
}

/** From values to places, by two labels of the axis, with f linear along it. */
function scaleOf(root: XmlElement, axis: 'x' | 'y', k = 0, f = (value: number) => value) {
  const at = axis === 'x' ? 1 : 2
  const [first, ...others] = labels(root, axis, k)
  const last = others[others.length - 1]
  const value = (label: string) => f(Number(label.replaceAll(',', '')))
  const slope = (last[at] - first[at]) / (value(last[0]) - value(first[0]))
  return (v: number) => first[at] + slope * (f(v) - value(first[0]))
}

test('losses stand where the axes say, in both units; validation too', () => {
  const data = steps(30)
  const held = [validation(10, 2.9), validation(30, 1.9)]
  const { root } = draw(data, held).get('loss')!
  const x = scaleOf(root, 'x')
  const nats = scaleOf(root, 'y', 0)
  const bits = scaleOf(root, 'y', 1)
  const points = dots(root, 'fill-train')
  assert.is(points.length, 30)
  points.forEach(([px, py], k) => {
    near(px, x(k + 1), `x of step ${k + 1}`)
    near(py, nats(Number(data[k].loss)), `loss of step ${k + 1}`)
    near(py, bits(Number(data[k].loss) / Math.LN2), `bits of step ${k + 1}`)
  })
  const heldPoints = dots(root, 'fill-held')
  assert.is(heldPoints.length, 2)
  heldPoints.forEach(([px, py], k) => {
    near(px, x(Number(held[k].step)), 'x')
    near(py, nats(Number(held[k].loss)), 'validation')
  })
})

test('words: the right axis is perplexity', () => {
  const data = steps(30).map((event) => ({ ...event, loss: 3 + Number(event.loss) }))
  const { root, title } = draw({ ...settings, unit: 'word' }, data).get('loss')!
  assert.is(title, 'Loss and perplexity')
  const perplexity = scaleOf(root, 'y', 1, Math.log)
  dots(root, 'fill-train').forEach(([, y], k) => near(y, perplexity(Math.exp(data[k].loss)), `step ${k + 1}`))
})

test('norms on a logarithmic axis, the bound as a line, the share that is clipped', () => {
  const data = steps(30)
  const { root, caption } = draw(data).get('gradient-norm')!
  const y = scaleOf(root, 'y', 0, Math.log)
  const points = dots(root, 'fill-train')
  points.forEach(([, py], k) => near(py, y(Number(data[k].gradNorm)), `step ${k + 1}`))
  const [rule] = all(root, (e) => e.name === 'line' && wears(e.parent!, 'stroke-limit'))
  near(moved(rule)[1] + number(rule, 'y1'), y(2), 'the bound')
  points.forEach(([, py], k) => assert.is(py < y(2), data[k].clipped, 'above the line are those clipped'))
  const clipped = data.filter((event) => event.clipped).length
  const percentOfAll = (100 * clipped / 30).toFixed(0)
  assert.match(caption, `${clipped} of 30 steps (${percentOfAll} %) went above the bound of 2`)
  const percent = scaleOf(root, 'y', 1)
  dots(root, 'fill-limit').forEach(([, py], k) => {
    const around = data.slice(Math.max(0, k - Math.min(10, k)), k + Math.min(10, k) + 1)
    const share = around.filter((event) => event.clipped).length / around.length
    near(py, percent(100 * share), `share at ${k + 1}`)
  })
})

test('the heat map: each cell has the colour that the legend gives to its norm', () => {
  const flows = [1, 20, 40, 60].map((step) => flow(step, 8, 2))
  const { root, caption } = draw(steps(60), flows).get('gradient-flow')!
  const groups = all(root, (e) => e.attributes.get('shape-rendering') === 'crispEdges')
  assert.is(groups.length, 3) // two layers and the legend
  const legend = scaleOf(root, 'x', 2, Math.log)
  const [, legendTop] = moved(groups[2])
  const [leftmost] = named(groups[2], 'path')[0].attributes.get('d')!.slice(1).split(' ').map(Number)
  const colourOf = (norm: number) => colourAt(groups[2], Math.max(legend(norm), leftmost), legendTop + 10)
  groups.slice(0, 2).forEach((group, layer) => {
    const x = scaleOf(root, 'x', layer)
    const lag = scaleOf(root, 'y', layer)
    for (const event of flows) {
      const rows = event.layers as number[][]
      rows[layer].forEach((norm, k) => {
        const found = colourAt(group, x(Number(event.step)), lag(k))
        assert.ok(found !== undefined)
        const around = [norm * 0.99, norm, norm * 1.01].map((n) => colourOf(Math.min(n, 0.9999)))
        assert.ok(around.includes(found), `layer ${layer}, step ${event.step}, lag ${k}: ${found}`)
      })
    }
  })
  assert.match(caption, /in layer 1 from 5 steps back at step 1 to beyond 7 steps at step 60, in layer 2 /)
})

/** The colour of the cell that holds a point. */
function colourAt(group: XmlElement, x: number, y: number): string | undefined {
  const [dx, dy] = moved(group)
  return named(group, 'path').find((path) => {
    const boxes = path.attributes.get('d')!.matchAll(/M(\S+) (\S+)H(\S+)V(\S+)H\S+Z/g)
    return [...boxes].some(([, ...edges]) => {
      const [x1, y1, x2, y2] = edges.map(Number)
      const inside = (at: number, a: number, b: number) => at >= Math.min(a, b) && at <= Math.max(a, b)
      return inside(x - dx, x1, x2) && inside(y - dy, y1, y2)
    })
  })?.attributes.get('fill')
}

test('one measurement is told as one', () => {
  assert.match(draw(steps(2), flow(1)).get('gradient-flow')!.caption,
    /^The lag at which the gradient of h has fallen to a thousandth was [^,]+ back at step 1\.$/)
})

test('the cell state of an LSTM has panels of its own', () => {
  const event = flow(1, 8, 2)
  const { root } = draw(steps(2), { ...event, cells: event.layers }).get('gradient-flow')!
  const titles = all(root, (e) => e.attributes.get('aria-label') === 'y-axis label').map((e) => e.text)
  const expected = ['layer 1, h', 'layer 1, c', 'layer 2, h', 'layer 2, c']
  assert.equal(titles.map((title) => title.split(':')[0]), expected)
})

test('the learning rate is drawn if it changes', () => {
  assert.is(draw(steps(30)).has('learning-rate'), false)
  const halved = steps(30).map((event, k) => ({ ...event, learningRate: k < 15 ? 0.1 : 0.05 }))
  const { root } = draw(halved).get('learning-rate')!
  const y = scaleOf(root, 'y')
  const [line] = all(root, (e) => e.name === 'path' && wears(e.parent!, 'stroke-train'))
  const d = line.attributes.get('d')!
  const top = moved(line)[1]
  const heights = [...d.matchAll(/[ML][\d.]+,([\d.]+)/g)].map(([, py]) => Number(py) + top)
  near(Math.min(...heights), y(0.1), 'at first')
  near(Math.max(...heights), y(0.05), 'in the end')
})

test('a hundred thousand steps: small files, under two seconds of a processor, and no spike vanishes', () => {
  const data = steps(100_000)
  data[49_999].loss = 1e6
  data[69_999].loss = 5.5
  data[29_999].gradNorm = 500
  const flows = Array.from({ length: 2000 }, (_, k) => flow(50 * (k + 1), 64, 2))
  const known = history(data, flows)
  const started = process.cpuUsage()
  const drawn = new Map(drawPictures(known).map((picture) => [picture.name, picture.svg]))
  const { user } = process.cpuUsage(started) // microseconds
  assert.ok(user < 2e6, `${user} µs`)
  for (const [name, svg] of drawn) assert.ok(svg.length < 200_000, `${name}: ${svg.length} characters`)
  const loss = parseXml(drawn.get('loss')!)
  const x = scaleOf(loss, 'x')
  const top = (root: XmlElement, at: number) => {
    const outlines = all(root, (e) => e.name === 'path' && wears(e.parent!, 'fill-train'))
    const points = outlines.flatMap((e) => [...e.attributes.get('d')!.matchAll(/(-?[\d.]+),(-?[\d.]+)/g)]
      .map(([, px, py]) => [moved(e)[0] + Number(px), moved(e)[1] + Number(py)]))
    return Math.min(...points.filter(([px]) => Math.abs(px - at) < 2).map(([, py]) => py))
  }
  near(top(loss, x(70_000)), scaleOf(loss, 'y')(5.5), 'a loss of 5.5')
  const [triangle, ...others] = all(loss, (e) => e.name === 'path' && wears(e.parent!, 'fill-limit'))
  assert.is(others.length, 0)
  near(moved(triangle)[0], x(50_000), 'the triangle')
  assert.match(loss.text, 'up to 1e6')
  const norm = parseXml(drawn.get('gradient-norm')!)
  near(top(norm, x(30_000)), scaleOf(norm, 'y', 0, Math.log)(500), 'a norm of 500')
})

test('a run that explodes for good gets a logarithmic axis', () => {
  const data = steps(200).map((event, k) => k < 100 ? event : { ...event, loss: 10 ** (k / 20) })
  const { root } = draw(data).get('loss')!
  const y = scaleOf(root, 'y', 0, Math.log)
  const line = all(root, (e) => e.name === 'path' && e.parent!.attributes.get('stroke-width') === '2').at(-1)!
  const [, last] = /,([\d.]+)$/.exec(line.attributes.get('d')!)!
  assert.ok(Number(last) + moved(line)[1] < y(1e8))
})

test('odd runs: one step, none, no validation, no bound, norms of zero, all alike, gone on with', () => {
  assert.equal(drawPictures(history()), [])
  const [one] = steps(1)
  const finite = (...events: (Event | Event[])[]) => {
    for (const { svg, name } of draw(...events).values()) {
      assert.not.match(svg, /NaN|Infinity|undefined/, name)
    }
  }
  finite(one)
  finite(one, flow(1), validation(1, 2))
  finite(one, { ...flow(1), lags: [0], layers: [[0.5]] })
  finite(steps(50).map((event) => ({ ...event, loss: 2, gradNorm: 0 })))
  finite({ event: 'begin' }, steps(50))
  const resumed = [100, 300].map((step) => ({ event: 'resume', step }))
  finite({ ...settings, clip: null }, steps(400), resumed)
  finite(steps(50), { ...flow(1), layers: [[0, 0, 0, 0, 0, 0, 0, 0]] })
  finite(steps(50), flow(1, 8), flow(25, 4), flow(50, 4))
  finite(steps(50).map((event) => ({ ...event, loss: 1e308 })))
  finite({ ...settings, unit: 'word' }, steps(50).map((event, k) => ({ ...event, loss: k < 9 ? 3 : 1e308 })))
  finite(steps(50).map((event) => ({ ...event, loss: 1e-12 })))
  assert.match(draw(one).get('loss')!.caption, 'No validation was made.')
})

const luminance = (colour: string): number => {
  const [r, g, b] = [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16) / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

test('light and dark: all that is worn has both colours, and stands out from the page', () => {
  for (const { root } of draw(steps(500), validation(500, 2), flow(1)).values()) {
    const style = named(root, 'style')[0].text
    const [light, dark] = style.split('@media(prefers-color-scheme:dark)')
    for (const rules of [light, dark]) {
      const colours = new Map([...rules.matchAll(/\.(fill-\w+|stroke-\w+)\{\w+:(#\w{6})\}/g)]
        .map(([, name, colour]) => [name, colour]))
      const page = luminance(colours.get('fill-page')!)
      const worn = all(root).flatMap((e) => (e.attributes.get('class') ?? '').split(' ').filter(Boolean))
      for (const name of new Set(worn)) {
        const colour = colours.get(name)
        assert.ok(colour, `${name} has no colour`)
        const own = luminance(colour!)
        const contrast = (Math.max(own, page) + 0.05) / (Math.min(own, page) + 0.05)
        if (name !== 'fill-page') assert.ok(contrast >= 4.5, `${name} ${colour}: ${contrast}`) // WCAG AA
      }
      assert.match(rules, /svg\.unrolled\{color:#\w{6}\}/)
    }
  }
})

test('each stands alone: a name for those who cannot see it, nothing from elsewhere', () => {
  for (const { root, svg, title, caption } of draw(steps(60), flow(1)).values()) {
    assert.is(root.attributes.get('role'), 'img')
    assert.is(root.attributes.get('aria-label'), `${title}. ${caption}`)
    assert.is(named(root, 'title')[0].text, title)
    const own = svg.replace('http://www.w3.org/2000/svg', '')
    assert.not.match(own, /https?:|url\(|<script|<image|@import|href/)
  }
})

test.run()

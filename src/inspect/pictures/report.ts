// The report of a training run: one HTML file with its numbers, pictures, samples and settings. It needs no
// network and no script, follows the reader's light or dark setting, and every piece of text in it that came
// from outside (samples, names of files) is escaped. Read next: draw.ts, NOTES.md on what they show.

import { endOf, type History, type LossRecord, type SampleRecord } from './history.ts'
import type { Picture } from './picture.ts'
import { median, pieces } from './thin.ts'
import { escapeText } from './svg.ts'

const SAMPLES = 12 // at most so many are shown
const LONGEST = 2000 // characters of one

/** The report as an HTML document. */
export function renderReport(history: History, pictures: readonly Picture[]): string {
  const { settings } = history
  const title = `${text(settings.name ?? 'A training run')}: ${describe(settings)}`
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${commandOf(settings)}${numbersOf(history)}
${pictures.map(figureOf).join('\n')}
${samplesOf(history.samples)}
${settingsOf(settings)}
</main>
<footer>
<p>Made by unrolled ${text(settings.version ?? '')} from metrics.jsonl, which has all the numbers.</p>
</footer>
</body>
</html>
`
}

const text = (value: string | number | boolean): string => escapeText(String(value))
const number = (n: number): string => n.toLocaleString('en-US')

/** `lstm, 2 x 200 units` */
function describe({ cell, layers, hidden }: History['settings']): string {
  if (cell === undefined) return 'what it told'
  return `${text(cell)}, ${text(layers ?? '?')} x ${text(hidden ?? '?')} units`
}

function commandOf({ command }: History['settings']): string {
  return typeof command === 'string' ? `<pre class="command"><code>${text(command)}</code></pre>\n` : ''
}

/** Final numbers as a table: what people look for first. */
function numbersOf(history: History): string {
  const { steps, validations, tests, resumes, settings } = history
  const last = steps.at(-1)
  if (!last) return '<p>The run ended before its first step.</p>'
  const best = validations.reduce<LossRecord | undefined>((a, b) => a && a.loss <= b.loss ? a : b, undefined)
  const final = validations.at(-1)
  const test = tests.at(-1)
  const speeds = steps.flatMap(({ tokensPerSecond }) => tokensPerSecond ?? [])
  const clipped = steps.filter((step) => step.clipped).length
  const rows: [string, string][] = [['Steps', number(last.step)]]
  const told = (loss: number) => lossIn(settings.unit, loss)
  const { loss, over } = endOf(steps)
  rows.push([`Training loss, ${over}`, told(loss)])
  if (final) rows.push(['Validation, at the end', `${told(final.loss)} at step ${number(final.step)}`])
  if (best && best !== final) {
    rows.push(['Validation, best', `${told(best.loss)} at step ${number(best.step)}`])
  }
  if (test) rows.push(['Test', told(test.loss)])
  rows.push(['Steps clipped', `${number(clipped)} (${(100 * clipped / steps.length).toFixed(1)} %)`])
  if (speeds.length > 0) rows.push(['Speed', `${number(Math.round(median(speeds)))} tokens per second`])
  if (resumes.length > 0) rows.push(['Resumed', `after step ${resumes.map(number).join(', ')}`])
  return section('Numbers', table(rows))
}

function lossIn(unit: unknown, loss: number): string {
  const perplexity = `perplexity ${Math.exp(loss) < 1e6 ? Math.exp(loss).toFixed(2) : 'above a million'}`
  const bits = `${(loss / Math.LN2).toFixed(3)} bits per character`
  return `${loss.toFixed(4)} nats, ${unit === 'word' ? perplexity : `${bits}, ${perplexity}`}`
}

function figureOf({ caption, svg }: Picture): string {
  return `<figure>\n${svg.trimEnd()}\n<figcaption>${text(caption)}</figcaption>\n</figure>`
}

/** The first and the last sample, and some in between. */
function samplesOf(samples: readonly SampleRecord[]): string {
  if (samples.length === 0) return ''
  const parts = pieces(samples.length, SAMPLES)
  const chosen = parts.map(([from, to], k) => samples[k === parts.length - 1 ? to - 1 : from])
  const blocks = chosen.map((sample) => `<h3>Step ${number(sample.step)}</h3>\n` +
    `<pre class="sample" dir="auto">${text(cut(sample.text.trim()))}</pre>`)
  const all = chosen.length === samples.length ? ''
    : `<p>${chosen.length} of ${number(samples.length)}; all are in metrics.jsonl.</p>\n`
  return section('Samples on the way', all + blocks.join('\n'))
}

function cut(sample: string): string {
  const characters = [...sample]
  return characters.length > LONGEST ? `${characters.slice(0, LONGEST).join('')} ...` : sample
}

const HIDDEN = ['version', 'command', 'name'] // said elsewhere

function settingsOf(settings: History['settings']): string {
  const rows = Object.entries(settings).filter(([name]) => !HIDDEN.includes(name))
    .map(([name, value]): [string, string] => [spaced(name), shown(value)])
  return rows.length === 0 ? '' : section('Settings', table(rows))
}

/** `learningRate` -> `learning rate` */
const spaced = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
const shown = (value: string | number | boolean): string =>
  typeof value === 'number' && Number.isInteger(value) ? number(value) : String(value)

function table(rows: readonly [string, string][]): string {
  const lines = rows.map(([name, value]) =>
    `<tr><th scope="row">${text(name)}</th><td>${text(value)}</td></tr>`)
  return `<table>\n<tbody>\n${lines.join('\n')}\n</tbody>\n</table>`
}

function section(title: string, inside: string): string {
  return `<section>\n<h2>${title}</h2>\n${inside}\n</section>`
}

const STYLE = `
:root { --ink: #1b1f24; --page: #ffffff; --quiet: #5b6169; --line: #d5d9de; --box: #f4f5f7 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --page: #15171a; --quiet: #a3a9b1; --line: #3a3f46; --box: #1f2226 }
}
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main, footer { max-width: 800px; margin: 0 auto; padding: 0 20px }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 1.5rem 0 1rem; overflow-wrap: anywhere }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
h3 { font-size: .95rem; margin: 1rem 0 .25rem; color: var(--quiet) }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; font-weight: normal; padding: .25rem .75rem .25rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
th { color: var(--quiet); width: 19rem }
figure { margin: 2rem 0; border: 1px solid var(--line); border-radius: 6px; overflow: hidden }
figure svg { display: block; width: 100%; height: auto }
figcaption { padding: .5rem .75rem .75rem; color: var(--quiet); font-size: .9rem }
pre { background: var(--box); border-radius: 6px; padding: .75rem; margin: .25rem 0 1rem;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: .875rem }
footer { color: var(--quiet); font-size: .85rem; padding-bottom: 2rem }
`

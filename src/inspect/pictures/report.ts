// The report of a training run: one HTML file with its numbers, pictures, samples and settings. It needs no
// network and no script, follows the reader's light or dark setting, and every piece of text in it that came
// from outside (samples, names of files) is escaped. Read next: draw.ts, NOTES.md on what they show.

import { endOf, type History, type LossRecord, type SampleRecord } from './history.ts'
import { figureOf, page, section, table, text } from './page.ts'
import type { Picture } from './picture.ts'
import { median, pieces } from './thin.ts'

const SAMPLES = 12 // at most so many are shown
const LONGEST = 2000 // characters of one

/** The report as an HTML document. */
export function renderReport(history: History, pictures: readonly Picture[]): string {
  const { settings } = history
  const title = `${text(settings.name ?? 'A training run')}: ${describe(settings)}`
  return page(title, `${commandOf(settings)}${numbersOf(history)}
${pictures.map(figureOf).join('\n')}
${samplesOf(history.samples)}
${settingsOf(settings)}`, `Made by unrolled ${text(settings.version ?? '')} from metrics.jsonl, which has ` +
    'all the numbers.')
}

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

// What a long run shows while it runs. On a terminal, one line that is drawn again and again:
//
//   [====>      ]  41 %  loss 1.723  2.486 bits/char  norm 1.94  clipped 3 %  21,404 tok/s  1m 10s left
//
// elsewhere (a file, a pipe) plain lines without the bar: the first, the last, and one every 5 seconds
// between. No colours, so there is nothing that NO_COLOR would have to turn off. Read next: options.ts.

import { thousands } from '../check.ts'

/** The part of process.stderr or process.stdout that is used. */
export interface ProgressStream {
  write(text: string): unknown
  /** width of the terminal, in characters */
  columns?: number
}

/** Where a run is. What is left out is not shown. */
export interface ProgressFields {
  /** share of the run that is done, 0 to 1 */
  fraction: number
  /** share that was done before, when a run is gone on with: for the time that is left; 0 by default */
  before?: number
  /** number of the step, from 1: in plain lines only, a bar has no room for it */
  step?: number
  /** nats per token */
  loss?: number
  bitsPerChar?: number
  perplexity?: number
  /** norm of the gradient before clipping */
  gradNorm?: number
  /** share of the steps that were clipped, 0 to 1 */
  clipped?: number
  tokensPerSecond?: number
}

/** Whether a line can be drawn again there; a dumb terminal, as in an editor, shows the codes for it. */
export function isTerminal(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb'
}

export interface Progress {
  /** Shows where the run is, if it is time to. */
  update(fields: ProgressFields): void
  /** Prints text above the bar; it may have several lines. */
  line(text: string): void
  /** Shows a passing remark in the bar's place, if it is time to: what is done while no step is. */
  note(text: string): void
  /** Shows the last update and leaves it standing; what follows stands below it. */
  done(): void
}

const SECONDS_BETWEEN_DRAWS = 0.1
const SECONDS_BETWEEN_LINES = 5
const WIDEST_BAR = 30
const NARROWEST_BAR = 6
const CLEAR_TO_END = '\x1b[K'

/**
 * @param now the time in seconds; time left is reckoned from when `progress` was called
 */
export function progress({ stream, isTTY, now = () => performance.now() / 1000 }: {
  stream: ProgressStream, isTTY: boolean, now?: () => number,
}): Progress {
  const started = now()
  const pause = isTTY ? SECONDS_BETWEEN_DRAWS : SECONDS_BETWEEN_LINES
  let latest: ProgressFields | null = null
  let shown = false // whether the latest is
  let shownAt = -Infinity
  let ended = false
  const cursor = cursorOf(stream, isTTY)

  const show = (): void => {
    if (latest === null) return
    const elapsed = now() - started
    cursor.draw(isTTY ? draw(latest, elapsed, stream.columns) : plainLine(latest, elapsed))
    shown = true
    shownAt = now()
  }
  return {
    update(fields) {
      if (ended) return
      latest = fields
      shown = false
      if (now() - shownAt >= pause) show()
    },
    line(text) {
      const onBar = cursor.erase()
      stream.write(`${text}\n`)
      if (onBar && !ended) show()
    },
    note(text) {
      if (now() - shownAt < pause) return
      cursor.draw(isTTY ? text.slice(0, room(stream.columns)) : text)
      shown = false
      shownAt = now()
    },
    done() {
      if (!ended && !shown) show()
      if (ended || latest === null) cursor.erase() // a note does not stay, the bar does
      else cursor.leave()
      ended = true
    },
  }
}

// The line that a terminal's cursor is on, drawn in place; elsewhere each drawing is a line of its own.
function cursorOf(stream: ProgressStream, isTTY: boolean) {
  let drawn = false
  const end = (text: string): boolean => {
    const was = drawn
    if (drawn) stream.write(text)
    drawn = false
    return was
  }
  return {
    draw(text: string): void {
      stream.write(isTTY ? `\r${text}${CLEAR_TO_END}` : `${text}\n`)
      drawn = isTTY
    },
    /** Empties the line, and says whether anything was drawn there; so does `leave`, which lets it stand. */
    erase: (): boolean => end(`\r${CLEAR_TO_END}`),
    leave: (): boolean => end('\n'),
  }
}

/** `45s`, `1m 23s`, `2h 05m`; `?` when it is not known. */
export function formatTime(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '?'
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole}s`
  const two = (n: number): string => String(n).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`
  return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`
}

function plainLine(fields: ProgressFields, elapsed: number): string {
  const step = fields.step === undefined ? [] : [`step ${fields.step}`]
  return [...step, ...describe(fields, elapsed).values()].join('  ')
}

// Name of each field and its text, in the order shown. The short form fits 80 columns together with a bar.
function describe(fields: ProgressFields, elapsed: number, short = false): Map<string, string> {
  const { loss, bitsPerChar, perplexity, gradNorm, clipped, tokensPerSecond } = fields
  const done = doneShare(fields)
  const parts = new Map([['done', `${Math.floor(100 * done)} %`]]) // 100 % means that it is over
  if (loss !== undefined) parts.set('loss', `loss ${loss.toFixed(3)}`)
  if (bitsPerChar !== undefined) parts.set('bits', `${bitsPerChar.toFixed(3)} ${short ? 'b/c' : 'bits/char'}`)
  if (perplexity !== undefined) {
    const number = perplexity < 100_000 ? perplexity.toFixed(1) : perplexity.toPrecision(3)
    parts.set('bits', `${short ? 'ppl' : 'perplexity'} ${number}`)
  }
  if (gradNorm !== undefined) parts.set('norm', `norm ${gradNorm.toPrecision(3)}`)
  if (clipped !== undefined) {
    parts.set('clipped', `${short ? 'clip' : 'clipped'} ${Math.round(100 * clipped)} %`)
  }
  if (tokensPerSecond !== undefined) {
    const long = `${thousands(Math.round(tokensPerSecond))} tok/s`
    const few = tokensPerSecond < 1000
    const brief = few ? `${Math.round(tokensPerSecond)}/s` : `${(tokensPerSecond / 1000).toFixed(1)}k/s`
    parts.set('speed', short ? brief : long)
  }
  const left = formatTime(elapsed * (1 - done) / (done - (fields.before ?? 0))) + (short ? '' : ' left')
  parts.set('time', done === 1 ? formatTime(elapsed) + (short ? '' : ' in all') : left)
  return parts
}

function doneShare({ fraction }: ProgressFields): number {
  return fraction > 0 ? Math.min(1, fraction) : 0
}

// Characters that fit; the last column stays free, because many terminals wrap as soon as it is filled.
function room(columns: number | undefined): number {
  return Math.max(1, (columns || 80) - 1)
}

// One line that fits.
function draw(fields: ProgressFields, elapsed: number, columns: number | undefined): string {
  const whole = room(columns)
  const withBar = whole - NARROWEST_BAR - '[]  '.length
  let parts = describe(fields, elapsed)
  const text = (): string => [...parts.values()].join('  ')
  if (text().length > withBar) parts = describe(fields, elapsed, true)
  for (const name of ['clipped', 'norm', 'speed']) { // less missed than the bar
    if (text().length > withBar) parts.delete(name)
  }
  for (const name of ['loss', 'bits']) { // more missed than the bar
    if (text().length > whole) parts.delete(name)
  }
  const width = Math.min(WIDEST_BAR, whole - text().length - '[]  '.length)
  return width < NARROWEST_BAR ? text().slice(0, whole) : `${bar(doneShare(fields), width)}  ${text()}`
}

function bar(done: number, width: number): string {
  const filled = Math.round(done * width)
  const line = filled < width ? `${'='.repeat(filled)}>` : '='.repeat(width)
  return `[${line.padEnd(width)}]`
}

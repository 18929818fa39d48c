// metrics.jsonl: what a run told, one JSON object a line, the same events that --json prints. A new run keeps
// its lines in memory until it first saves, so that the lines of an older run stay until then. A run that is
// resumed cuts the file back to where it was when the checkpoint was made. Read next: run-folder.ts.

import * as fs from 'node:fs'

import { UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import { errorCode, reasonOf } from '../io/reasons.ts'

const NEWLINE = 0x0a

export class MetricsFile {
  readonly path: string
  private descriptor: number | null = null
  private waiting: string[] = [] // lines that have no file yet
  private bytes = 0

  constructor(path: string) {
    this.path = path
  }

  /** Bytes in all lines so far. */
  get length(): number {
    return this.bytes
  }

  /** Whether there is a file; otherwise the lines are in memory, and `text` has them. */
  get isOpen(): boolean {
    return this.descriptor !== null
  }

  get text(): string {
    return this.waiting.join('')
  }

  /** Adds a line. */
  line(text: string): void {
    this.bytes += Buffer.byteLength(text)
    if (this.descriptor === null) this.waiting.push(text)
    else this.attempt(() => { writeAll(this.descriptor!, text) })
  }

  /** The text so far is in the file now: what comes later is appended. */
  open(): void {
    this.attempt(() => { this.descriptor = fs.openSync(this.path, 'a') })
    this.waiting = []
  }

  /**
   * Opens a file that is there, and forgets what came after its first `length` bytes.
   * @returns whether all of these were there
   */
  cutBack(length: number): boolean {
    const found = fs.statSync(this.path, { throwIfNoEntry: false })?.size ?? 0
    this.attempt(() => {
      if (found > length) fs.truncateSync(this.path, length)
    })
    this.open()
    this.bytes = Math.min(found, length)
    if (found < length && this.bytes > 0 && !endsLine(this.path)) this.line('\n')
    return found >= length
  }

  /** Waits until all lines are on the disk. */
  sync(): void {
    this.attempt(() => { fs.fsyncSync(this.descriptor!) })
  }

  close(): void {
    if (this.descriptor !== null) fs.closeSync(this.descriptor)
    this.descriptor = null
  }

  private attempt(action: () => void): void {
    try {
      action()
    } catch (error) {
      const reason = errorCode(error) === '' ? String(error) : reasonOf(error)
      throw new UnrolledError(`${printable(this.path)}: cannot be written: ${reason}`)
    }
  }
}

/** One write may take a part only: when the disk is nearly full. */
function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length;) at += fs.writeSync(descriptor, bytes, at)
}

function endsLine(path: string): boolean {
  return fs.readFileSync(path).at(-1) === NEWLINE
}

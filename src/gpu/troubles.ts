// What goes wrong on the gpu is known only later: a call that was refused, a buffer for which there was no
// memory, a kernel that did not compile. So errors are kept with the number of the command buffer that was
// recorded when they arose, and whoever reads is told of those since the last that anybody was told of, up to
// its own command buffer. What was computed in between is lost; the device goes on.
// Next: recorder.ts, which counts command buffers; device.ts, read.

import { UnrolledError } from '../check.ts'

/** The worse comes first: a buffer that there is no memory for makes every use of it an error as well. */
type Kind = 'compiling' | 'memory' | 'use'
const ORDER: readonly Kind[] = ['compiling', 'memory', 'use']

interface Trouble {
  readonly serial: number
  readonly kind: Kind
  readonly error: UnrolledError
}

const firstLine = ({ message }: GPUError): string => message.split('\n', 1)[0]

/** Errors that are kept for readers who began before they were told: more than anybody reads at once. */
const MOST = 256

export class Troubles {
  private readonly gpu: GPUDevice
  /** the device's, for messages */
  private readonly name: string
  private readonly pending = new Set<Promise<void>>()
  private readonly found: Trouble[] = []
  /** the number of the command buffer that is recorded now */
  serial = 1
  /** the last command buffer of whose errors somebody was told */
  told = 0

  constructor(gpu: GPUDevice, name: string) {
    this.gpu = gpu
    this.name = name
    this.listen()
  }

  /** Called when a command buffer was submitted. */
  next(): void {
    this.expect('memory', this.gpu.popErrorScope())
    this.expect('use', this.gpu.popErrorScope())
    this.serial++
    this.listen()
  }

  /** An error that is there, or may turn up, in what is recorded now. */
  expect(kind: Kind, coming: Promise<GPUError | UnrolledError | null>): void {
    const { serial } = this
    const waiting = coming.catch(() => null).then((error) => { // a lost device says so by itself
      this.pending.delete(waiting)
      if (error) this.add(serial, kind, error)
    })
    this.pending.add(waiting)
  }

  /** @throws UnrolledError if there was trouble after command buffer `since` and up to `last` */
  async check(since: number, last: number): Promise<void> {
    await Promise.all(this.pending)
    const these = this.found.filter(({ serial }) => serial > since && serial <= last)
    if (these.length === 0) return
    this.told = Math.max(this.told, last)
    these.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind))
    throw these[0].error
  }

  private listen(): void {
    this.gpu.pushErrorScope('validation')
    this.gpu.pushErrorScope('out-of-memory')
  }

  private add(serial: number, kind: Kind, given: GPUError | UnrolledError): void {
    const error = given instanceof UnrolledError ? given : new UnrolledError(
      kind === 'memory' ? `${this.name}: the device has no memory left (${firstLine(given)}); ` +
        'take a smaller net, batch or window' : `${this.name}: ${firstLine(given)}`)
    this.found.push({ serial, kind, error })
    if (this.found.length > MOST) this.found.shift()
  }
}

// Weights laid out anew, so that what one thread needs of them are four neighbours
// (kernels/recurrence_pack.wgsl), as they are or rounded to float16. A copy may be kept with the parameter it
// was made of: it is made again when that is written to, and given back with it. A net that writes text takes
// one step at a time, so for it packing would cost more than the step.
//
// A number that float16 does not hold leaves a mark on the device, which the next read asks for: a weight
// never becomes infinity unseen. Next: halves.ts; recurrence.ts and matmul.ts, which use the copies.

import { show, UnrolledError } from '../check.ts'
import type { View } from '../device.ts'
import type { Blanks } from './kernels.ts'
import type { GpuDevice } from './device.ts'
import { typeOfFour } from './halves.ts'
import type { Buffer, GpuMemory } from './memory.ts'
import { gridFor } from './recorder.ts'
import { sources } from './sources.ts'

/** A matrix as [K + rows, N] times four numbers: its rows, then what is below them, or a row of zeros. */
export interface Packing {
  readonly w: View
  readonly K: number
  readonly N: number
  /** of k, n and the parts, in w */
  readonly strides: readonly [number, number, number]
  readonly columns: Columns
  /** a bias, or what units have of their own */
  readonly below?: Below | null
}

export interface Below {
  readonly x: View
  readonly rows: number
  /** how many of a column's parts it has */
  readonly parts: number
  /** of its rows, n and the parts, in x */
  readonly strides: readonly [number, number, number]
}

/** What a column of packed weights holds: `parts` numbers, of unit n perColumn + e perPart. */
export interface Columns {
  readonly parts: number
  readonly perColumn: number
  readonly perPart: number
  /** how many units there are */
  readonly units: number
}

export const fourUnits = (units: number): Columns => ({ parts: 4, perColumn: 4, perPart: 1, units })

/** A copy that is kept, and what it was made of. */
interface Kept {
  readonly memory: GpuMemory
  version: number
  below: GpuMemory | null
  belowVersion: number
}

export class Packer {
  private readonly device: GpuDevice
  /** by the memory of the weights, then by layout */
  private readonly kept = new WeakMap<GpuMemory, Map<string, Kept>>()
  /** the mark of a number that does not fit; made with the first copy in float16 */
  private flag: Buffer | null = null
  /** what mark m says: the shape marks[m - 1] */
  private readonly marks: string[] = []

  constructor(device: GpuDevice) {
    this.device = device
  }

  /** Elements of 4 bytes that a copy takes. */
  sizeOf({ K, N, below }: Packing): number {
    return (K + (below?.rows ?? 1)) * N * (this.device.halves ? 2 : 4)
  }

  /** A copy for as long as the weights are what they are now. */
  keep(packing: Packing): Buffer {
    const { w, K, N, strides, columns, below } = packing
    const owner = this.device.live(w)
    const copies = this.kept.get(owner) ?? new Map<string, Kept>()
    this.kept.set(owner, copies)
    const key = [w.offset, K, N, ...strides, columns.units, columns.parts, below?.x.offset].join(' ')
    const other = below ? this.device.live(below.x) : null
    const now = { version: owner.version, below: other, belowVersion: other?.version ?? 0 }
    let copy = copies.get(key)
    const isFresh = copy && copy.version === now.version &&
      copy.below === other && copy.belowVersion === now.belowVersion
    if (copy && isFresh) return copy.memory.buffer!
    if (!copy) {
      copy = { memory: this.device.take(this.sizeOf(packing)), ...now }
      this.device.unowned(copy.memory) // should the weights be garbage-collected, it goes with them
      copies.set(key, copy)
    }
    Object.assign(copy, now)
    this.pack(packing, copy.memory.buffer!)
    return copy.memory.buffer!
  }

  /** Gives back what is kept of a memory that is given back. */
  drop(owner: GpuMemory): void {
    for (const { memory } of this.kept.get(owner)?.values() ?? []) this.device.free(memory)
    this.kept.delete(owner)
  }

  /** Writes a copy into a buffer, as number s of copies of its size. */
  pack({ w, K, N, strides, columns, below }: Packing, packed: Buffer, s = 0): void {
    const count = (K + (below?.rows ?? 1)) * N
    const weights = this.device.floats('recurrence', w)
    const { parts, perColumn, perPart, units } = columns
    const { halves } = this.device
    this.device.launch({
      kernel: 'recurrencePack', variant: halves ? 'halves' : '', blanks: () => packBlanks(halves !== null),
      buffers: [
        weights, below ? this.device.floats('recurrence', below.x) : weights, packed,
        ...(halves ? [this.flagBuffer()] : []),
      ],
      values: [
        s * count, count, K, N, w.offset, ...strides, parts, perColumn, perPart, units,
        Number(!!below), below?.x.offset ?? 0, ...(below?.strides ?? [0, 0, 0]), below?.parts ?? 0,
        halves ? this.markOf(w) : 0,
      ],
      grid: gridFor(count, 64),
    })
  }

  /** The buffer whose first word is to be read with every reading; null if nothing was rounded yet. */
  get marked(): Buffer | null {
    return this.flag
  }

  /** What the mark that was read there says. */
  complaint(mark: number): UnrolledError | null {
    return mark === 0 ? null : new UnrolledError(
      `${this.device.name}: a weight of shape ${this.marks[mark - 1]} holds NaN or a number beyond 65504, ` +
      "which float16 does not hold; open the gpu with weights: 'float32'")
  }

  private flagBuffer(): Buffer {
    if (this.flag) return this.flag
    const { pool, recorder } = this.device
    this.flag = pool.takeBuffer(4, recorder.isBusy)
    recorder.write(this.flag, Int32Array.of(0))
    return this.flag
  }

  private markOf({ shape }: View): number {
    const text = show(shape)
    const at = this.marks.indexOf(text)
    return at < 0 ? this.marks.push(text) : at + 1
  }
}

function packBlanks(halves: boolean): Blanks {
  return halves ? { four: typeOfFour('unpacked'), half: sources.half, v: 'halves(v)' }
    : { four: typeOfFour(null), half: '', v: 'v' }
}

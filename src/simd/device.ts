// The simd device: the cpu device with its tensors in one WebAssembly memory, and loops that are kernels in
// WebAssembly SIMD, shared out to threads. Next: loops.ts; heap.ts; open.ts, which opens one.

import { CpuDevice } from '../cpu/device.ts'
import { matrix } from '../cpu/operands.ts'
import { Pool } from '../cpu/pool.ts'
import type { Device, FlatOps, FloatArray, Memory, RowOps, View } from '../device.ts'
import { sizeOf } from '../shape.ts'
import { SimdFlat } from './flat.ts'
import type { Heap } from './heap.ts'
import { addressOf, type Jobs } from './jobs.ts'
import { simdLoops } from './loops.ts'
import { Products } from './product.ts'
import { draw } from './random.ts'
import { SimdRows } from './rows.ts'

/** A device that computes with WebAssembly SIMD. */
export interface Simd extends Device {
  readonly threads: number
  /** whether a product and a sum are one instruction, rounded once */
  readonly multiplyAdd: boolean
  /** Ends the threads; the device and its tensors are of no more use. A process may also just end. */
  close(): void
}

export class SimdDevice extends CpuDevice implements Simd {
  readonly threads: number
  readonly multiplyAdd: boolean
  readonly rows: RowOps
  readonly flat: FlatOps
  private readonly jobs: Jobs
  private readonly products: Products

  constructor(heap: Heap, jobs: Jobs, multiplyAdd: boolean) {
    const pool = new Pool(heap)
    heap.whenFull = () => pool.empty()
    const products = new Products(heap, jobs)
    const scalar = () => heap.allocate('float32', 1) as Float32Array
    super('float32', {
      name: 'simd', pool, loops: simdLoops(heap, jobs, products),
      scalars: [scalar(), scalar()],
    })
    this.jobs = jobs
    this.products = products
    this.threads = jobs.threads
    this.multiplyAdd = multiplyAdd
    this.rows = new SimdRows(this.lent, jobs)
    this.flat = new SimdFlat(this.lent, jobs, heap)
  }

  affine(x: View, weight: View, bias: View): Memory {
    const [N, K] = x.shape
    const [M] = weight.shape
    const [X, W, start] = [x, weight, bias].map((view) => this.lent.floats('affine', view))
    return this.lent.made((take) => {
      const y = take(N * M)
      this.products.multiply(
        y.data as FloatArray, 0, matrix(X, x, false), matrix(W, weight, true), N, M, K,
        addressOf(start, bias.offset))
      return y
    })
  }

  dropout(
    x: View, limit: number, factor: number, key: readonly [number, number], counter: number,
  ): Memory {
    const X = this.lent.floats('dropout', x)
    return this.lent.made((take) => {
      const y = take(sizeOf(x.shape))
      draw(this.jobs, y.data as FloatArray, key, counter, { x: X, ix: x.offset, limit, factor })
      return y
    })
  }

  close(): void {
    this.jobs.close()
  }

  protected override checkUsable(): void {
    this.jobs.checkUsable()
  }
}

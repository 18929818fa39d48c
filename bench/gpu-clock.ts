// What a piece of work costs on a gpu: the host's time to record and submit it, the gpu's own time for it,
// and the time until a result is back on the host.
//
//   host   |-- encode --|                        |
//   gpu                 |------ gpu ------|      |
//          |------------- end to end ------------|
//
// The gpu's time is the difference of two timestamps, written by empty passes at the two ends of each command
// buffer: so it holds all dispatches, the gaps between them, and nothing of the host. Next: gpu-compare.ts.

import type { GpuDevice } from '../src/gpu/device.ts'

/** Seconds, and counts. */
export interface Cost {
  readonly encode: number
  /** null where the adapter has no timestamps */
  readonly gpu: number | null
  readonly total: number
  readonly dispatches: number
  /** command buffers */
  readonly submissions: number
}

/** The most command buffers of one measurement. */
const MOST = 16
/** Where a query set may be resolved to: multiples of this many bytes. */
const STRIDE = 256

export class Clock {
  private readonly device: GpuDevice
  private readonly queries: GPUQuerySet | null = null
  private readonly resolved: GPUBuffer
  private readonly staging: GPUBuffer
  /** command buffers begun since the measurement began */
  private begun = 0

  constructor(device: GpuDevice) {
    this.device = device
    const { gpu } = device
    if (gpu.features.has('timestamp-query')) {
      this.queries = gpu.createQuerySet({ type: 'timestamp', count: 2 * MOST })
    }
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage
    this.resolved = gpu.createBuffer({ size: STRIDE * MOST, usage: QUERY_RESOLVE | COPY_SRC })
    this.staging = gpu.createBuffer({ size: STRIDE * MOST, usage: MAP_READ | COPY_DST })
  }

  /** Measures work that records and submits before it first waits, and waits for a result. */
  async measure(work: () => Promise<unknown>): Promise<Cost> {
    const { recorder } = this.device
    recorder.flush()
    await this.device.gpu.queue.onSubmittedWorkDone()
    const before = { dispatches: recorder.dispatches, submissions: recorder.submissions }
    this.begun = 0
    recorder.watch = this.queries && ((commands, edge) => this.mark(commands, edge))
    try {
      const started = performance.now()
      const result = work()
      const encode = (performance.now() - started) / 1000
      await result
      const total = (performance.now() - started) / 1000
      recorder.watch = null
      return {
        encode, total, gpu: await this.elapsed(),
        dispatches: recorder.dispatches - before.dispatches,
        submissions: recorder.submissions - before.submissions,
      }
    } finally {
      recorder.watch = null
    }
  }

  // The timestamp is written when an empty pass ends: by then all that was recorded before it is done.
  private mark(commands: GPUCommandEncoder, edge: 'begin' | 'end'): void {
    if (edge === 'begin') this.begun++
    if (!this.queries || this.begun > MOST) return
    const first = 2 * (this.begun - 1)
    const at = edge === 'begin' ? first : first + 1
    commands.beginComputePass({
      timestampWrites: { querySet: this.queries, endOfPassWriteIndex: at },
    }).end()
    if (edge === 'end') commands.resolveQuerySet(this.queries, first, 2, this.resolved, STRIDE * first / 2)
  }

  private async elapsed(): Promise<number | null> {
    if (!this.queries || this.begun === 0 || this.begun > MOST) return null
    const { gpu } = this.device
    const commands = gpu.createCommandEncoder()
    commands.copyBufferToBuffer(this.resolved, 0, this.staging, 0, STRIDE * this.begun)
    gpu.queue.submit([commands.finish()])
    await this.staging.mapAsync(GPUMapMode.READ)
    const times = new BigUint64Array(this.staging.getMappedRange().slice(0))
    this.staging.unmap()
    let nanoseconds = 0
    for (let k = 0; k < this.begun; k++) {
      const at = k * STRIDE / 8
      nanoseconds += Number(times[at + 1] - times[at])
    }
    return nanoseconds / 1e9
  }
}

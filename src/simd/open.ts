// Opens the simd device: a memory, the module on it, and as many threads as are asked for. Next: device.ts.

import {
  availableThreads, mainMaySleep, mayShare, prepareEngine, startThread,
} from '#simd-threads'
import { checkCount, checkThat, describe, UnrolledError } from '../check.ts'
import { checkOptionNames } from '../suggest.ts'
import { SimdDevice, type Simd } from './device.ts'
import { Heap, makeMemory } from './heap.ts'
import { Jobs, WORDS } from './jobs.ts'
import { CONTROL_WORDS, makeMeeting } from './meeting.ts'
import { compileKernels, hasMultiplyAdd, instantiate } from './module.ts'
import type { Thread } from './threads.ts'

export interface SimdOptions {
  /** how many threads compute, the calling one included; as many as the machine runs at once by default */
  threads?: number | undefined
  /** whether a product and a sum may be one instruction, rounded once, where the engine has it; true */
  multiplyAdd?: boolean | undefined
}

/** More threads than this wait for each other more than they help. */
const MOST_THREADS = 16

/** Milliseconds that a thread that waits looks before it sleeps: waking it takes 0.05 to 0.3 of one. */
const SPIN = 1

/** Whether this engine has what the device needs. */
function hasSimd(): boolean {
  // (func (result v128) (v128.const i32x4 0 0 0 0))
  return typeof WebAssembly !== 'undefined' && WebAssembly.validate(Uint8Array.of(
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 22, 1, 20, 0, 253, 12,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11))
}

/**
 * Opens the simd device: float32 in WebAssembly SIMD. The same results, bit for bit, at any number of
 * threads; another rounding with and without multiplyAdd.
 * @throws UnrolledError, one line with the remedy, where the engine lacks SIMD or may not share memory
 */
export async function simd(options: SimdOptions = {}): Promise<Simd> {
  checkOptionNames('simd', options, ['threads', 'multiplyAdd'])
  const most = mayShare() ? Math.min(availableThreads(), MOST_THREADS) : 1
  const { threads = most, multiplyAdd = true } = options
  checkCount('simd: threads', threads)
  checkThat(threads <= 64, () => `simd: threads is ${threads}; 64 is the most`)
  checkThat(typeof multiplyAdd === 'boolean', () =>
    `simd: multiplyAdd is ${describe(multiplyAdd)}; it must be true or false`)
  checkThat(hasSimd(), () => 'simd: this engine has no WebAssembly SIMD; use cpu()')
  checkThat(threads === 1 || mayShare(), () =>
    `simd: threads is ${threads}, but this page may not share memory; serve it with the headers ` +
    'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or take 1')
  prepareEngine()
  const fused = multiplyAdd && hasMultiplyAdd()
  const module = await compileKernels(mayShare(), fused)
  const memory = makeMemory(mayShare())
  // the heap begins where the module says, and the control block stands in it: both after a first instance
  const { heapBase, EACH: { value: each } } = await instantiate(module, memory, () => 0)
  const heap = new Heap(memory, heapBase())
  const words = heap.allocate('int32', WORDS) as Int32Array
  const block = heap.allocate('int32', CONTROL_WORDS + each / 4 * threads)
  block.fill(0)
  // Where there are more threads than run at once, one that looks would take a working one's place.
  const spin = threads <= availableThreads() ? SPIN : 0
  const beginning = { module, memory, control: block.byteOffset, each, spin }
  const meeting = makeMeeting({ ...beginning, thread: 0 }, mainMaySleep)
  const kernels = await instantiate(module, memory, meeting.meet)
  kernels.enter(meeting.own)
  const workers: Thread[] = []
  try {
    for (let thread = 1; thread < threads; thread++) workers.push(startThread({ ...beginning, thread }))
    await Promise.all(workers.map(({ ready }) => ready))
  } catch (error) {
    workers.forEach((worker) => worker.end())
    const { message } = error as Error
    throw new UnrolledError(`simd: a thread could not be started: ${message}; ask for ` +
      (workers.length > 1 ? 'fewer' : 'threads: 1'))
  }
  return new SimdDevice(heap, new Jobs(kernels, meeting, words, workers), fused)
}

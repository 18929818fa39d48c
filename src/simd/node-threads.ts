// Threads in Node: worker_threads. They hold no process open and end with it.
// Twin: threads.ts, for a browser. Next: node-worker.ts.

import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'

import type { Beginning } from './meeting.ts'
import { hasMultiplyAdd } from './module.ts'
import TEXT from './node-worker.ts?text'
import type { Thread } from './threads.ts'

export const mainMaySleep = true

export function mayShare(): boolean {
  return true
}

export function availableThreads(): number {
  return availableParallelism()
}

/** Node 20 knows relaxed SIMD only if it is told to, before a module is compiled. */
export function prepareEngine(): void {
  if (!hasMultiplyAdd()) setFlagsFromString('--experimental-wasm-relaxed-simd')
}

export function startThread(beginning: Beginning): Thread {
  const name = `simd ${beginning.thread}`
  // the flags of the process would have what they import or require run here too
  const worker = new Worker(TEXT, { eval: true, workerData: beginning, name, execArgv: [] })
  const thread: Thread = {
    ready: new Promise((resolve, reject) => {
      worker.once('message', () => {
        worker.unref()
        resolve()
      })
      worker.once('error', (error) => {
        reject(error)
        thread.onEnd(String(error))
      })
      worker.once('exit', (code) => {
        reject(new Error(`it ended with code ${code}`))
        thread.onEnd(`it ended with code ${code}`)
      })
    }),
    onEnd: () => {},
    end: () => void worker.terminate(),
  }
  return thread
}

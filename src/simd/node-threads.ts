// Threads in Node: worker_threads. They hold no process open and end with it.
// Twin: threads.ts, for a browser.

import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'

import { type Beginning, workerText } from './meeting.ts'
import { hasMultiplyAdd } from './module.ts'
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

const TEXT = workerText(
  `const { parentPort, workerData } = require('node:worker_threads'); work(workerData)`,
  `parentPort.postMessage('ready')`)

export function startThread(beginning: Beginning): Thread {
  const worker = new Worker(TEXT, { eval: true, workerData: beginning, name: `simd ${beginning.thread}` })
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

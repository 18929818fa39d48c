// Threads in a browser: Web Workers, where the page is isolated (cross-origin), so that it may share memory.
// In Node, node-threads.ts takes the place of this page; the "imports" of package.json say so under the name
// #simd-threads. Next: worker.ts; meeting.ts.

import type { Beginning } from './meeting.ts'
import TEXT from './worker.ts?text'

/** A thread that has been started. */
export interface Thread {
  /** settles when the thread serves, or with an error when it cannot be started */
  readonly ready: Promise<void>
  /** called once, when the thread has ended by itself */
  onEnd: (why: string) => void
  end(): void
}

/** Whether threads may share memory here. */
export function mayShare(): boolean {
  return globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer !== 'undefined'
}

/** Whether the main thread may wait: a browser's may not. */
export const mainMaySleep = false

/** How many threads run at once here. */
export function availableThreads(): number {
  return navigator.hardwareConcurrency ?? 1
}

/** Lets the engine know relaxed SIMD where that needs saying: not in a browser. */
export function prepareEngine(): void {}

export function startThread(beginning: Beginning): Thread {
  const url = URL.createObjectURL(new Blob([TEXT], { type: 'text/javascript' }))
  const worker = new Worker(url)
  worker.postMessage(beginning)
  const thread: Thread = {
    ready: new Promise((resolve, reject) => {
      worker.onmessage = () => {
        URL.revokeObjectURL(url)
        resolve()
      }
      // what the page does not allow comes without a message
      worker.onerror = ({ message = 'a Content Security Policy must allow worker-src blob:' }) => {
        URL.revokeObjectURL(url)
        reject(new Error(message))
        thread.onEnd(message)
      }
    }),
    onEnd: () => {},
    end: () => worker.terminate(),
  }
  return thread
}

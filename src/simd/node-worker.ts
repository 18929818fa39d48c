// A thread in Node: the whole text of a worker. Started by node-threads.ts. Next: serve.ts.

import { serve } from './serve.ts'

// import() is understood whatever kind of module --input-type says that a text is
import('node:worker_threads').then(({ workerData, parentPort }) => serve(workerData, ({ breakOff }) => {
  process.once('exit', breakOff)
  parentPort!.postMessage('ready')
}))

// What a worker thread does: its own instance of the kernels on the memory that all share, and its share of
// each job until there are no more. Our build step makes a text of each worker.ts and node-worker.ts, which
// call this, so that nothing that a user's bundler does to functions can take them apart. Next: meeting.ts.

import { type Beginning, makeMeeting, type Meeting } from './meeting.ts'
import type { Kernels } from './module.ts'

/** @param begun called when the thread is ready, just before it serves, which is until it ends */
export function serve(beginning: Beginning, begun: (meeting: Meeting) => void): void {
  const { module, memory } = beginning
  const meeting = makeMeeting(beginning, true)
  const instance = new WebAssembly.Instance(module, { env: { memory, meet: meeting.meet } })
  const kernels = instance.exports as WebAssembly.Exports & Kernels
  kernels.enter(meeting.own)
  begun(meeting)
  meeting.serve(kernels.perform)
}

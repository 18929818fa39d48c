// Waiting in Node for a gpu that is played by the processor. While a result is awaited, the package `webgpu`
// asks at every turn of Node's event loop whether it is there. So the loop turns without a pause, and takes a
// whole core from those who compute. Here each turn is made to last: a nap, short at first, so that a short
// wait ends at once, and never longer than a millisecond, so that other work of the loop is hardly delayed.
// Next: device.ts, read.

/** What is awaited now; one chain of naps serves all. */
const awaited = new Set<Promise<unknown>>()
let since = 0
let isNapping = false
const bell = new Int32Array(new SharedArrayBuffer(4)) // which nobody rings

/** Lets the event loop turn slowly until the promise is settled. */
export function restWhile(promise: Promise<unknown>): void {
  if (awaited.size === 0) since = performance.now()
  awaited.add(promise)
  const settled = () => { awaited.delete(promise) }
  promise.then(settled, settled)
  if (!isNapping) setImmediate(nap)
  isNapping = true
}

/** A sixteenth of the time waited so far. */
function nap(): void {
  isNapping = awaited.size > 0
  if (!isNapping) return
  Atomics.wait(bell, 0, 0, Math.min(1, (performance.now() - since) / 16))
  setImmediate(nap)
}

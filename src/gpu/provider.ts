// Adapters in a browser: its own navigator.gpu. In Node, node-provider.ts takes the place of this page; the
// "imports" of package.json say so under the name #gpu-provider. Read next: adapter.ts.

import { type AdapterInfo, type AdapterRequest, describe, fits, NoAdapterError } from './adapter.ts'

/**
 * An adapter of the browser's.
 * @throws NoAdapterError when there is no WebGPU, or no adapter that fits
 */
export async function requestAdapter(request: AdapterRequest = {}): Promise<GPUAdapter> {
  const { kind = 'any', adapter: name } = request
  if (typeof navigator === 'undefined' || navigator.gpu === undefined) {
    throw new NoAdapterError('gpu: there is no WebGPU here; a newer browser is needed, and a page that ' +
      'came over https or from localhost')
  }
  if (kind === 'null') throw new NoAdapterError('gpu: a browser has no adapter of the kind null; Node has')
  const forceFallbackAdapter = kind === 'software'
  const options: GPURequestAdapterOptions = { powerPreference: 'high-performance', forceFallbackAdapter }
  const adapter = await navigator.gpu.requestAdapter(options)
  if (adapter !== null && fits(adapter, request)) return adapter
  const which = [
    kind === 'any' ? '' : `of the kind ${kind}`, name && `with ${JSON.stringify(name)} in its name`,
  ].filter(Boolean).join(' ')
  const there = adapter === null ? 'none' : describeAdapter(adapter).name
  throw new NoAdapterError(`gpu: this browser gives no adapter${which && ` ${which}`}; it gives ${there}; ` +
    'its settings may have turned graphics acceleration off')
}

/** What is known about an adapter; a browser tells little. */
export function describeAdapter(adapter: GPUAdapter): AdapterInfo {
  return describe(adapter, '')
}

/** A browser waits by itself; in Node see node-rest.ts. */
export function restWhile(): void {}

// The devices that the gpu benchmarks run on: the cpu, and every adapter of this machine; with --adapter NAME
// one alone, by part of its name. Timestamps are exact where Dawn lets them be: for web pages it rounds them
// to 65 microseconds. Read next: gpu-clock.ts, gpu-compare.ts.

import { cpu } from '../src/cpu/device.ts'
import type { GpuDevice } from '../src/gpu/device.ts'
import { listAdapters } from '../src/gpu/node-provider.ts'
import { openGpu } from '../src/gpu/open.ts'
import { options, tellAdapter } from './harness.ts'

const toggles = ['!timestamp_quantization']

/** The adapters' devices; none, with the reason told, where there is none. */
export async function openGpus(): Promise<GpuDevice[]> {
  const open = (adapter: string) => openGpu({ adapter, toggles })
  if (options.adapter !== undefined) return [told(await open(options.adapter))]
  const found = await listAdapters().catch((error: Error) => {
    tellAdapter(error.message)
    return []
  })
  const opened: GpuDevice[] = []
  for (const { name } of found) opened.push(told(await open(name)))
  if (opened.length === 0) tellAdapter('gpu: no adapter here, the cpu alone is timed')
  return opened
}

function told(device: GpuDevice): GpuDevice {
  const { name, driver, kind, features } = device.adapter
  const software = kind === 'software' ? ', a software adapter: it computes on the cpu' : ''
  const clock = features.includes('timestamp-query') ? '' : '; it has no clock of its own'
  tellAdapter(`gpu: ${name}${software}; driver ${driver}${clock}`)
  return device
}

/** The device that every result is compared with. */
export const reference = cpu()

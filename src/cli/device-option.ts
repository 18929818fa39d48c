// Where a command computes: --device with --adapter or --threads, and the device that they open. auto takes a
// graphics card where there is one, else simd, else cpu; gpu takes a card, else a driver that computes on the
// processor, and says so.
// Read next: ../gpu/node-provider.ts, how adapters are found; devices.ts, which lists them.

import { UnrolledError } from '../check.ts'
import { cpu } from '../cpu/device.ts'
import type { Device } from '../device.ts'
import { NoAdapterError } from '../gpu/adapter.ts'
import { describeAdapter, hasDawn, mayHaveHardware, requestAdapter } from '../gpu/node-provider.ts'
import { gpu } from '../gpu/open.ts'
import { simd } from '../simd/open.ts'
import { type OptionTable, UsageError } from './options.ts'

export const deviceOptions = {
  device: {
    type: 'choice', choices: ['auto', 'cpu', 'simd', 'gpu'], default: 'auto',
    help: 'where to compute: plain loops, WebAssembly, WebGPU; auto takes a graphics card or simd',
  },
  threads: {
    type: 'count', max: 64,
    help: 'threads of the simd device; by default as many as the machine runs at once',
  },
  adapter: {
    type: 'text', value: 'NAME', help: 'part of the name of the gpu to take; npx unrolled devices lists them',
  },
} as const satisfies OptionTable

export interface DeviceValues {
  readonly device: 'auto' | 'cpu' | 'simd' | 'gpu'
  readonly threads: number | undefined
  readonly adapter: string | undefined
}

/**
 * Opens the device that the options name.
 * @throws UsageError when they exclude each other
 * @throws UnrolledError, one line with the remedy, when there is no such device or it does not work
 */
export async function openDevice({ device, threads, adapter }: DeviceValues): Promise<Device> {
  if (adapter === '') throw new UsageError('--adapter "": must be part of the name of an adapter')
  if ((device === 'cpu' || device === 'simd') && adapter !== undefined) {
    throw new UsageError(`--adapter chooses among gpus; it does not go with --device ${device}`)
  }
  if (threads !== undefined && (device === 'cpu' || device === 'gpu' || adapter !== undefined)) {
    throw new UsageError('--threads is for the simd device; it does not go with ' +
      (adapter === undefined ? `--device ${device}` : '--adapter'))
  }
  if (device === 'cpu') return cpu()
  if (device === 'simd' || threads !== undefined) return simd({ threads })
  if (device === 'auto' && adapter === undefined) {
    return await openHardware() ?? await openSimd()
  }
  const { name, driver, kind } = describeAdapter(await requestAdapter({ adapter }))
  if (kind === 'software') {
    const why = adapter === undefined ? 'no graphics card was found; computing on' : 'computing on'
    process.stderr.write(`unrolled: note: ${why} ${name} (${driver}), a gpu in software\n`)
  }
  return gpu({ adapter })
}

// Where the engine may not have what simd needs (threads, address space), the plain loops do.
async function openSimd(): Promise<Device> {
  try {
    return await simd()
  } catch (error) {
    if (!(error instanceof UnrolledError)) throw error
    process.stderr.write(`unrolled: note: ${error.message}; computing on cpu\n`)
    return cpu()
  }
}

// Without a card, or without Dawn, nothing is loaded and nothing is said.
async function openHardware(): Promise<Device | null> {
  if (!hasDawn() || !mayHaveHardware()) return null
  try {
    return await gpu({ kind: 'hardware' })
  } catch (error) {
    if (error instanceof NoAdapterError) return null
    throw error
  }
}

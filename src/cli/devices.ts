// npx unrolled devices: what --device and --adapter can choose from on this machine, what the drivers are
// called and what they can do; and what is missing, with the line that installs it.
// Read next: device-option.ts, which opens one; ../gpu/node-provider.ts.

import { availableParallelism, cpus } from 'node:os'

import { UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import { type AdapterInfo, inOneLine } from '../gpu/adapter.ts'
import { listAdapters, softwareStartLine } from '../gpu/node-provider.ts'
import { simd } from '../simd/open.ts'
import { say } from './common.ts'
import { defineCommand, type Values } from './options.ts'

export const devicesCommand = defineCommand({
  name: 'devices',
  summary: 'list the devices of this machine: names, drivers, features, limits',
  options: {
    json: { type: 'flag', help: 'one JSON object on stdout, with all features and limits' },
  },
  example: 'npx unrolled devices',
})

// What kernels make use of.
const FEATURES = ['shader-f16', 'subgroups', 'timestamp-query']

interface Found {
  readonly cpu: string
  /** the simd device on it; null where it cannot be opened */
  readonly simd: string | null
  readonly adapters: readonly AdapterInfo[]
  /** what --device auto and --device gpu take; null: nothing */
  readonly auto: string
  readonly gpu: string | null
  /** how Node is started with the packaged software adapter */
  readonly start: string | null
  /** what is missing, and how to get it */
  readonly notes: readonly string[]
}

/** Runs the command; the exit code. */
export async function runDevices({ json }: Values<typeof devicesCommand.options>): Promise<number> {
  const found = await look()
  await say(json ? `${JSON.stringify(found)}\n` : `${inWords(found).join('\n')}\n`)
  return 0
}

async function look(): Promise<Found> {
  const notes: string[] = []
  // A package that is missing is no failure of this command: it is what it is asked for.
  const asNote = (error: unknown): null => {
    if (!(error instanceof UnrolledError)) throw error
    if (!notes.includes(error.message)) notes.push(error.message)
    return null
  }
  const adapters = await listAdapters().catch(asNote) ?? []
  const start = await softwareStartLine().catch(asNote)
  if (start === null && notes.length === 0 && process.platform === 'linux' && process.arch === 'x64') {
    notes.push('gpu: for an adapter in software that needs no driver, run: npm i @sparticuz/chromium')
  }
  const card = adapters.find(({ kind }) => kind === 'hardware')
  const gpu = card ?? adapters.find(() => true)
  const simd = await describeSimd().catch(asNote)
  return {
    cpu: `${printable(cpus()[0]?.model.trim() || process.arch)}, ${availableParallelism()} threads`,
    simd, adapters, auto: card?.name ?? (simd ? 'simd' : 'cpu'), gpu: gpu?.name ?? null, start, notes,
  }
}

async function describeSimd(): Promise<string> {
  const device = await simd()
  device.close()
  const threads = device.threads === 1 ? '1 thread' : `${device.threads} threads`
  return `WebAssembly SIMD, ${device.multiplyAdd ? 'with' : 'without'} multiply-add, ${threads}`
}

function inWords({ cpu, simd, adapters, auto, gpu, start, notes }: Found): string[] {
  const taken = `--device auto takes ${auto === 'cpu' ? 'the cpu' : auto}`
  return [
    `cpu  ${cpu}`,
    ...(simd === null ? [] : [`simd ${simd}`]),
    ...adapters.flatMap((adapter) => [`gpu  ${inOneLine(adapter)}`, ...details(adapter)]),
    '', gpu === null ? `${taken}; there is no gpu` : `${taken}, --device gpu ${gpu}`,
    ...(start === null ? [] : ['', 'Node itself started with the packaged software adapter:', `  ${start}`]),
    ...(notes.length === 0 ? [] : ['', ...notes]),
  ]
}

function details({ driver, features, limits }: AdapterInfo): string[] {
  const kernels = FEATURES.filter((name) => features.includes(name))
  const missing = FEATURES.filter((name) => !features.includes(name))
  const lacks = missing.length > 0 ? `; without ${missing.join(', ')}` : ''
  return [
    `       driver    ${printable(driver)}`,
    `       features  ${kernels.join(', ') || 'none of those that kernels use'}${lacks}`,
    `       limits    workgroups of ${limits.maxComputeInvocationsPerWorkgroup} threads that share ` +
      `${bytes(limits.maxComputeWorkgroupStorageSize)}; buffers up to ` +
      `${bytes(limits.maxStorageBufferBindingSize)}, ${limits.maxStorageBuffersPerShaderStage} to a kernel`,
  ]
}

// 32768 -> 32 KiB; a limit just below a power of two is rounded up to it.
function bytes(count: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(Math.floor(Math.log2(count + 4) / 10), units.length - 1)
  return `${Number((count / 1024 ** power).toFixed(1))} ${units[power]}`
}

// Adapters in Node: Dawn, the WebGPU of Chromium, as the npm package `webgpu` holds it. A card is found
// through the system's own drivers; where there is none, SwiftShader computes on the cpu. Dawn finds Vulkan's
// drivers when an adapter is asked for, through the loader libvulkan.so.1 (Linux; others always have theirs).
// Read next: adapter.ts; node-swiftshader.ts; provider.ts, which stands here in a browser.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { UnrolledError } from '../check.ts'
import { resolvePackage } from '../node-packages.ts'
import {
  type AdapterInfo, type AdapterRequest, describe, fits, inOneLine, NoAdapterError,
} from './adapter.ts'
import {
  canLoadVulkan, findSwiftShader, prepareSwiftShader, startLine, SwiftShaderError, unpackSwiftShader,
  withDriver,
} from './node-swiftshader.ts'

export { restWhile } from './node-rest.ts'

type Dawn = typeof import('webgpu')

/** Where the packages are looked for: from the folder the user works in, then from beside this one. */
const from = (): string[] => [join(process.cwd(), 'index.js'), import.meta.url]

let dawn: Promise<Dawn> | undefined

/** Whether the package `webgpu` is installed. */
export const hasDawn = (): boolean => resolvePackage('webgpu', from()) !== null

async function loadDawn(): Promise<Dawn> {
  const path = resolvePackage('webgpu', from())
  if (path === null) {
    throw new NoAdapterError('gpu: the package webgpu, WebGPU for Node, is not installed; run: npm i webgpu')
  }
  try {
    const loaded = await import(pathToFileURL(path).href) as Dawn
    // A browser has GPUBufferUsage and its like in the global scope, and so do we.
    for (const [name, value] of Object.entries(loaded.globals)) {
      if (!(name in globalThis)) Object.assign(globalThis, { [name]: value })
    }
    return loaded
  } catch (error) {
    throw new UnrolledError(`gpu: the package webgpu does not work here: ${firstLine(error)}`)
  }
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]

/** installed: the system's drivers; package: SwiftShader's alone, from npm. */
type Driver = 'installed' | 'package'

// Never dropped: Dawn has crashed when its instance was collected before what came out of it.
const instances = new Map<string, GPU>()

// One of Dawn's instances, for these drivers and flags.
async function instance(driver: Driver, flags: readonly string[]): Promise<GPU> {
  const { create } = await (dawn ??= loadDawn())
  const key = [driver, ...flags].join(' ')
  const known = instances.get(key)
  if (known !== undefined) return known
  const made = create([...flags])
  instances.set(key, made)
  return made
}

// ['a', '!b'] -> enable-dawn-features=a, disable-dawn-features=b
function flagsOf(toggles: readonly string[]): string[] {
  const on = toggles.filter((name) => !name.startsWith('!'))
  const off = toggles.filter((name) => name.startsWith('!')).map((name) => name.slice(1))
  return [
    ...(on.length > 0 ? [`enable-dawn-features=${on.join(',')}`] : []),
    ...(off.length > 0 ? [`disable-dawn-features=${off.join(',')}`] : []),
  ]
}

const FASTEST: GPURequestAdapterOptions = { powerPreference: 'high-performance' }

async function ask(flags: readonly string[]): Promise<GPUAdapter | null> {
  return (await instance('installed', flags)).requestAdapter(FASTEST)
}

// SwiftShader's adapter; null where its package is not installed.
async function packaged(flags: readonly string[]): Promise<GPUAdapter | null> {
  const found = findSwiftShader(from())
  if (found === null) return null
  const [manifest, gpu] = [await prepareSwiftShader(found), await instance('package', flags)]
  const adapter = await withDriver(manifest, () => gpu.requestAdapter(FASTEST))
  if (adapter !== null) return adapter
  throw new SwiftShaderError('gpu: SwiftShader cannot be used from within this process; start Node so: ' +
    startLine(await unpackSwiftShader(found)))
}

// All adapters of the system's drivers, the fastest first. More than one are told apart by their names, which
// Dawn lists in the error for a name that none of them has.
async function* installed(flags: readonly string[]): AsyncGenerator<GPUAdapter> {
  if (!canLoadVulkan()) return
  const first = await ask(flags)
  if (first === null) return
  yield first
  const list = await ask([...flags, 'adapter=?']).then(() => '', (error: Error) => error.message)
  const names = new Set([...list.matchAll(/name: '(.*)'$/gm)].map(([, name]) => name))
  if (names.size < 2) return
  for (const name of names) {
    const adapter = await ask([...flags, `adapter=${name}`]).catch(() => null)
    if (adapter !== null && adapter.info.device !== first.info.device) yield adapter
  }
}

/**
 * An adapter that fits: hardware before software, installed before packaged.
 * @throws NoAdapterError, one line with the remedy, when there is none
 * @throws UnrolledError when a package does not work
 */
export async function requestAdapter(request: AdapterRequest = {}): Promise<GPUAdapter> {
  const flags = flagsOf(request.toggles ?? [])
  if (request.kind === 'null') {
    const adapter = await ask([...flags, 'backend=null'])
    if (adapter === null) throw new NoAdapterError('gpu: Dawn gives no adapter of the kind null')
    return adapter
  }
  await (dawn ??= loadDawn()) // where it is missing, that is what has to be said
  const { adapter: name, kind } = request
  const mayBePackaged = kind !== 'hardware' && /^(swift|$)/i.test(name ?? '')
  if (mayBePackaged && name) { // no need to look at the others
    const adapter = await packaged(flags)
    if (adapter !== null && fits(adapter, request)) return adapter
  }
  const seen: GPUAdapter[] = []
  for await (const adapter of installed(flags)) {
    seen.push(adapter)
    if (isChosen(adapter, request)) return adapter
  }
  const software = seen.find((adapter) => fits(adapter, request)) ??
    (mayBePackaged && !name ? await packaged(flags) : null)
  if (software === null) throw new NoAdapterError(refusal(request, seen))
  return software
}

// The first that fits, but a software one only where it was asked for: hardware may still come.
function isChosen(adapter: GPUAdapter, request: AdapterRequest): boolean {
  if (!fits(adapter, request)) return false
  return request.kind === 'software' || !!request.adapter || !mayHaveHardware() ||
    describeAdapter(adapter).kind === 'hardware'
}

function refusal({ adapter, kind = 'any' }: AdapterRequest, seen: readonly GPUAdapter[]): string {
  const there = seen.map((one) => inOneLine(describeAdapter(one))).join(', ') || 'none at all'
  const what = kind === 'any' ? 'adapter' : `${kind} adapter`
  if (adapter) {
    return `gpu: no ${what} has ${JSON.stringify(adapter)} in its name (there is ${there}); ` +
      'npx unrolled devices lists them'
  }
  if (kind === 'hardware') return `gpu: no hardware adapter was found (there is ${there}); install its driver`
  return 'gpu: no adapter was found; install a driver of Vulkan, or for one that computes on the cpu ' +
    '(Linux on x64 only) run: npm i @sparticuz/chromium'
}

/** All adapters of the system's drivers; then SwiftShader, where its package is installed. */
export async function listAdapters(): Promise<AdapterInfo[]> {
  const all: AdapterInfo[] = []
  for await (const adapter of installed([])) all.push(describeAdapter(adapter))
  const last = await packaged([])
  if (last !== null) all.push(describeAdapter(last))
  return all
}

/** How Node is started with SwiftShader as its only driver; null where its package is not installed. */
export async function softwareStartLine(): Promise<string | null> {
  const found = findSwiftShader(from())
  return found === null ? null : startLine(await unpackSwiftShader(found))
}

const BACKENDS: Readonly<Record<string, string>> = { darwin: 'Metal', win32: 'D3D12' }

/** What is known about an adapter. */
export function describeAdapter(adapter: GPUAdapter): AdapterInfo {
  const backend = adapter.info.device === 'null-backend' ? 'nothing' : BACKENDS[process.platform] ?? 'Vulkan'
  return describe(adapter, backend)
}

/**
 * Whether this machine may have a graphics card: on Linux without a device of one there is none, and loading
 * Dawn to find that out would cost every command a tenth of a second and its warnings.
 */
export function mayHaveHardware(): boolean {
  if (process.platform !== 'linux') return true
  const list = (path: string): string[] => {
    try {
      return readdirSync(path)
    } catch {
      return []
    }
  }
  return list('/dev/dri').some((name) => /^(renderD|card)\d/.test(name)) ||
    list('/dev').some((name) => /^(nvidia\d|dxg$|mali\d|kgsl-|pvr|nvhost-gpu|nvgpu)/.test(name))
}

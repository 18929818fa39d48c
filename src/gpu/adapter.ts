// An adapter is what WebGPU calls one driver of one graphics card, or of a program that acts as one. What we
// ask for, what we know about it, and how it is chosen by name; the same in a browser and in Node.
// Read next: provider.ts (a browser's adapters), node-provider.ts (Node's, through Dawn).

import { UnrolledError } from '../check.ts'

export type AdapterKind = 'hardware' | 'software' | 'null'

export interface AdapterRequest {
  /** part of an adapter's name, in any case */
  adapter?: string | undefined
  /** any, the default: hardware before software; null: nothing runs, kernels are only compiled (Node) */
  kind?: AdapterKind | 'any' | undefined
  /** of Dawn (Node only): the name of one to turn it on, !name to turn it off */
  toggles?: readonly string[] | undefined
}

export interface AdapterInfo {
  readonly name: string
  /** the interface below WebGPU and its driver, as far as they are known */
  readonly driver: string
  readonly kind: AdapterKind
  readonly features: readonly string[]
  readonly limits: Readonly<Record<string, number>>
}

/** There is no adapter of the kind, or of the name, that was asked for. */
export class NoAdapterError extends UnrolledError {
  override name = 'NoAdapterError'
}

type Names = Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'device' | 'description'>

/** What of a GPUAdapter is read here. */
interface AdapterLike {
  readonly info: Names & Partial<Pick<GPUAdapterInfo, 'isFallbackAdapter'>>
  readonly features: Iterable<string>
  readonly limits: object
}

/** What is known about an adapter. `backend` is the interface below WebGPU, '' where nobody tells. */
export function describe(adapter: AdapterLike, backend: string): AdapterInfo {
  const { info } = adapter
  // Dawn writes 'llvmpipe-llvm-15-0-6-256-bits-'; browsers leave most of these empty.
  const named = info.device || [info.vendor, info.architecture].filter(Boolean).join(' ')
  const limits: Record<string, number> = {}
  for (const key in adapter.limits) {
    const value: unknown = Reflect.get(adapter.limits, key)
    if (typeof value === 'number') limits[key] = value
  }
  return {
    name: named.replace(/-+$/, '') || 'unnamed',
    driver: [backend, info.description].filter(Boolean).join(', ') || 'unknown',
    kind: kindOf(info),
    features: [...adapter.features].sort(),
    limits,
  }
}

// llvmpipe is Mesa's lavapipe; Microsoft's is called Basic Render.
function kindOf(info: AdapterLike['info']): AdapterKind {
  if (info.device === 'null-backend') return 'null'
  const isSoftware = /llvmpipe|lavapipe|swiftshader|basic.render/i.test(allNames(info))
  return isSoftware || info.isFallbackAdapter ? 'software' : 'hardware'
}

const allNames = (info: Names): string =>
  [info.vendor, info.architecture, info.device, info.description].join(' ')

const letters = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]+/g, '-')

/** Whether it is of the kind, and the name is part of one of its own: 'NVIDIA H200' fits nvidia-h200. */
export function fits(adapter: AdapterLike, { adapter: name = '', kind = 'any' }: AdapterRequest): boolean {
  if (!letters(allNames(adapter.info)).includes(letters(name))) return false
  return kind === 'any' || kind === kindOf(adapter.info)
}

/** 'llvmpipe-llvm-15-0-6-256-bits (software)' */
export function inOneLine({ name, kind }: AdapterInfo): string {
  return `${name} (${kind})`
}

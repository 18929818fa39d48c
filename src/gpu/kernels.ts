// Kernels: WGSL files with blanks, filled in, compiled once, and kept.
//
// A kernel file is WGSL but for words in double braces. {{params}} declares the variable `params` of the
// file's own `struct Params` (32-bit scalars only), in whichever way this device passes such words; the rest
// is filled with WGSL: `unary.wgsl` with {{f}} = tanh(v) is one kernel, with {{f}} = exp(v) another. Group 0
// holds the storage buffers in the order of their bindings. Next: recorder.ts, device.ts.

import { UnrolledError } from '../check.ts'
import { sources } from './sources.ts'
import type { Troubles } from './troubles.ts'

export type KernelName = keyof typeof sources

export interface Kernel {
  readonly name: KernelName
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
  /** r for each buffer that is read, w for each that is written: what bind groups depend on */
  readonly signature: string
  /** whether its params travel in the command */
  readonly immediates: boolean
}

/** Bytes of immediates that every adapter has which has any. */
const IMMEDIATE_BYTES = 64

/** What fills the blanks of a kernel file, by name. */
export type Blanks = Readonly<Record<string, string | number>>

export class Kernels {
  readonly uniforms: GPUBindGroupLayout
  private readonly gpu: GPUDevice
  private readonly immediates: boolean
  private readonly known = new Map<string, Kernel>()
  private readonly layouts = new Map<string, GPUBindGroupLayout>()
  private readonly troubles: Troubles

  constructor(gpu: GPUDevice, immediates: boolean, troubles: Troubles) {
    this.gpu = gpu
    this.immediates = immediates
    this.troubles = troubles
    this.uniforms = gpu.createBindGroupLayout({
      entries: [{
        binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true },
      }],
    })
  }

  /** The kernel with its blanks filled; `variant` names the filling, for the cache. */
  get(name: KernelName, variant: string, blanks: () => Blanks): Kernel {
    const key = variant ? `${name} (${variant})` : name
    const known = this.known.get(key)
    if (known) return known
    const kernel = this.compile(name, key, blanks())
    this.known.set(key, kernel)
    return kernel
  }

  private compile(name: KernelName, key: string, blanks: Blanks): Kernel {
    const { code, words, signature } = fillBlanks(name, blanks, this.immediates)
    const immediates = this.immediates && words > 0 && 4 * words <= IMMEDIATE_BYTES
    const layout = this.layoutOf(signature)
    this.gpu.pushErrorScope('validation')
    const module = this.gpu.createShaderModule({ code, label: key })
    const pipeline = this.gpu.createComputePipeline({
      label: key,
      layout: this.gpu.createPipelineLayout({
        bindGroupLayouts: immediates || words === 0 ? [layout] : [layout, this.uniforms],
        ...(immediates ? { immediateSize: 4 * words } : {}),
      }),
      compute: { module },
    })
    this.troubles.expect('compiling', this.gpu.popErrorScope().then(async (error) => {
      if (!error) return null
      this.known.delete(key) // so that it is told again when it is asked for again
      return new UnrolledError(await compileError({ name, key, blanks, code }, module, error))
    }))
    return { name, pipeline, layout, signature, immediates }
  }

  private layoutOf(signature: string): GPUBindGroupLayout {
    const known = this.layouts.get(signature)
    if (known) return known
    const layout = this.gpu.createBindGroupLayout({
      entries: [...signature].map((letter, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: letter === 'r' ? 'read-only-storage' : 'storage' },
      })),
    })
    this.layouts.set(signature, layout)
    return layout
  }
}

/** Blanks that every kernel may have. */
const shared: Blanks = {
  functions: sources.functions, philox: sources.philox, together: sources.together,
  walk: sources.walk,
}

/** WGSL without blanks, the number of words in its Params, and which of its buffers are written. */
export function fillBlanks(
  name: KernelName, blanks: Blanks, immediatesThere: boolean,
): { code: string, words: number, signature: string } {
  const all: Blanks = { ...shared, ...blanks }
  const filled = fill(name, sources[name], { ...all, params: '{{params}}' })
  const fields = /struct Params \{([^}]*)\}/.exec(filled)?.[1] ?? ''
  const words = [...fields.matchAll(/:\s*[ufi]32/g)].length
  const immediate = immediatesThere && 4 * words <= IMMEDIATE_BYTES
  const params = immediate ? 'var<immediate> params: Params;'
    : '@group(1) @binding(0) var<uniform> params: Params;'
  const body = filled.replace('{{params}}', params)
  const directives = [
    ...(immediate && words > 0 ? ['requires immediate_address_space;'] : []),
    ...(body.includes('<f16>') ? ['enable f16;'] : []),
  ]
  const code = [...directives, body].join('\n')
  const bindings = [...code.matchAll(/@group\(0\) @binding\((\d+)\) var<storage, (read|read_write)>/g)]
  const signature = bindings.map(([, , access]) => (access === 'read' ? 'r' : 'w')).join('')
  return { code, words, signature }
}

function fill(name: KernelName, source: string, blanks: Blanks): string {
  return source.replace(/\{\{(\w+)\}\}/g, (_, blank: string) => {
    const text = blanks[blank]
    if (text === undefined) throw new UnrolledError(`kernel ${name}: nothing fills {{${blank}}}`)
    return String(text)
  })
}

/** A kernel as the driver got it, and what it was made of. */
interface Filled {
  readonly name: KernelName
  readonly key: string
  readonly blanks: Blanks
  readonly code: string
}

/** One line: the kernel, its file and the line in it, what is wrong, the line itself. */
async function compileError(
  { name, key, blanks, code }: Filled, module: GPUShaderModule, error: GPUError,
): Promise<string> {
  const { messages } = await module.getCompilationInfo()
  const first = messages.find(({ type }) => type === 'error')
  if (!first) return `gpu: kernel ${key}, ${fileOf(name)}: ${error.message.split('\n')[0]}`
  const text = code.split('\n')[first.lineNum - 1]?.trim() ?? ''
  const directives = /^((requires|enable) .*\n)*/.exec(code)![0].split('\n').length - 1
  const line = first.lineNum - directives
  return `gpu: kernel ${key}, ${placeOf(name, blanks, line)}: ${first.message}: ${text}`
}

const fileOf = (name: KernelName): string =>
  `kernels/${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}.wgsl`

/** Where a line of a filled kernel was written: in its own file, in another, or in the text of a blank. */
function placeOf(name: KernelName, blanks: Blanks, line: number): string {
  const all: Blanks = { ...shared, ...blanks }
  let end = 0
  for (const [k, own] of sources[name].split('\n').entries()) {
    const long = [...own.matchAll(/\{\{(\w+)\}\}/g)]
      .map(([, blank]) => ({ blank, text: String(all[blank] ?? '') }))
      .find(({ text }) => text.includes('\n'))
    const start = end
    end += long ? long.text.split('\n').length : 1
    if (line > end) continue
    if (!long) return `${fileOf(name)}, line ${k + 1}`
    const file = (Object.keys(sources) as KernelName[]).find((other) => sources[other] === long.text)
    return file ? `${fileOf(file)}, line ${line - start}`
      : `${fileOf(name)}, line ${k + 1}, line ${line - start} of {{${long.blank}}}`
  }
  return fileOf(name)
}

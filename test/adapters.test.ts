// Adapters in Node: found by kind and name, the software one without anything installed on the system, and
// processes that end by themselves with nothing of Dawn's on stdout.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type AdapterInfo, describe, fits } from '../src/gpu/adapter.ts'
import {
  describeAdapter, listAdapters, mayHaveHardware, requestAdapter, softwareStartLine,
} from '../src/gpu/node-provider.ts'
import * as browser from '../src/gpu/provider.ts'
import { testAdapter } from './gpu-adapter.ts'

const test = suite('adapters')
const hasSwiftShader = process.platform === 'linux' && process.arch === 'x64'
const folder = fs.mkdtempSync(join(tmpdir(), 'unrolled-adapters-'))
test.after(() => fs.rmSync(folder, { recursive: true, force: true }))

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => undefined, (e: unknown) => e)
  assert.instance(error, Error)
  const { name, message } = error as Error
  assert.not.match(message, '\n')
  return `${name}: ${message}`
}

test('the adapter of the tests: described, and it computes', async () => {
  const adapter = await requestAdapter(testAdapter)
  const info = describeAdapter(adapter)
  if (hasSwiftShader && !process.env.UNROLLED_ADAPTER) {
    assert.is(info.name, 'swiftshader-device-subzero')
    assert.is(info.driver, 'Vulkan, SwiftShader driver 5.0.0')
    assert.is(info.kind, 'software')
    assert.ok(info.features.includes('timestamp-query'))
  }
  assert.ok(info.limits.maxComputeInvocationsPerWorkgroup >= 256)
  assert.equal(await triples(await adapter.requestDevice()), Array.from({ length: 64 }, (_, i) => 3 * i))
})

async function triples(device: GPUDevice): Promise<number[]> {
  const code = `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { y[id.x] = 3u * id.x; }`
  const compute = { module: device.createShaderModule({ code }) }
  const pipeline = device.createComputePipeline({ layout: 'auto', compute })
  const y = device.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC })
  const copy = device.createBuffer({ size: 256, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  const layout = pipeline.getBindGroupLayout(0)
  const entries = [{ binding: 0, resource: { buffer: y } }]
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }))
  pass.dispatchWorkgroups(1)
  pass.end()
  encoder.copyBufferToBuffer(y, 0, copy, 0, 256)
  device.queue.submit([encoder.finish()])
  await copy.mapAsync(GPUMapMode.READ)
  const numbers = [...new Uint32Array(copy.getMappedRange())]
  device.destroy()
  return numbers
}

test('kinds: software is software, null computes nothing, hardware is there or refused', async () => {
  assert.is(describeAdapter(await requestAdapter({ kind: 'null' })).kind, 'null')
  if (hasSwiftShader) assert.is(describeAdapter(await requestAdapter({ kind: 'software' })).kind, 'software')
  const any = describeAdapter(await requestAdapter())
  if (any.kind === 'hardware') {
    assert.ok(mayHaveHardware())
  } else {
    assert.match(await refusal(requestAdapter({ kind: 'hardware' })),
      /^NoAdapterError: gpu: no hardware adapter was found \(there is .+\); install its driver$/)
  }
})

test('an unknown name is refused, with those that there are', async () => {
  assert.match(await refusal(requestAdapter({ adapter: 'abacus 9' })),
    /^NoAdapterError: gpu: no adapter has "abacus 9" in its name \(there is .+\); npx unrolled devices/)
})

test('toggles on and off', async () => {
  const toggles = ['allow_unsafe_apis', '!timestamp_quantization']
  const device = await (await requestAdapter({ ...testAdapter, toggles })).requestDevice()
  assert.equal((await triples(device)).length, 64)
})

test('the list names each adapter once; the environment is as it was', async () => {
  const before = { ...process.env }
  const names = (await listAdapters()).map(({ name }) => name)
  assert.is(new Set(names).size, names.length)
  if (hasSwiftShader) assert.ok(names.includes('swiftshader-device-subzero'))
  assert.equal({ ...process.env }, before)
})

type AdapterLike = Parameters<typeof describe>[0]

function fake(info: Partial<AdapterLike['info']>): AdapterLike {
  const empty = { vendor: '', architecture: '', device: '', description: '' }
  return { info: { ...empty, ...info }, features: [], limits: {} }
}

test('what it is called, and whether it is hardware', () => {
  const of = (info: Partial<AdapterLike['info']>): [string, string, AdapterInfo['kind']] => {
    const { name, driver, kind } = describe(fake(info), 'Vulkan')
    return [name, driver, kind]
  }
  const card = {
    vendor: 'nvidia', architecture: 'hopper', device: 'nvidia-h200', description: 'NVIDIA: 570.1',
  }
  assert.equal(of(card), ['nvidia-h200', 'Vulkan, NVIDIA: 570.1', 'hardware'])
  assert.equal(of({ vendor: 'apple', architecture: 'metal-3' }), ['apple metal-3', 'Vulkan', 'hardware'])
  assert.is(of({ device: 'llvmpipe-llvm-15-0-6-256-bits-' })[2], 'software')
  assert.is(of({ device: 'microsoft-basic-render-driver' })[2], 'software')
  assert.is(of({ device: 'anything', isFallbackAdapter: true })[2], 'software')
  assert.is(of({})[0], 'unnamed')
  const parts = ['NVIDIA H200', 'h200', 'hopper', '']
  assert.equal(parts.filter((name) => !fits(fake(card), { adapter: name })), [])
  assert.not(fits(fake(card), { adapter: 'h100' }))
  assert.not(fits(fake(card), { kind: 'software' }))
})

test('in a browser: navigator.gpu, or one line that says what is missing', async () => {
  const seen: unknown[] = []
  const answers: AdapterLike[] = []
  const requestAdapter = (options: unknown) => {
    seen.push(options)
    return Promise.resolve(answers.shift() ?? null)
  }
  const real = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
  try {
    Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true })
    assert.match(await refusal(browser.requestAdapter()), /^NoAdapterError: gpu: there is no WebGPU here/)
    Object.defineProperty(globalThis, 'navigator', { value: { gpu: { requestAdapter } }, configurable: true })
    assert.match(await refusal(browser.requestAdapter()), /gives no adapter; it gives none/)
    assert.match(await refusal(browser.requestAdapter({ kind: 'null' })), /no adapter of the kind null/)
    const card = fake({ vendor: 'amd', architecture: 'rdna-3' })
    answers.push(card, card)
    assert.is(await browser.requestAdapter({ kind: 'hardware' }) as AdapterLike, card)
    assert.match(await refusal(browser.requestAdapter({ adapter: 'nvidia' })),
      'no adapter with "nvidia" in its name; it gives amd rdna-3')
    assert.equal(seen[0], { powerPreference: 'high-performance', forceFallbackAdapter: false })
  } finally {
    if (real) Object.defineProperty(globalThis, 'navigator', real)
    else Reflect.deleteProperty(globalThis, 'navigator')
  }
})

/** Runs a program that has the provider's names, in a process of its own. */
function program(code: string, env: NodeJS.ProcessEnv = {}) {
  const build = `
    import { bundle } from './src/build.mjs'
    await bundle({ entries: [{ in: 'src/gpu/node-provider.ts', out: 'provider' }],
      outdir: ${JSON.stringify(folder)}, outExtension: { '.js': '.mjs' } })`
  const path = join(folder, 'provider.mjs')
  const node = (text: string) => spawnSync(process.execPath, ['--input-type=module', '--eval', text], {
    encoding: 'utf8', env: { ...process.env, ...env }, timeout: 600_000,
  })
  if (!fs.existsSync(path)) assert.is(node(build).status, 0)
  const { stdout, stderr, status } = node(`import * as provider from ${JSON.stringify(path)}\n${code}`)
  return { stdout, stderr, status }
}

test('fifty devices opened and closed: the process ends by itself, stdout is empty', () => {
  const { stdout, status, stderr } = program(`
    for (let i = 0; i < 50; i++) {
      const device = await (await provider.requestAdapter(${JSON.stringify(testAdapter)})).requestDevice()
      device.createBuffer({ size: 1 << 20, usage: GPUBufferUsage.STORAGE })
      if (i < 49) device.destroy() // one stays open
    }`)
  assert.equal([stdout, status], ['', 0], stderr)
})

// A system without a loader of Vulkan's drivers: one that does not load stands before all others.
function withoutLoader(): NodeJS.ProcessEnv {
  const broken = join(folder, 'broken')
  fs.mkdirSync(broken, { recursive: true })
  fs.writeFileSync(join(broken, 'libvulkan.so.1'), '')
  return { LD_LIBRARY_PATH: broken }
}

const name = "(await provider.requestAdapter({ kind: 'software' })).info.architecture"

if (hasSwiftShader) {
  test('nothing is installed on the system, nothing is unpacked yet: it works, in silence', () => {
    const env = { ...withoutLoader(), XDG_CACHE_HOME: join(folder, 'fresh') }
    const code = `
      const all = await Promise.all([1, 2, 3].map(async () => ${name}))
      console.log(...all, (await provider.listAdapters()).length)`
    const ran = program(code, env)
    assert.equal(ran, { stdout: 'swiftshader swiftshader swiftshader 1\n', stderr: '', status: 0 })
    const [made] = fs.readdirSync(join(folder, 'fresh', 'unrolled'))
    assert.match(made, /^swiftshader-\d+\.\d+\.\d+$/)
    fs.truncateSync(join(folder, 'fresh', 'unrolled', made, 'libvk_swiftshader.so'), 1000)
    assert.equal(program(code, env), ran)
  })

  test('a cache that cannot be written: the temporary folder instead', () => {
    fs.writeFileSync(join(folder, 'file'), '')
    fs.mkdirSync(join(folder, 'tmp'))
    const env = { ...withoutLoader(), XDG_CACHE_HOME: join(folder, 'file'), TMPDIR: join(folder, 'tmp') }
    assert.equal(program(`console.log(${name})`, env), { stdout: 'swiftshader\n', stderr: '', status: 0 })
    assert.match(fs.readdirSync(join(folder, 'tmp')).join(), /^unrolled-\d+$/)
  })

  test('the printed line starts Node with SwiftShader for everything', async () => {
    const line = await softwareStartLine()
    const form = /^VK_DRIVER_FILES=(\S+) LD_LIBRARY_PATH=(\S+) node yours\.mjs$/
    const [, drivers, libraries] = form.exec(line ?? '') ?? []
    const ran = program(`
      const { create } = await import('webgpu')
      globalThis.gpu = create([])
      console.log((await gpu.requestAdapter()).info.architecture)`,
    { VK_DRIVER_FILES: drivers, LD_LIBRARY_PATH: libraries })
    assert.equal(ran, { stdout: 'swiftshader\n', stderr: '', status: 0 })
  })
}

test.run()

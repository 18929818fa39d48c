// npx unrolled devices, and how --device and --adapter choose: where everything is installed, and where
// nothing is. The command lies in a folder of its own, so it finds the packages of its working folder only.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as fs from 'node:fs'
import { join } from 'node:path'

import type { AdapterInfo } from '../src/gpu/adapter.ts'
import { buildCommand, root, tiny, words } from './command.ts'

const test = suite('devices command')
const { folder, run, remove } = buildCommand()
test.after(remove)

const hasSwiftShader = process.platform === 'linux' && process.arch === 'x64'
fs.writeFileSync(join(folder, 'text.txt'), words(60))
const train = ['train', '--data', join(folder, 'text.txt'), ...tiny, '--steps', '1', '--sample-every', '0']

interface Listed {
  cpu: string
  adapters: AdapterInfo[]
  auto: string
  gpu: string | null
  start: string | null
  notes: string[]
}

// A system without Vulkan: a loader that does not load stands before all others.
const broken = join(folder, 'broken')
fs.mkdirSync(broken)
fs.writeFileSync(join(broken, 'libvulkan.so.1'), '')

function withoutVulkan<R>(act: () => R): R {
  const before = process.env.LD_LIBRARY_PATH
  process.env.LD_LIBRARY_PATH = broken
  try {
    return act()
  } finally {
    if (before === undefined) delete process.env.LD_LIBRARY_PATH
    else process.env.LD_LIBRARY_PATH = before
  }
}

test('--json: one JSON object and nothing else on stdout', () => {
  const { stdout, stderr, status } = run(['devices', '--json'], root)
  assert.is(status, 0, stderr)
  assert.is(stdout.trimEnd().split('\n').length, 1)
  const listed = JSON.parse(stdout) as Listed
  assert.match(listed.cpu, /, \d+ threads$/)
  assert.ok(listed.auto === 'simd' || listed.adapters.some(({ name, kind }) =>
    name === listed.auto && kind === 'hardware'))
  assert.is(listed.gpu, listed.auto === 'simd' ? listed.adapters[0]?.name ?? null : listed.auto)
  if (!hasSwiftShader) return
  const found = listed.adapters.find(({ name }) => name.startsWith('swiftshader'))
  assert.is(found?.kind, 'software')
  assert.is(found?.driver, 'Vulkan, SwiftShader driver 5.0.0')
  assert.is(found?.limits.maxComputeInvocationsPerWorkgroup, 256)
  assert.ok(found?.features.includes('subgroups'))
  assert.match(String(listed.start), /^VK_DRIVER_FILES=\S+\.json LD_LIBRARY_PATH=\S+ node yours\.mjs$/)
  assert.equal(listed.notes, [])
})

test('in words', () => {
  const { stdout, stderr, status } = run(['devices'], root)
  assert.is(status, 0, stderr)
  const simd = /\nsimd WebAssembly SIMD, with(out)? multiply-add, \d+ threads?\n/
  assert.match(stdout, /^cpu {2}\S.*, \d+ threads\n/)
  assert.match(stdout, simd)
  assert.match(stdout, /\n--device auto takes /)
  if (!hasSwiftShader) return
  assert.match(stdout, `
gpu  swiftshader-device-subzero (software)
       driver    Vulkan, SwiftShader driver 5.0.0
       features  subgroups, timestamp-query; without shader-f16
       limits    workgroups of 256 threads that share 32 KiB; buffers up to 1 GiB, 12 to a kernel
`)
})

if (hasSwiftShader) {
  test('on a system without Vulkan nothing is said on stderr', () => {
    const { stdout, stderr, status } = withoutVulkan(() => run(['devices', '--json'], root))
    assert.equal([stderr, status], ['', 0])
    const names = (JSON.parse(stdout) as Listed).adapters.map(({ name }) => name)
    assert.equal(names, ['swiftshader-device-subzero'])
  })
}

test('where nothing is installed: the cpu, and what to install', () => {
  const listed = run(['devices', '--json'])
  const note = 'gpu: the package webgpu, WebGPU for Node, is not installed; run: npm i webgpu'
  assert.equal([listed.stderr, listed.status], ['', 0])
  const { adapters, auto, gpu, start, notes } = JSON.parse(listed.stdout) as Listed
  assert.equal({ adapters, auto, gpu, start, notes },
    { adapters: [], auto: 'simd', gpu: null, start: null, notes: [note] })
  const { stdout } = run(['devices'])
  assert.match(stdout, `\n\n--device auto takes simd; there is no gpu\n\n${note}\n`)
  const refused = run([...train, '--device', 'gpu'])
  assert.equal([refused.stdout, refused.stderr, refused.status], ['', `unrolled: ${note}\n`, 1])
})

test('auto without a package takes simd in silence', () => {
  const { stdout, stderr, status } = run([...train, '--device', 'auto'])
  assert.equal([stderr, status], ['', 0])
  assert.match(stdout, ' on simd')
})

test('without the software adapter, one line says how to get it', () => {
  const alone = join(folder, 'alone')
  fs.mkdirSync(join(alone, 'node_modules'), { recursive: true })
  fs.symlinkSync(join(root, 'node_modules', 'webgpu'), join(alone, 'node_modules', 'webgpu'))
  if (!hasSwiftShader) return
  const refused = withoutVulkan(() => run([...train, '--device', 'gpu'], alone))
  assert.equal([refused.stdout, refused.status], ['', 1])
  assert.match(refused.stderr, /^unrolled: gpu: no adapter was found; .*npm i @sparticuz\/chromium\n$/)
  const { stdout } = withoutVulkan(() => run(['devices', '--json'], alone))
  assert.match((JSON.parse(stdout) as Listed).notes.join(), /^[^\n]*run: npm i @sparticuz\/chromium$/)
})

test('a package that does not work is told in one line', () => {
  const damaged = join(folder, 'damaged')
  const inside = join(damaged, 'node_modules', 'webgpu')
  fs.mkdirSync(inside, { recursive: true })
  fs.writeFileSync(join(inside, 'index.js'), "throw new Error('no dawn.node for this system\\nat once')")
  const { stdout, stderr, status } = run([...train, '--device', 'gpu'], damaged)
  const line = 'gpu: the package webgpu does not work here: no dawn.node for this system'
  assert.equal([stdout, stderr, status], ['', `unrolled: ${line}\n`, 1])
  assert.equal((JSON.parse(run(['devices', '--json'], damaged).stdout) as Listed).notes, [line])
})

test('options that do not go together, names that nothing has', () => {
  const refused = (args: string[]) => {
    const { stdout, stderr, status } = run([...train, ...args], root)
    assert.is(stdout, '')
    return [status, stderr.trimEnd().split('\n').at(-1)]
  }
  assert.equal(refused(['--device', 'cpu', '--adapter', 'x']),
    [2, 'unrolled: --adapter chooses among gpus; it does not go with --device cpu'])
  assert.equal(refused(['--device', 'simd', '--adapter', 'x']),
    [2, 'unrolled: --adapter chooses among gpus; it does not go with --device simd'])
  assert.equal(refused(['--device', 'cpu', '--threads', '2']),
    [2, 'unrolled: --threads is for the simd device; it does not go with --device cpu'])
  assert.equal(refused(['--adapter', 'x', '--threads', '2']),
    [2, 'unrolled: --threads is for the simd device; it does not go with --adapter'])
  assert.equal(refused(['--adapter', '']),
    [2, 'unrolled: --adapter "": must be part of the name of an adapter'])
  const [status, line] = refused(['--adapter', 'abacus'])
  assert.is(status, 1)
  assert.match(String(line), /^unrolled: gpu: no adapter has "abacus" in its name \(there is .*\); npx/)
})

test.run()

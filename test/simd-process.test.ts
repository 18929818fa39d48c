// The simd device in processes of its own: they end by themselves though devices are open, from the main
// thread and from a worker; whatever flags they run with, and whatever a bundler made of the library.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const test = suite('simd, processes')

/** Says the sum of a product of ones, [300, 300], on two threads: 300^3. */
const multiplyWith = (library: string) => `
  const { matmul, ones, simd, sum } = await import('${pathToFileURL(library).href}')
  const device = await simd({ threads: 2 })
  const x = ones([300, 300], device)
  console.log(await sum(matmul(x, x)).item())`
const multiply = multiplyWith('dist/index.js')

function run(flags: readonly string[], script: string, shell = ''): { said: string, status: number | null } {
  const args = [...flags, '-e', script]
  const options = { encoding: 'utf8', timeout: 600_000 } as const
  const { stdout, stderr, status } = shell
    ? spawnSync('bash', ['-c', `${shell}; exec "$@"`, 'bash', process.execPath, ...args], options)
    : spawnSync(process.execPath, args, options)
  return { said: (stdout + stderr).trim(), status }
}

test('a process with open devices ends by itself, whatever its flags', () => {
  const script = `(async () => {${multiply}})()`
  const flags = [[], ['--input-type=module'], ['--import', 'data:text/javascript,'], ['--stack-size=500'],
    ['--max-old-space-size=64'], ['--disallow-code-generation-from-strings'], ['--throw-deprecation']]
  for (const each of flags) assert.equal(run(each, script), { said: '27000000', status: 0 }, each.join(' '))
})

test('so it does where a worker opened the device', () => {
  const script = `(async () => {${multiply}})()`
  const { said, status } = run([], `
    new (require('node:worker_threads').Worker)(${JSON.stringify(script)}, { eval: true })`)
  assert.equal({ said, status }, { said: '27000000', status: 0 })
})

test("so it does from a user's bundle, minified, names kept", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'unrolled-bundle-'))
  const outfile = join(folder, 'all.mjs')
  await build({
    entryPoints: ['dist/index.js'], outfile, bundle: true, minify: true, keepNames: true,
    format: 'esm', platform: 'node', packages: 'external', logLevel: 'error',
  })
  assert.equal(run([], `(async () => {${multiplyWith(outfile)}})()`), { said: '27000000', status: 0 })
  rmSync(folder, { recursive: true })
})

test('a process that may not start threads, or has little address space, says so in one line', () => {
  const script = `(async () => {${multiply}})().catch(({ name, message }) => console.log(name, message))`
  const permission = Number(process.versions.node.split('.')[0]) < 24
    ? '--experimental-permission' : '--permission'
  const refused = run(['--no-warnings', permission, '--allow-fs-read=*'], script)
  assert.match(refused.said, /^UnrolledError simd: a thread could not be started: .*; ask for threads: 1$/)
  if (process.platform !== 'linux') return console.log('skip: ulimit -v is for Linux')
  const little = 'ulimit -v 8000000'
  const limited = run([], script, little).said
  if (limited === '27000000') return // Node 24 asks for less of it
  assert.match(limited,
    /^UnrolledError simd: no WebAssembly memory can be had here.*--disable-wasm-trap-handler$/)
  const remedy = '--disable-wasm-trap-handler' // Node 20.15 and 22.2 have it
  if (process.allowedNodeEnvironmentFlags.has(remedy)) {
    assert.is(run([remedy], script, little).said, '27000000')
  }
  const devices = `${little}; ${process.execPath} dist/cli.js devices`
  const { stdout } = spawnSync('bash', ['-c', devices], { encoding: 'utf8' })
  assert.match(stdout, /^--device auto takes the cpu[^]*\nsimd: no WebAssembly memory can be had/m)
})

test.run()

// The simd device in a page: headless Chrome, in a page that may share memory (cross-origin isolation) and in
// one that may not; the bits of the same work in Node.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import * as unrolled from '../src/index.ts'

const test = suite('simd in a browser')

interface Told {
  threads?: number
  multiplyAdd?: boolean
  /** of all bits of all results */
  hash?: number
  error?: string
}

// The text of a function: it runs here and in the page.
const work = `async ({ simd, tensor, random, matmul, recurrent, sum, mul, Tape }, options) => {
  const device = await simd(options)
  const normal = (seed, ...shape) => tensor(
    random(seed).normal(shape.reduce((a, b) => a * b, 1)), { shape, device })
  const x = normal(1, 300, 300)
  const net = recurrent({ kind: 'LSTM', inputs: 7, hidden: 65, device, rng: random(2) })
  const tape = new Tape()
  const { outputs } = net(normal(3, 20, 33, 7))
  const gradients = tape.gradients(sum(mul(outputs, outputs)), Object.values(net.parameters))
  const lists = [matmul(x, x), outputs, ...gradients]
  let hash = 0
  for (const list of lists) {
    for (const word of new Uint32Array((await list.read()).buffer)) hash = Math.imul(hash, 31) + word | 0
  }
  const { threads, multiplyAdd } = device
  tape.close()
  device.close()
  return { threads, multiplyAdd, hash }
}`

const page = (options: object) => `<!doctype html><script type="module">
  import * as unrolled from '/unrolled.js'
  const asError = (error) => ({ error: String(error) })
  const told = await (${work})(unrolled, ${JSON.stringify(options)}).catch(asError)
  await fetch('/told', { method: 'POST', body: JSON.stringify(told) })
</script>`

const ISOLATED = {
  'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp',
}

const folder = mkdtempSync(join(process.env.UNROLLED_TEST_FOLDER ?? tmpdir(), 'unrolled-chrome-'))
let server: Server
let library: Uint8Array
let chrome = ''
let told: (result: Told) => void
let answer: { headers: Record<string, string>, html: string, code: string | Uint8Array }

/** Unpacks Chrome into our folder: in that of all it could be half unpacked, by others who test. */
async function unpackChrome(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return ''
  const { default: chromium } = await import('@sparticuz/chromium')
  const { TMPDIR } = process.env
  process.env.TMPDIR = folder
  const path = await chromium.executablePath()
  if (TMPDIR === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = TMPDIR
  return path
}

test.before(async () => {
  chrome = await unpackChrome()
  library = readFileSync('dist/unrolled.browser.js')
  server = createServer((request, response) => {
    if (request.url === '/told') {
      let body = ''
      request.on('data', (part) => { body += part })
      request.on('end', () => told(JSON.parse(body)))
      response.end()
      return
    }
    const isCode = request.url === '/unrolled.js'
    response.writeHead(200, { ...answer.headers, 'Content-Type': isCode ? 'text/javascript' : 'text/html' })
    response.end(isCode ? answer.code : answer.html)
  })
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
})

test.after(async () => {
  server.close()
  await removed(folder)
})

/** What a page says that was served with these headers. */
async function open(
  headers: Record<string, string>, options: unrolled.SimdOptions = {}, code: string | Uint8Array = library,
): Promise<Told> {
  answer = { headers, html: page(options), code }
  const { port } = server.address() as AddressInfo
  const profile = mkdtempSync(join(folder, 'profile-')) // none has the lock of one that was killed
  const child: ChildProcess = spawn(chrome, [
    '--headless=shell', '--no-sandbox', '--no-zygote', '--disable-gpu', '--disable-dev-shm-usage',
    `--user-data-dir=${profile}`, `http://127.0.0.1:${port}/`,
  ], { stdio: 'ignore', detached: true }) // with its processes in a group of their own
  const ended = new Promise((done) => { child.once('exit', done) })
  const timer = setTimeout(() => killGroup(child), 300_000)
  try {
    return await Promise.race([
      new Promise<Told>((done) => { told = done }),
      ended.then(() => ({ error: 'the browser said nothing' })),
    ])
  } finally {
    clearTimeout(timer)
    killGroup(child)
    await ended
  }
}

/** Ends Chrome and the processes it has started. */
function killGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    child.kill('SIGKILL') // the group is gone, or was never made
  }
}

/**
 * A process that was killed a moment ago may still put a file into the folder: then it is emptied again. What
 * is left after a hundred times says nothing about the library.
 */
async function removed(folder: string): Promise<void> {
  for (let n = 0; n < 100; n++) {
    try {
      return rmSync(folder, { recursive: true, force: true })
    } catch {
      await new Promise((done) => { setTimeout(done, 100) })
    }
  }
}

test('threads where the page may share memory, one where not; the same bits as in Node', async () => {
  if (!existsSync(chrome)) return console.log('skip: there is no Chrome here')
  const here = new Function(`return ${work}`)() as (library: object, options: object) => Promise<Told>
  const { hash, multiplyAdd } = await here(unrolled, { threads: 2 })
  const several = await open(ISOLATED, { threads: 3 })
  assert.equal(several, { threads: 3, multiplyAdd, hash })
  assert.equal(await open({}), { threads: 1, multiplyAdd, hash })
  const most = await open(ISOLATED)
  assert.ok(most.threads! >= 1 && most.hash === hash, JSON.stringify(most))
})

test("a user's bundle, minified, names kept, starts its threads too", async () => {
  if (!existsSync(chrome)) return console.log('skip: there is no Chrome here')
  const { outputFiles: [{ text }] } = await build({
    entryPoints: ['dist/unrolled.browser.js'], bundle: true, minify: true, keepNames: true, format: 'esm',
    write: false, logLevel: 'error',
  })
  const { threads, error } = await open(ISOLATED, { threads: 2 }, text)
  assert.equal([threads, error], [2, undefined])
})

test('what a page may not do is said in one line, with the remedy', async () => {
  if (!existsSync(chrome)) return console.log('skip: there is no Chrome here')
  assert.equal(await open({}, { threads: 2 }), { error:
    'UnrolledError: simd: threads is 2, but this page may not share memory; serve it with the headers ' +
    'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or take 1' })
  const policy = `script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'self'`
  const strict = { ...ISOLATED, 'Content-Security-Policy': policy }
  assert.match((await open(strict, { threads: 2 })).error!,
    /^UnrolledError: simd: a thread could not be started: .*worker-src blob:.*; ask for threads: 1$/)
})

test.run()

// Runs the tests: each test/*.test.ts is bundled and run in a process of its own, two to four at a time.
//
//   node test/run.mjs                  types, build, then every file
//   node test/run.mjs tape cpu         build, then only the files whose names contain one of these words
//   node test/run.mjs --long           test/long/*.test.ts, the slow proofs
//   node test/run.mjs --dir FOLDER --timeout SECONDS
//   UNROLLED_ADAPTER=llvmpipe node test/run.mjs     on another gpu than SwiftShader (test/gpu-adapter.ts)
//
// uvu ends with code 0 when a test's promise never settles, so the code alone proves nothing: a file counts
// as passed only with uvu's own summary, at least one test in it, and a reason for whatever it skipped.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildPackage, bundle, root, tsc } from '../src/build.mjs'

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    long: { type: 'boolean', default: false },
    dir: { type: 'string' },
    timeout: { type: 'string' },
  },
})
const folder = resolve(options.dir ?? join(root, 'test', options.long ? 'long' : ''))
// for what hangs, not for what is slow
const seconds = Number(options.timeout ?? (options.long ? 2 * 60 * 60 : 30 * 60))
const cache = join(root, 'node_modules', '.cache', 'unrolled', 'test', String(process.pid))
const shared = mkdtempSync(join(tmpdir(), 'unrolled-test-')) // for what all files use: test/command.ts
const totals = { passed: 0, failed: 0, skipped: 0 }
const children = new Set()

const colours = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (code, text) => colours ? `\x1b[${code}m${text}\x1b[0m` : text

async function main() {
  const started = performance.now()
  const files = (await readdir(folder).catch(() => []))
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
    .sort()
  const isWhole = !options.dir && names.length === 0
  const steps = isWhole ? [runStep('types', () => tsc(['--noEmit']))] : []
  // before any test: one that built dist/ for itself would pull it away from under another
  if (!options.dir && files.length > 0) steps.push(runStep('build', () => buildPackage()))
  await Promise.all(steps)
  const worker = async () => {
    for (let file = files.shift(); file; file = files.shift()) report(file, await runFile(file))
  }
  if (files.length === 0) console.log(`no test file matches in ${folder}`)
  // one more than there are cores: now and then a file only waits
  await Promise.all(Array.from({ length: Math.min(availableParallelism() + 1, 4) }, worker))
  console.log(`\n${((performance.now() - started) / 1000).toFixed(1)} s`)
}

// A step that is no uvu file counts as one test.
async function runStep(name, step) {
  const started = performance.now()
  const output = await step().then(() => '', (error) => error.message)
  const counts = output ? { passed: 0, failed: 1, skipped: 0 } : { passed: 1, failed: 0, skipped: 0 }
  report(name, { ...counts, output, milliseconds: performance.now() - started })
}

async function runFile(file) {
  const started = performance.now()
  const noBundle = (error) => ({ output: error.message, complaint: 'could not be bundled' })
  const result = await compile(file).then(execute, noBundle)
  return { ...judge(result), milliseconds: performance.now() - started }
}

async function compile(file) {
  const name = file.replace(/\.ts$/, '')
  await bundle({
    entries: [{ in: join(folder, file), out: name }],
    outdir: cache,
    outExtension: { '.js': '.mjs' },
    packages: 'external',
    logLevel: 'silent',
  })
  return join(cache, name + '.mjs')
}

function execute(path) {
  return new Promise((done) => {
    // Caches stay inside: the software adapter is unpacked here, not among the user's files.
    const caches = join(root, 'node_modules', '.cache')
    const own = { NO_COLOR: '1', XDG_CACHE_HOME: caches, UNROLLED_TEST_FOLDER: shared }
    const { FORCE_COLOR, ...env } = { ...process.env, ...own }
    // detached: a process group of its own, so that whatever the test has started ends with it
    const child = spawn(process.execPath, ['--enable-source-maps', '--expose-gc', path], {
      cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.add(child)
    let output = ''
    let complaint = ''
    child.stdout.setEncoding('utf8').on('data', (text) => { output += text })
    child.stderr.setEncoding('utf8').on('data', (text) => { output += text })
    const timer = setTimeout(() => {
      complaint = `still running after ${seconds} s, killed`
      kill(child)
    }, seconds * 1000)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      children.delete(child)
      if (!complaint && code !== 0) complaint = signal ? `ended by ${signal}` : `exit code ${code}`
      done({ output, complaint })
    })
  })
}

// uvu's summary turned into counts; anything suspicious is a failure.
function judge({ output, complaint }) {
  const summary = [...output.matchAll(/^ *Total: +(\d+)\n *Passed: +(\d+)\n *Skipped: +(\d+)$/gm)].at(-1)
  const [total, passed, skipped] = summary ? summary.slice(1).map(Number) : [0, 0, 0]
  const reasons = [...output.matchAll(/(?:^|[•✘] )(skip:.*)$/gm)].map((match) => match[1])
  let failed = total - passed
  if (!complaint && !summary) complaint = 'ended without a summary: a promise never settled, or no run()'
  if (!complaint && total === 0 && skipped === 0) complaint = 'no test in it'
  if (!complaint && skipped > 0 && reasons.length === 0) complaint = 'skipped without a line "skip: reason"'
  if (complaint && failed === 0) failed = 1
  return { passed, failed, skipped, reasons, output, complaint }
}

function report(name, { passed, failed, skipped, reasons = [], output, complaint, milliseconds }) {
  totals.passed += passed
  totals.failed += failed
  totals.skipped += skipped
  const others = (failed ? `, ${failed} failed` : '') + (skipped ? `, ${skipped} skipped` : '')
  const counts = `${passed} passed${others}`
  const mark = failed ? paint(31, 'FAIL') : paint(32, 'ok  ')
  const time = (milliseconds / 1000).toFixed(1)
  console.log(`${mark} ${name.padEnd(32)} ${counts.padEnd(28)} ${time.padStart(6)} s`)
  for (const reason of reasons) console.log(`     ${reason}`)
  if (failed) console.log([complaint, output.trim()].filter(Boolean).join('\n').replace(/^/gm, '     '))
}

function kill(child) {
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL')
  }
}

process.on('exit', () => {
  children.forEach(kill)
  for (const made of [cache, shared]) {
    try {
      rmSync(made, { recursive: true, force: true })
    } catch {
      // somebody who was killed still had a file to write: it stays, and says nothing about the tests
    }
  }
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

await main()
const { passed, failed, skipped } = totals
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0

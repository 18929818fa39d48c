// Runs the benchmarks, bench/*.bench.ts, one after the other: they would disturb each other's clocks.
//
//   node bench/run.mjs                 all of them
//   node bench/run.mjs matmul gpu      only the files whose names contain one of these words
//   --adapter NAME                     the gpu adapter to run on; every one of this machine by default
//   --patience SECONDS                 leaves out sizes of which one call takes longer; 2 by default
//   --json FILE  --svg FILE            what was measured, as JSON; a picture of cpu against gpu

import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { bundle, root } from '../src/build.mjs'

const folder = dirname(fileURLToPath(import.meta.url))
const cache = join(root, 'node_modules', '.cache', 'unrolled', 'bench', String(process.pid))
const records = join(cache, 'records.jsonl')
const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    adapter: { type: 'string' }, patience: { type: 'string' }, json: { type: 'string' },
    svg: { type: 'string' },
  },
})

async function compile(file) {
  const name = file.replace(/\.ts$/, '')
  await bundle({
    entries: [{ in: join(folder, file), out: name }],
    outdir: cache,
    outExtension: { '.js': '.mjs' },
    packages: 'external',
  })
  return join(cache, name + '.mjs')
}

async function run(file) {
  const { adapter, patience } = options
  const args = [
    '--enable-source-maps', '--expose-gc', await compile(file), '--records', records,
    ...(adapter === undefined ? [] : ['--adapter', adapter]),
    ...(patience === undefined ? [] : ['--patience', patience]),
  ]
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
  return new Promise((done) => child.on('close', (code) => done(code ?? 1)))
}

// Lines of records, each { kind, ... }, as one object. Times in measurements are in seconds.
async function measured() {
  const lines = (await readFile(records, 'utf8')).trim().split('\n').map((line) => JSON.parse(line))
  const of = (kind) => lines.filter((line) => line.kind === kind).map(({ kind: _, ...rest }) => rest)
  const texts = (kind) => [...new Set(of(kind).map(({ line }) => line))]
  return {
    machine: texts('machine')[0], adapters: texts('adapter'), tables: of('table'),
    measurements: of('measurement'), crossings: of('crossing'), inTurns: of('inTurns'), rates: of('rate'),
    ceilings: of('ceilings'),
  }
}

async function writeResults() {
  if (options.json === undefined && options.svg === undefined) return
  const all = await measured()
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(all, null, 1)}\n`)
  if (options.svg === undefined) return
  if (all.measurements.length === 0) {
    console.error('bench: nothing to draw; --svg draws gpu-kernels, gpu-layers and gpu-train')
    process.exitCode = 1
    return
  }
  const { draw } = await import(pathToFileURL(await compile('picture.ts')))
  await writeFile(options.svg, draw(all))
}

const files = (await readdir(folder))
  .filter((file) => file.endsWith('.bench.ts'))
  .filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
  .sort()
if (files.length === 0) {
  console.error(`bench: nothing matches ${names.join(' ')}`)
  process.exitCode = 1
}
try {
  await mkdir(cache, { recursive: true })
  await writeFile(records, '')
  for (const file of files) {
    console.log(`\n${file}`)
    if (await run(file) !== 0) process.exitCode = 1
  }
  if (files.length > 0) await writeResults()
} finally {
  await rm(cache, { recursive: true, force: true })
}

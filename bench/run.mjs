// Runs the benchmarks, bench/*.bench.ts, one after the other: they would disturb each other's clocks.
//
//   node bench/run.mjs                 all of them
//   node bench/run.mjs matmul          only the files whose names contain one of these words

import { spawn } from 'node:child_process'
import { readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle, root } from '../src/build.mjs'

const folder = dirname(fileURLToPath(import.meta.url))
const cache = join(root, 'node_modules', '.cache', 'unrolled', 'bench', String(process.pid))
const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const options = process.argv.slice(2).filter((argument) => argument.startsWith('--'))

async function run(file) {
  const name = file.replace(/\.ts$/, '')
  await bundle({
    entries: [{ in: join(folder, file), out: name }],
    outdir: cache,
    outExtension: { '.js': '.mjs' },
    packages: 'external',
  })
  const args = ['--enable-source-maps', '--expose-gc', join(cache, name + '.mjs'), ...options]
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
  return new Promise((done) => child.on('close', (code) => done(code ?? 1)))
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
  for (const file of files) {
    console.log(`\n${file}`)
    if (await run(file) !== 0) process.exitCode = 1
  }
} finally {
  await rm(cache, { recursive: true, force: true })
}

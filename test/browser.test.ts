// The bundle for browsers, in an engine that is older than `using`: a context without Symbol.dispose.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { createContext, runInContext } from 'node:vm'

const test = suite('browser')

const code = readFileSync('dist/unrolled.browser.js', 'utf8')

// A well-known symbol cannot be deleted, so the context gets a Symbol that never had the two.
const olderSymbol = `
  const { prototype, dispose, asyncDispose, ...known } = Object.fromEntries(
    Object.getOwnPropertyNames(Symbol).map((name) => [name, Symbol[name]]))
  const create = Symbol
  globalThis.Symbol = Object.assign((text) => create(text),
    Object.fromEntries(Object.entries(known).filter(([name]) => name !== 'length' && name !== 'name')))`

/** Runs a script with the library's public names as \`unrolled\`. */
function runOutside(script: string): Promise<unknown> {
  const asScript = code.replace(/^export \{([^}]*)\};?$/m, (_, names: string) =>
    `globalThis.unrolled = {${names.replace(/(\w+) as (\w+)/g, '$2: $1')}}`)
  const context = createContext({ performance })
  runInContext(`(() => {${olderSymbol}})()`, context)
  runInContext(`(() => {${asScript}\n})()`, context)
  const result: unknown = runInContext(`(async () => {${script}})()`, context)
  return Promise.resolve(result)
}

test('the context has no Symbol.dispose', async () => {
  assert.is(await runOutside('return typeof Symbol.dispose + typeof Symbol.iterator'), 'undefinedsymbol')
})

test('gradcheck', async () => {
  const report = await runOutside(`
    const { cpu, formatReport, gradcheck, tensor, tanh } = unrolled
    const x = tensor([[0.5, -1], [2, 0.25]], { device: cpu({ precision: 'float64' }) })
    const reports = []
    for (const order of [1, 2]) reports.push(formatReport(await gradcheck(([x]) => tanh(x), [x], { order })))
    return reports.map((report) => report.split(':')[0]).join()`)
  assert.is(report, 'passed,passed')
})

test('steps of a training lower the loss', async () => {
  const losses = await runOutside(`
    const { adam, constant, cpu, languageModel, random, train } = unrolled
    const device = cpu()
    const form = { cell: 'lstm', symbols: 4, embed: 3, hidden: 5, layers: 1, dropout: 0 }
    const model = languageModel(form, { device, rng: random(1) })
    const losses = []
    const steps = train({
      model, ids: Int32Array.from({ length: 100 }, (_, i) => i % 4), batch: 2, window: 5, clip: 1,
      optimizer: adam({ learningRate: 0.05 }), schedule: constant(), rng: random(2), stop: { steps: 20 },
    })
    for await (const { loss } of steps) losses.push(loss)
    return losses`) as number[]
  assert.is(losses.length, 20)
  assert.ok(losses[19] < losses[0] / 2, String(losses))
})

test('`using`, as compilers lower it, closes a scope and a tape', async () => {
  const closed = await runOutside(`
    const { Scope, Tape } = unrolled
    const method = Symbol.dispose ?? Symbol.for('Symbol.dispose')
    return [new Scope(), new Tape()].reverse().map((open) => (open[method](), open.isClosed)).join()`)
  assert.is(closed, 'true,true')
})

test('the class has no method by the name of undefined, and `using` works here', async () => {
  assert.is(await runOutside(`return 'undefined' in unrolled.Scope.prototype`), false)
  const { Scope } = await import('../src/scope.ts')
  const closed = (() => {
    using scope = new Scope()
    return scope
  })()
  assert.is(closed.isClosed, true)
})

test.run()

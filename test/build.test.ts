// The build step: a module under a query is a copy, with its neighbours; other folders are shared; a browser
// gets nothing of Node.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const test = suite('build')
const folder = mkdtempSync(join(tmpdir(), 'unrolled-build-'))

test.after(() => rmSync(folder, { recursive: true }))

function write(files: Record<string, string>) {
  for (const [name, code] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), code)
  }
}

// Bundles main.ts in a process of its own and runs the result there.
function bundleAndRun(platform: string) {
  const options = { entries: [join(folder, 'main.ts')], outdir: folder, platform, logLevel: 'error' }
  const code = `
    import { bundle } from './src/build.mjs'
    await bundle({ ...${JSON.stringify(options)}, outExtension: { '.js': '.mjs' } })
    await import(${JSON.stringify(join(folder, 'main.mjs'))})`
  const args = ['--input-type=module', '--eval', code]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { stdout, stderr, status }
}

test('two copies of a module and of its neighbours, one of everything else', () => {
  write({
    'shared.ts': 'export const counter = { calls: 0 }',
    'cpu/deep/loop.ts': `import { counter } from '../../shared.ts'
      export const mine = { calls: 0 }
      export function loop(x: ArrayLike<number>) { mine.calls += 1; counter.calls += 1; return x.length }`,
    'cpu/kernels.ts': `export { loop, mine } from './deep/loop.ts'`,
    'cpu/instance.ts': `import { loop, mine } from './kernels.ts'\nexport default { loop, mine }`,
    'main.ts': `
      import float32 from './cpu/instance.ts?float32'
      import float64 from './cpu/instance.ts?float64'
      import again from './cpu/instance.ts?float32'
      import { counter } from './shared.ts'
      float32.loop([]), float32.loop([]), float64.loop([])
      console.log(float32 === again, float32.loop === float64.loop,
        float32.mine.calls, float64.mine.calls, counter.calls)`,
  })
  const { stdout, stderr } = bundleAndRun('node')
  assert.is(stdout, 'true false 2 1 3\n', stderr)
})

test('WGSL is loaded as text, WebAssembly as bytes', () => {
  write({
    'add.wgsl': '@compute fn main() {}',
    'add.wasm': 'abc',
    'main.ts': `import text from './add.wgsl'\nimport bytes from './add.wasm'\nconsole.log(text, bytes[0])`,
  })
  const { stdout, stderr } = bundleAndRun('browser')
  assert.is(stdout, '@compute fn main() {} 97\n', stderr)
})

test('a bundle for the browser that reaches a module of Node is refused', () => {
  write({ 'main.ts': `export const read = () => import('node:fs')` })
  const { stderr, status } = bundleAndRun('browser')
  assert.is.not(status, 0)
  assert.match(stderr, 'Could not resolve "node:fs"')
})

test.run()

// An op without a vjp, or with too few or too many gradients for its inputs, does not compile: the compiler
// is asked.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const test = suite('vjp types')

// What an op's author might write; each is the body of a function of two tensors.
const right = {
  one: "record('op', [a], result, (dy) => [() => dy])",
  usesOutput: "record('op', [a], result, (dy, y) => [() => { void y; return dy }])",
  two: "record('op', [a, b], result, (dy) => [() => dy, () => dy])",
  noneOnPurpose: "record('op', [a, b], result, (dy) => [() => dy, null])",
  list: "record('op', many, result, (dy) => many.map(() => () => dy))",
  several: "recordMany('op', [a], [result, result], ([dy, dz]) => [() => (dy ?? dz)])",
}

const wrong = {
  noVjp: "record('op', [a], result)",
  undefinedVjp: "record('op', [a], result, undefined)",
  nullVjp: "record('op', [a], result, null)",
  noGradients: "record('op', [a], result, () => [])",
  nothingReturned: "record('op', [a], result, () => {})",
  tooFew: "record('op', [a, b], result, (dy) => [() => dy])",
  tooMany: "record('op', [a], result, (dy) => [() => dy, () => dy])",
  undefinedGradient: "record('op', [a, b], result, (dy) => [() => dy, undefined])",
  notATensor: "record('op', [a], result, () => [() => 0])",
  notDeferred: "record('op', [a], result, (dy) => [dy])",
  manyTooFew: "recordMany('op', [a, b], [result], ([dy]) => [() => dy!])",
  manyNoVjp: "recordMany('op', [a], [result])",
}

const folder = join('node_modules', '.cache', 'unrolled', `vjp-types-${process.pid}`)
const tsc = join('node_modules', 'typescript', 'bin', 'tsc')

/** One run of the compiler; gives the names of the snippets that it refuses, with its words. */
function refused(snippets: Record<string, string>): Map<string, string> {
  const options = { extends: '../../../../tsconfig.json', include: ['*.ts', '../../../../src/globals.d.ts'] }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options))
  for (const [name, code] of Object.entries(snippets)) {
    writeFileSync(join(folder, `${name}.ts`), [
      "import { record, recordMany, type Result } from '../../../../src/tape.ts'",
      "import type { Tensor } from '../../../../src/tensor.ts'",
      'export const use = [record, recordMany]',
      'export function op(a: Tensor, b: Tensor, many: readonly Tensor[], result: Result) {',
      `  return [a, b, many, ${code}]`,
      '}',
    ].join('\n'))
  }
  let output = ''
  try {
    execFileSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'],
      { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    output = (error as { stdout: string }).stdout
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const found = new Map<string, string>()
  for (const [, path, text] of output.matchAll(/^(\S+)\(\d+,\d+\): (error TS\d+: .*)$/gm)) {
    found.set(path.split('/').at(-1)!.replace('.ts', ''), text)
  }
  return found
}

test('right vjps compile, wrong ones do not', () => {
  const found = refused({ ...right, ...wrong })
  assert.equal([...found.keys()].sort(), Object.keys(wrong).sort())
  assert.match(found.get('noVjp')!, /Expected 4 arguments/)
  for (const name of ['tooFew', 'tooMany', 'undefinedGradient', 'notDeferred']) {
    assert.match(found.get(name)!, /is not assignable to type|TS2322|TS2345/, name)
  }
})

test.run()

// npx unrolled gradcheck: the table, a close look, refusals; and no cell without a row.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { cellTable } from '../src/cli/gradcheck-cells.ts'

const test = suite('gradcheck command')

test.before(() => {
  const build = spawnSync(process.execPath, ['src/build.mjs'], { encoding: 'utf8' })
  assert.is(build.status, 0, build.stderr)
})

function run(...args: string[]) {
  return spawnSync(process.execPath, ['dist/cli.js', 'gradcheck', ...args], { encoding: 'utf8' })
}

test('every exported cell has a row', () => {
  const files = readdirSync('src/nn').map((file) => readFileSync(`src/nn/${file}`, 'utf8'))
  const declared = /^export function (\w+)\(.*\): (?:Projected)?Cell</gm
  const cells = files.flatMap((code) => [...code.matchAll(declared)]).map(([, name]) => name)
  assert.ok(cells.length >= 4, `found ${cells}`)
  assert.equal([...new Set(cellTable.map(({ cell }) => cell))].sort(), cells.sort())
})

test('the whole table passes', () => {
  const { stdout, stderr, status } = run()
  assert.is(status, 0, stderr)
  assert.match(stdout, /^op matmul +\d+ +\d\.\de-1\d +\d\.\de[-+]\d+$/m)
  assert.match(stdout, /^cell lstm +4 /m)
  const [, passed, all] = /(\d+) of (\d+) checks passed/.exec(stdout) ?? []
  assert.ok(Number(passed) > 600 && passed === all, stdout)
})

test('one op and one cell are looked at closely, with both numbers', () => {
  const op = run('--op', 'tanh')
  assert.match(op.stdout, /op tanh \[.*\]\npassed: gradient, .*\ninput +index +tape +finite differences/)
  assert.not.match(op.stdout, /op sigmoid/)
  const cell = run('--cell', 'gru')
  assert.match(cell.stdout, /cell gru plain, no bias\npassed: second-order gradient/)
})

test('an unknown name is refused, with the nearest one', () => {
  const { stdout, stderr, status } = run('--cell', 'lstn')
  assert.is(stdout, '')
  assert.is(stderr, 'unrolled: gradcheck: there is no cell lstn; did you mean lstm?\n')
  assert.is(status, 2)
  assert.is(run('--op', 'tanh', '--cell', 'gru').status, 2)
})

test.run()

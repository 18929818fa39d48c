// npx unrolled gradcheck: the table, a close look, refusals; and no cell without a row.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { cellTable } from '../src/cli/gradcheck-cells.ts'
import { cpu } from '../src/cpu/device.ts'
import * as unrolled from '../src/index.ts'
import { CELLS, cells as known } from '../src/nn/cells.ts'
import { random } from '../src/random.ts'

const test = suite('gradcheck command')

function run(...args: string[]) {
  return spawnSync(process.execPath, ['dist/cli.js', 'gradcheck', ...args], { encoding: 'utf8' })
}

/** Whether an exported name is a function that makes a cell: what it makes of its options has a step. */
function makesCell(value: unknown): boolean {
  if (typeof value !== 'function') return false
  try {
    const options = { inputs: 2, hidden: 3, device: cpu(), rng: random(1) }
    const made: unknown = Reflect.apply(value, undefined, [options])
    if (made instanceof Promise) made.catch(() => {}) // no cell; and these are not its options
    return typeof made === 'object' && made !== null && 'step' in made
  } catch {
    return false // a class, or a function that takes something else
  }
}

test('every exported cell has a row', () => {
  const cells = Object.entries(unrolled).filter(([, value]) => makesCell(value)).map(([name]) => name)
  assert.ok(cells.length >= 4 && cells.includes('lstm'), `found ${cells}`)
  assert.equal(cells.sort(), CELLS.map((name) => known[name].name).sort())
  assert.equal([...new Set(cellTable.map(({ cell }) => cell))], CELLS) // by the names that train has for them
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
  for (const [kind, known] of [['op', 'layerNorm'], ['cell', 'jordan']]) {
    const far = 'unrolled: gradcheck: there is no KIND whale; unrolled gradcheck --help lists them\n'
    assert.is(run(`--${kind}`, 'whale').stderr, far.replace('KIND', kind))
    assert.match(run('--help').stdout, known)
  }
})

test.run()

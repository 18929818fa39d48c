// npx unrolled gradcheck: every op and every cell against finite differences, in float64, as a table.
//
// Each row is the worst error of several shapes or variants, for the gradient and the gradient's gradient:
// max |tape - finite differences| / max |finite differences|. With --op or --cell the worst entries are
// printed with both numbers. Next: gradcheck-ops.ts and gradcheck-cells.ts, the rows; ../gradcheck.ts.

import { cpu } from '../cpu/device.ts'
import { printable } from '../data/printable.ts'
import { formatReport, gradcheck, type GradcheckReport } from '../gradcheck.ts'
import { unroll } from '../nn/unroll.ts'
import { concat, reshape } from '../ops/move.ts'
import { random } from '../random.ts'
import { tensor, type Tensor } from '../tensor.ts'
import { type CellRow, cellTable } from './gradcheck-cells.ts'
import { inputsOf, table } from './gradcheck-ops.ts'
import { defineCommand, UsageError, type Values } from './options.ts'
import { nearest } from '../suggest.ts'

const namesOf = (list: readonly string[]): string => [...new Set(list)].join(', ')

export const gradcheckCommand = defineCommand({
  name: 'gradcheck',
  summary: 'check every gradient against finite differences (on the cpu, in float64)',
  options: {
    op: {
      type: 'text', value: 'NAME',
      help: `only this op, with its worst entries: ${namesOf(table.map(({ op }) => op))}`,
    },
    cell: {
      type: 'text', value: 'NAME',
      help: `only this cell, with its worst entries: ${namesOf(cellTable.map(({ cell }) => cell))}`,
    },
  },
  excludes: [['op', 'cell']],
  example: 'npx unrolled gradcheck --cell lstm',
})

/** One check that can be run, to first or second order. */
interface Check {
  kind: 'op' | 'cell'
  name: string
  /** the shapes or the variant */
  detail: string
  run(order: 1 | 2): Promise<GradcheckReport>
}

const judge = cpu({ precision: 'float64' })
const T = 4
const B = 2

function opChecks(): Check[] {
  return table.map((row) => ({
    kind: 'op',
    name: row.op,
    detail: row.shapes.map((shape) => `[${shape.join(', ')}]`).join(' '),
    run: (order) => gradcheck(row.call, inputsOf(row, judge), { order }),
  }))
}

function cellChecks(): Check[] {
  return cellTable.map((row) => (
    { kind: 'cell', name: row.cell, detail: row.variant, run: (order) => checkCell(row, order) }
  ))
}

/** All outputs and the final state of T steps, by every parameter, the inputs and the first state. */
export function checkCell(row: CellRow, order: 1 | 2): Promise<GradcheckReport> {
  const rng = random(11)
  const cell = row.make({ inputs: 2, hidden: 3, device: judge, rng })
  const draw = (shape: readonly number[]) =>
    tensor(rng.normal(shape.reduce((n, size) => n * size, 1)), { shape, device: judge })
  const xs = draw([T, B, 2])
  const state = Object.fromEntries(Object.entries(cell.initial(B)).map(([name, x]) => [name, draw(x.shape)]))
  const flat = (x: Tensor) => reshape(x, [-1])
  const f = () => {
    const result = unroll(cell, xs, state)
    return concat([flat(result.outputs), ...Object.values(result.state).map(flat)])
  }
  return gradcheck(f, { ...cell.parameters, xs, ...state }, { order })
}

/** Prints the table, or one op's or cell's worst entries; exit code 1 if anything failed. */
export async function runGradcheck(options: Values<typeof gradcheckCommand.options>): Promise<number> {
  const checks = chosen([...opChecks(), ...cellChecks()], options)
  const closely = options.op !== undefined || options.cell !== undefined
  print(closely
    ? 'Worst entries, tape beside finite differences, in float64.\n'
    : `${''.padEnd(26)}checks  first order  second order`)
  const reports: GradcheckReport[] = []
  for (const title of new Set(checks.map(titleOf))) {
    const own = checks.filter((check) => titleOf(check) === title)
    const found = await runGroup(own, closely)
    reports.push(...found)
    const errors = ([1, 2] as const).map((order) => {
      const worst = Math.max(...found.filter((report) => report.order === order).map(({ error }) => error))
      return worst.toExponential(1).padStart(12)
    })
    if (!closely) print(`${title.padEnd(26)}${String(own.length).padStart(6)} ${errors.join('  ')}`)
  }
  const passed = reports.filter((report) => report.passed).length
  print(`${passed} of ${reports.length} checks passed: error under 1e-6, ` +
    'by central differences with step 1e-5, in float64')
  return passed === reports.length ? 0 : 1
}

/** Runs the checks of one op or cell; prints those that failed, or all when it is looked at closely. */
async function runGroup(checks: readonly Check[], closely: boolean): Promise<GradcheckReport[]> {
  const reports: GradcheckReport[] = []
  for (const check of checks) {
    for (const order of [1, 2] as const) {
      const report = await check.run(order)
      reports.push(report)
      if (closely || !report.passed) print(`${titleOf(check)} ${check.detail}\n${formatReport(report)}\n`)
    }
  }
  return reports
}

function titleOf({ kind, name }: Check): string {
  return `${kind} ${name}`
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function chosen(
  all: readonly Check[], { op, cell }: { op: string | undefined, cell: string | undefined },
): Check[] {
  const kind = op === undefined ? 'cell' : 'op'
  const wanted = op ?? cell
  if (wanted === undefined) return [...all]
  const found = all.filter((check) => check.kind === kind && check.name === wanted)
  if (found.length > 0) return found
  const names = [...new Set(all.filter((check) => check.kind === kind).map(({ name }) => name))]
  const close = nearest(wanted, names)
  const remedy = close ? `did you mean ${close}?` : 'unrolled gradcheck --help lists them'
  throw new UsageError(`gradcheck: there is no ${kind} ${printable(wanted)}; ${remedy}`)
}

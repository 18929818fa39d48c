// Elementwise ops, broadcasts and sums on the cpu device: time per element, and bytes moved per second.
//
// Large tensors show the loops; small ones, [32, 128] as in one step of a cell, also what a call costs.

import { cpu } from '../src/cpu/device.ts'
import type { BinaryOp, Memory, UnaryOp, View } from '../src/device.ts'
import { random } from '../src/random.ts'
import { type Shape, sizeOf } from '../src/shape.ts'
import { printMachine, printTable, relativeError, secondsPerCall, verify } from './harness.ts'

interface Row {
  name: string
  /** elements read and written */
  numbers: number
  run: () => Memory
  /** element i of the right result */
  right: (i: number) => number
}

const device = cpu()
const rng = random(1)

/** A tensor, and its numbers for the check. */
function drawn(shape: Shape): View & { values: Float32Array } {
  const values = Float32Array.from(rng.normal(sizeOf(shape)))
  return { memory: device.upload(values, 'float32'), offset: 0, shape, values }
}

function rowsFor([R, C]: readonly [number, number]): Row[] {
  const shape = [R, C]
  const n = R * C
  const a = drawn(shape), b = drawn(shape), row = drawn([C]), column = drawn([R, 1])
  const binary = (op: BinaryOp, other: typeof a | number, what: string, right: Row['right']): Row => ({
    name: `${op} ${what}`,
    numbers: 2 * n + (typeof other === 'number' ? 1 : other.values.length),
    run: () => device.binary(op, a, other, shape),
    right,
  })
  const unary = (op: UnaryOp, f: (x: number) => number): Row =>
    ({ name: op, numbers: 2 * n, run: () => device.unary(op, a), right: (i) => f(a.values[i]) })
  const sum = (axis: number, length: number, at: (i: number, k: number) => number): Row => ({
    name: axis === 0 ? 'sum over rows' : 'sum over columns',
    numbers: n + n / length,
    run: () => device.reduce('sum', a, [axis]),
    right: (i) => Array.from({ length }, (_, k) => a.values[at(i, k)]).reduce((x, y) => x + y),
  })
  return [
    binary('add', b, 'equal shapes', (i) => a.values[i] + b.values[i]),
    binary('mul', b, 'equal shapes', (i) => a.values[i] * b.values[i]),
    binary('add', 2, 'a number', (i) => a.values[i] + 2),
    binary('add', row, 'a row', (i) => a.values[i] + row.values[i % C]),
    binary('add', column, 'a column', (i) => a.values[i] + column.values[Math.floor(i / C)]),
    binary('greater', b, 'equal shapes', (i) => Number(a.values[i] > b.values[i])),
    unary('exp', Math.exp),
    unary('tanh', Math.tanh),
    unary('sigmoid', (x) => 1 / (1 + Math.exp(-x))),
    sum(0, R, (i, k) => k * C + i),
    sum(1, C, (i, k) => i * C + k),
  ]
}

async function measure({ name, numbers, run, right }: Row, n: number): Promise<string[]> {
  const memory = run()
  const found = await device.read({ memory, offset: 0, shape: [memory.length] })
  verify(name, relativeError(found, found.map((_, i) => right(i))) < 1e-6)
  device.free(memory)
  const seconds = secondsPerCall(() => device.free(run()))
  const gigabytes = (numbers * 4) / seconds / 1e9
  return [name, ((seconds * 1e9) / n).toFixed(2), (seconds * 1e6).toFixed(1), gigabytes.toFixed(2)]
}

printMachine()
for (const shape of [[2048, 512], [32, 128]] as const) {
  const rows: string[][] = []
  for (const row of rowsFor(shape)) rows.push(await measure(row, sizeOf(shape)))
  printTable(
    `float32 [${shape.join(', ')}] on one core; each result is checked`,
    ['', 'ns / element', 'us', 'GB/s'], rows,
  )
}

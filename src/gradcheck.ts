// Judges gradients by finite differences, in float64: the proof that a vjp, a cell or a whole model is right.
//
//   dL/dx_i  =  (L(x + h e_i) - L(x - h e_i)) / 2h + O(h^2),      L = sum_j w_j f(x)_j
//
// f may have any shape: fixed random weights w, none near zero, make one number of it. Instead of single
// elements e_i, random directions of unit length can be taken (`projections`), which is quick for a model
// with many parameters. With `order: 2` the same is done to the gradient of L, a tape inside a tape.
// Next: cli/gradcheck-ops.ts, the rows that every op is judged by; nn/cell.ts.

import { check, checkCount, checkParts, checkThat, show } from './check.ts'
import type { NumberArray } from './device.ts'
import { add, mul } from './ops/elementwise.ts'
import { sum } from './ops/reduce.ts'
import { type Random, random } from './random.ts'
import { type Shape, sizeOf, stridesOf } from './shape.ts'
import { unowned } from './scope.ts'
import { Tape } from './tape.ts'
import { dispose, namedTensors, tensor, Tensor, type Tensors } from './tensor.ts'

/** What to differentiate with respect to: a list, or tensors by name, such as the parameters of a cell. */
export type GradcheckInputs = Tensors

export interface GradcheckOptions {
  /** 1 checks the gradient, 2 the gradient of the (projected) gradient; 1 by default */
  order?: 1 | 2
  /** check this many random directions of each input, not each of its elements */
  projections?: number
  /** h, 1e-5 by default */
  step?: number
  /** the largest error that passes, 1e-6 by default */
  tolerance?: number
  /** of the random weights and directions */
  seed?: number
  /** how many of the worst entries the report keeps, 5 by default */
  worst?: number
}

/** One derivative, as the tape and as finite differences have it. */
export interface GradcheckEntry {
  readonly input: string
  /** of the element; with `projections`, the number of the direction */
  readonly index: readonly number[]
  readonly analytic: number
  readonly numeric: number
  readonly difference: number
  /** |analytic - numeric| / max |numeric| of this input; / |numeric| where a small one is clearly wrong */
  readonly error: number
}

export interface GradcheckReport {
  readonly passed: boolean
  /** the largest error of all entries */
  readonly error: number
  readonly tolerance: number
  readonly order: 1 | 2
  readonly inputs: readonly { readonly name: string, readonly shape: Shape, readonly error: number }[]
  /** how many derivatives were compared */
  readonly count: number
  readonly entries: readonly GradcheckEntry[] // the worst first
}

type Outputs = (outer: Tape) => Tensor[]
type Lists = readonly NumberArray[]

/** A way to move an input, and the derivative that the tape finds for it. */
interface Probe {
  readonly index: readonly number[]
  readonly analytic: number
  move(values: Float64Array, by: number): void
}

/**
 * Compares the gradients of f by the tape with central differences. f gets the inputs, and may as well ignore
 * them: they are changed in place while f is called again and again (and restored), so a cell that holds them
 * sees the change.
 *
 *   const report = await gradcheck(([x, w]) => tanh(matmul(x, w)), [x, w])
 *   const report = await gradcheck(() => loss(cell, xs), parameters({ cell }), { projections: 4 })
 *   console.log(formatReport(report))
 * An input whose derivatives are all too small for finite differences to see is compared absolutely.
 * @throws UnrolledError for inputs that are not float64, or an f that gives two results for the same inputs
 */
export async function gradcheck<const I extends GradcheckInputs>(
  f: (inputs: I) => Tensor, inputs: I, options: GradcheckOptions = {},
): Promise<GradcheckReport> {
  const { order = 1, projections, step = 1e-5, tolerance = 1e-6, seed = 1, worst = 5 } = options
  checkThat(order === 1 || order === 2, () => `gradcheck: order is ${String(order)}; it must be 1 or 2`)
  checkThat(step > 0 && tolerance > 0, () =>
    `gradcheck: step is ${step}, tolerance is ${tolerance}; both must be positive numbers`)
  if (projections !== undefined) checkCount('gradcheck: projections', projections)
  const named = checkedInputs(inputs)
  const xs = named.map(([, x]) => x)
  const rng = random(seed)
  const once: Outputs = () => [f(inputs)]
  const y = shapeOf(once, xs[0])
  const weightsOnce = [weightsLike(y, xs[0], rng)]
  const outputs = order === 1 ? once : gradientsAsOutputs(once, xs, weightsOnce)
  const weights = order === 1 ? weightsOnce : xs.map((x) => weightsLike(x.shape, x, rng))
  const gradients: Tensor[] = []
  try {
    const judge = await judgeOf(outputs, weights, step, tolerance)
    gradients.push(...gradientsNow(outputs, xs, weights))
    const entries: GradcheckEntry[] = []
    for (const [k, [name, x]] of named.entries()) {
      const gradient = await gradients[k].read()
      const probes = projections ? directions(gradient, projections, rng) : elements(gradient, x.shape)
      entries.push(...await judge(name, x, probes))
    }
    return report(named, entries, { order, tolerance, worst })
  } finally {
    dispose([weightsOnce, weights, gradients])
  }
}

function checkedInputs(inputs: GradcheckInputs): [string, Tensor][] {
  const named = namedTensors('gradcheck', inputs).map(([name, x]): [string, Tensor] =>
    [Array.isArray(inputs) ? `input ${name}` : name, x])
  for (const [name, x] of named) {
    check(x.dtype === 'float64', () =>
      `gradcheck: ${name} is ${x.dtype} ${show(x.shape)}; ` +
      'finite differences prove something in float64 only: ' +
      "make it on cpu({ precision: 'float64' }), and leave int32 tensors out")
  }
  checkThat(named.some(([, x]) => x.size > 0), () =>
    'gradcheck: no input holds a value; there is nothing to check')
  return named
}

function shapeOf(outputs: Outputs, like: Tensor): Shape {
  return onTape((tape) => {
    const [y] = outputs(tape)
    checkThat(y instanceof Tensor && y.dtype === like.dtype, () =>
      `gradcheck: f must return a tensor of ${like.dtype}`)
    return y.shape
  })
}

/** Gives fn a tape that is open while it runs. */
function onTape<T>(fn: (tape: Tape) => T, inside?: Tape): T {
  const tape = new Tape({ inside })
  try {
    return fn(tape)
  } finally {
    tape.close()
  }
}

/** Random numbers of size 0.5 to 1.5 and either sign: none is near zero, so that no output escapes. */
function weightsLike(shape: Shape, like: Tensor, rng: Random): Tensor {
  const values = rng.uniform(sizeOf(shape), -1, 1).map((u) => u + (u < 0 ? -0.5 : 0.5))
  return unowned(() => tensor(values, { device: like.device, shape }))
}

/** sum_k sum(weights_k * ys_k) */
function project(ys: readonly Tensor[], weights: readonly Tensor[]): Tensor {
  return ys.map((y, k) => sum(mul(y, weights[k]))).reduce((a, b) => add(a, b))
}

/** The gradients of the projected outputs, as outputs of their own: what `order: 2` checks. */
function gradientsAsOutputs(once: Outputs, xs: readonly Tensor[], weights: readonly Tensor[]): Outputs {
  // what the inner tape computes belongs to the outer one
  return (outer) => onTape((tape) => tape.gradients(project(once(outer), weights), xs), outer)
}

function gradientsNow(outputs: Outputs, xs: readonly Tensor[], weights: readonly Tensor[]): Tensor[] {
  return onTape((tape) => tape.keep(tape.gradients(project(outputs(tape), weights), xs)))
}

async function valuesNow(outputs: Outputs): Promise<NumberArray[]> {
  const ys = onTape((tape) => tape.keep(outputs(tape)))
  const values = await Promise.all(ys.map((y) => y.read()))
  dispose(ys)
  return values
}

/** Gives the function that compares each probe of an input with finite differences. */
async function judgeOf(outputs: Outputs, weights: readonly Tensor[], step: number, tolerance: number) {
  const w = await Promise.all(weights.map((weight) => weight.read()))
  const values = await valuesNow(outputs)
  const again = await valuesNow(outputs)
  checkThat(values.every((y, k) => y.every((v, i) => Object.is(v, again[k][i]))), () =>
    'gradcheck: f gave two results for the same inputs; ' +
    'let it make its random generator anew each time, and carry no state from call to call')
  const scale = total(w, values, (weight, y) => Math.abs(weight * y))
  const visible = 10 * Number.EPSILON * scale / step // rounding hides derivatives smaller than this

  return async (input: string, x: Tensor, probes: readonly Probe[]): Promise<GradcheckEntry[]> => {
    const original = Float64Array.from(await x.read())
    const at = (probe: Probe, by: number) => {
      const moved = original.slice()
      probe.move(moved, by)
      write(x, moved)
      return valuesNow(outputs)
    }
    const slope = async (probe: Probe, h: number) => {
      const [above, below] = [await at(probe, h), await at(probe, -h)]
      const changes = above.map((y, k) => y.map((v, i) => v - below[k][i])) // first: then nothing cancels
      return total(w, changes, (weight, change) => weight * change) / (2 * h)
    }
    try {
      const numeric: number[] = []
      for (const probe of probes) numeric.push(await slope(probe, step))
      const entries = compare(input, probes, numeric, visible)
      for (const [i, e] of entries.entries()) {
        if (e.error < tolerance) entries[i] = await ownShare(e, visible, () => slope(probes[i], 2 * step))
      }
      return entries
    } finally {
      write(x, original)
    }
  }
}

function total(weights: Lists, values: Lists, term: (weight: number, value: number) => number): number {
  let all = 0
  values.forEach((list, k) => list.forEach((value, i) => { all += term(weights[k][i], value) }))
  return all
}

function write(x: Tensor, values: Float64Array): void {
  const fresh = tensor(values, { device: x.device, shape: x.shape })
  x.assign(fresh)
  fresh.dispose()
}

function elements(gradient: NumberArray, shape: Shape): Probe[] {
  const strides = stridesOf(shape)
  return Array.from(gradient, (analytic, i) => ({
    index: shape.map((n, axis) => Math.floor(i / strides[axis]) % n),
    analytic,
    move: (values, by) => { values[i] += by },
  }))
}

function directions(gradient: NumberArray, count: number, rng: Random): Probe[] {
  return Array.from({ length: gradient.length > 0 ? count : 0 }, (_, index) => {
    const drawn = rng.normal(gradient.length)
    const length = Math.sqrt(drawn.reduce((all, d) => all + d * d, 0))
    const direction = drawn.map((d) => d / length)
    return {
      index: [index],
      analytic: direction.reduce((all, d, i) => all + d * gradient[i], 0),
      move: (values, by) => { direction.forEach((d, i) => { values[i] += d * by }) },
    }
  })
}

function compare(
  input: string, probes: readonly Probe[], numeric: readonly number[], visible: number,
): GradcheckEntry[] {
  const largest = (numbers: readonly number[]) => numbers.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
  const b = largest(numeric)
  const unseen = Math.max(b, largest(probes.map(({ analytic }) => analytic))) <= visible
  return probes.map(({ index, analytic }, i) => {
    const difference = Math.abs(analytic - numeric[i])
    const share = unseen || difference === 0 ? difference : difference / b
    const error = Number.isNaN(share) ? Infinity : share
    return { input, index, analytic, numeric: numeric[i], difference, error }
  })
}

/** One that passes beside the largest, but is wrong beyond all rounding, counts by its own share. */
async function ownShare(entry: GradcheckEntry, visible: number, wider: () => Promise<number>) {
  const { analytic, numeric, difference } = entry
  const share = difference / Math.max(Math.abs(analytic), Math.abs(numeric))
  if (!(share >= 1e-3) || difference < 10 * visible) return entry
  const steady = Math.abs(await wider() - numeric) < difference / 10 // else it is curvature or noise
  return steady ? { ...entry, error: share } : entry
}

function report(
  named: readonly [string, Tensor][], all: readonly GradcheckEntry[],
  { order, tolerance, worst }: { order: 1 | 2, tolerance: number, worst: number },
): GradcheckReport {
  const worstOf = (entries: readonly GradcheckEntry[]) =>
    entries.reduce((most, entry) => Math.max(most, entry.error), 0)
  const error = worstOf(all)
  return {
    passed: error < tolerance, error, tolerance, order, count: all.length,
    inputs: named.map(([name, { shape }]) =>
      ({ name, shape, error: worstOf(all.filter(({ input }) => input === name)) })),
    entries: [...all].sort((a, b) => (b.error > a.error ? 1 : b.error < a.error ? -1 : 0)).slice(0, worst),
  }
}

/** The report as text: a line with the verdict, and a table of the worst entries with both numbers. */
export function formatReport(report: GradcheckReport): string {
  checkParts('formatReport: the report', report, ['error', 'tolerance', 'entries'], 'what gradcheck() gives')
  const { passed, order, count, error, tolerance, entries: all } = report
  const head = `${passed ? 'passed' : 'FAILED'}: ${order === 1 ? '' : 'second-order '}gradient, ${count} ` +
    `derivatives, largest error ${error.toExponential(1)} (must be under ${tolerance.toExponential(0)})`
  const table = [['input', 'index', 'tape', 'finite differences', 'difference', 'error'], ...all.map((e) => [
    e.input, show(e.index), e.analytic.toPrecision(10), e.numeric.toPrecision(10),
    e.difference.toExponential(1), e.error.toExponential(1),
  ])]
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)))
  const lines = table.map((row) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '))
  return [head, ...lines].join('\n')
}

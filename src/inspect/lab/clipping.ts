// What clipping does to a step: if ||g|| > theta, g <- theta g / ||g|| (Pascanu, Mikolov and Bengio 2013,
// algorithm 1). The direction stays; the step is as long as theta allows, and no longer.
//
// g = dL/dW for the tanh net and L = v . h_T, for many sequences and a net of each seed. Where the Jacobians
// shrink, all norms are small and alike, and nothing is cut; where they stretch, norms are thousands of times
// as long and differ much, and one step along such a gradient throws the weights far away.
// Read next: ../../train/clip.ts, truncation.ts.

import type { Chart } from '../chart.ts'
import { unroll } from '../../nn/unroll.ts'
import { mul } from '../../ops/elementwise.ts'
import { slice } from '../../ops/move.ts'
import { sum } from '../../ops/reduce.ts'
import { random } from '../../random.ts'
import { Tape } from '../../tape.ts'
import { clipByGlobalNorm } from '../../train/clip.ts'
import { dispose, type Tensor } from '../../tensor.ts'
import { normals, SEEDS, type Subject, TANH_UNITS, tanhNet } from './nets.ts'
import { middle, type Part } from './part.ts'

const TITLE = 'What clipping does to the step'

const SEQUENCES = 12 // of each net
const THETA = 5 // what unrolled train clips at by default

interface Lengths {
  readonly rho: number
  /** ||g|| of each sequence of each net, in rising order, before and after clipping */
  readonly before: readonly number[]
  readonly after: readonly number[]
}

export async function clipping(
  rhos: readonly number[], steps: number, breathe: () => Promise<void>,
): Promise<Part> {
  const found: Lengths[] = []
  for (const rho of rhos) {
    const pairs: [number, number][] = []
    for (const seed of SEEDS) {
      const net = tanhNet(rho, steps, seed, SEQUENCES)
      for (let b = 0; b < SEQUENCES; b++) pairs.push(await lengths(net, b))
      dispose([net.xs, net.cell.parameters])
      await breathe()
    }
    pairs.sort(([a], [b]) => a - b)
    found.push({ rho, before: pairs.map(([norm]) => norm), after: pairs.map(([, norm]) => norm) })
  }
  return {
    name: 'clipping', title: TITLE, chart: chartOf(found),
    table: {
      head: ['net', 'middle norm', 'longest', 'longest / middle', 'clipped, %', 'longest after'],
      rows: found.map(({ rho, before, after }) => {
        const longest = before[before.length - 1]
        const cut = 100 * before.filter((norm) => norm > THETA).length / before.length
        return [`tanh, rho ${rho}`, middle(before), longest, longest / middle(before), cut,
          after[after.length - 1]]
      }),
    },
    notes: [`The norm of dL/dW for ${SEQUENCES} sequences of ${steps} steps each, L = v . h_T with a ` +
      `random v of length 1, of each of ${SEEDS.length} nets of ${TANH_UNITS} units; clipped at theta = ` +
      `${THETA}.`],
    numbers: { theta: THETA, nets: found },
  }
}

/** ||dL/dW|| for one sequence, before and after clipping. */
async function lengths({ cell, xs }: Subject, b: number): Promise<[number, number]> {
  const v = direction(cell.outputs, b)
  const tape = new Tape()
  try {
    const { state } = unroll(cell, slice(xs, 1, b, b + 1))
    const { weight_hh } = tape.gradients(sum(mul(state.h, v)), { weight_hh: cell.parameters.weight_hh })
    const { norm, grads } = clipByGlobalNorm(new Map([['weight_hh', weight_hh]]), THETA)
    const after = await grads.get('weight_hh')!.read()
    return [await norm.item(), Math.hypot(...after)]
  } finally {
    tape.close()
    dispose(v)
  }
}

function direction(size: number, seed: number): Tensor {
  const row = random(seed + 1000).normal(size)
  const length = Math.hypot(...row)
  return normals(row.map((x) => x / length), [1, size])
}

function chartOf(found: readonly Lengths[]): Chart {
  const said = found.map(({ rho, before }) =>
    `${before.filter((norm) => norm > THETA).length} of ${before.length} at rho ${rho}`)
  return {
    title: TITLE,
    look: 'The length of the gradient of each sequence, the shortest first. Above the dashed line it is cut.',
    caption: `Gradients longer than ${THETA}: ${said.join(', ')}. The direction stays as it was.`,
    panels: [{
      height: 280, x: { label: 'share of the sequences, in percent' },
      y: { label: 'norm of dL/dW', log: true }, limits: [{ y: THETA, label: `theta ${THETA}` }],
      curves: found.map(({ rho, before }) => ({
        points: before.flatMap((norm, k) => norm > 0 ? [[100 * (k + 1) / before.length, norm] as const] : []),
        label: `rho ${rho}`,
      })),
    }],
  }
}

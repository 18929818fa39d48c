// The fixed weights of an echo state network: given, or drawn. The spectral radius of W decides how long an
// input echoes: clearly below 1 it dies away; above 1, without input, the state never comes to rest, and two
// starts need not converge (Jaeger 2001, proposition 3). Read next: matrices.ts, echo-state.ts.

import { checkParts, checkThat } from '../check.ts'
import type { Random } from '../random.ts'
import { checkLists } from './given-lists.ts'
import { dense, randomMatrix, scaled, sparse, type SparseMatrix, spectralRadius } from './matrices.ts'

export interface WeightOptions {
  /** of the drawn W: normal numbers, scaled to it; 0.9 by default */
  readonly spectralRadius?: number
  /** share of the drawn W's entries that are not 0; 0.1 by default */
  readonly density?: number
  /** the drawn W_in is uniform between -inputScaling and inputScaling; 1 by default */
  readonly inputScaling?: number
  /** the same for b; 0 by default */
  readonly biasScaling?: number
  /** the same for W_back; 0, no feedback, by default */
  readonly feedbackScaling?: number
  /** matrices by rows that are taken as they are, instead of drawn ones */
  readonly weights?: {
    /** W, [N, N] */
    readonly recurrent?: ArrayLike<number>
    /** W_in, [N, D] */
    readonly input?: ArrayLike<number>
    /** W_back, [N, O] */
    readonly feedback?: ArrayLike<number>
    /** b, [N] */
    readonly bias?: ArrayLike<number>
    /** W_out, [F, O]: that of a net that was trained; zeros if it is not given */
    readonly readout?: ArrayLike<number>
  }
}

const WEIGHTS = ['recurrent', 'input', 'feedback', 'bias', 'readout'] as const

export interface EchoStateWeights {
  readonly recurrent: SparseMatrix
  readonly input: SparseMatrix
  /** null where nothing is fed back */
  readonly feedback: SparseMatrix | null
  readonly bias: Float64Array
}

/** Draws what is not given. @throws UnrolledError for options that do not fit */
export function drawWeights(
  options: WeightOptions & { inputs: number, units: number, outputs: number, rng: Random },
): EchoStateWeights {
  const { inputs: D, units: N, outputs: O, rng, weights: given = {} } = options
  checkLists('echoState: weights', given, WEIGHTS)
  const { spectralRadius: radius = 0.9, density = 0.1 } = options
  const { inputScaling = 1, biasScaling = 0, feedbackScaling = 0 } = options
  const numbers = { spectralRadius: radius, inputScaling, biasScaling, feedbackScaling }
  for (const [name, value] of Object.entries(numbers)) {
    checkThat(value >= 0 && value < Infinity, () => `echoState: ${name} is ${value}; it must be 0 or more`)
  }
  checkThat(density > 0 && density <= 1, () =>
    `echoState: density is ${density}; it must be above 0 and at most 1`)
  const uniform = (scaling: number, columns: number) => rng.uniform(N * columns, -scaling, scaling)
  const recurrent = given.recurrent ? sparse(N, N, given.recurrent) : drawRecurrent(N, radius, density, rng)
  const input = sparse(N, D, given.input ?? uniform(inputScaling, D))
  const bias = Float64Array.from(given.bias ?? uniform(biasScaling, 1))
  checkThat(bias.length === N && bias.every(Number.isFinite), () =>
    `echoState: the bias must be ${N} finite numbers; there are ${bias.length}`)
  const feeds = given.feedback !== undefined || feedbackScaling > 0
  const feedback = feeds ? sparse(N, O, given.feedback ?? uniform(feedbackScaling, O)) : null
  return { recurrent, input, feedback, bias }
}

/**
 * All that a net is made of, by the names of its options `weights`, as encodeSafetensors takes it. What comes
 * back from decodeSafetensors makes the same net again:
 *
 *   const weights = Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]))
 *   echoState({ inputs, units, outputs, weights, rng })      and leak, gain, ... as they were
 */
export function echoStateTensors(
  net: {
    readonly inputs: number, readonly units: number, readonly outputs: number, readonly features: number,
    readonly weights: EchoStateWeights, readonly readout: Float64Array,
  },
): Map<string, { shape: number[], data: Float64Array, dtype: 'F64' }> {
  checkParts('echoStateTensors: the net', net, ['weights', 'readout'], 'what echoState() makes')
  const { inputs: D, units: N, outputs: O, features: F, weights, readout } = net
  const { recurrent, input, feedback, bias } = weights
  const entry = (shape: number[], data: Float64Array) => ({ shape, data, dtype: 'F64' as const })
  return new Map([
    ['recurrent', entry([N, N], dense(recurrent))],
    ['input', entry([N, D], dense(input))],
    ...(feedback ? [['feedback', entry([N, O], dense(feedback))] as const] : []),
    ['bias', entry([N], bias.slice())],
    ['readout', entry([F, O], readout.slice())],
  ])
}

/** Normal numbers, most of them 0, scaled to a spectral radius. */
function drawRecurrent(N: number, radius: number, density: number, rng: Random): SparseMatrix {
  const drawn = sparse(N, N, randomMatrix(N, N, { density, rng, draw: (n) => rng.normal(n) }))
  const found = spectralRadius(drawn)
  checkThat(found > 0 || radius === 0, () =>
    `echoState: with ${N} units and density ${density} nothing is connected in a loop; take more of either`)
  return scaled(drawn, found > 0 ? radius / found : 0)
}

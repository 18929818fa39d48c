// How far back in time a model learns: the gradient of the last loss of a window, by time lag.
//
//   norm(lag) = sqrt( mean over the streams b of || dl_b / dh_{b, T-1-lag} ||^2 ),    lag = 0 .. T-1
//
// l_b is the loss of stream b at the window's last step alone, in nats, so that what is measured at a lag
// came through exactly so many steps. dh counts all ways from that state to the loss: for a GRU or an LSTM
// through all gates, for an LSTM not through its own c_t, which has norms of its own. Beside it, in the same
// window: how many of the net's units are stuck (saturation.ts). Read next: flow.ts.

import { composed } from '../context.ts'
import { mul } from '../ops/elementwise.ts'
import { slice } from '../ops/move.ts'
import { Tape } from '../tape.ts'
import type { Tensor, Tree } from '../tensor.ts'
import { gradientFlow, type FlowEntry } from './flow.ts'
import { saturationIfAny, type Saturation } from './saturation.ts'

/** What is measured: a net that scores each step's target. */
export interface Scored {
  /** xs [T, B, ...] -> outputs [T, B, ...] */
  run(xs: Tensor, state: Tree): { outputs: Tensor, state: Tree }
  /** the mean over all steps and streams */
  loss(outputs: Tensor, targets: Tensor): Tensor
}

export interface LastLossFlow {
  /** 0 .. T-1: how many steps before the last one */
  readonly lags: readonly number[]
  /** for each layer, by lag, the norms for its h_t (for a Jordan net its state s_t, that lags behind) */
  readonly layers: readonly (readonly number[])[]
  /** for each layer, the norms for its c_t, if it has one */
  readonly cells?: readonly (readonly number[])[]
  /** for each layer, the share of its squashed values that are near an end of their range: saturation.ts */
  readonly saturated?: readonly number[]
}

/** With what a training run tells beside it. */
export interface ToldFlow extends LastLossFlow {
  /** a row for each layer: recurrentRadii in recurrent-matrices.ts */
  readonly radii?: readonly (readonly number[])[]
}

/**
 * Measures a window: inputs xs [T, B, ...] from a state, targets [T, B]. Draws no random number, so dropout
 * is off, and changes nothing: not the state, not a parameter.
 */
export async function lastLossFlow(
  net: Scored, xs: Tensor, targets: Tensor, state: Tree,
): Promise<LastLossFlow> {
  const [T, B] = xs.shape
  const tape = new Tape()
  try {
    const { outputs } = composed(() => net.run(xs, state)) // step by step: each h_t has a record of its own
    // The mean over the streams has 1/B of each one's gradient; the norm over all of them has sqrt(B) of the
    // root of their mean square.
    const loss = mul(net.loss(slice(outputs, 0, T - 1), slice(targets, 0, T - 1)), Math.sqrt(B))
    const { states } = await gradientFlow(tape, loss)
    const layers = rows(states.filter(({ name }) => name !== 'c' && name !== 'gates'), T)
    const cells = rows(states.filter(({ name }) => name === 'c'), T)
    const saturated = shares(await saturationIfAny(tape))
    return {
      lags: layers[0].map((_, lag) => lag), layers, ...(cells.length > 0 ? { cells } : {}),
      ...(saturated.length > 0 ? { saturated } : {}),
    }
  } finally {
    tape.close()
  }
}

/** A row of norms for each layer, by lag. */
function rows(entries: readonly FlowEntry[], T: number): number[][] {
  const layers = new Map<number, number[]>()
  for (const { layer, t, norm } of entries) {
    const row = layers.get(layer) ?? new Array<number>(T).fill(0)
    row[T - 1 - t] = norm
    layers.set(layer, row)
  }
  return [...layers].sort(([a], [b]) => a - b).map(([, row]) => row)
}

/** By layer, over all functions and directions. */
function shares(entries: readonly Saturation[]): number[] {
  const layers = [...new Set(entries.map(({ layer }) => layer))].sort((a, b) => a - b)
  return layers.map((layer) => {
    const own = entries.filter((entry) => entry.layer === layer)
    const total = own.reduce((sum, { count }) => sum + count, 0)
    return own.reduce((sum, { count, low, high }) => sum + count * (low + high), 0) / total
  })
}

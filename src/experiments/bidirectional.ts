// Schuster and Paliwal 1997: what is to be said at time t may lie in the future. Here it is the input two
// steps ahead, y_t = x_{t+2}, and the inputs are independent: a net that has read x_0 ... x_t knows nothing
// about it, and can do no better than the mean, whose error is the whole variance. The same cells, one of
// them reading from the end, make the task easy. Read next: ../nn/sequence-layers.ts.

import type { Device } from '../device.ts'
import type { Chart, Point } from '../inspect/chart.ts'
import { gru } from '../nn/gru.ts'
import { linear, parameters } from '../nn/linear.ts'
import { asLayer, bidirectional as pair } from '../nn/sequence-layers.ts'
import { mse } from '../ops/loss.ts'
import { slice } from '../ops/move.ts'
import { type Random, random } from '../random.ts'
import { type Tensor, tensor, type Tree } from '../tensor.ts'
import type { Net } from '../train/bptt.ts'
import { adam } from '../train/optimizers.ts'
import type { Experiment } from './experiment.ts'
import { rowsOf, teachSequences } from './teach.ts'

const [T, B, H] = [20, 32, 16]
const AHEAD = 2
const UPDATES = 600
const TESTED = 500 // sequences that it has not read

export const bidirectional: Experiment = {
  name: 'bidirectional',
  shows: 'what lies in the future cannot be known from the past, and is easy for a net that reads both ways',
  rule: 'error / variance > 0.95 in one direction, < 0.05 in two',
  source: 'Schuster and Paliwal 1997',
  seeds: [1],
  async run({ seed, device, tell }) {
    const curves: Record<string, Point[]> = {}
    const learn = async (name: string, both: boolean): Promise<number> => {
      const watched: Point[] = curves[name] = []
      return errorOf(both, { seed, device }, async (k, loss) => {
        watched.push([k, loss])
        await tell(`${name}: update ${k} of ${UPDATES}: error ${loss.toFixed(3)} of a variance of 1`)
      })
    }
    const oneDirection = await learn('one direction', false)
    const twoDirections = await learn('two directions', true)
    return {
      measures: { oneDirection, twoDirections },
      passed: {
        'one direction > 0.95': oneDirection > 0.95, 'two directions < 0.05': twoDirections < 0.05,
      },
      picture: chart(curves, { oneDirection, twoDirections }),
    }
  },
}

/** Trains a net that reads in one or both directions; its error on new sequences, over their variance. */
async function errorOf(
  both: boolean, { seed, device }: { seed: number, device: Device },
  watch: (k: number, loss: number) => Promise<void>,
): Promise<number> {
  const rng = random(seed)
  const cell = () => gru({ inputs: 1, hidden: H, device, rng })
  const layer = both ? pair(cell(), cell()) : asLayer(cell())
  const head = linear({ inputs: layer.outputs, outputs: 1, device, rng })
  const net: Net<Tree> = {
    parameters: parameters({ layer, head }),
    run(xs, state) {
      const result = layer(xs, { state })
      return { outputs: head(result.outputs), state: result.state }
    },
    loss: (said, xs) => mse(slice(said, 0, 0, T - AHEAD), slice(xs, 0, AHEAD)), // x_{t+2} of x_t
  }
  await teachSequences({
    net, optimizer: adam({ learningRate: 0.01 }), clip: 1, initial: layer.initial(B), updates: UPDATES, watch,
    lesson() {
      const xs = noise(rng, B, device)
      return { xs, targets: xs }
    },
  })
  const xs = noise(rng, TESTED, device)
  const said = await rowsOf(() => net.run(xs, layer.initial(TESTED)).outputs)
  const right = await rowsOf(() => xs)
  return errorOverVariance(said.flat().slice(0, (T - AHEAD) * TESTED), right.flat().slice(AHEAD * TESTED))
}

/** Independent normal numbers [T, B, 1]. */
function noise(rng: Random, batch: number, device: Device): Tensor {
  return tensor(rng.normal(T * batch), { shape: [T, batch, 1], device })
}

function errorOverVariance(said: readonly number[], right: readonly number[]): number {
  const mean = right.reduce((sum, y) => sum + y, 0) / right.length
  const error = right.reduce((sum, y, k) => sum + (said[k] - y) ** 2, 0)
  return error / right.reduce((sum, y) => sum + (y - mean) ** 2, 0)
}

function chart(
  curves: Record<string, readonly Point[]>,
  { oneDirection, twoDirections }: { oneDirection: number, twoDirections: number },
): Chart {
  return {
    title: 'The input two steps ahead, for nets that read one way and both ways',
    look: 'The squared error while learning; guessing the mean gives 1.',
    caption: `On new sequences one direction leaves ${oneDirection.toFixed(3)} of the variance, two ` +
      `directions leave ${twoDirections.toFixed(4)}.`,
    panels: [{
      x: { label: 'updates' },
      y: { label: 'error / variance', domain: [0, 1.2] },
      curves: Object.entries(curves).map(([label, points]) => ({ points, label })),
    }],
  }
}

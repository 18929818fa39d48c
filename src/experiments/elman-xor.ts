// Elman 1990, first experiment: exclusive or in time. A stream of bits in threes: two are random, the third
// is their exclusive or. Asked for the next bit, the net can know every third one only, and only if it
// remembers the bit before the last. Its error over time falls at just these bits. Nothing marks the threes.
//
// Net and training are his: 1 input, 2 hidden and 2 context units, 1 output, no error back through the
// context; but twenty streams are read side by side, and the rule is Adam. Read next: elman-net.ts.

import type { Chart } from '../inspect/chart.ts'
import { type Random, random } from '../random.ts'
import { elmanNet, meanWhere, readOn, surprises } from './elman-net.ts'
import { type Experiment, SEEDS } from './experiment.ts'

const STREAMS = 20 // of 150 bits: 3,000 in all
const TESTED = 3000 // bits that it has not read

export const elmanXor: Experiment = {
  name: 'elman-xor',
  shows: 'a net with two context units finds the one bit of three that can be predicted',
  rule: 'mean squared error at the predictable bit < 0.18, at each of the other two > 0.24',
  source: 'Elman 1990, "Exclusive-OR"',
  seeds: SEEDS,
  async run({ seed, device, tell }) {
    const rng = random(seed)
    const net = elmanNet({ inputs: 1, hidden: 2, outputs: 1, seed, device })
    const streams = Array.from({ length: STREAMS }, () => bits(rng, 150))
    await readOn(net, { streams, window: 15, updates: 5000, learningRate: 0.03, watch: tell })
    const errors = await surprises(net, bits(rng, TESTED + 1))
    const [second, xor, first] = [0, 1, 2].map((phase) => meanWhere(errors, (t) => t % 3 === phase))
    return {
      measures: { xor, first, second },
      passed: {
        'error at the predictable bit < 0.18': xor < 0.18,
        'error at the two random bits > 0.24': first > 0.24 && second > 0.24,
      },
      picture: chart(errors, { first, second, xor }),
    }
  },
}

/** Triples a, b, a xor b; one number to a vector. */
function bits(rng: Random, count: number): number[][] {
  const all: number[][] = []
  while (all.length < count) {
    const [a, b] = Array.from(rng.uniform(2), (u) => Number(u < 0.5))
    all.push([a], [b], [a ^ b])
  }
  return all.slice(0, count)
}

function chart(errors: readonly number[], means: Record<'first' | 'second' | 'xor', number>): Chart {
  // As in his figure 3: the mean over many runs of twelve bits, here over all that begin with a triple.
  const curve = Array.from({ length: 12 }, (_, k): [number, number] =>
    [k + 2, Math.sqrt(meanWhere(errors, (t) => t % 12 === k))])
  return {
    title: 'Exclusive or in time: the error falls where the bit can be known',
    look: 'Root mean squared error of the prediction, bit by bit over four triples, on bits never read.',
    caption: 'Mean squared error at the first bit of a triple ' +
      `${means.first.toFixed(3)}, at the second ${means.second.toFixed(3)}, at the third, which follows ` +
      `from both, ${means.xor.toFixed(3)}; guessing one half gives 0.25.`,
    panels: [{
      x: { label: 'bit that is predicted', ticks: [3, 6, 9, 12] },
      y: { label: 'root mean squared error', domain: [0, 0.6] },
      limits: [{ y: 0.5, label: 'guessing' }],
      curves: [{ points: curve, ink: 'blue' }],
      dots: [{ points: curve, ink: 'blue' }],
    }],
  }
}

// Jaeger 2002, "Short term memory in echo state networks" (GMD report 152): how far back a reservoir can tell
// its input. For each delay k a readout is trained to give u_{n-k}; how well it can is the memory function:
//
//   MC = sum over k of corr^2(u_{n-k}, y_k) <= N          proposition 2; linear units come close
//
// N = 50, input uniform between -0.5 and 0.5, measured on a stretch that was not learnt from. The further the
// input drives tanh from 0, the less is remembered. Read next: ../reservoir/echo-state.ts.

import type { Chart } from '../inspect/chart.ts'
import { random } from '../random.ts'
import { echoState } from '../reservoir/echo-state.ts'
import { orthogonalMatrix } from '../reservoir/matrices.ts'
import { type Experiment, SEEDS } from './experiment.ts'

const N = 50
const RADIUS = 0.95
const DELAYS = 3 * N
const [WARMUP, LEARNT, TESTED] = [500, 6000, 6000]

interface Reservoir {
  readonly name: string
  /** of the orthogonal matrices all eigenvalues have one modulus; normal numbers are as they fall */
  readonly matrix: 'orthogonal' | 'normal'
  readonly activation: 'linear' | 'tanh'
  readonly inputScaling: number
}

const orthogonal = { matrix: 'orthogonal', activation: 'tanh' } as const
const RESERVOIRS: readonly Reservoir[] = [
  { name: 'linear', ...orthogonal, activation: 'linear', inputScaling: 1 },
  { name: 'tanh03', ...orthogonal, inputScaling: 0.3 },
  { name: 'tanh1', ...orthogonal, inputScaling: 1 },
  { name: 'tanh3', ...orthogonal, inputScaling: 3 },
  { name: 'normalTanh1', matrix: 'normal', activation: 'tanh', inputScaling: 1 },
]

export const memoryCapacity: Experiment = {
  name: 'memory-capacity',
  shows: 'a linear reservoir of N units remembers N inputs; tanh and a strong input cost memory',
  rule: 'N = 50: linear > 45; tanh at input scale 0.3, 1 and 3 each less than the one before; none > 50',
  source: 'Jaeger 2002, GMD report 152, proposition 2',
  seeds: SEEDS,
  async run({ seed, tell }) {
    const functions: (readonly number[])[] = []
    for (const reservoir of RESERVOIRS) {
      functions.push(memoryFunction(reservoir, seed))
      await tell(null)
    }
    const capacities = functions.map((memory) => memory.reduce((sum, share) => sum + share, 0))
    const [linear, ...falling] = capacities.slice(0, 4)
    return {
      measures: Object.fromEntries(RESERVOIRS.map(({ name }, k) => [name, capacities[k]])),
      passed: {
        'a linear reservoir > 0.9 N': linear > 0.9 * N,
        'it falls with tanh and with the input': falling.every((capacity, k) => capacity < capacities[k]),
        'none is above N': capacities.every((capacity) => capacity <= N),
      },
      picture: chart(functions, capacities),
    }
  },
}

/** corr^2 for each delay 1, 2, ... 3 N. */
function memoryFunction({ matrix, activation, inputScaling }: Reservoir, seed: number): number[] {
  const rng = random(seed)
  const recurrent = matrix === 'orthogonal' ? orthogonalMatrix(N, rng).map((w) => RADIUS * w) : undefined
  const net = echoState({
    inputs: 1, units: N, outputs: DELAYS, rng, activation, inputScaling, readsInput: false,
    spectralRadius: RADIUS, density: 1, weights: { recurrent },
  })
  const u = rng.uniform(WARMUP + LEARNT + TESTED, -0.5, 0.5)
  const delayed = new Float64Array(u.length * DELAYS) // [T, DELAYS]
  for (let n = 0; n < u.length; n++) {
    for (let k = 1; k <= Math.min(n, DELAYS); k++) delayed[n * DELAYS + k - 1] = u[n - k]
  }
  const split = WARMUP + LEARNT
  net.fit(u.subarray(0, split), delayed.subarray(0, split * DELAYS), { warmup: WARMUP })
  const y = net.run(u.subarray(split))
  const wanted = delayed.subarray(split * DELAYS)
  return Array.from({ length: DELAYS }, (_, k) => correlation(column(y, k), column(wanted, k)) ** 2)
}

const column = (rows: Float64Array, k: number): Float64Array =>
  Float64Array.from({ length: rows.length / DELAYS }, (_, n) => rows[n * DELAYS + k])

function correlation(a: Float64Array, b: Float64Array): number {
  const [meanA, meanB] = [a, b].map((xs) => xs.reduce((sum, x) => sum + x, 0) / xs.length)
  let [aa, bb, ab] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    aa += (a[i] - meanA) ** 2
    bb += (b[i] - meanB) ** 2
    ab += (a[i] - meanA) * (b[i] - meanB)
  }
  return ab / Math.sqrt(aa * bb)
}

function chart(functions: readonly (readonly number[])[], capacities: readonly number[]): Chart {
  const labels = ['linear', 'tanh, input 0.3', 'tanh, input 1', 'tanh, input 3']
  const said = labels.map((label, k) => `${capacities[k].toFixed(1)} (${label})`).join(', ')
  return {
    title: 'What a reservoir of 50 units remembers of its input',
    look: 'How much of u_{n-k} the state still holds; the area below a curve is its memory capacity.',
    caption: `Memory capacity, of 50 possible: ${said}; with a matrix of normal numbers, tanh and input 1, ` +
      `${capacities[4].toFixed(1)}.`,
    panels: [{
      height: 300, x: { label: 'delay k (steps)', domain: [0, 100] },
      y: { label: 'squared correlation', domain: [0, 1.02] },
      curves: labels.map((label, k) => ({
        points: functions[k].slice(0, 100).map((share, delay) => [delay + 1, share] as const),
        dashed: k === 0,
      })),
      words: labels.map((text, k) => {
        const height = [0.7, 0.2, 0.55, 0.3][k]
        const delay = functions[k].findIndex((share) => share < height) + 1
        return { at: [delay, height], text, side: k === 1 ? 'left' as const : 'right' as const, ink: INKS[k] }
      }),
    }],
  }
}

const INKS = ['blue', 'orange', 'purple', 'green'] as const

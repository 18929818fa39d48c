// The gradient of a window's last loss by time lag, against a net that is stepped by hand, one stream at a
// time, and asked for the gradient of each state.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { lastLossFlow } from '../src/inspect/last-loss-flow.ts'
import type { Named } from '../src/nn/cell.ts'
import { CELLS } from '../src/nn/cells.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { linear } from '../src/nn/linear.ts'
import { lstm } from '../src/nn/lstm.ts'
import { stacked } from '../src/nn/sequence-layers.ts'
import { crossEntropy } from '../src/ops/loss.ts'
import { random } from '../src/random.ts'
import { Tape } from '../src/tape.ts'
import { leaves, tensor, type Tensor } from '../src/tensor.ts'
import { languageModel } from '../src/train/language-model.ts'
import { device, norm, normal, values } from './every-cell.ts'

const test = suite('last-loss-flow')
const [T, B, D, H, V] = [7, 3, 4, 6, 5]
const draw = random(5)
const targets = Int32Array.from({ length: T * B }, () => draw.integer(V))
const ids = (list: Int32Array, shape: number[]) => tensor(list, { shape, device, dtype: 'int32' })
const rng = random(1)

for (const [name, make] of [['elman', elman], ['gru', gru], ['lstm', lstm]] as const) {
  test(`two layers of ${name}: root mean square over streams of what each has alone`, async () => {
    const cells = [make({ inputs: D, hidden: H, device, rng }), make({ inputs: H, hidden: H, device, rng })]
    const layers = stacked(cells)
    const head = linear({ inputs: H, outputs: V, device, rng })
    const xs = normal(3, T, B, D)
    const all = Array.from(await xs.read())
    const flow = await lastLossFlow({
      run(x, state) {
        const result = layers(x, { state: state as Named[] })
        return { outputs: head(result.outputs), state: result.state }
      },
      loss: crossEntropy,
    }, xs, ids(targets, [T, B]), layers.initial(B))
    const squares = new Map<string, number>() // by state, layer and lag, summed over the streams
    for (let b = 0; b < B; b++) {
      const steps = Array.from({ length: T }, (_, t) => all.slice((t * B + b) * D, (t * B + b + 1) * D))
      for (const [key, size] of await alone(cells, head, steps, targets[(T - 1) * B + b])) {
        squares.set(key, (squares.get(key) ?? 0) + size ** 2)
      }
    }
    assert.equal(flow.lags, [0, 1, 2, 3, 4, 5, 6])
    const found = { h: flow.layers, ...(flow.cells ? { c: flow.cells } : {}) }
    assert.is(squares.size, Object.keys(found).length * 2 * T)
    for (const [state, rows] of Object.entries(found)) {
      rows.forEach((row, layer) => row.forEach((size, lag) => {
        const wanted = Math.sqrt(squares.get(`${state} ${layer} ${lag}`)! / B)
        assert.ok(Math.abs(size - wanted) < 1e-12, `${state} ${layer} ${lag}: ${size}, by hand ${wanted}`)
        assert.ok(size > 1e-8)
      }))
    }
  })
}

/** The norms of dl/dstate of one stream: `h 0 3` is h of the lower layer at lag 3. */
async function alone(
  cells: readonly ReturnType<typeof elman | typeof gru | typeof lstm>[], head: (x: Tensor) => Tensor,
  steps: readonly number[][], target: number,
): Promise<[string, number][]> {
  using tape = new Tape()
  const states: Named[][] = cells.map((cell) => [cell.initial(1)])
  let output = states[0][0].h
  for (const values of steps) {
    output = tensor(values, { shape: [1, D], device })
    cells.forEach((cell, k) => {
      const { step } = cell as { step(x: Tensor, state: Named): { output: Tensor, state: Named } }
      const result = step(output, states[k][states[k].length - 1])
      states[k].push(result.state)
      output = result.output
    })
  }
  const loss = crossEntropy(head(output), ids(Int32Array.of(target), [1]))
  const found: [string, number][] = []
  for (const [layer, own] of states.entries()) {
    for (const [lag, state] of own.slice(1).reverse().entries()) {
      const sizes = (await values(tape.gradients(loss, leaves(state)))).map(norm)
      Object.keys(state).forEach((name, k) => found.push([`${name} ${layer} ${lag}`, sizes[k]]))
    }
  }
  return found
}

for (const cell of CELLS) {
  test(`a language model of ${cell} cells: a row for each layer, and nothing is changed`, async () => {
    const form = { cell, symbols: V, embed: D, hidden: H, layers: 2, dropout: 0.5 }
    const model = languageModel(form, { device, rng: random(2) })
    const state = model.initial(B)
    const everything = () => values([...model.parameters.values()], state)
    const before = await everything()
    const xs = ids(targets, [T, B])
    const { live } = device.memory()
    const measure = () => lastLossFlow(model, xs, xs, state)
    const flow = await measure()
    assert.equal(await measure(), flow) // dropout would make a difference
    assert.equal([flow.lags.length, flow.layers.map((row) => row.length)], [T, [T, T]])
    assert.is(flow.cells?.length, 'c' in state ? 2 : undefined)
    assert.is(device.memory().live, live)
    const [first, ...others] = flow.lags
    for (const row of [...flow.layers, ...flow.cells ?? []]) {
      assert.is(row[first] === 0, cell === 'jordan') // whose state is made from the output
      const bound = cell === 'layer-norm-lstm' ? 20 : 1 // which divides by small deviations
      assert.ok(others.every((lag) => row[lag] > 0 && row[lag] < bound), `${row}`)
    }
    assert.equal(await everything(), before)
  })
}

test.run()

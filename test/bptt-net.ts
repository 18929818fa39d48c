// Nets and a stream for the tests of BPTT, and gradients as plain numbers.

import type { Named } from '../src/nn/cell.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { linear, parameters } from '../src/nn/linear.ts'
import { lstm } from '../src/nn/lstm.ts'
import { stacked } from '../src/nn/sequence-layers.ts'
import { mul, square, sub } from '../src/ops/elementwise.ts'
import { slice } from '../src/ops/move.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { untracked } from '../src/scope.ts'
import { type GradientMap, Tape } from '../src/tape.ts'
import { type Tensor, tensor, type Tree } from '../src/tensor.ts'
import { bptt, type Net, type TruncatedBptt } from '../src/train/bptt.ts'
import { device, normal, someState, values } from './every-cell.ts'

export const B = 2

export type State = readonly Tree[]
export type TestNet = Net<State> & { initial: State }

export const layersOf = {
  elman: () => [elman({ inputs: 2, hidden: 3, device, rng: random(1) })],
  gru: () => [gru({ inputs: 2, hidden: 3, device, rng: random(1) })],
  'lstm with projection under elman': () => [
    lstm({ inputs: 2, hidden: 3, projection: 2, device, rng: random(1) }),
    elman({ inputs: 2, hidden: 2, device, rng: random(2) }),
  ],
}

/** A net with squared errors summed over everything: the losses of windows add up to that of the whole. */
export function makeNet(kind: keyof typeof layersOf): TestNet {
  const cells = layersOf[kind]()
  const body = stacked(cells)
  const head = linear({ inputs: cells.at(-1)!.outputs, outputs: 2, device, rng: random(3) })
  return {
    parameters: parameters({ body, head }),
    initial: cells.map((cell, k) => someState<Named>(cell, B, 40 + 10 * k)),
    run(xs, state) {
      const result = body(xs, { state })
      return { outputs: head(result.outputs), state: result.state }
    },
    loss: (outputs, targets) => sum(square(sub(outputs, targets))),
  }
}

/** The stream that all tests learn from: inputs and targets of T steps. */
export const stream = (T: number) => ({ xs: normal(11, T, B, 2), targets: normal(12, T, B, 2) })

/** dLoss/dparameters by central differences; `loss` is called with the weights moved in place. */
export async function byFiniteDifferences(net: TestNet, loss: () => Tensor): Promise<Map<string, number[]>> {
  const h = 1e-5
  const all = new Map<string, number[]>()
  for (const [name, x] of net.parameters) {
    const original = await x.read()
    const gradient: number[] = []
    for (let i = 0; i < original.length; i++) {
      const at = async (by: number) => {
        const moved = original.slice()
        moved[i] += by
        write(x, moved)
        return (await values(untracked(loss)))[0][0]
      }
      gradient.push((await at(h) - await at(-h)) / (2 * h))
    }
    write(x, original)
    all.set(name, gradient)
  }
  return all
}

/** Writes numbers into a parameter. */
export function write(x: Tensor, data: ArrayLike<number>): void {
  const fresh = tensor(data, { shape: x.shape, device })
  x.assign(fresh)
  fresh.dispose()
}

/** Gradients as numbers. */
export async function readMap(grads: GradientMap): Promise<Map<string, number[]>> {
  const read = await values([...grads.values()])
  return new Map([...grads.keys()].map((name, k) => [name, read[k]]))
}

/** The sum of gradients. */
export function total(list: readonly ReadonlyMap<string, number[]>[]): Map<string, number[]> {
  return list.map((map) => new Map(map)).reduce((a, b) =>
    new Map([...a].map(([name, x]) => [name, x.map((value, i) => value + b.get(name)![i])])))
}

/** Full BPTT over T steps of the stream. */
export async function wholeGradient(net: TestNet, T: number) {
  const { xs, targets } = stream(T)
  using tape = new Tape()
  const { loss, grads, state } = bptt(tape, net, xs, targets, net.initial)
  return { loss: await loss.item(), grads: await readMap(grads), state: await values(state) }
}

/** One step of plain gradient descent, large enough to be seen. */
export function update(net: TestNet, grads: GradientMap): void {
  untracked(() => {
    for (const [name, x] of net.parameters) x.assign(sub(x, mul(grads.get(name)!, 0.02)))
  })
}

/** Goes over T steps of the stream in windows; `each` sees every window while its tape is open. */
export async function eachWindow(
  net: TestNet, run: TruncatedBptt<State>, k1: number, T: number,
  each: (window: { t: number, loss: Tensor, grads: GradientMap, tape: Tape }) => Promise<void>,
): Promise<void> {
  const { xs, targets } = stream(T)
  for (let t = 0; t < T; t += k1) {
    using tape = new Tape()
    const { loss, grads } = run.step(tape, slice(xs, 0, t, t + k1), slice(targets, 0, t, t + k1))
    await each({ t: t + k1, loss, grads, tape })
  }
}

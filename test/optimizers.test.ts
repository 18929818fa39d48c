// Optimisers: 20-step trajectories equal PyTorch's, a skipped step leaves no trace, a saved state goes on.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import { mul, square } from '../src/ops/elementwise.ts'
import { sum } from '../src/ops/reduce.ts'
import { Scope } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { full, tensor, type Tensor } from '../src/tensor.ts'
import { clipByGlobalNorm } from '../src/train/clip.ts'
import { adagrad, adam, adamw, rmsprop, sgd } from '../src/train/optimizers.ts'
import type { Optimizer } from '../src/train/rule.ts'
import { devices, freshDevices } from './devices.ts'
import golden from './golden/optim.json'

const test = suite('optimizers')

type Named = Map<string, Tensor>
type Golden = typeof golden.cases[number]['options'] | typeof golden.scheduled[number]['options']

const names = ['weight', 'bias'] as const
const steps = 20

function fromGolden(optimizer: string, o: Golden): Optimizer {
  const { lr: learningRate, alpha: decay, lrDecay: learningRateDecay, ...rest } =
    { alpha: undefined, lrDecay: undefined, ...o }
  const options = { ...rest, learningRate }
  if (optimizer === 'sgd') return sgd(options)
  if (optimizer === 'rmsprop') return rmsprop({ ...options, decay })
  if (optimizer === 'adagrad') return adagrad({ ...options, learningRateDecay })
  return optimizer === 'adam' ? adam(options) : adamw(options)
}

/** One optimiser of each kind, with every state it can have. */
const kinds: Record<string, () => Optimizer> = {
  'sgd plain': () => sgd({ learningRate: 0.1 }),
  'sgd': () => sgd({ learningRate: 0.1, momentum: 0.8, nesterov: true, weightDecay: 0.05 }),
  'rmsprop': () => rmsprop({ learningRate: 0.02, decay: 0.9, eps: 1e-3, momentum: 0.7, centered: true }),
  'adagrad': () => adagrad({ learningRate: 0.1, learningRateDecay: 0.05, initialAccumulator: 0.1 }),
  'adam': () => adam({ learningRate: 0.03, weightDecay: 0.05 }),
  'adamw': () => adamw({ learningRate: 0.03 }),
}

function initial(device: Device): Named {
  return new Map(names.map((name) => {
    const { shape, data } = golden.initial[name]
    return [name, tensor(data, { shape, device })]
  }))
}

/** The gradients of step k. */
function gradients(k: number, device: Device): Named {
  return new Map(names.map((name) => {
    const { shape: [, ...shape], data } = golden.gradients[name]
    const size = data.length / steps
    return [name, tensor(data.slice(k * size, (k + 1) * size), { shape, device })]
  }))
}

async function read(map: ReadonlyMap<string, Tensor>): Promise<Record<string, number[]>> {
  const values: Record<string, number[]> = {}
  for (const [name, x] of map) values[name] = Array.from(await x.read())
  return values
}

/** Bit for bit: -0 is not 0, and NaN is NaN. */
function identical(a: Record<string, number[]>, b: Record<string, number[]>): void {
  assert.equal(Object.keys(a), Object.keys(b))
  for (const name in a) {
    assert.is(a[name].length, b[name].length)
    a[name].forEach((v, i) => assert.ok(Object.is(v, b[name][i]), `${name}[${i}]: ${v} and ${b[name][i]}`))
  }
}

async function checkPath(
  run: (k: number, params: Named, grads: Named) => void, path: typeof golden.cases[0]['trajectory'],
  device: Device, tolerance: number,
): Promise<void> {
  const params = initial(device)
  for (let k = 0; k < steps; k++) {
    run(k, params, gradients(k, device))
    for (const name of names) {
      const got = await params.get(name)!.read()
      const expected = path[name].data.slice(k * got.length, (k + 1) * got.length)
      const worst = Math.max(...expected.map((v, i) => Math.abs(v - got[i])))
      const error = worst / Math.max(...expected.map(Math.abs))
      assert.ok(error < tolerance, `step ${k}, ${name}: error ${error}`)
    }
  }
}

for (const { name, device, tolerance } of devices) {
  for (const { optimizer, options, trajectory } of golden.cases) {
    test(`${optimizer} ${JSON.stringify(options)} as PyTorch, ${name}`, async () => {
      const made = fromGolden(optimizer, options)
      await checkPath((_, params, grads) => made.update(params, grads), trajectory, device, tolerance)
      assert.is(await made.state().get(`${optimizer}.step`)!.item(), steps)
    })
  }
  for (const { schedule, optimizer, options, trajectory } of golden.scheduled) {
    test(`${optimizer} with the ${schedule} schedule as PyTorch, ${name}`, async () => {
      const { rates } = golden.schedules.find((entry) => entry.schedule === schedule)!
      const made = fromGolden(optimizer, options)
      await checkPath((k, params, grads) => made.update(params, grads, { learningRate: rates[k] }),
        trajectory, device, tolerance)
    })
  }
}

for (const { name: place, open } of freshDevices) {
  for (const [kind, make] of Object.entries(kinds)) {
    test(`${place}, ${kind}: a skipped step leaves no trace`, async () => {
      const { device, close } = await open()
      const [seen, never] = [make(), make()]
      const [a, b] = [initial(device), initial(device)]
      const broken = new Map(names.map((name) => [name, full(a.get(name)!.shape, NaN, device)]))
      const skip = tensor(0, { device })
      const apply = tensor(1, { device })
      seen.update(a, broken, { applyIf: skip }) // even the very first
      identical(await read(a), await read(b))
      for (let k = 0; k < 6; k++) {
        const grads = gradients(k, device)
        seen.update(a, grads, { applyIf: apply })
        never.update(b, grads)
        const [params, state] = [await read(a), await read(seen.state())]
        for (const bad of [broken, gradients(k + 1, device)]) seen.update(a, bad, { applyIf: skip })
        identical(await read(a), params)
        identical(await read(seen.state()), state)
      }
      identical(await read(a), await read(b))
      identical(await read(seen.state()), await read(never.state()))
      assert.is(await seen.state().get(`${seen.name}.step`)!.item(), 6)
      close()
    })

    test(`${place}, ${kind}: a state that was saved and restored goes on bit for bit`, async () => {
      const { device, close } = await open()
      const [whole, first, second] = [make(), make(), make()]
      const [a, b] = [initial(device), initial(device)]
      assert.is(first.state().size, 0)
      for (let k = 0; k < 5; k++) {
        whole.update(a, gradients(k, device))
        first.update(b, gradients(k, device))
      }
      // through the host, as a file would
      const saved = [...first.state()].map(([name, { shape }]) => ({ name, shape }))
      const numbers = await read(first.state())
      first.dispose()
      const restored = new Map(saved.map(({ name, shape }) =>
        [name, tensor(numbers[name], { shape, device })]))
      second.update(initial(device), gradients(9, device)) // what it had before is replaced
      second.load(restored)
      for (const x of restored.values()) x.dispose() // copied
      identical(await read(second.state()), numbers)
      second.load(second.state()) // its own, too
      for (let k = 5; k < 10; k++) {
        whole.update(a, gradients(k, device))
        second.update(b, gradients(k, device))
      }
      identical(await read(a), await read(b))
      identical(await read(whole.state()), await read(second.state()))
      second.load(new Map())
      assert.is(second.state().size, 0)
      close()
    })

    test(`${place}, ${kind}: inside open tapes nothing is recorded and no memory grows`, async () => {
      const { device, close } = await open()
      const optimizer = make()
      const params = new Map([['w', full([7, 5], 0.3, device)], ['b', full([5], -0.2, device)]])
      const lives: number[] = []
      for (let step = 0; step < 100; step++) {
        const tape = new Tape()
        const loss = sum(mul(sum(square(params.get('w')!), 0), square(params.get('b')!)))
        const grads = tape.gradients(loss, params)
        const { grads: clipped, finite } = clipByGlobalNorm(grads, 0.5)
        const [records, live] = [tape.records.length, device.memory().live]
        optimizer.update(params, clipped, { applyIf: finite })
        assert.is(tape.records.length, records)
        if (step > 0) assert.is(device.memory().live, live)
        assert.throws(() => tape.gradients(loss, params), /updated in place/)
        tape.close()
        lives.push(device.memory().live)
      }
      assert.is(new Set(lives).size, 1)
      // the state outlives the tape it was made under: the parameters, one copy for each slot, the step count
      const slots = (optimizer.state().size - 1) / 2
      assert.is(lives[0], 4 * (40 * (1 + slots) + 1))
      for (const values of Object.values(await read(params))) assert.ok(values.every(Number.isFinite))
      optimizer.dispose()
      assert.is(device.memory().live, 4 * 40)
      close()
    })
  }
}

test('state names are stable and in order; the same state is made inside a scope and outside', async () => {
  const device = cpu()
  const expected: Record<string, string[]> = {
    'sgd plain': ['sgd.step'],
    'sgd': ['sgd.step', 'sgd.momentum.weight', 'sgd.momentum.bias'],
    'rmsprop': [
      'rmsprop.step', 'rmsprop.square.weight', 'rmsprop.square.bias',
      'rmsprop.mean.weight', 'rmsprop.mean.bias', 'rmsprop.momentum.weight', 'rmsprop.momentum.bias',
    ],
    'adagrad': ['adagrad.step', 'adagrad.sum.weight', 'adagrad.sum.bias'],
    'adam': ['adam.step', 'adam.m.weight', 'adam.m.bias', 'adam.v.weight', 'adam.v.bias'],
    'adamw': ['adamw.step', 'adamw.m.weight', 'adamw.m.bias', 'adamw.v.weight', 'adamw.v.bias'],
  }
  for (const [kind, make] of Object.entries(kinds)) {
    const [inside, outside] = [make(), make()]
    const [a, b] = [initial(device), initial(device)]
    const scope = new Scope()
    inside.update(a, gradients(0, device))
    scope.close()
    outside.update(b, gradients(0, device))
    assert.equal([...inside.state().keys()], expected[kind])
    assert.equal(inside.state().get(`${inside.name}.step`)!.shape, [])
    identical(await read(inside.state()), await read(outside.state()))
    identical(await read(a), await read(b))
  }
})

test('Adam\'s bias correction is right in float32 where 1 - beta^t would not be', async () => {
  // With a constant gradient g, m / (1 - beta1^t) is g and v / (1 - beta2^t) is g^2 at every t.
  const device = cpu()
  const params = new Map([['w', tensor([0, 0], { device })]])
  const grads = new Map([['w', tensor([0.5, -3], { device })]])
  const optimizer = adam({ learningRate: 2 ** -10, beta1: 0.9999, beta2: 0.99999 })
  for (let t = 1; t <= 50; t++) {
    optimizer.update(params, grads)
    const [x, y] = await params.get('w')!.read()
    assert.ok(Math.abs(x * -(2 ** 10) / t - 1) < 2e-6, `step ${t}: ${x}`)
    assert.ok(Math.abs(y * 2 ** 10 / t - 1) < 2e-6, `step ${t}: ${y}`)
  }
})

test('betas of 0 leave the gradient alone: each step is the rate times its sign', async () => {
  const device = cpu()
  const params = new Map([['w', tensor([1, 1], { device })]])
  const grads = new Map([['w', tensor([4, -8], { device })]])
  adam({ learningRate: 0.25, beta1: 0, beta2: 0 }).update(params, grads)
  assert.equal(Array.from(await params.get('w')!.read()), [0.75, 1.25])
})

test('centered RMSProp: rounding cannot make the variance of a constant gradient negative', async () => {
  const device = cpu()
  const params = new Map([['w', tensor([0, 0, 0], { device })]])
  const grads = new Map([['w', tensor([0.1, 1.7, -33.3], { device })]])
  const optimizer = rmsprop({ learningRate: 1e-3, decay: 0.5, eps: 1e-2, centered: true })
  for (let t = 0; t < 200; t++) optimizer.update(params, grads)
  assert.ok(Array.from(await params.get('w')!.read()).every(Number.isFinite))
})

test.run()

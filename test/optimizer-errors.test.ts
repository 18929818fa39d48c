// Optimisers refuse what cannot be right, in one clear line, and have written nothing by then.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { UnrolledError } from '../src/check.ts'
import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import { slice } from '../src/ops/move.ts'
import { random } from '../src/random.ts'
import { sizeOf } from '../src/shape.ts'
import { tensor, type Tensor } from '../src/tensor.ts'
import { adagrad, adam, adamw, rmsprop, sgd } from '../src/train/optimizers.ts'

const test = suite('optimizer errors')
const rng = random(4)

/** Random values for two parameters, weight [3, 4] and bias [5], or their gradients. */
function named(device: Device): Map<string, Tensor> {
  const drawn = (shape: number[]) => tensor(rng.normal(sizeOf(shape)), { shape, device })
  return new Map([['weight', drawn([3, 4])], ['bias', drawn([5])]])
}

async function read(tensors: Iterable<Tensor>): Promise<number[][]> {
  return Promise.all([...tensors].map(async (x) => Array.from(await x.read())))
}

function refuses(run: () => unknown, message: string): void {
  assert.throws(run, (error: Error) => {
    assert.instance(error, UnrolledError)
    assert.is(error.message, message)
    return true
  })
}

test('bad options give one clear line', () => {
  refuses(() => sgd({ learningRate: NaN }), 'sgd: learningRate is NaN; it must be a number of 0 or more')
  refuses(() => adam({ learningRate: -1 }), 'adam: learningRate is -1; it must be a number of 0 or more')
  refuses(() => adagrad({ learningRate: Infinity }),
    'adagrad: learningRate is Infinity; it must be a number of 0 or more')
  refuses(() => sgd({ learningRate: 1, nesterov: true }),
    'sgd: nesterov needs momentum to look ahead along, which is 0; try momentum: 0.9')
  refuses(() => sgd({ learningRate: 1, momentum: 1 }),
    'sgd: momentum is 1; it must be at least 0 and below 1')
  refuses(() => rmsprop({ learningRate: 1, decay: -0.1 }),
    'rmsprop: decay is -0.1; it must be at least 0 and below 1')
  refuses(() => rmsprop({ learningRate: 1, eps: -1 }), 'rmsprop: eps is -1; it must be a number of 0 or more')
  refuses(() => adagrad({ learningRate: 1, initialAccumulator: -1 }),
    'adagrad: initialAccumulator is -1; it must be a number of 0 or more')
  refuses(() => adam({ learningRate: 1, beta1: 1 }), 'adam: beta1 is 1; it must be at least 0 and below 1')
  refuses(() => adamw({ learningRate: 1, beta2: NaN }),
    'adamw: beta2 is NaN; it must be at least 0 and below 1')
  refuses(() => adamw({ learningRate: 1, weightDecay: -2 }),
    'adamw: weightDecay is -2; it must be a number of 0 or more')
})

test('what does not fit is named, and nothing is written', async () => {
  const device = cpu()
  const params = named(device)
  const before = await read(params.values())
  const grads = named(device)
  const weight = new Map([['weight', grads.get('weight')!]])
  const flat = new Map([...weight, ['bias', tensor([1, 2, 3], { device })]])
  const extra = new Map([...grads, ['head.bias', tensor([1], { device })]])
  const twice = new Map([['weight', params.get('weight')!], ['tied', params.get('weight')!]])
  const optimizer = adam({ learningRate: 0.1 })
  refuses(() => optimizer.update(new Map(), new Map()),
    'adam: there are no parameters; it needs at least one')
  refuses(() => optimizer.update(params, weight),
    'adam: parameter bias has no gradient; both maps need equal names')
  refuses(() => optimizer.update(params, extra),
    'adam: gradient head.bias has no parameter; both maps need equal names')
  refuses(() => optimizer.update(params, flat),
    'adam: bias and its gradient differ; the parameter is [5] float32, the gradient is [3] float32; ' +
    'they must be equal')
  refuses(() => optimizer.update(twice, grads),
    'adam: one tensor, or two views of it, has two names and would be updated twice; name it once')
  refuses(() => optimizer.update(params, grads, { learningRate: NaN }),
    'adam: learningRate is NaN; it must be a number of 0 or more')
  refuses(() => optimizer.update(params, grads, { applyIf: tensor([1], { device }) }),
    'adam: applyIf is [1]; it must be a scalar [], 0 to skip the step')
  refuses(() => optimizer.update(params, named(cpu())),
    'adam: weight or its gradient was given back or lives on another device; ' +
    'update before the tape is closed, on one device')
  const closed = new Map(grads)
  closed.set('bias', tensor([1, 2, 3, 4, 5], { device }))
  closed.get('bias')!.dispose()
  refuses(() => optimizer.update(params, closed),
    'adam: bias or its gradient was given back or lives on another device; ' +
    'update before the tape is closed, on one device')
  const whole = tensor([1, 2, 3], { device })
  const views = new Map([['a', slice(whole, 0, 0, 2)], ['b', slice(whole, 0, 1, 3)]])
  refuses(() => optimizer.update(views, views),
    'adam: one tensor, or two views of it, has two names and would be updated twice; name it once')
  assert.equal(await read(params.values()), before)
})

test('a state of other parameters, or of another optimiser, is refused', async () => {
  const device = cpu()
  const optimizer = adam({ learningRate: 0.1 })
  const params = named(device)
  const grads = named(device)
  optimizer.update(params, grads)
  const state = optimizer.state()
  const before = await read(state.values())
  const [weight, bias] = params.values()
  const [dWeight, dBias] = grads.values()
  refuses(() => optimizer.update(new Map([['w', weight]]), new Map([['w', dWeight]])),
    'adam: the state lacks adam.m.w; make another optimiser')
  refuses(() => optimizer.update(new Map([['bias', bias]]), new Map([['bias', dBias]])),
    'adam: the state has adam.m.weight, whose parameter is not given; update all at once')
  const swapped = new Map([['weight', bias], ['bias', weight]])
  refuses(() => optimizer.update(swapped, new Map([['weight', dBias], ['bias', dWeight]])),
    'adam: shapes differ; the state adam.m.weight is [3, 4], the parameter is [5]; make another optimiser')
  refuses(() => sgd({ learningRate: 1 }).load(state),
    'sgd: the state has adam.step, but this optimiser keeps only sgd.step')
  refuses(() => optimizer.load(new Map([['adam.momentum.bias', bias]])),
    'adam: the state has adam.momentum.bias, but this optimiser keeps only ' +
    'adam.step, adam.m.PARAMETER, adam.v.PARAMETER')
  refuses(() => optimizer.load(new Map([['adam.m.bias', bias]])), 'adam: the state lacks adam.step')
  refuses(() => optimizer.load(new Map([['adam.step', bias]])),
    'adam: adam.step is [5]; it must be a scalar []')
  assert.equal(await read(optimizer.state().values()), before)
})

test.run()

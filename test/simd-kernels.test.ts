// Kernels of the simd device against the cpu's loops: moves, sums, rows by index, random numbers, softmax and
// losses, clipping and optimisers; and with one, two and three threads, which must give the same bits.
// Twin, element by element: simd-elementwise.test.ts. Gradients and numbers of PyTorch: devices.ts has simd.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Device } from '../src/device.ts'
import { dropout } from '../src/ops/dropout.ts'
import { add, exp, mul } from '../src/ops/elementwise.ts'
import { gather, scatterAdd } from '../src/ops/gather.ts'
import { crossEntropy } from '../src/ops/loss.ts'
import { affine, matmul } from '../src/ops/matmul.ts'
import { broadcastTo, concat, flip, pad, reshape, reverseTime, slice, transpose } from '../src/ops/move.ts'
import { layerNorm, rmsNorm } from '../src/ops/norm.ts'
import { max, sum } from '../src/ops/reduce.ts'
import { logSoftmax, softmax } from '../src/ops/softmax.ts'
import { fillUniform, random } from '../src/random.ts'
import { Scope, unowned } from '../src/scope.ts'
import { simd as openSimd } from '../src/simd/open.ts'
import { Tape } from '../src/tape.ts'
import { type Tensor, tensor } from '../src/tensor.ts'
import { clipByGlobalNorm } from '../src/train/clip.ts'
import { adagrad, adam, adamw, rmsprop, sgd } from '../src/train/optimizers.ts'
import { judge, simd } from './devices.ts'
import { both, near, numbers, SIZES } from './simd-numbers.ts'

const test = suite('simd kernels')

const sizeOf = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1)
const made = (device: Device, shape: readonly number[], offset = 0) =>
  reshape(numbers(device, sizeOf(shape), offset, 5), shape)
const normal = (device: Device, shape: readonly number[], scale = 1) =>
  tensor(random(7).normal(sizeOf(shape), 0, scale), { shape, device })
const indices = (device: Device, n: number, below: number) => {
  const rng = random(n)
  return tensor(Int32Array.from({ length: n }, () => rng.integer(below)), { device, dtype: 'int32' })
}

test('moves: slices, transposes, flips, pads, joins and repeats', async () => {
  const moves: Record<string, (x: Tensor) => Tensor> = {
    slice: (x) => slice(slice(x, 2, 1, 4), 0, 1),
    transpose: (x) => transpose(x),
    'transpose of the outer axes': (x) => transpose(x, [1, 0, 2]),
    flip: (x) => flip(flip(x, 2), 0),
    pad: (x) => pad(x, 1, 2, 9),
    concat: (x) => concat([x, slice(x, 1, 2), x], 1),
    repeat: (x) => broadcastTo(slice(x, 2, 0, 1), x.shape),
  }
  for (const [name, move] of Object.entries(moves)) {
    for (const shape of [[3, 5, 7], [2, 4, 300], [65, 3, 4], [2, 3, 4]]) {
      const [a, b] = await both((device) => move(made(device, shape, 1)))
      near(a, b, 0, `${name} of [${shape}]`)
    }
  }
})

test('sums and maxima over any axes, of every size', async () => {
  for (const n of SIZES) {
    for (const shape of [[n], [n, 3], [5, n], [2, n, 3], [2, 3, 2, n]]) {
      for (let set = 1; set < 2 ** shape.length; set++) {
        const axes = shape.map((_, k) => k).filter((k) => set >> k & 1)
        const [a, b] = await both((device) => sum(normal(device, shape), axes))
        // both are summed in float64; where numbers cancel, their size counts
        const most = b.length && Math.max(...Array.from(b, Math.abs), 1)
        near(Array.from(a, (v) => v + 4 * most), Array.from(b, (v) => v + 4 * most), 2 ** -23, `sum ${shape}`)
        if (n === 0) continue
        const [c, d] = await both((device) => max(made(device, shape, 1), axes))
        near(c, d, 0, `max of [${shape}] over [${axes}]`)
      }
    }
  }
})

test('rows by index, and sequences turned round', async () => {
  for (const D of SIZES.slice(1)) {
    const [a, b] = await both((device) => gather(made(device, [9, D], 1), indices(device, 20, 9)))
    near(a, b, 0, `gather, ${D}`)
    const [c, d] = await both((device) => scatterAdd(normal(device, [40, D]), indices(device, 40, 9), 9))
    near(c, d, 2 ** -22, `scatterAdd, ${D}`)
    const [e, f] = await both((device) => {
      const lengths = tensor([6, 0, 1, 4], { device, dtype: 'int32' })
      return reverseTime(made(device, [6, 4, D], 3), lengths)
    })
    near(e, f, 0, `reverseTime, ${D}`)
  }
  const bad = (list: number[]) => tensor(list, { device: simd, dtype: 'int32' })
  assert.throws(() => gather(normal(simd, [3, 2]), bad([0, 3])), /gather: index 3 at position 1/)
  assert.throws(() => scatterAdd(normal(simd, [2, 2]), bad([-1, 0]), 3), /scatterAdd: index -1 at position 0/)
  assert.throws(() => reverseTime(normal(simd, [3, 1, 2]), bad([4])), /reverseTime: length 4/)
})

test('random numbers: the bits of Philox, wherever the stream is entered; dropout by them', async () => {
  for (const n of SIZES) {
    for (const counter of [0, 1, 3, 14, 2 ** 34 - 5, 2 ** 40 + 7]) {
      const wanted = new Float32Array(n)
      fillUniform(wanted, [3, 0xfedcba98], counter)
      const memory = simd.uniform(n, [3, 0xfedcba98], counter)
      near(await simd.read({ memory, offset: 0, shape: [n] }), wanted, 0, `${n} from ${counter}`)
      simd.free(memory)
    }
    const [a, b] = await both((device) => dropout(made(device, [n], 1), 0.3, random(n)))
    near(a, b, 0, `dropout of ${n}`)
  }
})

test('products of any number of rows and columns: groups of 5 and 4, rests, blocks, edges', async () => {
  const rows = [...Array.from({ length: 26 }, (_, k) => k + 1), 31, 32, 252, 255, 256, 257, 261, 263, 517]
  for (const M of rows) {
    for (const [N, K] of M > 300 ? [[9, 259]] : [[1, 5], [8, 1], [33, 17], [7, 259]]) {
      for (const transposeA of [false, true]) {
        const [a, b] = await both((device) => {
          const x = normal(device, transposeA ? [K, M] : [M, K])
          return matmul(x, normal(device, [K, N]), { transposeA })
        })
        const most = Math.max(...Array.from(b, Math.abs))
        Array.from(a).forEach((v, i) => assert.ok(Math.abs(v - b[i]) < 1e-6 * most * Math.sqrt(K),
          `[${M}, ${K}] x [${K}, ${N}], ${transposeA}: number ${i} is ${v} for ${b[i]}`))
      }
    }
  }
})

test('affine as one op: value and gradients', async () => {
  const cases = [[[5], 3], [[2, 7], 9], [[3, 5, 64], 65], [[257, 33], 89], [[6, 300], 4]] as const
  for (const [shape, outputs] of cases) {
    const on = async (device: Device) => {
      using tape = new Tape()
      const inputs = shape.at(-1)!
      const [x, weight, bias] = [normal(device, shape), normal(device, [outputs, inputs]),
        slice(normal(device, [outputs + 1]), 0, 1)]
      const y = affine(x, weight, bias)
      const kinds = tape.records.map(({ op }) => op)
      assert.is(kinds.includes('affine'), device === simd)
      const grads = tape.gradients(sum(mul(y, y)), [x, weight, bias])
      return await Promise.all([y, ...grads].map(async (each) => Array.from(await each.read())))
    }
    const [found, wanted] = [await on(simd), await on(judge)]
    found.forEach((list, k) => {
      const most = Math.max(...wanted[k].map(Math.abs))
      const off = Math.max(...list.map((v, i) => Math.abs(v - wanted[k][i]))) / most
      assert.ok(off < 1e-6, `[${shape}] to ${outputs}: list ${k} is ${off} off`)
    })
  }
})

test('classes that a mask made impossible; rows of infinities and NaN; ignored targets', async () => {
  const no = -Infinity
  const list = [1, no, 2, no, 0, 3, no, no, no, 100, -100, 90, -no, 1, 2, -no, -no, no, NaN, 1, 2]
  for (const op of [(x: Tensor) => softmax(x), (x: Tensor) => logSoftmax(x)]) {
    const [a, b] = await both((device) => op(tensor(list, { shape: [7, 3], device })))
    near(a, b, 2 ** -21, 'softmax')
  }
  const loss = (device: Device) => {
    using tape = new Tape()
    const x = tensor(list, { shape: [7, 3], device })
    const targets = tensor([2, 1, -1, 1, 1, 0, 2], { device, dtype: 'int32' })
    const y = crossEntropy(x, targets, { ignoreIndex: -1, reduction: 'none' })
    const [dx] = tape.gradients(sum(y), [x])
    return unowned(() => concat([y, reshape(dx, [21])]))
  }
  const [a, b] = await both(loss)
  near(a, b, 2 ** -21, 'crossEntropy')
})

const optimizers = {
  'sgd plain': () => sgd({ learningRate: 0.1 }),
  'sgd': () => sgd({ learningRate: 0.1, momentum: 0.8, nesterov: true, weightDecay: 0.05 }),
  'rmsprop plain': () => rmsprop({ learningRate: 0.02 }),
  'rmsprop': () =>
    rmsprop({ learningRate: 0.02, momentum: 0.7, centered: true, eps: 1e-3, weightDecay: 0.1 }),
  'adagrad': () => adagrad({ learningRate: 0.1, learningRateDecay: 0.05, initialAccumulator: 0.1 }),
  'adam': () => adam({ learningRate: 0.03, weightDecay: 0.05 }),
  'adamw': () => adamw({ learningRate: 0.03 }),
}

/** Parameters of odd sizes, one inside a larger memory, after clipped steps; and what clipping says. */
async function stepped(device: Device, make: () => ReturnType<typeof sgd>, shapes: readonly number[][]) {
  const host = unowned(() => normal(device, [900]))
  const params = new Map(shapes.map((shape, k) => [`p${k}`, k === 0
    ? reshape(slice(host, 0, 3, 3 + sizeOf(shape)), shape) : unowned(() => normal(device, shape, 1 + k))]))
  const optimizer = make()
  let told: number[] = []
  for (let step = 0; step < 4; step++) {
    using scope = new Scope()
    const grads = new Map([...params].map(([name, p]) => [name, mul(p, 0.3 * (step + 1))]))
    const { grads: bounded, norm, clipped, finite } = clipByGlobalNorm(grads, step === 3 ? 1e9 : 2)
    const applyIf = tensor(step === 2 ? 0 : 1, { device })
    optimizer.update(params, bounded, { applyIf })
    const kept = scope.keep([norm, clipped, finite])
    told = [...told, ...await Promise.all(kept.map((x) => x.item()))]
  }
  const values = [Array.from(await host.read())]
  for (const p of params.values()) values.push(Array.from(await p.read()))
  return { values, told }
}

for (const [name, make] of Object.entries(optimizers)) {
  test(`${name}: clipped steps of scattered parameters as on the cpu in float64`, async () => {
    const shapes = [[5, 13], [1], [4], [257], [63, 65]]
    const [found, wanted] = [await stepped(simd, make, shapes), await stepped(judge, make, shapes)]
    found.values.forEach((list, k) => {
      const most = Math.max(...wanted.values[k].map(Math.abs))
      const off = Math.max(...list.map((v, i) => Math.abs(v - wanted.values[k][i]))) / most
      assert.ok(off < 4e-6, `${name}: parameter ${k} is ${off} off`)
    })
    near(found.told, wanted.told, 1e-6, `${name}: norm, clipped, finite`)
  })
}

/** What a step does, at sizes at which work is shared, as one list. */
async function large(device: Device): Promise<number[]> {
  const lists: ArrayLike<number>[] = []
  {
    using tape = new Tape()
    const [x, bias] = [normal(device, [301, 1003]), normal(device, [1003])]
    const table = normal(device, [61, 501])
    const targets = indices(device, 301, 1003)
    const h = layerNorm(dropout(add(x, bias), 0.2, random(3)), { weight: exp(bias), bias })
    const rows = transpose(gather(table, indices(device, 999, 61)))
    const loss = add(crossEntropy(h, targets), sum(mul(softmax(rmsNorm(rows)), 3)))
    const params = { x, bias, table }
    const grads = new Map(Object.entries(tape.gradients(loss, params)))
    const { grads: bounded, norm } = clipByGlobalNorm(grads, 0.1)
    const optimizer = adam({ learningRate: 0.1 })
    lists.push(await loss.read(), await norm.read())
    for (const g of bounded.values()) lists.push(await g.read())
    optimizer.update(new Map(Object.entries(params)), bounded)
    for (const p of Object.values(params)) lists.push(await p.read())
    optimizer.dispose()
  }
  return lists.flatMap((list) => Array.from(list))
}

test('any number of threads gives the same bits', async () => {
  const [alone, ...others] = await Promise.all([1, 2, 3].map(async (threads) => {
    const device = await openSimd({ threads })
    const list = await large(device)
    device.close()
    return list
  }))
  others.forEach((list, k) => near(list, alone, 0, `${k + 2} threads`))
  const wanted = await large(judge)
  const off = Math.max(...alone.slice(0, 2).map((v, i) => Math.abs(v - wanted[i]) / Math.abs(wanted[i])))
  assert.ok(off < 1e-5, `loss and norm are ${off} off`)
})

test.run()

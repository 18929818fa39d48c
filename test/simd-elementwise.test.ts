// Elementwise kernels of the simd device against the cpu's loops: at sizes across the edges of vectors and of
// the threads' shares, at offsets that are no multiple of a vector, at NaN and the infinities.
//
// What is one operation (a sum, a product, a root, a maximum) is rounded as the cpu's is, and must be equal;
// exp, tanh and sigmoid are 2.5 units in the last place off at most (simd-math.test.ts), of 2^-23 each.

import { suite } from 'uvu'
import type { BinaryOp, UnaryOp } from '../src/device.ts'
import * as elementwise from '../src/ops/elementwise.ts'
import { reshape } from '../src/ops/move.ts'
import { both, near, numbers, SIZES } from './simd-numbers.ts'

const test = suite('simd, element by element')

const unary = [
  'neg', 'abs', 'sign', 'square', 'sqrt', 'relu', 'exp', 'tanh', 'sigmoid',
] as const satisfies UnaryOp[]

for (const op of unary) {
  test(`${op} at every size, offset and strange number`, async () => {
    const off = ['exp', 'tanh', 'sigmoid'].includes(op) ? 3 * 2 ** -23 : 0
    for (const n of SIZES) {
      for (const offset of [0, 1, 2, 3]) {
        const [a, b] = await both((device) =>
          elementwise[op](numbers(device, n, offset, n + offset)))
        near(a, b, off, `${op} of ${n} from ${offset}`)
      }
    }
  })
}

const binary = [
  'add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'equal', 'greater',
] as const satisfies BinaryOp[]

for (const op of binary) {
  test(`${op} at every size, offset and strange number, and with a scalar`, async () => {
    for (const n of SIZES) {
      for (const offset of [0, 1, 3]) {
        const [a, b] = await both((device) =>
          elementwise[op](numbers(device, n, offset, n), numbers(device, n, 3 - offset, n + 1)))
        near(a, b, 0, `${op} of ${n} from ${offset}`)
        const [c, d] = await both((device) => {
          const x = numbers(device, n, offset, n)
          return offset === 1 ? elementwise[op](1, x) : elementwise[op](x, -1)
        })
        near(c, d, 0, `${op} of ${n} and a number`)
      }
    }
  })

  test(`${op}: rows, columns and more are repeated`, async () => {
    const shapes = [
      [[5, 7], [7]], [[7], [5, 7]], [[5, 7], [5, 1]], [[1, 7], [5, 1]], [[2, 3, 5, 4], [3, 1, 4]],
      [[2, 1, 5, 1], [1, 3, 1, 4]], [[64, 65], [65]], [[3, 1], [1]], [[0, 4], [4]], [[300, 1], [1, 300]],
    ]
    for (const [first, second] of shapes) {
      const [a, b] = await both((device) => {
        const [x, y] = [first, second].map((shape, k) => {
          const size = shape.reduce((product, m) => product * m, 1)
          return reshape(numbers(device, size, k + 1, 7 * k), shape)
        })
        return elementwise[op](x, y)
      })
      near(a, b, 0, `${op} of [${first}] and [${second}]`)
    }
  })
}

test('a sum of gradients: added in place, also where both lie in one memory', async () => {
  for (const n of SIZES) {
    const [a, b] = await both((device) => {
      const [x, y] = [numbers(device, n, 1, 3), numbers(device, n, 2, 4)]
      device.accumulate(x, y)
      return x
    })
    near(a, b, 0, `${n}`)
  }
  const [a, b] = await both((device) => {
    const x = numbers(device, 65, 0, 1)
    const part = (offset: number) => ({ memory: x.memory, offset, shape: [60] })
    device.accumulate(part(5), part(1))
    device.accumulate(part(2), part(2))
    return x
  })
  near(a, b, 0, 'parts of one memory')
})

test.run()

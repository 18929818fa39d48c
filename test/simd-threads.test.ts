// Threads of the simd device: products whose sizes change from one to the next, shared out or not, have the
// same bits; so no thread is a job behind or ahead of the others.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { matmul } from '../src/ops/matmul.ts'
import { random } from '../src/random.ts'
import { simd } from '../src/simd/open.ts'
import { tensor } from '../src/tensor.ts'

const test = suite('simd threads')

const SIZES = [[64, 64, 512], [64, 128, 512], [800, 64, 512], [16, 128, 512], [7, 300, 129], [512, 800, 64]]

test('products of changing sizes are those of one thread, bit for bit', async () => {
  const devices = [await simd({ threads: 1 }), await simd({ threads: 2 })]
  for (const [M, K, N] of [...SIZES, ...SIZES]) {
    const [a, b] = [random(M).normal(M * K), random(N).normal(K * N)]
    const [one, two] = await Promise.all(devices.map((device) =>
      matmul(tensor(a, { shape: [M, K], device }), tensor(b, { shape: [K, N], device })).read()))
    assert.ok(one.every((value, i) => value === two[i]), `[${M}, ${K}] [${K}, ${N}]`)
  }
  for (const device of devices) device.close()
})

test.run()

// What the tests of the simd device's kernels share: numbers, ordinary and strange; both devices' results.

import * as assert from 'uvu/assert'
import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import { slice } from '../src/ops/move.ts'
import { random } from '../src/random.ts'
import { Scope } from '../src/scope.ts'
import { type Tensor, tensor } from '../src/tensor.ts'
import { simd } from './devices.ts'

const plain = cpu()

export const SIZES = [0, 1, 3, 4, 5, 63, 64, 65, 257]
const STRANGE = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 100, -100, 1e-30, 3e38, -3e38, 0.5, -87.5, 88.9]

/** n numbers, ordinary and strange, at an offset of their own. */
export function numbers(device: Device, n: number, offset: number, seed: number): Tensor {
  const ordinary = random(seed).normal(n + offset, 0, 3)
  const list = Array.from(ordinary, (v, i) => (i % 3 === 2 ? STRANGE[(i + seed) % STRANGE.length] : v))
  return slice(tensor(list, { device }), 0, offset, n + offset)
}

/** Whether two lists are equal, NaN to NaN, 0 not to -0; or as near as `off` allows, relative to b. */
export function near(a: ArrayLike<number>, b: ArrayLike<number>, off: number, what: string): void {
  assert.is(a.length, b.length, what)
  for (let i = 0; i < b.length; i++) {
    if (Object.is(a[i], b[i]) || off > 0 && Math.abs(a[i] - b[i]) <= Math.abs(b[i]) * off + 2e-38) continue
    assert.unreachable(`${what}: at ${i} it is ${a[i]}, wanted is ${b[i]}`)
  }
}

/** The result of fn on the simd device and on the cpu, in float32. */
export async function both(fn: (device: Device) => Tensor): Promise<[ArrayLike<number>, ArrayLike<number>]> {
  const on = async (device: Device) => {
    using _ = new Scope()
    return await fn(device).read()
  }
  return [await on(simd), await on(plain)]
}

// Random numbers on the simd device. Twins: ../random.ts, ../ops/dropout.ts.
// Next: ../../kernels/simd/philox.ts.

import type { FloatArray } from '../device.ts'
import { addressOf, float, type Jobs, Kind } from './jobs.ts'

/** y_i = the number that Philox draws at position counter + i of the key, or x_i masked by it. */
export function draw(
  jobs: Jobs, y: FloatArray, key: readonly [number, number], counter: number,
  masked?: { x: FloatArray, ix: number, limit: number, factor: number },
): void {
  const { x, ix, limit, factor } = masked ?? { x: null, ix: 0, limit: 0, factor: 0 }
  jobs.run(Kind.draw, 24 * y.length, [
    y.byteOffset, y.length, ...key, counter >>> 0, Math.floor(counter / 2 ** 32),
    x ? addressOf(x, ix) : 0, float(limit), float(factor),
  ])
}

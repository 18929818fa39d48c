// What a cpu device is made of: its memory and its loops; the simd device (../simd/device.ts) has its own.
// Next: instance.ts, the loops; pool.ts, the memory.

import type { FloatArray, FloatType } from '../device.ts'
import float32 from './instance.ts?float32'
import float64 from './instance.ts?float64'
import { Pool } from './pool.ts'

export type Loops = typeof float32

/** What a cpu device is made of; the simd device (../simd/device.ts) has its own memory and faster loops. */
export interface CpuParts {
  readonly name: string
  readonly pool: Pool
  readonly loops: Loops
  /** where a number that is an operand is put, so that loops see arrays only: one place per operand */
  readonly scalars: readonly [FloatArray, FloatArray]
}

/** The cpu device's own, for a precision. */
export function partsOf(dtype: FloatType): CpuParts {
  const scalar = () => (dtype === 'float32' ? new Float32Array(1) : new Float64Array(1))
  const loops = dtype === 'float32' ? float32 : float64
  return { name: 'cpu', pool: new Pool(), loops, scalars: [scalar(), scalar()] }
}

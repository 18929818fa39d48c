// Reads test/golden/*.json: what PyTorch computed. README.md there says how each file was made.

import { readFileSync } from 'node:fs'
import type { Device } from '../src/device.ts'
import { tensor, type Tensor } from '../src/tensor.ts'

export interface Golden {
  shape: number[]
  data: number[]
  dtype?: 'int32'
}

export function golden<T>(file: string): T {
  return JSON.parse(readFileSync(`test/golden/${file}`, 'utf8')) as T
}

export function load(device: Device, { shape, data, dtype }: Golden): Tensor {
  return tensor(data, { shape, device, dtype })
}

/** max |a - b| / max |b|; absolute where b is all zeros; infinity where a NaN or a wrong length hides. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity
  let worst = 0
  let scale = 0
  for (let i = 0; i < b.length; i++) {
    const d = Math.abs(a[i] - b[i])
    if (!(d <= worst)) worst = Number.isNaN(d) ? Infinity : d
    scale = Math.max(scale, Math.abs(b[i]))
  }
  return scale === 0 ? worst : worst / scale
}

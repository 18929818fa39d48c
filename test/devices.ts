// The devices that the tests of the engine run on: the same test bodies, once for each.

import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import { openGpu } from '../src/gpu/open.ts'
import { simd as openSimd } from '../src/simd/open.ts'
import { testAdapter } from './gpu-adapter.ts'

export interface TestDevice {
  name: string
  device: Device
  /** how far from PyTorch's float64 numbers: max |a - b| / max |b| of a tensor */
  tolerance: number
}

export const judge: Device = cpu({ precision: 'float64' })
export const gpu = await openGpu(testAdapter)
export const simd = await openSimd({ threads: 2 })

export const devices: TestDevice[] = [
  { name: 'cpu float64', device: judge, tolerance: 1e-10 },
  { name: 'cpu float32', device: cpu(), tolerance: 1e-5 },
  { name: 'simd', device: simd, tolerance: 1e-5 },
  { name: 'gpu', device: gpu, tolerance: 1e-5 },
]

/** Devices in float32 with nothing on them yet, for tests that count memory. */
export const freshDevices: { name: string, open: () => Promise<{ device: Device, close: () => void }> }[] = [
  { name: 'cpu', open: async () => ({ device: cpu(), close: () => {} }) },
  {
    name: 'simd',
    open: async () => {
      const device = await openSimd({ threads: 2 })
      return { device, close: () => device.close() }
    },
  },
  {
    name: 'gpu',
    open: async () => {
      const device = await openGpu(testAdapter)
      return { device, close: () => device.close() }
    },
  },
]

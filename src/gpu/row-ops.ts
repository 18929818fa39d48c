// Softmax and normalisation on the gpu: one dispatch forward, one back, a workgroup for each row.
// CPU twins, which define them: ../ops/softmax.ts, ../ops/norm.ts. Next: kernels/softmax.wgsl, norm.wgsl.

import type { Memory, Norm, RowOps, View } from '../device.ts'
import type { GpuDevice } from './device.ts'
import type { GpuMemory } from './memory.ts'
import { gridFor } from './recorder.ts'
import { float } from './words.ts'

export class GpuRows implements RowOps {
  private readonly device: GpuDevice

  constructor(device: GpuDevice) {
    this.device = device
  }

  softmax(x: View, log: boolean): GpuMemory {
    const { device } = this
    const [N, D] = x.shape
    const X = device.floats('softmax', x)
    const y = device.take(N * D)
    device.launch({
      kernel: 'softmax', buffers: [X, y.buffer!], values: [N, D, x.offset, Number(log)], grid: gridFor(N, 1),
    })
    return y
  }

  softmaxGradient(y: Memory, dy: View, log: boolean): GpuMemory {
    const { device } = this
    const [N, D] = dy.shape
    const [Y, DY] = [device.floats('softmax', { memory: y, offset: 0, shape: [N, D] }),
      device.floats('softmax', dy)]
    const dx = device.take(N * D)
    device.launch({
      kernel: 'softmaxGradient', buffers: [Y, DY, dx.buffer!],
      values: [N, D, dy.offset, Number(log)], grid: gridFor(N, 1),
    })
    return dx
  }

  norm({ x, weight, bias, eps, centred }: Norm): { y: GpuMemory, moments: GpuMemory } {
    const { device } = this
    const [N, D] = x.shape
    const [X, W, B] = [x, weight ?? x, bias ?? x].map((view) => device.floats('norm', view))
    const [y, moments] = [device.take(N * D), device.take(2 * N)]
    device.launch({
      kernel: 'norm', buffers: [X, W, B, y.buffer!, moments.buffer!],
      values: [
        N, D, x.offset, weight?.offset ?? 0, bias?.offset ?? 0, float(eps),
        Number(centred), Number(weight !== null), Number(bias !== null),
      ],
      grid: gridFor(N, 1),
    })
    return { y, moments }
  }

  normGradient(
    { x, weight, centred }: Norm, moments: Memory, dy: View,
  ): { dx: GpuMemory, scaled: GpuMemory } {
    const { device } = this
    const [N, D] = x.shape
    const views = [x, weight ?? x, { memory: moments, offset: 0, shape: [N, 2] }, dy]
    const [dx, scaled] = [device.take(N * D), device.take(N * D)]
    device.launch({
      kernel: 'normGradient',
      buffers: [...views.map((view) => device.floats('norm', view)), dx.buffer!, scaled.buffer!],
      values: [
        N, D, x.offset, weight?.offset ?? 0, dy.offset, Number(centred), Number(weight !== null),
      ],
      grid: gridFor(N, 1),
    })
    return { dx, scaled }
  }
}

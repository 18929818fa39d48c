// Cross-entropy on the gpu: one dispatch forward, one backward. Targets are checked and counted here, on the
// host, where they live. CPU twin: ../cpu/loss.ts. Next: kernels/cross_entropy.wgsl.

import type { LossOps, Memory, View } from '../device.ts'
import { sizeOf } from '../shape.ts'
import type { GpuDevice } from './device.ts'
import { WORKGROUP } from './elementwise.ts'
import { checkRows } from './indices.ts'
import type { GpuMemory } from './memory.ts'
import { gridFor } from './recorder.ts'
import { float } from './words.ts'

export class GpuLoss implements LossOps {
  private readonly device: GpuDevice

  constructor(device: GpuDevice) {
    this.device = device
  }

  countTargets(targets: View, classes: number, ignore: number): number {
    const N = sizeOf(targets.shape)
    const host = this.device.live(targets).host!
    checkRows('crossEntropy', host, targets.offset, N, classes, ignore)
    let count = 0
    for (let n = 0; n < N; n++) if (host[targets.offset + n] !== ignore) count++
    return count
  }

  crossEntropyForward(
    logits: View, targets: View, ignore: number,
  ): { losses: GpuMemory, sums: GpuMemory } {
    const { device } = this
    const [N, V] = logits.shape
    const x = device.floats('crossEntropy', logits)
    const labels = device.indexBuffer(device.live(targets))
    const [losses, sums] = [device.take(N), device.take(2 * N)]
    device.launch({
      kernel: 'crossEntropy', buffers: [x, labels, losses.buffer!, sums.buffer!],
      values: [N, V, logits.offset, targets.offset, asIndex(ignore)], grid: gridFor(N, 1),
    })
    return { losses, sums }
  }

  total(losses: Memory, factor: number): GpuMemory {
    const { device } = this
    const x = device.floats('crossEntropy', { memory: losses, offset: 0, shape: [losses.length] })
    const y = device.take(1)
    device.launch({
      kernel: 'total', buffers: [x, y.buffer!], values: [losses.length, float(factor)], grid: gridFor(1, 1),
    })
    return y
  }

  crossEntropyBackward(
    logits: View, targets: View, ignore: number, factor: number, sums: Memory, dy: View,
  ): GpuMemory {
    const { device } = this
    const [N, V] = logits.shape
    const x = device.floats('crossEntropy', logits)
    const labels = device.indexBuffer(device.live(targets))
    const S = device.floats('crossEntropy', { memory: sums, offset: 0, shape: [N, 2] })
    const D = device.floats('crossEntropy', dy)
    const dx = device.take(N * V)
    device.launch({
      kernel: 'crossEntropyGradient', buffers: [x, labels, S, D, dx.buffer!],
      values: [
        N * V, V, logits.offset, targets.offset, asIndex(ignore), float(factor), dy.offset,
        sizeOf(dy.shape) === N ? 1 : 0,
      ],
      grid: gridFor(N * V, WORKGROUP),
    })
    return dx
  }
}

/** As an int32; what is none, no target can be, and -1 is none that counts. */
const asIndex = (ignore: number): number => ((ignore | 0) === ignore ? ignore : -1)

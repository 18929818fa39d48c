// Softmax and normalisation on the simd device: one job forward, one back.
// Twins, which define them: ../ops/softmax.ts, ../ops/norm.ts. Next: ../../kernels/simd/softmax.ts, norm.ts.

import type { Lent } from '../cpu/fused.ts'
import type { Memory, Norm, RowOps, View } from '../device.ts'
import { addressOf, float, type Jobs, Kind } from './jobs.ts'

export class SimdRows implements RowOps {
  private readonly device: Lent
  private readonly jobs: Jobs

  constructor(device: Lent, jobs: Jobs) {
    this.device = device
    this.jobs = jobs
  }

  softmax(x: View, log: boolean): Memory {
    const [N, D] = x.shape
    const from = this.at('softmax', x)
    return this.device.made((take) => {
      const y = take(N * D)
      this.jobs.run(Kind.softmax, 24 * N * D, [Number(log), N, D, from, y.data.byteOffset, 0])
      return y
    })
  }

  softmaxGradient(y: Memory, dy: View, log: boolean): Memory {
    const [N, D] = dy.shape
    const [Y, DY] = [this.whole(y), this.at('softmax', dy)]
    return this.device.made((take) => {
      const dx = take(N * D)
      this.jobs.run(Kind.softmaxGradient, 16 * N * D, [Number(log), N, D, DY, Y, dx.data.byteOffset])
      return dx
    })
  }

  norm(norm: Norm): { y: Memory, moments: Memory } {
    const words = this.words(norm)
    const [N, D] = norm.x.shape
    return this.device.made((take) => {
      const [y, moments] = [take(N * D), take(2 * N)]
      this.jobs.run(Kind.norm, 12 * N * D, [
        ...words, moments.data.byteOffset, y.data.byteOffset, 0, 0, 0,
      ])
      return { y, moments }
    })
  }

  normGradient(norm: Norm, moments: Memory, dy: View): { dx: Memory, scaled: Memory } {
    const words = [...this.words(norm), this.whole(moments), 0, this.at('norm', dy)]
    const [N, D] = norm.x.shape
    return this.device.made((take) => {
      const [dx, scaled] = [take(N * D), take(N * D)]
      this.jobs.run(Kind.normGradient, 16 * N * D, [...words, dx.data.byteOffset, scaled.data.byteOffset])
      return { dx, scaled }
    })
  }

  private words({ x, weight, bias, eps, centred }: Norm): number[] {
    const orZero = (view: View | null) => (view ? this.at('norm', view) : 0)
    const [N, D] = x.shape
    return [N, D, Number(centred), float(eps), this.at('norm', x), orZero(weight), orZero(bias)]
  }

  private at(op: string, x: View): number {
    return addressOf(this.device.floats(op, x), x.offset)
  }

  private whole(memory: Memory): number {
    return this.device.data({ memory, offset: 0, shape: [memory.length] }).byteOffset
  }
}

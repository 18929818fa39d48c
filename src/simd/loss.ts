// Cross-entropy on the simd device. Twin: ../cpu/loss.ts. Next: ../../kernels/simd/cross-entropy.ts.

import type { Rows } from '../cpu/loss.ts'
import type { Loops } from '../cpu/parts.ts'
import { addressOf, float, type Jobs, Kind } from './jobs.ts'

export function lossLoops(jobs: Jobs): Pick<Loops, 'crossEntropyForward' | 'crossEntropyBackward'> {
  /** An ignored index that is none of a kernel's numbers is none of the targets, which were checked. */
  const rows = ({ N, V, x, ix, targets, it, ignore }: Rows): number[] =>
    [N, V, addressOf(x, ix), addressOf(targets, it), (ignore | 0) === ignore ? ignore : -1]

  return {
    crossEntropyForward(all, losses, sums) {
      jobs.run(Kind.crossEntropy, 16 * all.N * all.V, [
        ...rows(all), sums.byteOffset, losses.byteOffset, 0, 0, 0, 0,
      ])
    },
    crossEntropyBackward(all, factor, sums, dy, iy, step, dx) {
      jobs.run(Kind.crossEntropyGradient, 16 * all.N * all.V, [
        ...rows(all), sums.byteOffset, 0, float(factor), addressOf(dy, iy), 4 * step, dx.byteOffset,
      ])
    },
  }
}

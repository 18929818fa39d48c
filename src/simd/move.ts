// Moving, reducing and indexing on the simd device: each is one job. Indices and lengths are checked here.
// Twin: ../cpu/move.ts. Next: ../../kernels/simd/move.ts, reduce.ts, gather.ts.

import cpu from '../cpu/instance.ts?float32'
import { checkIndex, checkLength } from '../cpu/move.ts'
import type { Loops } from '../cpu/parts.ts'
import type { NumberArray } from '../device.ts'
import { mergedAxes, sizeOf, stridesOf } from '../shape.ts'
import { bytes, fromEnd } from './elementwise.ts'
import { addressOf, type Jobs, Kind } from './jobs.ts'

type Moving = Pick<Loops, 'window' | 'place' | 'reduce' | 'gatherRows' | 'scatterAddRows' | 'reverseTime'>

export function movingLoops(jobs: Jobs): Moving {
  /** to[...] = from[...], over axes with a stride for each side */
  function move(
    to: number, toStrides: readonly number[], from: number, fromStrides: readonly number[],
    sizes: readonly number[],
  ): void {
    jobs.run(Kind.move, 4 * sizeOf(sizes), [
      to, from,
      fromEnd(sizes, 4, 1), fromEnd(sizes, 3, 1), fromEnd(sizes, 2, 1), fromEnd(sizes, 1, 1),
      bytes(toStrides, 4), bytes(toStrides, 3), bytes(toStrides, 2), bytes(toStrides, 1),
      bytes(fromStrides, 4), bytes(fromStrides, 3), bytes(fromStrides, 2), bytes(fromStrides, 1),
    ])
  }

  return {
    window(y, x, start, strides, shape) {
      const walk = mergedAxes(shape, [strides])
      if (!walk) return
      const { sizes, strides: [from] } = walk
      move(y.byteOffset, stridesOf(sizes), addressOf(x, start), from, sizes)
    },

    place(y, x, ix, start, strides, shape) {
      const walk = mergedAxes(shape, [strides])
      if (!walk) return
      const { sizes, strides: [to] } = walk
      move(addressOf(y, start), to, addressOf(x, ix), stridesOf(sizes), sizes)
    },

    // The kernel takes [O, R, I] over R; axes that are reduced or kept side by side are one.
    reduce(op, y, x, ix, shape, axes) {
      const kept = stridesOf(shape).map((stride, axis) => (axes.includes(axis) ? 0 : stride))
      const walk = mergedAxes(shape, [kept, stridesOf(shape)])
      if (!walk) return cpu.reduce(op, y, x, ix, shape, axes)
      const { sizes, strides: [steps] } = walk
      const at = steps.indexOf(0)
      if (at < 0 && sizes.length > 0 || at > 1 || sizes.length > at + 2) {
        return cpu.reduce(op, y, x, ix, shape, axes)
      }
      const [O, R, I] = [at > 0 ? sizes[0] : 1, sizes[at] ?? 1, sizes[at + 1] ?? 1]
      jobs.run(Kind.reduce, 4 * O * R * I, [
        Number(op === 'max'), y.byteOffset, addressOf(x, ix), O, R, I,
      ])
    },

    gatherRows(y, table, it, index, ii, N, V, D) {
      checkAll('gather', index, ii, N, V)
      jobs.run(Kind.gather, 4 * N * D, [y.byteOffset, addressOf(table, it), addressOf(index, ii), N, D])
    },

    scatterAddRows(y, rows, ir, index, ii, N, V, D) {
      checkAll('scatterAdd', index, ii, N, V)
      jobs.run(Kind.scatterAdd, 4 * N * D, [y.byteOffset, addressOf(rows, ir), addressOf(index, ii), N, D])
    },

    reverseTime(y, x, ix, lengths, il, T, B, rest) {
      for (let b = 0; b < B; b++) checkLength(lengths[il + b], b, T)
      jobs.run(Kind.reverseTime, 4 * T * B * rest, [
        y.byteOffset, addressOf(x, ix), addressOf(lengths, il), T, B, rest,
      ])
    },
  }
}

function checkAll(op: string, index: NumberArray, ii: number, N: number, V: number): void {
  for (let n = 0; n < N; n++) checkIndex(op, index[ii + n], n, V)
}

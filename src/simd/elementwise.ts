// Elementwise loops of the simd device: each is one job. Functions that have no kernel stay the cpu's.
// Twin: ../cpu/elementwise.ts. Next: ../../kernels/simd/binary.ts, unary.ts.

import cpu from '../cpu/instance.ts?float32'
import type { Loops } from '../cpu/parts.ts'
import type { BinaryOp, NumberArray, UnaryOp } from '../device.ts'
import { mergedAxes } from '../shape.ts'
import { addressOf, type Jobs, Kind } from './jobs.ts'

/** As numbered in kernels/simd/unary.ts and binary.ts. */
const UNARY: { readonly [op in UnaryOp]?: number } = {
  neg: 0, abs: 1, sign: 2, square: 3, sqrt: 4, relu: 5, exp: 6, tanh: 7, sigmoid: 8,
}
const BINARY: { readonly [op in BinaryOp]?: number } = {
  add: 0, sub: 1, mul: 2, div: 3, maximum: 4, minimum: 5, equal: 6, greater: 7,
}

/** What an element takes, counted as Jobs.run counts: waiting for memory, or arithmetic. */
const LIGHT = 4
const HEAVY = 12

/** Jobs name axes outermost first, always as many: the kth from the end, or what stands for a missing one. */
export const fromEnd = (list: readonly number[], k: number, missing: number): number =>
  (k <= list.length ? list[list.length - k] : missing)

/** The same of strides, in bytes; 0 for a missing one. */
export const bytes = (strides: readonly number[], k: number): number => 4 * fromEnd(strides, k, 0)

type Elementwise = Pick<Loops, 'unaryLoops' | 'binaryLoops' | 'broadcastBinary' | 'accumulateLoop'>

export function elementwiseLoops(jobs: Jobs): Elementwise {
  const unaryLoops = { ...cpu.unaryLoops }
  for (const [op, number] of Object.entries(UNARY)) {
    const weight = number > UNARY.relu! ? HEAVY : LIGHT
    unaryLoops[op as UnaryOp] = (y, x, ix, n) =>
      jobs.run(Kind.unary, weight * n, [number, y.byteOffset, addressOf(x, ix), n])
  }

  const binaryLoops = { ...cpu.binaryLoops }
  for (const [op, number] of Object.entries(BINARY)) {
    binaryLoops[op as BinaryOp] = (y, iy, a, ia, sa, b, ib, sb, n) =>
      jobs.run(Kind.binary, LIGHT * n, [
        number, addressOf(y, iy), addressOf(a, ia), addressOf(b, ib), n, sa, sb,
        1, 1, 1, 0, 0, 0, 0, 0, 0, // one run of n
      ])
  }

  const broadcastBinary: Elementwise['broadcastBinary'] = (
    op, y, shape, a, ia, stridesA, b, ib, stridesB,
  ) => {
    const number = BINARY[op]
    if (number === undefined) return cpu.broadcastBinary(op, y, shape, a, ia, stridesA, b, ib, stridesB)
    const walk = mergedAxes(shape, [stridesA, stridesB])
    if (!walk) return
    const { sizes, strides: [A, B] } = walk
    jobs.run(Kind.binary, LIGHT * y.length, [
      number, y.byteOffset, addressOf(a, ia), addressOf(b, ib),
      fromEnd(sizes, 1, 1), fromEnd(A, 1, 0), fromEnd(B, 1, 0),
      fromEnd(sizes, 4, 1), fromEnd(sizes, 3, 1), fromEnd(sizes, 2, 1),
      bytes(A, 4), bytes(A, 3), bytes(A, 2), bytes(B, 4), bytes(B, 3), bytes(B, 2),
    ])
  }

  const accumulateLoop: Elementwise['accumulateLoop'] = (y, iy, x, ix, n) => {
    // Element by element in order, as the cpu does, where one of them may be read after it was written.
    if (y.buffer === x.buffer && meet(y, iy, x, ix, n)) return cpu.accumulateLoop(y, iy, x, ix, n)
    binaryLoops.add(y, iy, y, iy, 1, x, ix, 1, n)
  }

  return { unaryLoops, binaryLoops, broadcastBinary, accumulateLoop }
}

/** Whether two stretches of n numbers overlap without being the same. */
function meet(y: NumberArray, iy: number, x: NumberArray, ix: number, n: number): boolean {
  const distance = Math.abs(addressOf(y, iy) - addressOf(x, ix))
  return distance > 0 && distance < 4 * n
}

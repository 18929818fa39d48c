// y = f(a, b), element by element, over up to three axes of runs: what a broadcast is cut into.
//
// Along a run an operand goes on by one number, or stands still: then it is read again and again from a
// vector of four copies. y lies in one piece. NaN goes through maximum and minimum.
// CPU twin: src/cpu/elementwise.ts, binaryLoops and broadcastBinary. Next: unary.ts.

import { put } from './lanes'
import { aside, firstNumber, share, shareEnd } from './threads'

// As numbered in src/simd/elementwise.ts.
const ADD = 0
const SUB = 1
const MUL = 2
const DIV = 3
const MAXIMUM = 4
const MINIMUM = 5
const EQUAL = 6
const GREATER = 7

@unmanaged
export class Binary {
  op: i32
  y: usize
  a: usize
  b: usize
  /** the length of a run; whether a and b go on along it (1) or stand still (0) */
  n: i32
  aMoves: i32
  bMoves: i32
  /** the axes of runs, outermost first (1 where there is none), and steps in bytes */
  size0: i32
  size1: i32
  size2: i32
  a0: usize
  a1: usize
  a2: usize
  b0: usize
  b1: usize
  b2: usize
}

/** Threads share the runs, or, where these are fewer than threads, each run. */
export function binary(p: Binary, thread: i32, threads: i32): void {
  const runs = p.size0 * p.size1 * p.size2
  let first = 0, last = runs, begin = 0, end = p.n
  if (runs >= threads) {
    first = share(runs, thread, threads)
    last = shareEnd(runs, thread, threads)
  } else {
    begin = firstNumber(p.n, thread, threads)
    end = firstNumber(p.n, thread + 1, threads)
  }
  if (begin >= end) return
  const start = <usize>begin << 2
  for (let r = first; r < last; r++) {
    const i2 = <usize>(r % p.size2), outer = r / p.size2
    const i1 = <usize>(outer % p.size1), i0 = <usize>(outer / p.size1)
    const a = p.a + i0 * p.a0 + i1 * p.a1 + i2 * p.a2 + (p.aMoves ? start : 0)
    const b = p.b + i0 * p.b0 + i1 * p.b1 + i2 * p.b2 + (p.bMoves ? start : 0)
    runOf(p.op, p.y + (<usize>r * p.n << 2) + start, a, p.aMoves, b, p.bMoves, end - begin)
  }
}

function runOf(op: i32, y: usize, a: usize, aMoves: i32, b: usize, bMoves: i32, n: i32): void {
  const copies = aside()
  if (!aMoves) {
    v128.store(copies, v128.load32_splat(a))
    a = copies
  }
  if (!bMoves) {
    v128.store(copies, v128.load32_splat(b), 16)
    b = copies + 16
  }
  const stepA: usize = aMoves << 4, stepB: usize = bMoves << 4
  switch (op) {
    case ADD: return walk(ADD, y, a, stepA, b, stepB, n)
    case SUB: return walk(SUB, y, a, stepA, b, stepB, n)
    case MUL: return walk(MUL, y, a, stepA, b, stepB, n)
    case DIV: return walk(DIV, y, a, stepA, b, stepB, n)
    case MAXIMUM: return walk(MAXIMUM, y, a, stepA, b, stepB, n)
    case MINIMUM: return walk(MINIMUM, y, a, stepA, b, stepB, n)
    case EQUAL: return walk(EQUAL, y, a, stepA, b, stepB, n)
    case GREATER: return walk(GREATER, y, a, stepA, b, stepB, n)
  }
}

/** Inlined for each op, which then is known: a loop without a choice in it. */
@inline
function walk(op: i32, y: usize, a: usize, stepA: usize, b: usize, stepB: usize, n: i32): void {
  for (; n > 0; n -= 4, y += 16, a += stepA, b += stepB) put(y, apply(op, v128.load(a), v128.load(b)), n)
}

@inline
function apply(op: i32, a: v128, b: v128): v128 {
  if (op == ADD) return f32x4.add(a, b)
  if (op == SUB) return f32x4.sub(a, b)
  if (op == MUL) return f32x4.mul(a, b)
  if (op == DIV) return f32x4.div(a, b)
  if (op == MAXIMUM) return f32x4.max(a, b)
  if (op == MINIMUM) return f32x4.min(a, b)
  const holds = op == EQUAL ? f32x4.eq(a, b) : f32x4.gt(a, b)
  return v128.and(holds, f32x4.splat(1))
}

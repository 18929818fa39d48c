// Cross-entropy from logits, row by row, with m the largest x of a row (0 if it is infinite):
//
//   loss = log(sum) - (x_target - m),  sum = sum over v of e^(x_v - m)
//   dx_v = (e^(x_v - m) / sum - onehot_v) factor dy
//
// x, dx [N, V], losses, targets [N], sums [N, 2] (m and sum). A row whose target is `ignore` gives 0.
// Threads share the rows. CPU twin: src/cpu/loss.ts. Next: softmax.ts.

import { put } from './lanes'
import { expBelow, finiteLargest, sumOfExponentials } from './softmax'
import { share, shareEnd } from './threads'

@unmanaged
export class CrossEntropy {
  N: i32
  V: i32
  x: usize
  targets: usize
  ignore: i32
  sums: usize
  losses: usize
  /** backward: dy and its step in bytes from row to row, which may be 0 */
  factor: f32
  dy: usize
  dyStep: usize
  dx: usize
}

export function crossEntropy(p: CrossEntropy, thread: i32, threads: i32): void {
  const last = shareEnd(p.N, thread, threads)
  for (let n = share(p.N, thread, threads); n < last; n++) {
    const x = p.x + (<usize>(n * p.V) << 2), sums = p.sums + (<usize>n << 3)
    const m = finiteLargest(x, p.V)
    const sum = sumOfExponentials(x, p.V, m)
    store<f32>(sums, m)
    store<f32>(sums, sum, 4)
    const target = load<i32>(p.targets + (<usize>n << 2))
    const loss: f32 = target == p.ignore ? 0 : Mathf.log(sum) - (load<f32>(x + (<usize>target << 2)) - m)
    store<f32>(p.losses + (<usize>n << 2), loss)
  }
}

export function crossEntropyGradient(p: CrossEntropy, thread: i32, threads: i32): void {
  const last = shareEnd(p.N, thread, threads)
  for (let n = share(p.N, thread, threads); n < last; n++) {
    const at = <usize>(n * p.V) << 2, sums = p.sums + (<usize>n << 3)
    const target = load<i32>(p.targets + (<usize>n << 2))
    const d: f32 = target == p.ignore ? 0 : p.factor * load<f32>(p.dy + <usize>n * p.dyStep)
    const m = f32x4.splat(load<f32>(sums)), part = f32x4.splat(d / load<f32>(sums, 4))
    let x = p.x + at, dx = p.dx + at
    for (let v = p.V; v > 0; v -= 4, x += 16, dx += 16) {
      put(dx, f32x4.mul(expBelow(f32x4.sub(v128.load(x), m)), part), v)
    }
    if (target == p.ignore) continue
    const own = p.dx + at + (<usize>target << 2)
    store<f32>(own, load<f32>(own) - d)
  }
}

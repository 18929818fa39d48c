// A net that reads a whole sequence and answers once, at its end; and how well it answers. What it is asked
// for may lie at the sequence's beginning. Read next: adding.ts and temporal-order.ts, which ask.

import type { Device } from '../device.ts'
import type { Cell } from '../nn/cell.ts'
import { linear, parameters } from '../nn/linear.ts'
import { unroll } from '../nn/unroll.ts'
import { reshape, slice } from '../ops/move.ts'
import type { Random } from '../random.ts'
import type { Tensor, Tree } from '../tensor.ts'
import type { Net } from '../train/bptt.ts'
import { rowsOf } from './teach.ts'

export interface AnswerNet extends Net<Tree> {
  initial(batch: number): Tree
  /** what it says to each sequence of xs [T, B, D]: B rows of numbers */
  answers(xs: Tensor): Promise<number[][]>
}

/** The net y = W h_T + b of a cell. `loss` is of its answers [B, outputs] and the right ones. */
export function answerNet(
  cell: Cell, outputs: number, loss: Net<Tree>['loss'], { device, rng }: { device: Device, rng: Random },
): AnswerNet {
  const head = linear({ inputs: cell.outputs, outputs, device, rng })
  const run = (xs: Tensor, first: Tree) => {
    const { outputs: ys, state } = unroll(cell, xs, first) // [T, B, H]
    return { outputs: head(reshape(slice(ys, 0, -1), [xs.shape[1], cell.outputs])), state }
  }
  const initial = (batch: number): Tree => cell.initial(batch)
  return {
    parameters: parameters({ cell, head }),
    initial,
    run,
    loss,
    answers: (xs) => rowsOf(() => run(xs, initial(xs.shape[1])).outputs),
  }
}

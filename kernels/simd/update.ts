// p, s <- the rule's next p and s, for all parameters at once; what is kept for them (slots) lies end to end,
// in their order. The rule of each optimiser is a file of its own. Threads share each piece.
// CPU twins: src/train/rule.ts, update; src/train/optimizers.ts for the rules. Next: update-adam.ts.

import { pieceAt } from './pieces'
import { firstNumber } from './threads'
import { Adagrad, adagrad } from './update-adagrad'
import { Adam, adam } from './update-adam'
import { Rmsprop, rmsprop } from './update-rmsprop'
import { Sgd, sgd } from './update-sgd'

// As numbered in src/simd/flat.ts.
const SGD = 0
const RMSPROP = 1
const ADAGRAD = 2
const ADAM = 3

@unmanaged
export class Update {
  rule: i32
  pieces: usize
  count: i32
  /** what else the rule needs, in its own order */
  rest: i32
}

export function update(u: Update, thread: i32, threads: i32): void {
  const rest = changetype<usize>(u) + offsetof<Update>('rest')
  for (let k = 0; k < u.count; k++) {
    const piece = pieceAt(u.pieces, k)
    const first = firstNumber(piece.length, thread, threads)
    const n = firstNumber(piece.length, thread + 1, threads) - first
    const p = piece.p + (<usize>first << 2), g = piece.g + (<usize>first << 2)
    const at = <usize>(piece.start + first) << 2 // in each slot
    switch (u.rule) {
      case SGD: sgd(changetype<Sgd>(rest), p, g, at, n); break
      case RMSPROP: rmsprop(changetype<Rmsprop>(rest), p, g, at, n); break
      case ADAGRAD: adagrad(changetype<Adagrad>(rest), p, g, at, n); break
      case ADAM: adam(changetype<Adam>(rest), p, g, at, n); break
    }
  }
}

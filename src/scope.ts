// Scopes: who gives memory back. A scope owns all that is computed while it is open; close() frees it.
//
//   const scope = new Scope()
//   const y = scope.keep(f(x))       // a copy of the result outlives the scope: it is yours
//   scope.close()                    // everything else goes back to the pool
//
// `untracked` and `unowned` are the same as functions, with no tape recording.
// Next: tape.ts; a tape is a scope that also records.

import { checkKind } from './check.ts'
import { adopt, closeInside, popped, pushed, recordingTo } from './context.ts'
import type { Memory } from './device.ts'
import { dispose, mapTree, Tensor, type Tree } from './tensor.ts'

/** Owns what is computed while it is open, with no gradients: sampling, evaluation, preparing data. */
export class Scope {
  private readonly owned = new Set<Memory>()
  private closed = false

  constructor() {
    pushed(this)
  }

  /** Not for users: takes ownership of memory that an op allocated. */
  own(memory: Memory): void {
    this.owned.add(memory)
  }

  /** Not for users: gives up memory, if it is this scope's; whoever asked owns it now. */
  release(memory: Memory): boolean {
    return this.owned.delete(memory)
  }

  get isClosed(): boolean {
    return this.closed
  }

  /** Copies results out: the copies outlive this scope and are yours. `replaced`, if given, is given back. */
  keep<S extends Tree>(tree: S, replaced?: Tree): S {
    const copies: Tensor[] = []
    try {
      const copy = mapTree(tree, (x) => {
        copies.push(copyOf(x))
        return copies.at(-1)!
      })
      for (const { memory } of copies) memory.device.unowned(memory)
      if (replaced) dispose(replaced)
      return copy
    } catch (error) {
      dispose(copies)
      throw error
    }
  }

  /** Gives all memory back to the device. */
  close(): void {
    if (this.closed) return
    this.closed = true
    try {
      popped(this)
    } finally {
      for (const memory of this.owned) if (!memory.freed) memory.device.free(memory)
      this.owned.clear()
    }
  }

  /** Closes every open tape and scope, innermost first: the way out after an exception left one open. */
  static closeAll(): void {
    closeInside(0)
  }

  /** Closes it: what `using` calls at the end of a block. */
  declare readonly [Symbol.dispose]: () => void

  static {
    // Where the engine has no Symbol.dispose, compilers make `using` call the other symbol.
    Object.defineProperty(this.prototype, Symbol.dispose ?? Symbol.for('Symbol.dispose'), {
      value(this: Scope) { this.close() },
    })
  }
}

/** The same values in new memory that has no owner yet. */
function copyOf(x: Tensor): Tensor {
  return new Tensor(x.device.window(x, 0, [1], [x.size]), 0, x.shape)
}

/**
 * Runs fn with no tape recording, and gives back all memory it used but its result's,
 * which goes to the present owner.
 */
export function untracked<S extends Tree | void>(fn: () => S): S {
  checkKind('untracked: fn', fn, 'a function')
  const scope = new Scope()
  const moved = new Set<Memory>()
  try {
    const result = recordingTo([], fn)
    if (result === undefined) return result
    return mapTree(result as Tree, (x) => {
      // What fn computed changes hands; what was there before (a parameter that fn returns) is copied.
      const y = moved.has(x.memory) || scope.release(x.memory) ? x : copyOf(x)
      moved.add(y.memory)
      return y
    }) as S
  } finally {
    scope.close()
    moved.forEach(adopt)
  }
}

/**
 * Runs fn with no tape recording; its result is the caller's to dispose, even while a tape or scope is open.
 * For what is made late and must outlive the step: an optimiser's state, made on the first update.
 */
export function unowned<S extends Tree>(fn: () => S): S {
  checkKind('unowned: fn', fn, 'a function')
  const scope = new Scope()
  try {
    return scope.keep(recordingTo([], fn))
  } finally {
    scope.close()
  }
}

/**
 * What fn makes, as a parameter of yours: unowned, and known to its device as one. Every layer's and cell's
 * parameters are made so; a gpu with `weights: 'float16'` reads the matrices among them as float16.
 */
export function parameter(fn: () => Tensor): Tensor {
  checkKind('parameter: fn', fn, 'a function')
  const x = unowned(fn)
  x.memory.parameter = true
  return x
}

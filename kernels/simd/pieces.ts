// Numbers that lie in pieces all over the memory, and are taken as one long row: all parameters of a net, and
// their gradients. Next: clip.ts; update.ts.

/** A piece; the host writes one after another. */
@unmanaged
export class Piece {
  /** addresses of parameters and of their gradients, `length` of each */
  p: usize
  g: usize
  length: i32
  /** how many numbers, and how many chunks of CHUNK, the pieces before it have */
  start: i32
  chunk: i32
}

export const CHUNK: i32 = 4096

@inline
export function pieceAt(pieces: usize, k: i32): Piece {
  return changetype<Piece>(pieces + <usize>k * offsetof<Piece>())
}

@inline
export function chunksOf(length: i32): i32 {
  return (length + CHUNK - 1) / CHUNK
}

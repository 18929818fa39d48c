// The simd device's register tile alone, 4 x 8 on packed panels of 256^3: the rate that layers are held to.
// Read next: tiles.ts.

import { random } from '../src/random.ts'
import { compileTiles, packed, panelOf } from './tiles.ts'

export interface TileAlone {
  readonly call: () => void
  readonly flops: number
}

const N = 256

export async function tileAlone(multiplyAdd: boolean): Promise<TileAlone> {
  const memory = new WebAssembly.Memory({ initial: 32, maximum: 32 })
  const tile = { rows: 4, columns: 8 }
  const { tile4x8 } = await compileTiles([tile], multiplyAdd, memory)
  const floats = new Float32Array(memory.buffer)
  const [A, B, C] = [1, 2, 3].map((k) => 4 * N * N * k)
  floats.set(packed(random(1).normal(N * N), N, N, tile.rows, N, 1), A / 4)
  floats.set(packed(random(2).normal(N * N), N, N, panelOf(tile), 1, N), B / 4)
  return { call: () => tile4x8(A, B, C, N, N, N), flops: 2 * N ** 3 }
}

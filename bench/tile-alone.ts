// The simd device's register tile alone, on packed panels of about 256^3: the rate that layers are held to.
// Read next: tiles.ts.

import { random } from '../src/random.ts'
import { compileTiles, exportOf, OWN, packed, panelOf } from './tiles.ts'

export interface TileAlone {
  readonly call: () => void
  readonly flops: number
}

const N = 256

export async function tileAlone(multiplyAdd: boolean): Promise<TileAlone> {
  const memory = new WebAssembly.Memory({ initial: 32, maximum: 32 })
  const tile = multiplyAdd ? OWN.one : OWN.two
  const M = N - N % tile.rows
  const kernels = await compileTiles([tile], multiplyAdd, memory)
  const multiply = kernels[exportOf(tile)]
  const floats = new Float32Array(memory.buffer)
  const [A, B, C] = [1, 2, 3].map((k) => 4 * N * N * k)
  floats.set(packed(random(1).normal(M * N), M, N, tile.rows, N, 1), A / 4)
  floats.set(packed(random(2).normal(N * N), N, N, panelOf(tile), 1, N), B / 4)
  return { call: () => multiply(A, B, C, M, N, N), flops: 2 * M * N * N }
}

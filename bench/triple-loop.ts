// The product that one writes first: what devices are held to, and measured against.
// Read next: matmul.bench.ts, simd-products.bench.ts.

export interface Product {
  name: string
  M: number
  N: number
  K: number
  transposeA?: boolean
  transposeB?: boolean
}

/** No packing, no blocks, sums in float64. */
export function tripleLoop(
  c: Float32Array, a: Float32Array, b: Float32Array, { M, N, K, transposeA, transposeB }: Product,
): void {
  const [rowA, columnA] = transposeA ? [1, M] : [K, 1]
  const [rowB, columnB] = transposeB ? [1, K] : [N, 1]
  for (let i = 0; i < M; i++) {
    for (let j = 0; j < N; j++) {
      let sum = 0
      for (let k = 0; k < K; k++) sum += a[i * rowA + k * columnA] * b[k * rowB + j * columnB]
      c[i * N + j] = sum
    }
  }
}

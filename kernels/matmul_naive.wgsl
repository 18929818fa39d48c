// C[m, n] = sum over k of A[m, k] B[k, n], for each matrix of a batch: one thread for each element of C.
//
// The readable reference of the products. A transpose is nothing but its two strides exchanged; up to two
// leading axes are broadcast (strides 0 where a matrix is repeated).
// Bindings: a, b, c. CPU twin: src/cpu/matmul.ts. Next: matmul_block.wgsl, the first step up.

struct Params {
  M: u32, N: u32, K: u32, offsetA: u32, offsetB: u32, offsetC: u32,
  rowA: u32, columnA: u32, rowB: u32, columnB: u32,
  count: u32, inner: u32, // matrices in the batch, size of its inner axis
  a0: u32, a1: u32, b0: u32, b1: u32, // strides of the batch axes
}
{{params}}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= params.count * params.M * params.N) { return; }
  let n = index % params.N;
  let m = index / params.N % params.M;
  let matrix = index / (params.N * params.M);
  let outer = matrix / params.inner;
  let inner = matrix % params.inner;
  var i = params.offsetA + outer * params.a0 + inner * params.a1 + m * params.rowA;
  var j = params.offsetB + outer * params.b0 + inner * params.b1 + n * params.columnB;
  var total = 0.0;
  for (var k = 0u; k < params.K; k++) {
    total += a[i] * b[j];
    i += params.columnA;
    j += params.rowB;
  }
  c[params.offsetC + index] = total;
}

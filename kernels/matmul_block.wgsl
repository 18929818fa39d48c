// C = op(A) op(B): one thread for a block of 4 x 4 elements of C, everything in registers, nothing shared.
//
// For k in steps of 4: C[m .. m + 3, n .. n + 3] += A[m .. m + 3, k .. k + 3] B[k .. k + 3, n .. n + 3]. Each
// number read is used four times; the one thread for each element (matmul_naive.wgsl) uses it once.
// Bindings: a, b, c, and what the store adds (matmul_parts.wgsl). CPU twin: src/cpu/matmul.ts.

struct Params {
  M: u32, N: u32, K: u32, depth: u32, offsetA: u32, offsetB: u32, offsetC: u32, offsetBias: u32,
  lineA: u32, lineB: u32, count: u32, inner: u32, a0: u32, a1: u32, b0: u32, b1: u32,
}
{{params}}
{{parts}}

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
) {
  let at = tileOf(group.y * groups.x + group.x, 32u, 32u);
  if (!at.exists) { return; }
  let m = at.m + 4u * thread.y;
  let n = at.n + 4u * thread.x;
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f(); // rows of the block
  for (var k = at.first; k < at.end; k += 4u) {
    let b = blockOfB(n, k);
    c0 += b * rowOfA(m, k);
    c1 += b * rowOfA(m + 1u, k);
    c2 += b * rowOfA(m + 2u, k);
    c3 += b * rowOfA(m + 3u, k);
  }
  var c = array<vec4f, 4>(c0, c1, c2, c3);
  for (var r = 0u; m + r < min(m + 4u, params.M); r++) { store(m + r, n, c[r]); }
}

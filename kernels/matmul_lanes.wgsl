// C = op(A) op(B) where a processor plays the GPU: 8 lanes make a tile of 8 x 32 elements of C.
//
// Such a driver reads memory for one lane after another, so reads are what costs. Lane l reads row m + l of A
// (four of its numbers at once) and columns n + 4 l .. n + 4 l + 3 of B; the rows of A then go from lane to
// lane, which is cheap, instead of being read by all of them. 36 numbers read for 128 products.
// A workgroup is one subgroup. Bindings: a, b, c (matmul_parts.wgsl). CPU twin: src/cpu/matmul.ts.

enable subgroups;

struct Params {
  M: u32, N: u32, K: u32, depth: u32, offsetA: u32, offsetB: u32, offsetC: u32, offsetBias: u32,
  lineA: u32, lineB: u32, count: u32, inner: u32, a0: u32, a1: u32, b0: u32, b1: u32,
}
{{params}}
{{parts}}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let at = tileOf(group.y * groups.x + group.x, 8u, 32u);
  if (!at.exists) { return; }
  let m = at.m;
  let n = at.n + 4u * lane;
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  var c4 = vec4f(); var c5 = vec4f(); var c6 = vec4f(); var c7 = vec4f();
  for (var k = at.first; k < at.end; k += 4u) {
    let a = rowOfA(m + lane, k);
    let b = blockOfB(n, k);
    c0 += b * subgroupBroadcast(a, 0u);
    c1 += b * subgroupBroadcast(a, 1u);
    c2 += b * subgroupBroadcast(a, 2u);
    c3 += b * subgroupBroadcast(a, 3u);
    c4 += b * subgroupBroadcast(a, 4u);
    c5 += b * subgroupBroadcast(a, 5u);
    c6 += b * subgroupBroadcast(a, 6u);
    c7 += b * subgroupBroadcast(a, 7u);
  }
  var c = array<vec4f, 8>(c0, c1, c2, c3, c4, c5, c6, c7);
  for (var r = 0u; m + r < min(m + 8u, params.M); r++) { store(m + r, n, c[r]); }
}

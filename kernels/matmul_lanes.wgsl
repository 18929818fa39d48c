// C = op(A) op(B) where a processor plays the GPU: 8 lanes make a tile of ROWS x 32 elements of C.
//
// Such a driver reads memory for one lane after another, so reads are what costs. Of every eight rows of A,
// lane l reads row l (four of its numbers at once), and of B the columns n + 4 l .. n + 4 l + 3; the rows of
// A then go from lane to lane, which is cheap, instead of being read by all of them. With 32 rows 256 numbers
// are read for 4096 products. A workgroup is one subgroup.
// Bindings: a, b, c (matmul_parts.wgsl). CPU twin: src/cpu/matmul.ts.

enable subgroups;

struct Params {
  M: u32, N: u32, K: u32, depth: u32, offsetA: u32, offsetB: u32, offsetC: u32, offsetBias: u32,
  lineA: u32, lineB: u32, count: u32, inner: u32, a0: u32, a1: u32, b0: u32, b1: u32,
}
{{params}}
{{parts}}

const ROWS = {{rows}}u; // 8, 16 or 32

alias Eight = array<vec4f, 8>; // rows of C, four columns of each

fn addProducts(c: ptr<function, Eight>, a: vec4f, b: mat4x4f) {
  (*c)[0] += b * subgroupBroadcast(a, 0u);
  (*c)[1] += b * subgroupBroadcast(a, 1u);
  (*c)[2] += b * subgroupBroadcast(a, 2u);
  (*c)[3] += b * subgroupBroadcast(a, 3u);
  (*c)[4] += b * subgroupBroadcast(a, 4u);
  (*c)[5] += b * subgroupBroadcast(a, 5u);
  (*c)[6] += b * subgroupBroadcast(a, 6u);
  (*c)[7] += b * subgroupBroadcast(a, 7u);
}

fn storeEight(m: u32, n: u32, given: Eight) {
  var c = given; // a copy to be indexed: what is summed stays in registers
  for (var r = 0u; m + r < min(m + 8u, params.M); r++) { store(m + r, n, c[r]); }
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let at = tileOf(group.y * groups.x + group.x, ROWS, 32u);
  if (!at.exists) { return; }
  let m = at.m + lane;
  let n = at.n + 4u * lane;
  var c0: Eight; var c1: Eight; var c2: Eight; var c3: Eight; // as many as ROWS asks for
  for (var k = at.first; k < at.end; k += 4u) {
    let b = blockOfB(n, k);
    addProducts(&c0, rowOfA(m, k), b);
    if (ROWS > 8u) { addProducts(&c1, rowOfA(m + 8u, k), b); }
    if (ROWS > 16u) {
      addProducts(&c2, rowOfA(m + 16u, k), b);
      addProducts(&c3, rowOfA(m + 24u, k), b);
    }
  }
  storeEight(at.m, n, c0);
  if (ROWS > 8u) { storeEight(at.m + 8u, n, c1); }
  if (ROWS > 16u) {
    storeEight(at.m + 16u, n, c2);
    storeEight(at.m + 24u, n, c3);
  }
}

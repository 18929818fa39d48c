// The product of recurrence_product.wgsl where a processor plays the GPU: eight lanes, rows and columns.
//
// Such a driver reads memory for one lane after another, so reads are what costs. Of every eight rows lane l
// reads four numbers of row l, and its own column; the rows then go from lane to lane, as in
// matmul_lanes.wgsl.

const COLUMNS = 8u;
const SLICES = 1u;
const ROWS = {{rows}}u; // 8, 16 or 32

alias Eight = array<vec4f, 8>;

var<workgroup> partial: array<vec4f, 8 * ROWS>;

{{weights}}

fn addProducts(s: ptr<function, Eight>, x: vec4f, w: mat4x4f) {
  (*s)[0] += w * subgroupBroadcast(x, 0u);
  (*s)[1] += w * subgroupBroadcast(x, 1u);
  (*s)[2] += w * subgroupBroadcast(x, 2u);
  (*s)[3] += w * subgroupBroadcast(x, 3u);
  (*s)[4] += w * subgroupBroadcast(x, 4u);
  (*s)[5] += w * subgroupBroadcast(x, 5u);
  (*s)[6] += w * subgroupBroadcast(x, 6u);
  (*s)[7] += w * subgroupBroadcast(x, 7u);
}

fn four(i: u32) -> vec4f {
  return vec4f({{source}}[i], {{source}}[i + 1u], {{source}}[i + 2u], {{source}}[i + 3u]);
}

fn addTo(sums: ptr<function, array<vec4f, ROWS>>, first: u32, given: Eight) {
  var s = given; // a copy to be indexed: what is summed stays in registers
  for (var r = 0u; r < 8u; r++) { (*sums)[first + r] += s[r]; }
}

fn product(
  start: u32, last: u32, n: u32, N: u32, K: u32, thread: vec2u, sums: ptr<function, array<vec4f, ROWS>>,
) {
  let row = vec4u(start) + min(vec4u(thread.x) + vec4u(0u, 8u, 16u, 24u), vec4u(last)) * K;
  var s0: Eight; var s1: Eight; var s2: Eight; var s3: Eight; // as many as ROWS asks for
  let whole = K - K % 4u;
  for (var k = 0u; k < whole; k += 4u) {
    let j = k * N + n;
    let w = mat4x4f(weights(j), weights(j + N), weights(j + 2u * N), weights(j + 3u * N));
    addProducts(&s0, four(row.x + k), w);
    if (ROWS > 8u) { addProducts(&s1, four(row.y + k), w); }
    if (ROWS > 16u) {
      addProducts(&s2, four(row.z + k), w);
      addProducts(&s3, four(row.w + k), w);
    }
  }
  let none = vec4f();
  for (var k = whole; k < K; k++) { // the rest, one by one
    let w = mat4x4f(weights(k * N + n), none, none, none);
    addProducts(&s0, vec4f({{source}}[row.x + k], none.yzw), w);
    if (ROWS > 8u) { addProducts(&s1, vec4f({{source}}[row.y + k], none.yzw), w); }
    if (ROWS > 16u) {
      addProducts(&s2, vec4f({{source}}[row.z + k], none.yzw), w);
      addProducts(&s3, vec4f({{source}}[row.w + k], none.yzw), w);
    }
  }
  addTo(sums, 0u, s0);
  if (ROWS > 8u) { addTo(sums, 8u, s1); }
  if (ROWS > 16u) {
    addTo(sums, 16u, s2);
    addTo(sums, 24u, s3);
  }
}

fn total(row: u32, column: u32) -> vec4f { return partial[row * COLUMNS + column]; }

// The product of recurrence_product.wgsl where a processor plays the GPU: eight lanes, rows and columns.
//
// Such a driver reads memory for one lane after another, so reads are what costs. Lane l reads four numbers
// of row l, and its own column; the rows then go from lane to lane, as in matmul_lanes.wgsl.

const COLUMNS = 8u;
const SLICES = 1u;
const ROWS = 8u;

struct Unit { m: f32, c: f32, saved: vec4f }
struct Gradient { dx: vec4f, du: vec4f, dc: f32, passed: f32 }

var<workgroup> partial: array<vec4f, 64>;

{{weights}}

fn product(
  start: u32, last: u32, n: u32, N: u32, K: u32, thread: vec2u, sums: ptr<function, array<vec4f, ROWS>>,
) {
  let row = start + min(thread.x, last) * K;
  var s = *sums;
  let whole = K - K % 4u;
  for (var k = 0u; k < whole; k += 4u) {
    let i = row + k;
    let j = k * N + n;
    let a = vec4f({{source}}[i], {{source}}[i + 1u], {{source}}[i + 2u], {{source}}[i + 3u]);
    let w = mat4x4f(weights(j), weights(j + N), weights(j + 2u * N), weights(j + 3u * N));
    s[0] += w * subgroupBroadcast(a, 0u);
    s[1] += w * subgroupBroadcast(a, 1u);
    s[2] += w * subgroupBroadcast(a, 2u);
    s[3] += w * subgroupBroadcast(a, 3u);
    s[4] += w * subgroupBroadcast(a, 4u);
    s[5] += w * subgroupBroadcast(a, 5u);
    s[6] += w * subgroupBroadcast(a, 6u);
    s[7] += w * subgroupBroadcast(a, 7u);
  }
  for (var k = whole; k < K; k++) { // the rest, one by one
    let a = {{source}}[row + k];
    let w = weights(k * N + n);
    s[0] += w * subgroupBroadcast(a, 0u);
    s[1] += w * subgroupBroadcast(a, 1u);
    s[2] += w * subgroupBroadcast(a, 2u);
    s[3] += w * subgroupBroadcast(a, 3u);
    s[4] += w * subgroupBroadcast(a, 4u);
    s[5] += w * subgroupBroadcast(a, 5u);
    s[6] += w * subgroupBroadcast(a, 6u);
    s[7] += w * subgroupBroadcast(a, 7u);
  }
  *sums = s;
}

fn total(row: u32, column: u32) -> vec4f { return partial[row * COLUMNS + column]; }

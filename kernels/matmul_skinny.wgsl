// C = op(A) op(B) for few rows: 64 columns of C for each workgroup, k dealt out among its slices.
//
// With one row there is nothing to share: each number of B is used once, so what counts is that it is read
// once, and by many threads at a time. A thread takes four columns and every SLICES-th group of four k; the
// slices' sums meet in shared memory, added in a fixed order.
// Bindings: a, b, c, and what the store adds (matmul_parts.wgsl). CPU twin: src/cpu/matmul.ts.

struct Params {
  M: u32, N: u32, K: u32, depth: u32, offsetA: u32, offsetB: u32, offsetC: u32, offsetBias: u32,
  lineA: u32, lineB: u32, count: u32, inner: u32, a0: u32, a1: u32, b0: u32, b1: u32,
}
{{params}}
{{parts}}

const ROWS = {{rows}}u; // 1, 2 or 4
const SLICES = {{slices}}u; // 4 or more
const THREADS = 16u * SLICES;

var<workgroup> sums: array<vec4f, ROWS * THREADS>; // [row][slice][quad of columns]

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = tileOf(group.y * groups.x + group.x, ROWS, 64u);
  if (!at.exists) { return; }
  // Neighbours read neighbours: along n where B's rows are whole in memory, else along k.
  let slice = select(thread / 16u, thread % SLICES, ALONG_K_B);
  let quad = select(thread % 16u, thread / SLICES, ALONG_K_B);
  let n = at.n + 4u * quad;
  var c: array<vec4f, ROWS>;
  for (var k = at.first + 4u * slice; k < at.end; k += 4u * SLICES) {
    let b = blockOfB(n, k);
    for (var r = 0u; r < ROWS; r++) { c[r] += b * rowOfA(at.m + r, k); }
  }
  for (var r = 0u; r < ROWS; r++) { sums[r * THREADS + slice * 16u + quad] = c[r]; }
  workgroupBarrier();
  if (thread >= 16u * ROWS) { return; }
  let row = thread / 16u;
  var total = vec4f();
  for (var s = 0u; s < SLICES; s++) { total += sums[row * THREADS + s * 16u + thread % 16u]; }
  store(at.m + row, at.n + 4u * (thread % 16u), total);
}

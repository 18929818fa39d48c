// y[v, d] = sum over the n with index_n = v of rows[n, d].
//
// No two threads add to one place: the host has sorted the rows by their index, and the thread of (v, d) adds
// up those from starts_v to starts_{v+1}, in the order in which they stand. So the sum is the same each time.
// Bindings: rows [N, D], order [N + V + 1] (the sorted row numbers, then starts), y [V, D].
// CPU twin: src/cpu/move.ts, scatterAddRows.

struct Params { length: u32, N: u32, D: u32, offset: u32 }
{{params}}

@group(0) @binding(0) var<storage, read> rows: array<f32>;
@group(0) @binding(1) var<storage, read> order: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.length) { return; }
  let v = i / params.D;
  let d = i % params.D;
  let end = order[params.N + v + 1u];
  var total = 0.0;
  for (var k = order[params.N + v]; k < end; k++) {
    total += rows[params.offset + u32(order[k]) * params.D + d];
  }
  y[i] = total;
}

// y[n, d] = table[index_n, d].
// Bindings: table [V, D], index [N], y [N, D]. CPU twin: src/cpu/move.ts, gatherRows.

struct Params { length: u32, D: u32, offset: u32, offsetIndex: u32 }
{{params}}

@group(0) @binding(0) var<storage, read> table: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.length) { return; }
  let v = u32(index[params.offsetIndex + i / params.D]);
  y[i] = table[params.offset + v * params.D + i % params.D];
}

// y[n, v] = 1 where v = index_n, else 0.
// Bindings: index [N], y [N, V]. CPU twin: src/cpu/move.ts, oneHot.

struct Params { length: u32, V: u32, offset: u32 }
{{params}}

@group(0) @binding(0) var<storage, read> index: array<i32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.length) { return; }
  y[i] = f32(index[params.offset + i / params.V] == i32(i % params.V));
}

// y_i = value.
// Bindings: y [n]. CPU twin: src/cpu/device.ts, fill.

struct Params { length: u32, value: f32 }
{{params}}

@group(0) @binding(0) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < params.length) { y[i] = params.value; }
}

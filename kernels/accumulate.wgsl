// y_i += x_i: the running sum of gradients.
// Bindings: x, y. CPU twin: src/cpu/elementwise.ts, accumulateLoop.

struct Params { length: u32, offsetX: u32, offsetY: u32 }
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < params.length) { y[params.offsetY + i] += x[params.offsetX + i]; }
}

// y_i = f(x_i), for n elements.
// Bindings: x, y [n]. {{f}} is f of v.
// CPU twin: src/cpu/elementwise.ts, unaryLoops.

struct Params { length: u32, offset: u32 }
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

{{functions}}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.length) { return; }
  let v = x[params.offset + i];
  y[i] = {{f}};
}

// y_i = x_i factor where the number that Philox draws at position counter + i is above limit, else x_i 0.
// The mask is drawn again by whoever needs it: the gradient is this kernel at the same position.
// Bindings: x, y [n]. CPU twin: src/ops/dropout.ts, composed of uniform, greater and mul.

struct Params { length: u32, offset: u32, key0: u32, key1: u32, low: u32, high: u32, limit: f32, factor: f32 }
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

{{philox}}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.length) { return; }
  let u = uniformAt(i, params.low, params.high, vec2u(params.key0, params.key1));
  y[i] = x[params.offset + i] * select(0.0, params.factor, u > params.limit);
}

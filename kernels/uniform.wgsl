// y_i = the number in [0, 1) that Philox 4x32-10 draws at position counter + i.
// Bindings: y [n]. CPU twin: src/random.ts, fillUniform.

struct Params { length: u32, key0: u32, key1: u32, low: u32, high: u32 } // the counter's two halves
{{params}}

@group(0) @binding(0) var<storage, read_write> y: array<f32>;

{{philox}}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.length) { return; }
  y[i] = uniformAt(i, params.low, params.high, vec2u(params.key0, params.key1));
}

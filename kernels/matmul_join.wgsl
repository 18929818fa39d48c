// The end of a product whose K was cut into slices: C_i = the sum over slices of their partial products,
// always in the same order, so that the same numbers give the same bits.
//
// parts is [slices, size], size = batch * M * N. One thread for each element.
// Bindings: parts, c, and a bias row if there is one. CPU twin: src/cpu/matmul.ts.

struct Params { size: u32, N: u32, slices: u32, offsetC: u32, offsetBias: u32, }
{{params}}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> c: array<f32>;
{{bias}}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.size) { return; }
  var total = 0.0;
  for (var s = 0u; s < params.slices; s++) { total += parts[s * params.size + i]; }
  {{store}}
}

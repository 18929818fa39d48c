// y[i...] = x[start + sum over axes of i_k strides_k]: transpose, slice, broadcast and flip in one.
// Bindings: x, y [n]. CPU twin: src/cpu/move.ts, window.

struct Params {
  length: u32, start: i32,
  n1: u32, n2: u32, n3: u32, // sizes of y's last three axes
  s0: i32, s1: i32, s2: i32, s3: i32, // x's strides along y's axes; negative ones flip
}
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

const AXES = {{axes}}u;
{{walk}}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.length) { return; }
  let place = vec4i(axesOf(i));
  y[i] = x[params.start + dot(place, vec4i(params.s0, params.s1, params.s2, params.s3))];
}

// y_i = c_i != 0 ? a_i : b_i, all three broadcast to y's shape.
// Bindings: c, a, b, y [n]. {{c}}, {{a}}, {{b}} read an operand for element i of y, as in binary.wgsl.
// CPU twin: src/cpu/elementwise.ts, selectLoop.

struct Params {
  length: u32, offsetC: u32, offsetA: u32, offsetB: u32, valueA: f32, valueB: f32,
  n1: u32, n2: u32, n3: u32, // sizes of y's last three axes
  c0: u32, c1: u32, c2: u32, c3: u32, // strides
  a0: u32, a1: u32, a2: u32, a3: u32,
  b0: u32, b1: u32, b2: u32, b3: u32,
}
{{params}}

@group(0) @binding(0) var<storage, read> c: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const AXES = {{axes}}u;
{{walk}}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.length) { return; }
  if ({{c}} != 0.0) { y[i] = {{a}}; } else { y[i] = {{b}}; }
}

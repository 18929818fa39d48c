// y_i = f(a_i, b_i), a and b broadcast to y's shape.
// Bindings: a, b, y [n]. {{a}} and {{b}} read an operand for element i of y: the same element, one and the
// same for all, a number, or, where it is repeated along some axes, the element that its strides lead to.
// CPU twin: src/cpu/elementwise.ts, binaryLoops.

struct Params {
  length: u32, offsetA: u32, offsetB: u32, valueA: f32, valueB: f32,
  n1: u32, n2: u32, n3: u32, // sizes of y's last three axes
  a0: u32, a1: u32, a2: u32, a3: u32, // strides
  b0: u32, b1: u32, b2: u32, b3: u32,
}
{{params}}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

{{functions}}

const AXES = {{axes}}u;
{{walk}}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.length) { return; }
  let u = {{a}};
  let v = {{b}};
  y[i] = {{f}};
}

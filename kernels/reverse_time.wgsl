// y[t, b] = x[length_b - 1 - t, b] for t < length_b, else x[t, b].
// Bindings: x [T, B, rest], lengths [B], y [T, B, rest]. CPU twin: src/cpu/move.ts, reverseTime.

struct Params { length: u32, B: u32, rest: u32, offset: u32, offsetLengths: u32 }
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> lengths: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.length) { return; }
  let t = i32(i / params.rest / params.B);
  let b = i / params.rest % params.B;
  let length = lengths[params.offsetLengths + b];
  let source = u32(select(t, length - 1 - t, t < length));
  y[i] = x[params.offset + (source * params.B + b) * params.rest + i % params.rest];
}

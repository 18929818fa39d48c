// dx[n, v] = factor dy_n (e^(x[n, v] - m_n) / sum_n - (v == target_n)), and dy_n = 0 where a target is to be
// ignored. dy goes on by `step` from row to row: 1, or 0 for one number that all rows share.
// Bindings: x [N, V], targets [N], sums [N, 2] (m and sum, from forward), dy, dx [N, V].
// CPU twin: src/cpu/loss.ts, crossEntropyBackward.

struct Params {
  length: u32, V: u32, offset: u32, offsetTargets: u32, ignore: i32, factor: f32, offsetDy: u32, step: u32,
}
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<i32>;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

{{functions}}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.length) { return; }
  let n = i / params.V;
  let label = targets[params.offsetTargets + n];
  let d = select(params.factor * dy[params.offsetDy + n * params.step], 0.0, label == params.ignore);
  let p = expOf(x[params.offset + i] - sums[2u * n]) / sums[2u * n + 1u];
  dx[i] = d * (p - select(0.0, 1.0, i32(i % params.V) == label));
}

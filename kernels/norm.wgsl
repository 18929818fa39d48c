// Along each row, y = (x - mean) r weight + bias with r = 1 / sqrt(mean((x - mean)^2) + eps): layer norm;
// where centred is 0, mean is 0: RMS norm. A workgroup for each row.
// Bindings: x [N, D], weight [D], bias [D], y [N, D], moments [N, 2] (mean and r, for the gradient).
// CPU twin: src/ops/norm.ts.

struct Params {
  N: u32, D: u32, offset: u32, offsetWeight: u32, offsetBias: u32, eps: f32,
  centred: u32, hasWeight: u32, hasBias: u32, // 1 or 0
}
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> moments: array<f32>;

{{functions}}
{{together}}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) k: u32,
) {
  let n = group.y * groups.x + group.x; // may be past the last row: all threads must go on together
  let D = select(0u, params.D, n < params.N);
  let start = params.offset + n * params.D;
  var mean = 0.0;
  if (params.centred == 1u) {
    for (var d = k; d < D; d += 64u) { mean += x[start + d]; }
    mean = sumOfAll(mean, k) / f32(params.D);
  }
  var square = 0.0;
  for (var d = k; d < D; d += 64u) { square += (x[start + d] - mean) * (x[start + d] - mean); }
  let r = 1.0 / sqrt(sumOfAll(square, k) / f32(params.D) + params.eps);
  for (var d = k; d < D; d += 64u) {
    var v = (x[start + d] - mean) * r;
    if (params.hasWeight == 1u) { v *= weight[params.offsetWeight + d]; }
    if (params.hasBias == 1u) { v += bias[params.offsetBias + d]; }
    y[n * D + d] = v;
  }
  if (k == 0u && n < params.N) {
    moments[2u * n] = mean;
    moments[2u * n + 1u] = r;
  }
}

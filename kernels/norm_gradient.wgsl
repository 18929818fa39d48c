// The gradient of layer norm and RMS norm along each row, with u = (x - mean) r and g = dy weight:
//
//   dx = r (g - mean(g) - u mean(g u))        RMS norm: without mean(g)
//
// and dy u, whose sum over the rows is d(weight). A workgroup for each row.
// Bindings: x [N, D], weight [D], moments [N, 2] (mean and r), dy, dx, scaled (dy u) [N, D].
// CPU twin: src/ops/norm.ts.

struct Params {
  N: u32, D: u32, offset: u32, offsetWeight: u32, offsetDy: u32,
  centred: u32, hasWeight: u32, // 1 or 0
}
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> moments: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;
@group(0) @binding(5) var<storage, read_write> scaled: array<f32>;

{{functions}}
{{together}}

fn weightAt(d: u32) -> f32 {
  if (params.hasWeight == 1u) { return weight[params.offsetWeight + d]; }
  return 1.0;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) k: u32,
) {
  let n = group.y * groups.x + group.x; // may be past the last row: all threads must go on together
  let D = select(0u, params.D, n < params.N);
  let row = min(n, params.N - 1u);
  let mean = moments[2u * row];
  let r = moments[2u * row + 1u];
  var sums = vec2f(); // of g and of g u
  for (var d = k; d < D; d += 64u) {
    let g = dy[params.offsetDy + n * D + d] * weightAt(d);
    sums += vec2f(g, g * (x[params.offset + n * D + d] - mean) * r);
  }
  let ofGu = sumOfAll(sums.y, k) / f32(params.D);
  var ofG = 0.0;
  if (params.centred == 1u) { ofG = sumOfAll(sums.x, k) / f32(params.D); }
  for (var d = k; d < D; d += 64u) {
    let i = n * D + d;
    let u = (x[params.offset + i] - mean) * r;
    scaled[i] = dy[params.offsetDy + i] * u;
    dx[i] = r * (dy[params.offsetDy + i] * weightAt(d) - ofG - u * ofGu);
  }
}

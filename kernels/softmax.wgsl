// Along each row of x, with s = x - m and m the largest x of the row (0 if that is infinite):
//
//   y = e^s / sum(e^s),   or if log is 1  y = s - log(sum(e^s))
//
// A workgroup for each row. Bindings: x, y [N, D]. CPU twin: src/ops/softmax.ts.

struct Params { N: u32, D: u32, offset: u32, log: u32 }
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

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
  var m = bitcast<f32>(0xff800000u | (params.D & 0u)); // -infinity
  for (var d = k; d < D; d += 64u) { m = maximum(m, x[start + d]); }
  m = largestOfAll(m, k);
  if (!isFinite(m)) { m = 0.0; }
  var sum = 0.0;
  for (var d = k; d < D; d += 64u) { sum += expOf(x[start + d] - m); }
  sum = sumOfAll(sum, k);
  let logSum = logOf(sum);
  for (var d = k; d < D; d += 64u) {
    let s = x[start + d] - m;
    if (params.log == 1u) { y[n * D + d] = s - logSum; } else { y[n * D + d] = expOf(s) / sum; }
  }
}

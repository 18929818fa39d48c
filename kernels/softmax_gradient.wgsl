// The gradient of softmax, dx = y (dy - sum(dy y)), or if log is 1 of its logarithm, dx = dy - e^y sum(dy),
// along each row. A workgroup for each row.
// Bindings: y, dy, dx [N, D]. CPU twin: src/ops/softmax.ts.

struct Params { N: u32, D: u32, offset: u32, log: u32 } // the offset is that of dy
{{params}}

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

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
  var sum = 0.0;
  for (var d = k; d < D; d += 64u) {
    sum += dy[start + d] * select(y[n * D + d], 1.0, params.log == 1u);
  }
  sum = sumOfAll(sum, k);
  for (var d = k; d < D; d += 64u) {
    let i = n * D + d;
    if (params.log == 1u) { dx[i] = dy[start + d] - expOf(y[i]) * sum; }
    else { dx[i] = y[i] * (dy[start + d] - sum); }
  }
}

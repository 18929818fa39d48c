// losses_n = log(sum) - (x[n, target_n] - m), with m the largest x of row n (0 if that is infinite)
// and sum = sum over v of e^(x[n, v] - m); 0 where target_n is to be ignored. A workgroup for each row.
// Bindings: x [N, V], targets [N], losses [N], sums [N, 2] (m and sum, for backward).
// CPU twin: src/cpu/loss.ts, crossEntropyForward.

struct Params { N: u32, V: u32, offset: u32, offsetTargets: u32, ignore: i32 }
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<i32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

{{functions}}
{{together}}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) k: u32,
) {
  let n = group.y * groups.x + group.x; // may be past the last row: barriers need all threads
  let V = select(0u, params.V, n < params.N);
  let start = params.offset + n * params.V;
  var m = bitcast<f32>(0xff800000u | (params.V & 0u)); // -infinity
  for (var v = k; v < V; v += 64u) { m = maximum(m, x[start + v]); }
  m = largestOfAll(m, k);
  if (!isFinite(m)) { m = 0.0; }
  var sum = 0.0;
  for (var v = k; v < V; v += 64u) { sum += expOf(x[start + v] - m); }
  sum = sumOfAll(sum, k);
  if (k > 0u || n >= params.N) { return; }
  sums[2u * n] = m;
  sums[2u * n + 1u] = sum;
  let label = targets[params.offsetTargets + n];
  if (label == params.ignore) {
    losses[n] = 0.0;
  } else {
    losses[n] = logOf(sum) - (x[start + u32(label)] - m);
  }
}

// y = factor times the sum of x: a loss of its rows' losses. One workgroup.
// Bindings: x [n], y [1]. CPU twin: src/cpu/fused.ts, total.

struct Params { length: u32, factor: f32 }
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

{{functions}}
{{together}}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) k: u32) {
  var sum = 0.0;
  for (var i = k; i < params.length; i += 64u) { sum += x[i]; }
  sum = sumOfAll(sum, k);
  if (k == 0u) { y[0] = params.factor * sum; }
}

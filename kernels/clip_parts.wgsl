// parts_k = the sum of g^2 over the elements of g that fall to workgroup k: the first of two steps to a norm.
// Each thread takes every (64 x groups)-th element; the 64 sums are folded in halves, always in this order.
// Bindings: g [n], parts [groups]. CPU twin: src/train/clip.ts, globalNorm. Next: clip_norm.wgsl.

struct Params { length: u32 }
{{params}}

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;

{{functions}}
{{together}}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) k: u32,
) {
  var total = 0.0;
  for (var i = group.x * 64u + k; i < params.length; i += groups.x * 64u) { total += g[i] * g[i]; }
  total = sumOfAll(total, k);
  if (k == 0u) { parts[group.x] = total; }
}

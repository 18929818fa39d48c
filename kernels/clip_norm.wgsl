// norm = sqrt(sum of parts), scale = min(1, max / (norm + 1e-6)): the second step. One workgroup.
// Bindings: parts [count], scalars [4]: norm, 1 if scale < 1, 1 if the norm is finite, scale.
// CPU twin: src/train/clip.ts, clipByGlobalNorm. Next: clip_scale.wgsl.

struct Params { count: u32, most: f32 } // an infinite bound comes as the largest number
{{params}}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> scalars: array<f32>;

{{functions}}
{{together}}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) k: u32) {
  var total = 0.0;
  for (var i = k; i < params.count; i += 64u) { total += parts[i]; }
  total = sumOfAll(total, k);
  if (k > 0u) { return; }
  let norm = sqrt(total);
  // no quotient is needed where it would be above 1, and might be more than a float holds
  let within = isFinite(norm) && norm + 1e-6 <= params.most;
  let scale = select(minimum(params.most / (norm + 1e-6), 1.0), 1.0, within);
  scalars[0] = norm;
  scalars[1] = select(0.0, 1.0, scale < 1.0);
  scalars[2] = select(0.0, 1.0, isFinite(norm));
  scalars[3] = scale;
}

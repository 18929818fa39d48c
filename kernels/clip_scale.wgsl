// g_i <- scale g_i, for all gradients at once; a scale of 1 leaves every bit.
// Bindings: scalars [4] (the last is scale), g [n]. CPU twin: src/train/clip.ts, clipByGlobalNorm.

struct Params { length: u32 }
{{params}}

@group(0) @binding(0) var<storage, read> scalars: array<f32>;
@group(0) @binding(1) var<storage, read_write> g: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < params.length) { g[i] *= scalars[3]; }
}

// The same sums and maxima as reduce.wgsl, 64 threads for each output: thread k takes elements k, k + 64, ...,
// then the 64 partial results are folded in halves. The order is always the same, and so is the result.
// Bindings: x, y. CPU twin: src/cpu/move.ts, reduce.

struct Params {
  outputs: u32, chunks: u32, count: u32, piece: u32, offset: u32,
  kn: u32, k0: u32, k1: u32, // size of the inner kept axis, strides
  rn: u32, r0: u32, r1: u32, // size of the inner reduced axis, strides
}
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

var<workgroup> partial: array<f32, 64>;

{{functions}}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) k: u32,
) {
  let i = group.y * groups.x + group.x; // may be past the last output: barriers need all threads
  let o = i / params.chunks;
  let start = params.offset + o / params.kn * params.k0 + o % params.kn * params.k1;
  let first = i % params.chunks * params.piece;
  let end = select(0u, min(first + params.piece, params.count), i < params.outputs * params.chunks);
  var total = {{first}};
  for (var r = first + k; r < end; r += 64u) {
    let v = x[start + {{place}}];
    total = {{step}};
  }
  partial[k] = total;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (k < half) {
      let v = partial[k + half];
      total = {{step}};
      partial[k] = total;
    }
  }
  if (k == 0u && i < params.outputs * params.chunks) { y[i] = total; }
}

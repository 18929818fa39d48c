// y_o = sum (or maximum) over r of x[offset + place of o + place of r], one thread for each output.
//
// What is kept has up to two axes (strides k0, k1), and so has what is reduced (r0, r1). A long reduction is
// cut into `chunks` pieces of `piece` elements, whose results lie side by side: y is [outputs, chunks].
// Bindings: x, y. CPU twin: src/cpu/move.ts, reduce. For few long rows: reduce_rows.wgsl.

struct Params {
  outputs: u32, chunks: u32, count: u32, piece: u32, offset: u32,
  kn: u32, k0: u32, k1: u32, // size of the inner kept axis, strides
  rn: u32, r0: u32, r1: u32, // size of the inner reduced axis, strides
}
{{params}}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

{{functions}}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.outputs * params.chunks) { return; }
  let o = i / params.chunks;
  let start = params.offset + o / params.kn * params.k0 + o % params.kn * params.k1;
  let first = i % params.chunks * params.piece;
  var total = {{first}};
  for (var r = first; r < min(first + params.piece, params.count); r++) {
    let v = x[start + {{place}}];
    total = {{step}};
  }
  y[i] = total;
}

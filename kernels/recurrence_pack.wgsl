// packed[k, n] = four numbers of a weight matrix that one thread needs together, as a vec4:
//
//   forward   (k, n): of unit n, what each gate takes of h_k; or of units 4n .. 4n + 3, if there is one gate
//   backward  (k, n): what units 4n .. 4n + 3 take of d(u)_k
//
//   product   (k, n): the four numbers from 4n on of row k: the matrix as it is, its rows made whole vec4s
//
// Below are one row more or three: the bias, what units have of their own, or zeros. The numbers stay as they
// are or are rounded to float16 (half.wgsl). Bindings: w, below, packed, and with float16 the flag.

struct Params {
  first: u32, // of the columns, where this matrix begins
  count: u32, K: u32, N: u32, offset: u32, row: u32, column: u32, part: u32, // strides of k, n and e in w
  parts: u32, // how many of the four are there
  perColumn: u32, perPart: u32, units: u32, // unit = n perColumn + e perPart, below `units`
  hasBelow: u32, belowOffset: u32, belowRow: u32, belowColumn: u32, belowPart: u32, belowParts: u32,
  mark: u32, // what the flag says of a number that does not fit
}
{{params}}

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> below: array<f32>;
@group(0) @binding(2) var<storage, read_write> packed: array<{{four}}>;
{{half}}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.count) { return; }
  let k = i / params.N;
  let n = i % params.N;
  var v = vec4f();
  for (var e = 0u; e < params.parts; e++) {
    if (n * params.perColumn + e * params.perPart >= params.units) { continue; }
    if (k < params.K) {
      v[e] = w[params.offset + k * params.row + n * params.column + e * params.part];
    } else if (params.hasBelow == 1u && e < params.belowParts) {
      let row = (k - params.K) * params.belowRow;
      v[e] = below[params.belowOffset + row + n * params.belowColumn + e * params.belowPart];
    }
  }
  packed[params.first + i] = {{v}};
}

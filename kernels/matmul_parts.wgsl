@group(0) @binding(0) var<storage, read> a: array<{{typeA}}>;
@group(0) @binding(1) var<storage, read> b: array<{{typeB}}>; // may be float16
@group(0) @binding(2) var<storage, read_write> c: array<{{typeC}}>;
{{bias}}

const ALONG_K_A = {{alongKA}}; // whether neighbours in memory are neighbours along k
const ALONG_K_B = {{alongKB}};

/** A tile of C: its first row and column, and the part of k that is summed. */
struct Tile { exists: bool, m: u32, n: u32, first: u32, end: u32, }

// where this workgroup's matrices begin, and where its part of k ends
var<private> startA: u32;
var<private> startB: u32;
var<private> startC: u32;
var<private> endK: u32;

/** The tile of a workgroup: tiles of a row are neighbours, then rows, then slices of k, then matrices. */
fn tileOf(index: u32, rows: u32, columns: u32) -> Tile {
  let across = (params.N + columns - 1u) / columns;
  let down = (params.M + rows - 1u) / rows;
  let slices = max(1u, (params.K + params.depth - 1u) / params.depth);
  let slice = index / (across * down) % slices;
  let matrix = index / (across * down * slices);
  let i = matrix / params.inner; // the two axes of the batch
  let j = matrix % params.inner;
  startA = params.offsetA + i * params.a0 + j * params.a1;
  startB = params.offsetB + i * params.b0 + j * params.b1;
  startC = params.offsetC + (slice * params.count + matrix) * params.M * params.N;
  let first = slice * params.depth;
  let end = min(first + params.depth, params.K);
  endK = end;
  return Tile(matrix < params.count, index / across % down * rows, index % across * columns, first, end);
}

/** Four numbers along k, zero past the end. */
fn cutOff(x: vec4f, k: u32) -> vec4f {
  return select(vec4f(), x, vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(endK));
}

// rowOf: four numbers of a line (a row of A, a column of B) along k; blockOf: [k .. k + 3] of four lines.
{{loadA}}
{{loadB}}

/** Four columns of a row of C, as far as they exist. */
fn store(m: u32, n: u32, product: vec4f) {
  if (m >= params.M || n >= params.N) { return; }
  {{store}}
}

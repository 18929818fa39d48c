// d(h_t) = dy_t + d(u_{t+1}) W + what passed by, for a cell with a projection, before its gates.
// Bindings: dy [T, B, O]; packed [G H, N]; lengths [B]; du [T, B, G H]; dh [T, B, O]; carry [B, O].
// CPU twin: src/cpu/recurrence.ts, recurrenceBackward.

{{enable}}
struct Params {
  t: u32, B: u32, O: u32, K: u32, N: u32, offset: u32, reverse: u32, isLast: u32, hasDy: u32, hasLastH: u32,
  hasLengths: u32, lengthsOffset: u32,
}
{{params}}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> packed: array<{{four}}>;
@group(0) @binding(2) var<storage, read> lengths: array<u32>;
@group(0) @binding(3) var<storage, read> du: array<f32>;
@group(0) @binding(4) var<storage, read_write> dh: array<f32>;
@group(0) @binding(5) var<storage, read_write> carry: array<f32>;

{{product}}

fn finish(row: u32, n: u32, sums: vec4f) {
  if (row >= params.B || n >= params.N) { return; }
  let masked = params.hasLengths == 1u;
  let stands = masked && params.t >= lengths[params.lengthsOffset + row];
  for (var e = 0u; e < 4u; e++) {
    let j = 4u * n + e;
    if (j >= params.O) { continue; }
    let place = (params.t * params.B + row) * params.O + j;
    let edge = row * params.O + j;
    var d = sums[e];
    if (params.hasDy == 1u) { d += dy[params.offset + place]; }
    if (select(masked, params.hasLastH == 1u, params.isLast == 1u)) { d += carry[edge]; }
    dh[place] = d;
    if (masked) { carry[edge] = select(0.0, d, stands); }
  }
}

@compute @workgroup_size(COLUMNS, SLICES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) id: vec3u,
) {
  let n = group.x * COLUMNS + id.x;
  let row = (group.z * groups.y + group.y) * ROWS; // may be past the last: barriers need all threads
  let last = max(params.B, row + 1u) - 1u - row;
  let source = select(params.t + 1u, params.t - 1u, params.reverse == 1u);
  var sums = array<vec4f, ROWS>();
  if (params.isLast == 0u) {
    product((source * params.B + row) * params.K, last, min(n, params.N - 1u), params.N,
      params.K, id.xy, &sums);
  }
  for (var r = 0u; r < ROWS; r++) { partial[(id.y * ROWS + r) * COLUMNS + id.x] = sums[r]; }
  workgroupBarrier();
  for (var r = id.y; r < ROWS; r += SLICES) { finish(row + r, n, total(r, id.x)); }
}

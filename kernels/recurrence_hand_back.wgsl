// d(h_t) = dy_t + d(u_{t+1}) W + what passed by, for a cell with a projection, before its gates.
// Bindings: dy [T, B, O]; packed [G H + 1, N]; lengths [B]; du [T, B, G H]; dh [T, B, O]; carry [B, O]: each
// S times (recurrence_steps.wgsl) but lengths.
// CPU twin: src/cpu/recurrence.ts, recurrenceBackward.

{{enable}}
struct Params {
  k: u32, T: u32, B: u32, O: u32, K: u32, N: u32, offset: u32, reverse: u32, hasDy: u32, hasLastH: u32,
  hasLengths: u32, lengthsOffset: u32,
}
{{params}}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> packed: array<{{four}}>;
@group(0) @binding(2) var<storage, read> lengths: array<u32>;
@group(0) @binding(3) var<storage, read> du: array<f32>;
@group(0) @binding(4) var<storage, read_write> dh: array<f32>;
@group(0) @binding(5) var<storage, read_write> carry: array<f32>;

{{steps}}
{{product}}

fn finish(row: u32, n: u32, step: Step, isLast: bool, sums: vec4f) {
  if (row >= params.B || n >= params.N) { return; }
  let masked = params.hasLengths == 1u;
  let stands = masked && step.t >= lengths[params.lengthsOffset + row];
  for (var e = 0u; e < 4u; e++) {
    let j = 4u * n + e;
    if (j >= params.O) { continue; }
    let place = (step.at * params.B + row) * params.O + j;
    let edge = (step.s * params.B + row) * params.O + j;
    var d = sums[e];
    if (params.hasDy == 1u) { d += dy[params.offset + place]; }
    if (select(masked, params.hasLastH == 1u, isLast)) { d += carry[edge]; }
    dh[place] = d;
    if (masked) { carry[edge] = select(0.0, d, stands); }
  }
}

@compute @workgroup_size(COLUMNS, SLICES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) id: vec3u,
) {
  let share = shareOf(group.x);
  let n = share.n + id.x;
  let column = share.s * (params.K + 1u) * params.N + min(n, params.N - 1u);
  let row = (group.z * groups.y + group.y) * ROWS; // may be past the last: barriers need all threads
  let last = max(params.B, row + 1u) - 1u - row;
  let isLast = params.k == params.T - 1u;
  var sums = array<vec4f, ROWS>();
  if (!isLast) {
    let source = stepOf(share.s, params.k + 1u);
    product((source.at * params.B + row) * params.K, last, column, params.N, params.K, id.xy, &sums);
  }
  for (var r = 0u; r < ROWS; r++) { partial[(id.y * ROWS + r) * COLUMNS + id.x] = sums[r]; }
  workgroupBarrier();
  let step = stepOf(share.s, params.k);
  for (var r = id.y; r < ROWS; r += SLICES) { finish(row + r, n, step, isLast, total(r, id.x)); }
}

// h_t = m_t P^T, for a cell with a projection, after its gates; h of a sequence that stands still is copied.
// Bindings: shown [T, B, H], which is m; packed [H + 1, N]; lengths [B]; h [T + 1, B, O]: each S times
// (recurrence_steps.wgsl) but lengths.
// CPU twin: src/cpu/recurrence.ts, recurrenceForward.

{{enable}}
struct Params {
  k: u32, T: u32, B: u32, H: u32, O: u32, N: u32, reverse: u32, saves: u32,
  hasLengths: u32, lengthsOffset: u32,
}
{{params}}

@group(0) @binding(0) var<storage, read> shown: array<f32>;
@group(0) @binding(1) var<storage, read> packed: array<{{four}}>;
@group(0) @binding(2) var<storage, read> lengths: array<u32>;
@group(0) @binding(3) var<storage, read_write> h: array<f32>;

{{steps}}
{{product}}

fn finish(row: u32, n: u32, step: Step, sums: vec4f) {
  if (row >= params.B || n >= params.N) { return; }
  let stands = params.hasLengths == 1u && step.t >= lengths[params.lengthsOffset + row];
  for (var e = 0u; e < 4u; e++) {
    let j = 4u * n + e;
    if (j >= params.O) { continue; }
    let old = (step.before * params.B + row) * params.O + j;
    let next = (step.after * params.B + row) * params.O + j;
    if (stands) { h[next] = h[old]; } else { h[next] = sums[e]; }
  }
}

@compute @workgroup_size(COLUMNS, SLICES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) id: vec3u,
) {
  let share = shareOf(group.x);
  let n = share.n + id.x;
  let column = share.s * (params.H + 1u) * params.N + min(n, params.N - 1u);
  let row = (group.z * groups.y + group.y) * ROWS; // may be past the last: barriers need all threads
  let last = max(params.B, row + 1u) - 1u - row;
  let step = stepOf(share.s, params.k);
  let at = select(step.s, step.at, params.saves == 1u);
  var sums = array<vec4f, ROWS>();
  product((at * params.B + row) * params.H, last, column, params.N, params.H, id.xy, &sums);
  for (var r = 0u; r < ROWS; r++) { partial[(id.y * ROWS + r) * COLUMNS + id.x] = sums[r]; }
  workgroupBarrier();
  for (var r = id.y; r < ROWS; r += SLICES) { finish(row + r, n, step, total(r, id.x)); }
}

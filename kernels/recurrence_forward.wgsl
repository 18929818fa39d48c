// Steps first .. end - 1 of a recurrent cell: u = h_before W^T + b, then the gates of each unit.
//
// One step per dispatch; or all of them, where one workgroup holds all units of its sequences: then a barrier
// between two steps is enough. The blank `gates` is the cell: gates_lstm.wgsl or another such.
// Bindings: projected [T, B, G H]; packed [O + 1, N], the weights, below them the bias or what units have of
// their own; h [T + 1, B, O] and c [T + 1, B, H], the histories; saved [T, B, H]; shown [T, B, H], with a
// projection: each S times (recurrence_steps.wgsl); lengths [B].
// CPU twin: src/cpu/recurrence.ts, recurrenceForward.

{{enable}}
struct Params {
  first: u32, end: u32, T: u32, B: u32, H: u32, O: u32, N: u32, offset: u32, reverse: u32, saves: u32,
  hasLengths: u32, lengthsOffset: u32,
}
{{params}}

@group(0) @binding(0) var<storage, read> projected: array<f32>;
@group(0) @binding(1) var<storage, read> packed: array<{{four}}>;
@group(0) @binding(2) var<storage, read> lengths: array<u32>;
@group(0) @binding(3) var<storage, read_write> h: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;
@group(0) @binding(5) var<storage, read_write> saved: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> shown: array<f32>;

const PROJECTS = {{projects}};
const UNITS = {{units}}u; // in a column
{{functions}}
{{steps}}
{{product}}
{{gates}}

// where the row below the weights of a run begins
fn belowOf(s: u32) -> u32 { return (s * (params.O + 1u) + params.O) * params.N; }

fn unit(b: u32, j: u32, step: Step, u: vec4f) {
  let H = params.H;
  let old = (step.before * params.B + b) * H + j;
  let next = (step.after * params.B + b) * H + j;
  let place = (select(step.s, step.at, params.saves == 1u) * params.B + b) * H + j;
  if (params.hasLengths == 1u && step.t >= lengths[params.lengthsOffset + b]) { // the sequence stands still
    if (HAS_C) { c[next] = c[old]; }
    if (PROJECTS) { shown[place] = 0.0; } else { h[next] = h[old]; }
    return;
  }
  var x = vec4f();
  for (var g = 0u; g < GATES; g++) {
    x[g] = projected[params.offset + ((step.at * params.B + b) * GATES + g) * H + j];
  }
  var hBefore = 0.0;
  var cBefore = 0.0;
  if (PASSES) { hBefore = h[old]; }
  if (HAS_C) { cBefore = c[old]; }
  var own = vec4f();
  if (OWN) { own = weights(belowOf(step.s) + j); }
  let now = forward(x, u, hBefore, cBefore, own);
  if (PROJECTS) { shown[place] = now.m; } else { h[next] = now.m; }
  if (HAS_C) { c[next] = now.c; }
  if (SAVES && params.saves == 1u) { saved[place] = now.saved; }
}

// the units of a column, given its sums
fn finish(row: u32, n: u32, step: Step, u: vec4f) {
  if (row >= params.B || n >= params.N) { return; }
  if (UNITS == 1u) {
    unit(row, n, step, u);
  } else {
    for (var e = 0u; e < UNITS; e++) {
      if (n * UNITS + e < params.H) { unit(row, n * UNITS + e, step, vec4f(u[e], 0.0, 0.0, 0.0)); }
    }
  }
}

@compute @workgroup_size(COLUMNS, SLICES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) id: vec3u,
) {
  let share = shareOf(group.x);
  let n = share.n + id.x;
  let column = min(n, params.N - 1u);
  let below = belowOf(share.s) + column;
  let row = (group.z * groups.y + group.y) * ROWS; // may be past the last: barriers need all threads
  let last = max(params.B, row + 1u) - 1u - row;
  for (var k = params.first; k < params.end; k++) {
    let step = stepOf(share.s, k);
    var sums = array<vec4f, ROWS>();
    if (!OWN && id.y == 0u) {
      let bias = weights(below);
      for (var r = 0u; r < ROWS; r++) { sums[r] = bias; }
    }
    let start = (step.before * params.B + row) * params.O;
    product(start, last, below - params.O * params.N, params.N, params.O, id.xy, &sums);
    if (SLICES == 1u) {
      for (var r = 0u; r < ROWS; r++) { finish(row + r, n, step, sums[r]); }
    } else {
      for (var r = 0u; r < ROWS; r++) { partial[(id.y * ROWS + r) * COLUMNS + id.x] = sums[r]; }
      workgroupBarrier();
      for (var r = id.y; r < ROWS; r += SLICES) { finish(row + r, n, step, total(r, id.x)); }
    }
    storageBarrier(); // the next step reads all of this h
    workgroupBarrier();
  }
}

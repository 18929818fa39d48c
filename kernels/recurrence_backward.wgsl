// Steps end - 1 .. first of a recurrent cell, backwards: d(h_t) = dy_t + what step t + 1 hands back, which is
// d(u_{t+1}) W (truncated, 0) and what passed by; then the gates' derivatives. With a projection, d(h_t) is
// there already (recurrence_hand_back.wgsl), and d(m_t) = d(h_t) P is the product here.
//
// One step per dispatch, or all of them, as in recurrence_forward.wgsl. The blank `gates` is the cell.
// Bindings: dy [T, B, O] (with a projection d(h)); packed [G H, N] (or [P, N]), and three rows below if units
// have numbers of their own; saved [T, B, H]; states, the history of c if there is a c, else of h; lengths
// [B]; dx, du [T, B, G H]; carry: what passes by [B, O] of all runs, then d(c) [B, H]: each S times
// (recurrence_steps.wgsl) but lengths.
// CPU twin: src/cpu/recurrence.ts, recurrenceBackward.

{{enable}}
struct Params {
  first: u32, end: u32, T: u32, B: u32, H: u32, K: u32, N: u32, offset: u32, reverse: u32,
  hasDy: u32, hasLastH: u32, hasLastC: u32, hasLengths: u32, lengthsOffset: u32, carryC: u32,
  truncated: u32,
}
{{params}}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> packed: array<{{four}}>;
@group(0) @binding(2) var<storage, read> saved: array<vec4f>;
@group(0) @binding(3) var<storage, read> states: array<f32>;
@group(0) @binding(4) var<storage, read> lengths: array<u32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read_write> du: array<f32>;
@group(0) @binding(7) var<storage, read_write> carry: array<f32>;

const PROJECTS = {{projects}};
{{functions}}
{{steps}}
{{product}}
{{gates}}

// where the weights of a run begin
fn weightsOf(s: u32) -> u32 { return s * (params.K + select(1u, 3u, OWN)) * params.N; }

fn unit(b: u32, j: u32, step: Step, isLast: bool, handedBack: f32) {
  let H = params.H;
  let place = (step.at * params.B + b) * H + j;
  let edge = (step.s * params.B + b) * H + j;
  var d = handedBack;
  if (!PROJECTS) {
    if (params.hasDy == 1u) { d += dy[params.offset + place]; }
    let passes = PASSES || params.hasLengths == 1u;
    if (select(passes, params.hasLastH == 1u, isLast)) { d += carry[edge]; }
  }
  let c = params.carryC + edge;
  var dc = 0.0;
  if (HAS_C && (!isLast || params.hasLastC == 1u)) { dc = carry[c]; }
  var now = Gradient(vec4f(), vec4f(), dc, d); // of a sequence that stands still
  if (params.hasLengths == 0u || step.t < lengths[params.lengthsOffset + b]) {
    var gates = vec4f();
    if (SAVES) { gates = saved[place]; }
    let before = states[(step.before * params.B + b) * H + j];
    let after = states[(step.after * params.B + b) * H + j];
    var own = vec4f();
    if (OWN) {
      for (var g = 0u; g < 3u; g++) {
        let four = weights(weightsOf(step.s) + (params.K + g) * params.N + j / 4u);
        own[g] = four[j % 4u];
      }
    }
    now = backward(gates, before, after, d, dc, own);
  }
  for (var g = 0u; g < GATES; g++) {
    let at = ((step.at * params.B + b) * GATES + g) * H + j;
    dx[at] = now.dx[g];
    if (SPLITS) { du[at] = now.du[g]; }
  }
  if (HAS_C) { carry[c] = now.dc; }
  if (!PROJECTS && (PASSES || params.hasLengths == 1u)) { carry[edge] = now.passed; }
}

// the four units of a column, given its sums
fn finish(row: u32, n: u32, step: Step, isLast: bool, sums: vec4f) {
  if (row >= params.B || n >= params.N) { return; }
  for (var e = 0u; e < 4u; e++) {
    if (4u * n + e < params.H) { unit(row, 4u * n + e, step, isLast, sums[e]); }
  }
}

@compute @workgroup_size(COLUMNS, SLICES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) id: vec3u,
) {
  let share = shareOf(group.x);
  let n = share.n + id.x;
  let column = weightsOf(share.s) + min(n, params.N - 1u);
  let row = (group.z * groups.y + group.y) * ROWS; // may be past the last: barriers need all threads
  let last = max(params.B, row + 1u) - 1u - row;
  for (var k = params.end; k > params.first; k--) {
    let step = stepOf(share.s, k - 1u);
    let isLast = k == params.T;
    var sums = array<vec4f, ROWS>();
    if (PROJECTS || (!isLast && params.truncated == 0u)) {
      let source = stepOf(share.s, select(k, k - 1u, PROJECTS));
      product((source.at * params.B + row) * params.K, last, column, params.N, params.K, id.xy, &sums);
    }
    if (SLICES == 1u) {
      for (var r = 0u; r < ROWS; r++) { finish(row + r, n, step, isLast, sums[r]); }
    } else {
      for (var r = 0u; r < ROWS; r++) { partial[(id.y * ROWS + r) * COLUMNS + id.x] = sums[r]; }
      workgroupBarrier();
      for (var r = id.y; r < ROWS; r += SLICES) { finish(row + r, n, step, isLast, total(r, id.x)); }
    }
    storageBarrier(); // the next step reads all of this d(u)
    workgroupBarrier();
  }
}

// What the kernels of a recurrence share: what gates give, and where things lie.
//
// S runs go side by side, each the work of workgroups of its own, those of run 0 first: the two directions of
// a layer. What belongs to steps lies [S, T, ...], the histories of states [S, T + 1, ...].

// what forward gives for a unit: what it shows, its c, what it saves
struct Unit { m: f32, c: f32, saved: vec4f }
// what backward gives: gradients of x, u, of c before the step, and what of d(m) goes past the product
struct Gradient { dx: vec4f, du: vec4f, dc: f32, passed: f32 }

// step t of run s: its row in [S, T], and those of the states before and after it in [S, T + 1]
struct Step { s: u32, t: u32, at: u32, before: u32, after: u32 }

// step k, in the order of the run; bit s of `reverse` says that run s begins at the last t
fn stepOf(s: u32, k: u32) -> Step {
  let reverse = (params.reverse >> s) & 1u;
  let t = select(k, params.T - 1u - k, reverse == 1u);
  let edge = s * (params.T + 1u) + t;
  return Step(s, t, s * params.T + t, edge + reverse, edge + 1u - reverse);
}

// which run a workgroup works for, and which of its columns are the first
struct Share { s: u32, n: u32 }

fn shareOf(group: u32) -> Share {
  let across = (params.N + COLUMNS - 1u) / COLUMNS;
  return Share(group / across, group % across * COLUMNS);
}

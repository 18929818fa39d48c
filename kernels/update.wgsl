// p, s <- the rule's next p and s, for all parameters at once: those, g and each slot of s lie end to end.
// Where applyIf is 0 nothing changes, bit for bit. The rule (struct State, ruleOf, and atStep for what a step
// shares) is a file of its own, update_*.wgsl. The blanks: slots declares the arrays of its state, load and
// store move element i of them, skipped asks for applyIf, if there is one.
// Bindings: g [n], p [n], before [1] (t so far), after [1], applyIf [1], then one [n] for each slot.
// CPU twins: src/train/rule.ts, update; src/train/optimizers.ts for the rules.

struct Params { length: u32, offset: u32, offsetStep: u32, offsetApply: u32, rate: f32, {{constants}} }
{{params}}

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read_write> p: array<f32>;
@group(0) @binding(2) var<storage, read> before: array<f32>;
@group(0) @binding(3) var<storage, read_write> after: array<f32>;
@group(0) @binding(4) var<storage, read> applyIf: array<f32>;
{{slots}}

{{functions}}

{{rule}}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = before[params.offsetStep];
  let skipped = {{skipped}};
  if (id.x == 0u) { after[0] = select(t + 1.0, t, skipped); }
  if (skipped) { return; }
  let ofStep = atStep(t + 1.0);
  // several elements for each thread: what they share is computed once
  for (var i = id.x; i < params.length; i += groups.x * 64u) {
    var s: State;
    {{load}}
    p[i] = ruleOf(p[i], g[params.offset + i], &s, ofStep);
    {{store}}
  }
}

// A unit of an Elman cell at one step, forwards and back. The blank `f` is f(a), `slope` its derivative in
// terms of m = f(a).
// CPU twin: src/cpu/gates-elman.ts.

const GATES = 1u;
const HAS_C = false;
const SAVES = false;
const SPLITS = false;
const PASSES = false;
const OWN = false;

fn forward(x: vec4f, u: vec4f, h: f32, c: f32, own: vec4f) -> Unit {
  let a = x.x + u.x;
  return Unit({{f}}, 0.0, vec4f());
}

fn backward(saved: vec4f, before: f32, after: f32, dm: f32, dc: f32, own: vec4f) -> Gradient {
  let m = after;
  let dx = vec4f(dm * {{slope}}, 0.0, 0.0, 0.0);
  return Gradient(dx, dx, 0.0, 0.0);
}

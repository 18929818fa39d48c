// A unit of the first LSTMs at one step, forwards and back: the equations of its CPU twin,
// src/cpu/gates-blocks.ts. The blank `forgets` says whether there is a forget gate.

const FORGETS = {{forgets}};
const GATES = select(3u, 4u, FORGETS); // i f o g, or i o g
const HAS_C = true;
const SAVES = true; // always as i f o g
const SPLITS = false;
const PASSES = false;
const OWN = false;

fn forward(x: vec4f, u: vec4f, h: f32, c: f32, own: vec4f) -> Unit {
  let a = select((x + u).xxyz, x + u, FORGETS);
  let i = sigmoid(a.x);
  let f = select(1.0, sigmoid(a.y), FORGETS);
  let o = sigmoid(a.z);
  let g = 2.0 * tanhOf(a.w / 2.0);
  let next = f * c + i * g;
  return Unit(o * tanhOf(next / 2.0), next, vec4f(i, f, o, g));
}

fn backward(saved: vec4f, before: f32, after: f32, dm: f32, dc: f32, own: vec4f) -> Gradient {
  let i = saved.x;
  let f = saved.y;
  let o = saved.z;
  let g = saved.w;
  let shown = tanhOf(after / 2.0);
  let d = dc + dm * o * (1.0 - shown * shown) / 2.0;
  let dx = vec4f(
    d * g * i * (1.0 - i), d * before * f * (1.0 - f), dm * shown * o * (1.0 - o), d * i * (1.0 - g * g / 4.0));
  let written = select(dx.xzww, dx, FORGETS);
  return Gradient(written, written, d * f, 0.0);
}

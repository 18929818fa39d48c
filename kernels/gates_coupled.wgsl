// A unit of an LSTM with coupled gates at one step, forwards and back: the equations of its CPU twin,
// src/cpu/gates-coupled.ts.

const GATES = 3u; // i g o
const HAS_C = true;
const SAVES = true;
const SPLITS = false;
const PASSES = false;
const OWN = false;

fn forward(x: vec4f, u: vec4f, h: f32, c: f32, own: vec4f) -> Unit {
  let a = x + u;
  let i = sigmoid(a.x);
  let g = tanhOf(a.y);
  let o = sigmoid(a.z);
  let next = c + i * (g - c);
  return Unit(o * tanhOf(next), next, vec4f(i, g, o, 0.0));
}

fn backward(saved: vec4f, before: f32, after: f32, dm: f32, dc: f32, own: vec4f) -> Gradient {
  let i = saved.x;
  let g = saved.y;
  let o = saved.z;
  let shown = tanhOf(after);
  let d = dc + dm * o * (1.0 - shown * shown);
  let dx = vec4f(
    d * (g - before) * i * (1.0 - i), d * i * (1.0 - g * g), dm * shown * o * (1.0 - o), 0.0);
  return Gradient(dx, dx, d * (1.0 - i), 0.0);
}

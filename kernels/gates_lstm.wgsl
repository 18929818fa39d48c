// A unit of an LSTM at one step, forwards and back: the equations of its CPU twin, src/cpu/gates-lstm.ts.

const GATES = 4u; // i f g o
const HAS_C = true;
const SAVES = true;
const SPLITS = false;
const PASSES = false;
const OWN = false;

fn forward(x: vec4f, u: vec4f, h: f32, c: f32, own: vec4f) -> Unit {
  let a = x + u;
  let i = sigmoid(a.x);
  let f = sigmoid(a.y);
  let g = tanhOf(a.z);
  let o = sigmoid(a.w);
  let next = f * c + i * g;
  return Unit(o * tanhOf(next), next, vec4f(i, f, g, o));
}

fn backward(saved: vec4f, before: f32, after: f32, dm: f32, dc: f32, own: vec4f) -> Gradient {
  let i = saved.x;
  let f = saved.y;
  let g = saved.z;
  let o = saved.w;
  let shown = tanhOf(after);
  let d = dc + dm * o * (1.0 - shown * shown);
  let dx = vec4f(
    d * g * i * (1.0 - i), d * before * f * (1.0 - f), d * i * (1.0 - g * g), dm * shown * o * (1.0 - o));
  return Gradient(dx, dx, d * f, 0.0);
}

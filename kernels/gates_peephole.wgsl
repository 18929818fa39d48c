// A unit of an LSTM with peepholes at one step: the equations of its CPU twin, src/cpu/gates-peephole.ts.

const GATES = 4u; // i f g o
const HAS_C = true;
const SAVES = true;
const SPLITS = false;
const PASSES = false;
const OWN = true; // p_i p_f p_o

fn forward(x: vec4f, u: vec4f, h: f32, c: f32, p: vec4f) -> Unit {
  let a = x + u;
  let i = sigmoid(a.x + p.x * c);
  let f = sigmoid(a.y + p.y * c);
  let g = tanhOf(a.z);
  let next = f * c + i * g;
  let o = sigmoid(a.w + p.z * next);
  return Unit(o * tanhOf(next), next, vec4f(i, f, g, o));
}

fn backward(saved: vec4f, before: f32, after: f32, dm: f32, dc: f32, p: vec4f) -> Gradient {
  let i = saved.x;
  let f = saved.y;
  let g = saved.z;
  let o = saved.w;
  let shown = tanhOf(after);
  let toO = dm * shown * o * (1.0 - o);
  let d = dc + dm * o * (1.0 - shown * shown) + toO * p.z;
  let dx = vec4f(d * g * i * (1.0 - i), d * before * f * (1.0 - f), d * i * (1.0 - g * g), toO);
  return Gradient(dx, dx, d * f + dx.x * p.x + dx.y * p.y, 0.0);
}

// A unit of a GRU at one step, forwards and back: the equations of its CPU twin, src/cpu/gates-gru.ts.

const GATES = 3u; // r z n
const HAS_C = false;
const SAVES = true; // and the recurrent product's share of n
const SPLITS = true;
const PASSES = true;
const OWN = false;

fn forward(x: vec4f, u: vec4f, h: f32, c: f32, own: vec4f) -> Unit {
  let r = sigmoid(x.x + u.x);
  let z = sigmoid(x.y + u.y);
  let n = tanhOf(x.z + r * u.z);
  return Unit(n + z * (h - n), 0.0, vec4f(r, z, n, u.z));
}

fn backward(saved: vec4f, before: f32, after: f32, dm: f32, dc: f32, own: vec4f) -> Gradient {
  let r = saved.x;
  let z = saved.y;
  let n = saved.z;
  let dn = dm * (1.0 - z) * (1.0 - n * n);
  let dr = dn * saved.w * r * (1.0 - r);
  let dz = dm * (before - n) * z * (1.0 - z);
  return Gradient(vec4f(dr, dz, dn, 0.0), vec4f(dr, dz, dn * r, 0.0), 0.0, dm * z);
}

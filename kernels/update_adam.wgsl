// Adam and AdamW, for update.wgsl:
//
//   m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
//   p <- p - rate  m / (1 - beta1^t)  /  (sqrt(v / (1 - beta2^t)) + eps)
//
// A weight decay is in g, or, decoupled from it, takes its part of p first. Of the step: the two shares
// 1 - beta^t, as -expm1(t log beta). CPU twin: src/train/optimizers.ts, adamLike.

struct State { m: f32, v: f32 }

fn atStep(t: f32) -> vec2f {
  return vec2f(params.rate / -expm1(t * params.logBeta1), -expm1(t * params.logBeta2));
}

fn ruleOf(p: f32, gradient: f32, s: ptr<function, State>, ofStep: vec2f) -> f32 {
  let inGradient = select(params.weightDecay, 0.0, params.decoupled != 0.0);
  let g = gradient + inGradient * p;
  let m = params.beta1 * (*s).m + params.rest1 * g;
  let v = params.beta2 * (*s).v + params.rest2 * (g * g);
  (*s).m = m;
  (*s).v = v;
  let start = select(p, p * (1.0 - params.rate * params.weightDecay), params.decoupled != 0.0);
  return start - ofStep.x * (m / (sqrt(v / ofStep.y) + params.eps));
}

// The gradient divided by the root of the sum of all its squares so far, for update.wgsl:
//
//   q <- q + g^2,   p <- p - rate / (1 + (t - 1) learningRateDecay)  g / (sqrt(q) + eps)
//
// CPU twin: src/train/optimizers.ts, adagrad.

struct State { sum: f32 }

fn atStep(t: f32) -> f32 { return params.rate / (1.0 + (t - 1.0) * params.learningRateDecay); }

fn ruleOf(p: f32, gradient: f32, s: ptr<function, State>, rate: f32) -> f32 {
  let g = gradient + params.weightDecay * p;
  let q = (*s).sum + g * g;
  (*s).sum = q;
  return p - rate * (g / (sqrt(q) + params.eps));
}

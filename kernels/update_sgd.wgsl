// Gradient descent, with momentum and Nesterov's look ahead, for update.wgsl:
//
//   b <- mu b + g,   p <- p - rate b,   or with nesterov  p <- p - rate (g + mu b)
//
// With mu = 0, b is g. CPU twin: src/train/optimizers.ts, sgd.

struct State { momentum: f32 }

fn atStep(t: f32) -> f32 { return params.rate; }

fn ruleOf(p: f32, gradient: f32, s: ptr<function, State>, rate: f32) -> f32 {
  let g = gradient + params.weightDecay * p;
  let b = params.momentum * (*s).momentum + g;
  (*s).momentum = b;
  return p - rate * select(b, g + params.momentum * b, params.nesterov != 0.0);
}

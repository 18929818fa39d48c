// The gradient divided by a running root mean square of itself, for update.wgsl:
//
//   q <- a q + (1 - a) g^2,   centered:  m <- a m + (1 - a) g,  and q - m^2 stands for q below
//   b <- mu b + g / (sqrt(q) + eps),     p <- p - rate b
//
// With mu = 0 there is no b of before. CPU twin: src/train/optimizers.ts, rmsprop.

struct State { square: f32, mean: f32, momentum: f32 }

fn atStep(t: f32) -> f32 { return params.rate; }

fn ruleOf(p: f32, gradient: f32, s: ptr<function, State>, rate: f32) -> f32 {
  let g = gradient + params.weightDecay * p;
  let q = params.decay * (*s).square + params.rest * (g * g);
  var variance = q;
  if (params.centered != 0.0) {
    let m = params.decay * (*s).mean + params.rest * g;
    (*s).mean = m;
    variance = maximum(q - m * m, 0.0);
  }
  let b = params.momentum * (*s).momentum + g / (sqrt(variance) + params.eps);
  (*s).square = q;
  (*s).momentum = b;
  return p - rate * b;
}

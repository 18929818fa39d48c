// Functions that WGSL lacks, or has with an absolute error only: what several kernels call.
// CPU twins: Math.* and src/cpu/elementwise.ts.

// A driver may assume that there are no NaN and no infinities, and optimise comparisons with them away;
// their bits it must leave alone.
fn isNaN(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn isFinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }

// e^x to the last digit or two (WGSL's own may be off by 3 + 2|x| of them): x = n log 2 + r, then the series
// of Cephes' expf for |r| < 0.35, and 2^n in two factors, since one alone may be more than a float holds.
fn expOf(x: f32) -> f32 {
  if (isNaN(x)) { return x; }
  let c = clamp(x, -104.0, 89.0); // 0 and infinity lie beyond
  let n = round(c * 1.44269504);
  // log 2 in two parts: n times the first is exact. The second time n is another number to the compiler, or
  // some driver would add the parts up first.
  let r = fma(f32(i32(n)), 2.12194440e-4, fma(n, -0.693359375, c));
  let p = fma(fma(fma(fma(fma(1.9875691500e-4, r, 1.3981999507e-3), r, 8.3334519073e-3), r,
    4.1665795894e-2), r, 1.6666665459e-1), r, 5.0000001201e-1);
  let y = fma(p, r * r, r) + 1.0;
  let first = floor(n / 2.0);
  return y * powerOfTwo(first) * powerOfTwo(n - first);
}

fn powerOfTwo(n: f32) -> f32 { return bitcast<f32>(u32(i32(n) + 127) << 23u); }

// log with its limits: some drivers give a finite number for 0
fn logOf(x: f32) -> f32 {
  if (isNaN(x)) { return x; }
  if (x == 0.0) { return bitcast<f32>(0xff800000u | (bitcast<u32>(x) & 0x007fffffu)); } // -infinity
  if (x < 0.0) { return bitcast<f32>(0x7fc00000u | (bitcast<u32>(x) & 1u)); } // NaN
  return log(x);
}

// e^x - 1: near 0 by its series, since there e^x is 1 but for a few last digits
fn expm1(x: f32) -> f32 {
  if (abs(x) > 0.5) { return expOf(x) - 1.0; }
  return x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0
    + x * (1.0 / 5040.0 + x / 40320.0)))))));
}

// log(1 + x) = 2 atanh(s) with s = x / (2 + x), by the series of atanh
fn log1p(x: f32) -> f32 {
  if (x < -0.4 || x > 0.8) { return logOf(1.0 + x); }
  let s = x / (2.0 + x); // |s| < 0.29
  let q = s * s;
  return 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q / 11.0)))));
}

// (1 - e^-2|x|) / (1 + e^-2|x|): nothing overflows, and small x keep their digits
fn tanhOf(x: f32) -> f32 {
  if (isNaN(x)) { return x; }
  let m = expm1(-2.0 * min(abs(x), 20.0)); // beyond 20 it is 1
  let y = -m / (2.0 + m);
  return select(y, -y, x < 0.0);
}

fn sigmoid(x: f32) -> f32 {
  if (isNaN(x)) { return x; }
  return 1.0 / (1.0 + expOf(min(-x, 88.0))); // e^89 is more than a float holds
}

fn softplus(x: f32) -> f32 { return maximum(x, 0.0) + log1p(expOf(-abs(x))); }

fn maximum(a: f32, b: f32) -> f32 {
  if (isNaN(a)) { return a; }
  if (isNaN(b)) { return b; }
  return max(a, b);
}

fn minimum(a: f32, b: f32) -> f32 { return -maximum(-a, -b); }

// WGSL's pow knows no negative base
fn power(a: f32, b: f32) -> f32 {
  if (b == 0.0) { return 1.0; }
  if (a == 0.0) { return select(0.0, 1.0 / abs(a), b < 0.0); }
  let size = pow(abs(a), b);
  if (a > 0.0) { return size; }
  let whole = b == floor(b);
  if (!whole) { return bitcast<f32>(0x7fc00000u + (bitcast<u32>(a) & 1u)); } // NaN, and no constant of it
  return select(size, -size, abs(b) % 2.0 == 1.0);
}

// What the 64 threads of a workgroup find together: folded in halves, always in the same order. All of them
// must call it. Part of the kernels that give a workgroup a row, or a share of a long sum.

var<workgroup> partial: array<f32, 64>;

// the sum over the threads' values, told to each
fn sumOfAll(value: f32, k: u32) -> f32 {
  partial[k] = value;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (k < half) { partial[k] += partial[k + half]; }
  }
  return workgroupUniformLoad(&partial[0]); // which waits for all before and after
}

fn largestOfAll(value: f32, k: u32) -> f32 {
  partial[k] = value;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (k < half) { partial[k] = maximum(partial[k], partial[k + half]); }
  }
  return workgroupUniformLoad(&partial[0]);
}

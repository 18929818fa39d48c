// Where element i stands in a tensor of four axes: its place along each, from the sizes of the last three.
// What several kernels call; they have n1, n2, n3 in their Params. CPU twin: src/cpu/elementwise.ts, eachRun.

fn axesOf(i: u32) -> vec4u {
  let i3 = i % params.n3;
  let rest = i / params.n3;
  let i2 = rest % params.n2;
  let i1 = rest / params.n2 % params.n1;
  return vec4u(rest / params.n2 / params.n1, i1, i2, i3);
}

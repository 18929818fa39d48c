// Where element i stands in a tensor of up to four axes: its place along each, from the sizes of the last
// three. What several kernels call; they have n1, n2, n3 in their Params, and say in AXES how many axes there
// are: a division takes long. CPU twin: src/cpu/elementwise.ts, eachRun.

fn axesOf(i: u32) -> vec4u {
  if (AXES == 1u) { return vec4u(0u, 0u, 0u, i); }
  let i3 = i % params.n3;
  let rest = i / params.n3;
  if (AXES == 2u) { return vec4u(0u, 0u, rest, i3); }
  let i2 = rest % params.n2;
  let more = rest / params.n2;
  if (AXES == 3u) { return vec4u(0u, more, i2, i3); }
  return vec4u(more / params.n1, more % params.n1, i2, i3);
}

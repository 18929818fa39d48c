// What the steps of a recurrence share: a skinny product, rows [B, K] of `source` times packed [K, N].
//
// A column of `packed` is a vec4, or four halves that `weights` widens: the four gates of one unit, or four
// units (recurrence_pack.wgsl), so that a thread holds all that it needs for the gates when the product is
// done, and neighbours read neighbouring memory. A workgroup has COLUMNS x SLICES threads; each thread takes
// every SLICES-th k for ROWS rows; what the slices found is added up through shared memory.

const COLUMNS = {{columns}}u;
const SLICES = {{slices}}u;
const ROWS = {{rows}}u;

var<workgroup> partial: array<vec4f, {{partials}}>;

{{weights}}

// adds this slice's share of the rows that begin at element `start`, K apart, of which `last` is the last
// there is, times the column of weights that begins at n
fn product(
  start: u32, last: u32, n: u32, N: u32, K: u32, thread: vec2u, sums: ptr<function, array<vec4f, ROWS>>,
) {
  var rows: array<u32, ROWS>;
  for (var r = 0u; r < ROWS; r++) { rows[r] = start + min(r, last) * K; }
  for (var k = thread.y; k < K; k += SLICES) {
    let w = weights(k * N + n);
    for (var r = 0u; r < ROWS; r++) { (*sums)[r] += {{source}}[rows[r] + k] * w; }
  }
}

// the slices' shares of one row; all threads have passed a barrier since they wrote theirs
fn total(row: u32, column: u32) -> vec4f {
  var sum = vec4f();
  for (var s = 0u; s < SLICES; s++) { sum += partial[(s * ROWS + row) * COLUMNS + column]; }
  return sum;
}

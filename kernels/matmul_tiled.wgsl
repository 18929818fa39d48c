// C = op(A) op(B), a tile of C for each workgroup: 64 x 64 with 128 threads, or 128 x 128 with 256.
//
// Half of the threads bring 16 columns of A into shared memory, the other half 16 rows of B, in blocks of
// 4 x 4; then each thread multiplies 8 rows by 4 (or 8) columns out of there, while the next blocks are on
// their way. Each number read from memory is used 64 (128) times, each number read from shared memory 4 or 8.
// Bindings: a, b, c, and what the store adds (matmul_parts.wgsl). CPU twin: src/cpu/matmul.ts.

struct Params {
  M: u32, N: u32, K: u32, depth: u32, offsetA: u32, offsetB: u32, offsetC: u32, offsetBias: u32,
  lineA: u32, lineB: u32, count: u32, inner: u32, a0: u32, a1: u32, b0: u32, b1: u32,
}
{{params}}
{{parts}}

const SIDE = {{side}}u; // of the tile; a panel of SIDE x 16 has SIDE blocks of 4 x 4, one for each thread
const QUADS = SIDE / 4u;

var<workgroup> panelA: array<vec4f, 16u * QUADS>; // [k][m / 4]
var<workgroup> panelB: array<vec4f, 16u * QUADS>; // [k][n / 4]

/** Where a panel holds a quad: turned by k, so that blocks one below the other use different banks. */
fn spot(k: u32, quad: u32) -> u32 {
  return k * QUADS + (quad ^ (2u * (k / 4u)));
}

/** Which block a thread of a half brings, [quad, k / 4]: neighbours read neighbours. */
fn blockOf(thread: u32, alongK: bool) -> vec2u {
  return select(vec2u(thread % QUADS, thread / QUADS), vec2u(thread / 4u, thread % 4u), alongK);
}

/** Rows of a block of C: row i is a_i b. */
fn outer(a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(a.x * b, a.y * b, a.z * b, a.w * b);
}

fn storeBlock(m: u32, n: u32, block: mat4x4f) {
  store(m, n, block[0]); store(m + 1u, n, block[1]); store(m + 2u, n, block[2]); store(m + 3u, n, block[3]);
}

@compute @workgroup_size(2u * SIDE)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = tileOf(group.y * groups.x + group.x, SIDE, SIDE);
  if (!at.exists) { return; }
  let bringsA = thread < SIDE;
  let mine = blockOf(thread % SIDE, select(ALONG_K_B, ALONG_K_A, bringsA));
  let place = spot(4u * mine.y, mine.x);
  let row = thread / 16u; // quads of rows: this one, and that of the tile's lower half
  let column = thread % 16u;
  var c00 = mat4x4f(); var c01 = mat4x4f(); var c10 = mat4x4f(); var c11 = mat4x4f();
  var next = mat4x4f();
  if (bringsA) { next = blockOfA(at.m + 4u * mine.x, at.first + 4u * mine.y); }
  else { next = blockOfB(at.n + 4u * mine.x, at.first + 4u * mine.y); }
  for (var k = at.first; k < at.end; k += 16u) {
    workgroupBarrier(); // everybody is done with the panels
    for (var i = 0u; i < 4u; i++) {
      if (bringsA) { panelA[place + i * QUADS] = next[i]; } else { panelB[place + i * QUADS] = next[i]; }
    }
    workgroupBarrier(); // the panels are there
    if (k + 16u < at.end) {
      if (bringsA) { next = blockOfA(at.m + 4u * mine.x, k + 16u + 4u * mine.y); }
      else { next = blockOfB(at.n + 4u * mine.x, k + 16u + 4u * mine.y); }
    }
    for (var i = 0u; i < 16u; i++) {
      let a0 = panelA[spot(i, row)];
      let a1 = panelA[spot(i, row + QUADS / 2u)];
      let b0 = panelB[spot(i, column)];
      c00 += outer(a0, b0);
      c10 += outer(a1, b0);
      if (SIDE == 128u) {
        let b1 = panelB[spot(i, column + 16u)];
        c01 += outer(a0, b1);
        c11 += outer(a1, b1);
      }
    }
  }
  let m = at.m + 4u * row;
  let n = at.n + 4u * column;
  storeBlock(m, n, c00);
  storeBlock(m + SIDE / 2u, n, c10);
  if (SIDE == 128u) {
    storeBlock(m, n + 64u, c01);
    storeBlock(m + SIDE / 2u, n + 64u, c11);
  }
}

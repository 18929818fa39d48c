// y_i = the number in [0, 1) that Philox 4x32-10 draws at position counter + i: the same bits as on the cpu.
// Salmon et al. 2011, section 3.3. Bindings: y [n]. CPU twin: src/random.ts, fillUniform.

struct Params { length: u32, key0: u32, key1: u32, low: u32, high: u32 } // the counter's two halves
{{params}}

@group(0) @binding(0) var<storage, read_write> y: array<f32>;

// the high half of a 64-bit product, from 16-bit halves
fn multiplyHigh(a: u32, b: u32) -> u32 {
  let aLow = a & 0xffffu;
  let aHigh = a >> 16u;
  let bLow = b & 0xffffu;
  let bHigh = b >> 16u;
  let middle = aHigh * bLow + ((aLow * bLow) >> 16u); // at most 2^32 - 1
  let carry = aLow * bHigh + (middle & 0xffffu);
  return aHigh * bHigh + (middle >> 16u) + (carry >> 16u);
}

fn philox(counter: vec4u) -> vec4u {
  var c = counter;
  var k0 = params.key0;
  var k1 = params.key1;
  for (var round = 0; round < 10; round++) {
    let high0 = multiplyHigh(0xd2511f53u, c.x);
    let low0 = 0xd2511f53u * c.x;
    let high1 = multiplyHigh(0xcd9e8d57u, c.z);
    let low1 = 0xcd9e8d57u * c.z;
    c = vec4u(high1 ^ c.y ^ k0, low1, high0 ^ c.w ^ k1, low0);
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  return c;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.length) { return; }
  let low = params.low + i;
  let high = params.high + select(0u, 1u, low < i); // the carry
  let block = vec4u((low >> 2u) | (high << 30u), high >> 2u, 0u, 0u);
  let words = philox(block);
  y[i] = f32(words[low & 3u] >> 8u) / 16777216.0;
}

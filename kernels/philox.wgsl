// Philox 4x32-10, Salmon et al. 2011, section 3.3: random numbers by their position, the same bits as on the
// cpu. What uniform.wgsl and dropout.wgsl draw from. CPU twin: src/random.ts.

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

fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var c = counter;
  var k0 = key.x;
  var k1 = key.y;
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

// the number in [0, 1) at position counter + i, for a counter in two halves
fn uniformAt(i: u32, low: u32, high: u32, key: vec2u) -> f32 {
  let below = low + i;
  let above = high + select(0u, 1u, below < i); // the carry
  let words = philox(vec4u((below >> 2u) | (above << 30u), above >> 2u, 0u, 0u), key);
  return f32(words[below & 3u] >> 8u) / 16777216.0;
}
